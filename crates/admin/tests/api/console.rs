//! The files of the console, and what the page learns about its user.

use console::File;

use crate::fixture::{DEPLOYER, Fixture, OPERATOR, VIEWER};

/// A console of two files; the compressed forms are told apart by their words.
static FILES: [File; 2] = [
    File {
        path: "/index.html",
        media_type: "text/html; charset=utf-8",
        tag: "0011",
        plain: b"<!doctype html><title>Teal</title>",
        gzip: b"page by gzip",
        brotli: b"page by br",
    },
    File {
        path: "/assets/index-1a2b.js",
        media_type: "text/javascript; charset=utf-8",
        tag: "2233",
        plain: b"export {};",
        gzip: b"script by gzip",
        brotli: b"script by br",
    },
];

// A8
#[tokio::test]
async fn the_console_needs_no_token_and_lets_nothing_foreign_run() {
    let fixture = Fixture::with_console(&FILES).await;
    for path in ["/", "/assets/index-1a2b.js"] {
        let reply = fixture.bare("GET", path, &[("Authorization", "Bearer wrong")]).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        for field in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "referrer-policy: no-referrer",
            "vary: accept-encoding",
        ] {
            assert!(reply.head.contains(field), "{field} is missing in {}", reply.head);
        }
        assert!(!reply.head.contains("unsafe") && !reply.head.contains("http:"), "{}", reply.head);
    }
    // The guards before it hold for it as well.
    let foreign = [("Sec-Fetch-Site", "cross-site")];
    assert_eq!(fixture.bare("GET", "/assets/index-1a2b.js", &foreign).await.status, 403);
    fixture.stop().await;
}

#[tokio::test]
async fn a_file_comes_compressed_and_only_once() {
    let fixture = Fixture::with_console(&FILES).await;
    for (accepted, coding, content) in [
        ("gzip, deflate, br, zstd", "content-encoding: br", "script by br"),
        ("gzip", "content-encoding: gzip", "script by gzip"),
        ("identity", "", "export {};"),
    ] {
        let accept = ("Accept-Encoding", accepted);
        let first = fixture.bare("GET", "/assets/index-1a2b.js", &[accept]).await;
        assert_eq!((first.status, &*first.body), (200, content));
        assert!(first.head.contains(coding), "{}", first.head);
        assert_eq!(first.head.contains("content-encoding"), !coding.is_empty(), "{}", first.head);
        assert!(first.head.contains("max-age=31536000, immutable"), "{}", first.head);
        let tag = first.head.split("etag: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let known = ("If-None-Match", tag.expect("a tag"));
        let again = fixture.bare("GET", "/assets/index-1a2b.js", &[accept, known]).await;
        assert_eq!((again.status, &*again.body), (304, ""), "{}", again.head);
        let weak = ("If-None-Match", &*format!("\"other\", W/{}", known.1));
        assert_eq!(fixture.bare("GET", "/assets/index-1a2b.js", &[accept, weak]).await.status, 304);
        let other = ("If-None-Match", "\"2233-other\", W/\"other\"");
        assert_eq!(
            fixture.bare("GET", "/assets/index-1a2b.js", &[accept, other]).await.status,
            200
        );
    }
    let page = fixture.bare("GET", "/?from=a-link", &[]).await;
    assert!(page.head.contains("cache-control: no-cache"), "{}", page.head);
    fixture.stop().await;
}

// A3
#[tokio::test]
async fn only_files_of_the_console_are_found() {
    let fixture = Fixture::with_console(&FILES).await;
    for path in [
        "/assets/",
        "/assets/index.html",
        "/assets/..%2findex.html",
        "/assets/%2e%2e/index.html",
        "/assets/index-1a2b.js/",
        "/assets/INDEX-1a2b.js",
        "/assets/%ff",
        "/index.html",
    ] {
        let reply = fixture.bare("GET", path, &[]).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.body);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn without_the_console_the_plain_page_says_how_to_get_it() {
    let fixture = Fixture::new().await;
    let page = fixture.bare("GET", "/", &[]).await;
    assert!(page.body.contains("make web") && page.body.contains("Active: blue"), "{}", page.body);
    assert_eq!(fixture.bare("GET", "/assets/index-1a2b.js", &[]).await.status, 404);
    fixture.stop().await;
    let fixture = Fixture::with_console(&FILES).await;
    let plain = fixture.bare("GET", "/plain", &[]).await;
    assert!(!plain.body.contains("make web") && plain.body.contains("Active: blue"));
    fixture.stop().await;
}

#[tokio::test]
async fn a_caller_learns_what_it_may_do() {
    let fixture = Fixture::new().await;
    for (token, name, role) in
        [(OPERATOR, "ci", "operator"), (DEPLOYER, "cd", "deployer"), (VIEWER, "eyes", "viewer")]
    {
        let token = format!("Bearer {token}");
        let fields = [("Authorization", &*token), ("Accept", "application/json")];
        let answer = fixture.bare("GET", "/admin/whoami", &fields).await.json();
        assert_eq!((&answer["name"], &answer["role"]), (&name.into(), &role.into()));
    }
    let nobody = fixture.bare("GET", "/admin/whoami", &[]).await;
    assert_eq!(nobody.body, "Name: none (no token)\nRole: viewer\n");
    let wrong = [("Authorization", "Bearer wrong")];
    assert_eq!(fixture.bare("GET", "/admin/whoami", &wrong).await.status, 401);
    let on_socket = fixture.on_socket("GET", "/admin/whoami").await;
    assert!(on_socket.body.ends_with("Role: operator\n"), "{}", on_socket.body);
    fixture.stop().await;
}

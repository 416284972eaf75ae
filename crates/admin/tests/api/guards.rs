//! Access checks: their order, and that a refused call changes nothing.

use crate::fixture::{Fixture, OPERATOR, Reply, VIEWER};

const SWITCH: &str = "/admin/switch?to=green";

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

async fn with_host(fixture: &Fixture, host: &str, method: &str, target: &str) -> Reply {
    let token = bearer(OPERATOR);
    let text = format!(
        "{method} {target} HTTP/1.1\r\n{host}Authorization: {token}\r\nConnection: close\r\n\r\n"
    );
    fixture.raw(text.as_bytes()).await
}

// A1
#[tokio::test]
async fn a_page_of_another_origin_changes_and_reads_nothing() {
    let fixture = Fixture::new().await;
    let other_port = format!("http://127.0.0.1:{}", fixture.address.port().wrapping_add(1));
    for (name, value) in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", ""),
        ("Origin", "https://127.0.0.1"),
        ("Origin", &*other_port),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", "none"),
        ("Sec-Fetch-Site", "nonsense"),
    ] {
        let reply = fixture.ask("POST", SWITCH, &[(name, value)]).await;
        assert_eq!(reply.status, 403, "{name}: {value}");
    }
    let reply = fixture.bare("GET", "/admin/status", &[("Origin", "http://evil.example")]).await;
    assert_eq!(reply.status, 403);
    let on_socket = fixture.on_socket_with("POST", SWITCH, "Origin: http://any\r\n").await;
    assert_eq!(on_socket.status, 403, "no page comes over the socket");
    let twice = [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(fixture.ask("POST", SWITCH, &twice).await.status, 403);
    assert_eq!(fixture.asked(), [""; 0]);
    fixture.stop().await;
}

// A1
#[tokio::test]
async fn our_own_page_and_callers_other_than_browsers_are_admitted() {
    let fixture = Fixture::new().await;
    let own = format!("http://{}", fixture.address);
    let own = [("Origin", &*own), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(fixture.ask("POST", SWITCH, &own).await.status, 200);
    assert_eq!(fixture.ask("POST", SWITCH, &[]).await.status, 200);
    let typed = [("Sec-Fetch-Site", "none")];
    assert_eq!(fixture.bare("GET", "/admin/status", &typed).await.status, 200);
    assert_eq!(fixture.bare("HEAD", "/admin/status", &typed).await.status, 200);
    fixture.stop().await;
}

// A2
#[tokio::test]
async fn a_name_that_is_not_ours_is_refused_before_anything_else() {
    let fixture = Fixture::new().await;
    for host in [
        "",
        "Host: evil.example\r\n",
        "Host: 127.0.0.1.evil.example\r\n",
        "Host: 10.0.0.1:9900\r\n",
        "Host: [2001:db8::1]\r\n",
        "Host: localhost:\r\n",
        "Host: user@localhost\r\n",
        "Host: localhost, evil.example\r\n",
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: \u{e9}\r\n",
    ] {
        for (method, target) in [("POST", SWITCH), ("DELETE", SWITCH), ("GET", "/nowhere")] {
            let reply = with_host(&fixture, host, method, target).await;
            assert_eq!(reply.status, 403, "{host:?} {method}");
            assert!(reply.body.starts_with("Host is not"), "{}", reply.body);
        }
    }
    let absolute = format!("http://evil.example{SWITCH}");
    assert_eq!(with_host(&fixture, "Host: localhost\r\n", "POST", &absolute).await.status, 403);
    assert_eq!(fixture.asked(), [""; 0]);
    let absolute = format!("http://localhost{SWITCH}");
    assert_eq!(with_host(&fixture, "Host: localhost\r\n", "POST", &absolute).await.status, 200);
    for host in
        ["localhost", "LOCALHOST:9", "127.0.0.1", "127.0.0.2:1", "[::1]:9900", "deploy.example"]
    {
        let host = format!("Host: {host}\r\n");
        assert_eq!(with_host(&fixture, &host, "POST", SWITCH).await.status, 200, "{host:?}");
    }
    fixture.stop().await;
}

// A2
#[tokio::test]
async fn names_can_change_with_a_reload() {
    let fixture = Fixture::new().await;
    let host = "Host: new.example\r\n";
    assert_eq!(with_host(&fixture, host, "POST", SWITCH).await.status, 403);
    fixture.live.send_modify(|live| live.hosts = vec!["new.example".to_owned()]);
    assert_eq!(with_host(&fixture, host, "POST", SWITCH).await.status, 200);
    fixture.live.send_modify(|live| live.tokens.clear());
    assert_eq!(with_host(&fixture, host, "POST", SWITCH).await.status, 401);
    fixture.stop().await;
}

#[tokio::test]
async fn checks_come_in_the_promised_order() {
    let fixture = Fixture::new().await;
    let wrong = "/admin/switch?to=purple";
    let foreign = [("Origin", "http://evil.example")];
    let (known, seen) = (bearer(OPERATOR), bearer(VIEWER));
    for (method, path, fields, status) in [
        ("GET", wrong, &foreign[..], 403),
        ("GET", wrong, &[], 405),
        ("POST", wrong, &[], 401),
        ("POST", wrong, &[("Authorization", "Bearer wrong")], 401),
        ("POST", wrong, &[("Authorization", &*seen)], 403),
        ("POST", wrong, &[("Authorization", &*known)], 400),
        ("POST", SWITCH, &[("Authorization", &*known)], 200),
    ] {
        let reply = fixture.bare(method, path, fields).await;
        assert_eq!(reply.status, status, "{method} {path} {fields:?}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn every_path_has_one_way_to_be_called() {
    let fixture = Fixture::new().await;
    for path in ["switch", "rollback", "hold", "resume", "maintenance", "reload", "upgrade"] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "SWITCH"] {
            let reply = fixture.ask(method, &format!("/admin/{path}"), &[]).await;
            assert_eq!(reply.status, 405, "{method} {path}");
            assert!(reply.head.contains("\r\nallow: post"), "{}", reply.head);
        }
    }
    for path in
        ["/admin/status", "/admin/history", "/metrics", "/livez", "/openapi.json", "/", "/plain"]
    {
        let reply = fixture.ask("POST", path, &[]).await;
        assert_eq!(reply.status, 405, "{path}");
        assert!(reply.head.contains("\r\nallow: get, head"), "{}", reply.head);
    }
    let reply = fixture.ask("GET", SWITCH, &[]).await;
    assert!(reply.body.starts_with("Method not allowed\n"), "{}", reply.body);
    assert_eq!(fixture.asked(), [""; 0]);
    fixture.stop().await;
}

// A3
#[tokio::test]
async fn paths_are_matched_exactly() {
    let fixture = Fixture::new().await;
    for path in [
        "/admin/switchx?to=green",
        "/admin/switch/?to=green",
        "/admin/./switch?to=green",
        "/admin/status/../switch?to=green",
        "//admin/switch?to=green",
        "/admin%2fswitch?to=green",
        "/ADMIN/SWITCH?to=green",
        "/admin/receipts/",
        "/admin/receipts/1/2",
        "/admin",
    ] {
        for method in ["GET", "POST"] {
            assert_eq!(fixture.ask(method, path, &[]).await.status, 404, "{method} {path}");
        }
    }
    assert_eq!(fixture.asked(), [""; 0]);
    fixture.stop().await;
}

// A3
#[tokio::test]
async fn a_body_is_refused_and_never_read_beyond_64_kib() {
    let fixture = Fixture::new().await;
    for (length, status) in [(0, 200), (1, 400), (64 << 10, 400), ((64 << 10) + 1, 413)] {
        let mut text = format!(
            "POST {SWITCH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPERATOR}\r\n\
             Connection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        text.push_str(&"x".repeat(length));
        assert_eq!(fixture.raw(text.as_bytes()).await.status, status, "{length}");
    }
    assert_eq!(fixture.asked().len(), 1);
    fixture.stop().await;
}

// A5
#[tokio::test]
async fn a_change_needs_a_token_that_is_known_and_may_operate() {
    let fixture = Fixture::new().await;
    let none = fixture.bare("POST", SWITCH, &[]).await;
    assert_eq!(none.status, 401);
    assert!(none.head.contains("\r\nwww-authenticate: bearer realm="), "{}", none.head);
    let (operator, viewer) = (bearer(OPERATOR), bearer(VIEWER));
    let basic = format!("Basic {OPERATOR}");
    let secret = format!("Secret {OPERATOR}"); // as long as the right word
    let longer = format!("{operator}x");
    for shown in [
        &["Bearer"][..],
        &["Bearer wrong"],
        &[&basic],
        &[&secret],
        &[&longer],
        &[OPERATOR],
        &[&operator, &operator],
        &["Bearer \u{e9}"],
    ] {
        let fields: Vec<_> = shown.iter().map(|value| ("Authorization", *value)).collect();
        assert_eq!(fixture.bare("POST", SWITCH, &fields).await.status, 401, "{shown:?}");
    }
    let reply = fixture.bare("POST", SWITCH, &[("Authorization", &viewer)]).await;
    assert_eq!((reply.status, reply.body.contains("role viewer")), (403, true));
    assert_eq!(fixture.asked(), [""; 0]);
    let any_case = [("authorization", &*operator.replace("Bearer", "bEARER"))];
    assert_eq!(fixture.bare("POST", SWITCH, &any_case).await.status, 200);
    assert!(fixture.asked()[0].contains("Token(\"ci\")"), "{:?}", fixture.asked());
    fixture.stop().await;
}

// A5
#[tokio::test]
async fn an_empty_variable_of_a_script_is_neither_a_token_nor_a_wrong_one() {
    let fixture = Fixture::new().await;
    for _ in 0..12 {
        let reply = fixture.bare("GET", "/admin/status", &[("Authorization", "Bearer")]).await;
        assert_eq!(reply.status, 200);
    }
    assert_eq!(fixture.ask("POST", SWITCH, &[]).await.status, 200, "nobody is locked out");
    fixture.stop().await;
}

// A5
#[tokio::test]
async fn a_token_in_the_url_or_in_a_cookie_does_not_count() {
    let fixture = Fixture::new().await;
    let path = format!("{SWITCH}&token={OPERATOR}&access_token={OPERATOR}");
    let cookie = format!("token={OPERATOR}");
    assert_eq!(fixture.bare("POST", &path, &[("Cookie", &cookie)]).await.status, 401);
    assert_eq!(fixture.ask("POST", &path, &[]).await.status, 400);
    assert_eq!(fixture.asked(), [""; 0]);
    fixture.stop().await;
}

// A5
#[tokio::test]
async fn r9_a_caller_that_guesses_tokens_is_slowed_and_a_valid_one_is_accepted() {
    let fixture = Fixture::new().await;
    for n in 0..10 {
        let guess = format!("Bearer guess-{n}");
        let reply = fixture.bare("GET", "/admin/status", &[("Authorization", &guess)]).await;
        assert_eq!(reply.status, 401, "{n}");
    }
    let guess = [("Authorization", "Bearer guess-11")];
    let late = fixture.bare("GET", "/admin/status", &guess).await;
    assert_eq!(late.status, 429);
    let seconds =
        late.head.split("\r\nretry-after: ").nth(1).and_then(|rest| {
            rest.split("\r\n").next().and_then(|digits| digits.parse::<u64>().ok())
        });
    assert!(seconds.is_some_and(|seconds| (1..=61).contains(&seconds)), "{}", late.head);
    assert_eq!(fixture.asked(), [""; 0]);
    assert_eq!(fixture.ask("POST", SWITCH, &[]).await.status, 200, "the right token");
    // A call without a token is not a guess; neither is any call on the socket.
    assert_eq!(fixture.bare("GET", "/admin/status", &[]).await.status, 200);
    assert_eq!(fixture.on_socket("POST", SWITCH).await.status, 200);
    fixture.stop().await;
}

// A4
#[tokio::test]
async fn the_socket_knows_its_caller_without_a_token() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.on_socket("POST", SWITCH).await.status, 200);
    let uid = rustix::process::getuid().as_raw();
    assert!(fixture.asked()[0].contains(&format!("Uid({uid})")), "{:?}", fixture.asked());
    assert_eq!(fixture.on_socket("GET", "/admin/status").await.status, 200);
    fixture.stop().await;
}

#[tokio::test]
async fn reads_are_open_on_the_loopback_interface() {
    let fixture = Fixture::new().await;
    for path in [
        "/admin/status",
        "/admin/history",
        "/metrics",
        "/livez",
        "/readyz",
        "/openapi.json",
        "/",
        "/plain",
    ] {
        assert_eq!(fixture.bare("GET", path, &[]).await.status, 200, "{path}");
        let viewer = bearer(VIEWER);
        let reply = fixture.bare("GET", path, &[("Authorization", &viewer)]).await;
        assert_eq!(reply.status, 200, "{path}");
        let wrong = [("Authorization", "Bearer wrong")];
        assert_eq!(fixture.bare("GET", path, &wrong).await.status, 401, "{path}");
    }
    fixture.stop().await;
}

// A8
#[tokio::test]
async fn no_answer_repeats_parts_of_a_request_or_may_be_cached() {
    let fixture = Fixture::new().await;
    for path in [
        "/admin/switch?to=%3Cscript%3E",
        "/admin/switch?%3Cscript%3E=1",
        "/admin/switch?to=green&service=%3Cscript%3E",
        "/admin/switch?to=green&drain=%3Cscript%3E",
        "/admin/receipts/%3Cscript%3E",
        "/%3Cscript%3E",
    ] {
        for method in ["GET", "POST"] {
            let reply = fixture.ask(method, path, &[("X-Any", "<script>")]).await;
            assert!((400..500).contains(&reply.status), "{path}: {}", reply.status);
            assert!(!reply.body.contains("script"), "{path}: {}", reply.body);
            for field in [
                "content-type: text/plain",
                "x-content-type-options: nosniff",
                "cache-control: no-store",
                "content-security-policy: default-src 'none'",
            ] {
                assert!(reply.head.contains(field), "{field} is missing in {}", reply.head);
            }
        }
    }
    fixture.stop().await;
}

//! The calls that make and revoke previews.

use crate::fixture::{DEPLOYER, Fixture, OPERATOR, Reply, VIEWER};

async fn call(fixture: &Fixture, token: &str, method: &str, path: &str) -> Reply {
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n",
        fixture.address
    );
    fixture.raw(text.as_bytes()).await
}

#[tokio::test]
async fn those_who_may_deploy_may_make_and_revoke_previews() {
    let fixture = Fixture::new().await;
    for (token, expected) in [(DEPLOYER, 200), (OPERATOR, 200), (VIEWER, 403), ("wrong", 401)] {
        for method in ["POST", "DELETE"] {
            let reply = call(&fixture, token, method, "/admin/previews").await;
            assert_eq!(reply.status, expected, "{method}: {}", reply.body);
        }
    }
    assert_eq!(fixture.asked().len(), 4, "nothing is asked for the others");
    let reply = call(&fixture, OPERATOR, "GET", "/admin/previews").await;
    assert_eq!(reply.status, 405);
    assert!(reply.head.contains("allow: delete, post"), "{}", reply.head);
    fixture.stop().await;
}

#[tokio::test]
async fn a_preview_has_its_links_and_its_end_in_text_and_json() {
    let fixture = Fixture::new().await;
    let text = fixture.ask("POST", "/admin/previews?service=web&for=2h", &[]).await.body;
    assert!(text.starts_with(
        "Preview of web: green, v42\nOpen http://a.test:8080/app?teal-preview=v1.7.green."
    ));
    assert!(text.contains("End all of them with: teal preview web --revoke\n"), "{text}");
    let (status, json) = fixture.json("POST", "/admin/previews").await;
    assert_eq!((status, &json["color"], &json["version"]), (200, &"green".into(), &"v42".into()));
    let token = json["token"].as_str().expect("a token");
    assert_eq!(json["urls"][0], format!("http://a.test:8080/app?teal-preview={token}"));
    for path in ["?for=169h", "?for=soon", "?for=1ms", "?to=green"] {
        let reply = fixture.ask("POST", &format!("/admin/previews{path}"), &[]).await;
        assert_eq!(reply.status, 400, "{path}");
    }
    fixture.stop().await;
}

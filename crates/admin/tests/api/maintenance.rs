//! The call that begins, changes and ends a maintenance.

use control::MaintenanceInForce;
use rules::{Network, Notice};

use crate::fixture::{Fixture, OPERATOR};
use crate::sample::web;

const ON: &str = "/admin/maintenance?on=true";

fn answer_with(fixture: &Fixture, notice: Option<Notice>) {
    let answer = MaintenanceInForce { services: vec![web()], notice };
    fixture.script(|script| script.on_maintenance = Ok(answer));
}

/// A call with a body of this type.
async fn with_body(
    fixture: &Fixture,
    path: &str,
    kind: &str,
    body: &[u8],
) -> crate::fixture::Reply {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {OPERATOR}\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        fixture.address,
        body.len()
    );
    fixture.raw(&[head.as_bytes(), body].concat()).await
}

#[tokio::test]
async fn a_maintenance_is_asked_for_with_its_message_its_page_and_its_clients() {
    let fixture = Fixture::new().await;
    let allow = vec![Network::parse("10.0.0.0/8").expect("a network")];
    answer_with(&fixture, Some(Notice { allow, ..Notice::default() }));
    let path = format!("{ON}&group=shop&message=Back%20at%20noon&allow=10.0.0.0/8,::1");
    let reply = with_body(&fixture, &path, "text/html; charset=utf-8", b"<p>{{message}}").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(
        reply.body.starts_with("Maintenance of web: new requests are answered 503\n"),
        "{}",
        reply.body
    );
    assert!(reply.body.contains("Requests pass from 10.0.0.0/8\n"), "{}", reply.body);
    let asked = fixture.asked().concat();
    for part in ["Group(", "shop", "Back at noon", "<p>{{message}}", "10.0.0.0", "::1"] {
        assert!(asked.contains(part), "{part} is missing in {asked}");
    }
    let (status, json) = fixture.json("POST", ON).await;
    assert_eq!((status, &json["on"], &json["services"][0]), (200, &true.into(), &"web".into()));

    answer_with(&fixture, None);
    let ended = fixture.ask("POST", "/admin/maintenance?on=false&service=web", &[]).await;
    assert_eq!(ended.body, "Maintenance of web ended: new requests go to the active color\n");
    fixture.stop().await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    for (query, code, said) in [
        ("", "invalid_parameter", "on must be true or false"),
        ("?on=yes", "invalid_parameter", "on must be true or false"),
        ("?on=false&message=x", "invalid_parameter", "leave it out"),
        ("?on=false&allow=10.0.0.1", "invalid_parameter", "leave it out"),
        ("?on=true&message=", "invalid_parameter", "one line of 1 to 500 bytes"),
        ("?on=true&message=a%0Ab", "invalid_parameter", "one line of 1 to 500 bytes"),
        ("?on=true&allow=example.com", "invalid_parameter", "10.0.0.0/8"),
        ("?on=true&alow=10.0.0.1", "unknown_parameter", "Did you mean 'allow'?"),
        ("?on=true&service=web&group=shop", "invalid_parameter", "only one of them"),
    ] {
        let reply = fixture.ask("POST", &format!("/admin/maintenance{query}"), &[]).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.body);
        assert!(reply.body.contains(said), "{query}: {}", reply.body);
        let (_, json) = fixture.json("POST", &format!("/admin/maintenance{query}")).await;
        assert_eq!(json["code"], code, "{query}");
    }
    let large = vec![b'x'; 64 * 1024 + 1];
    let off = "/admin/maintenance?on=false";
    for (path, kind, body, status, said) in [
        (ON, "application/json", &b"{}"[..], 400, "must be a page of HTML"),
        (ON, "text/html", b"\xff", 400, "not UTF-8"),
        (ON, "text/html", &large, 413, "larger than 64 KiB"),
        (off, "text/html", b"<p>", 400, "takes no body where on is false"),
    ] {
        let reply = with_body(&fixture, path, kind, body).await;
        assert!(reply.status == status && reply.body.contains(said), "{kind}: {}", reply.body);
    }
    assert_eq!(fixture.asked().len(), 0, "{:?}", fixture.asked());
    let refused = fixture.ask("POST", off, &[]).await;
    assert_eq!((refused.status, &*refused.body), (409, "web is not in maintenance\n"));
    fixture.stop().await;
}

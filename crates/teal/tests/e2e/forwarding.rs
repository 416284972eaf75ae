//! The fields that targets and clients see of each other: fields added, fields removed, answers of
//! Teal's own, HTTP/1.0.

use testkit::{Behavior, Ending, Framing, Request};

use crate::setup::{SOON, Setup};

/// Sends these field lines with a GET and returns what the target received.
fn forwarded(setup: &Setup, lines: &str) -> Request {
    setup.blue.seen().forget();
    let mut client = setup.client();
    client.send(format!("GET /f HTTP/1.1\r\nHost: app.test:8080\r\n{lines}\r\n"));
    let answer = client.answer();
    assert_eq!(answer.status, 200, "{lines:?}: {}", answer.text());
    (*setup.blue.seen().requests()[0]).clone()
}

#[test]
fn the_target_learns_the_client_and_the_original_request() {
    // H3
    let setup = Setup::new();
    let request = forwarded(&setup, "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n");
    let fields = &request.fields;
    assert_eq!(fields.get("host"), Some("app.test:8080"));
    assert_eq!(fields.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(fields.all("x-forwarded-proto"), ["http"]);
    assert_eq!(fields.all("x-forwarded-host"), ["app.test:8080"]);
    assert!(fields.get("via").is_some_and(|via| via.starts_with("1.1 ")), "{fields:?}");
    let made = fields.get("x-request-id").expect("an id is made").to_owned();
    assert!(!made.is_empty());
    let kept = forwarded(&setup, "X-Request-Id: order-1.A_b\r\n");
    assert_eq!(kept.fields.get("x-request-id"), Some("order-1.A_b"));
    for bad in ["with space", &"x".repeat(129), "a\"b", ""] {
        let replaced = forwarded(&setup, &format!("X-Request-Id: {bad}\r\n"));
        let id = replaced.fields.get("x-request-id").expect("an id is made");
        assert!(id != bad && !id.is_empty());
    }
    setup.finish();
}

#[test]
fn fields_that_a_client_may_not_set_do_not_arrive() {
    // H2 H3 H4
    let setup = Setup::new();
    for line in [
        "Forwarded: for=6.6.6.6",
        "X-Real-IP: 6.6.6.6",
        "X-Forwarded-Port: 1",
        "X-Forwarded-Prefix: /x",
        "X_Forwarded_For: 6.6.6.6",
        "x-forwarded_proto: https",
        "Remote_User: root",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic YTpi",
        "Keep-Alive: timeout=5",
        "HTTP2-Settings: AAMAAABkAAQ",
        "TE: gzip",
        "Connection: X-Named\r\nX-Named: gone",
    ] {
        let request = forwarded(&setup, &format!("{line}\r\n"));
        let name = line.lines().last().and_then(|line| line.split(':').next()).unwrap_or_default();
        let values = request.fields.all(name);
        assert!(values.iter().all(|value| !line.contains(value)), "{line}: {values:?}");
    }
    setup.finish();
}

#[test]
fn other_fields_arrive_unchanged() {
    // F10 H1
    let setup = Setup::new();
    let lines = "Accept: a\r\nAccept: b\r\nCookie: x=1; y=\"2\"\r\nAuthorization: Bearer t\r\n\
         X-Empty:\r\nX-Tab: a\tb\r\n";
    let request = forwarded(&setup, lines);
    assert_eq!(request.fields.all("accept"), ["a", "b"]);
    assert_eq!(request.fields.get("cookie"), Some("x=1; y=\"2\""));
    assert_eq!(request.fields.get("authorization"), Some("Bearer t"));
    assert_eq!(request.fields.get("x-empty"), Some(""));
    assert_eq!(request.fields.get("x-tab"), Some("a\tb"));
    let named = "Connection: close, X-Gone\r\nX-Gone: 1\r\nX-Stays: 2\r\n";
    let request = forwarded(&setup, named);
    assert_eq!(request.fields.get("x-gone"), None);
    assert_eq!(request.fields.get("x-stays"), Some("2"));
    assert_eq!(request.fields.all("x-forwarded-for"), ["127.0.0.1"]);
    setup.finish();
}

#[test]
fn a_loop_is_noticed() {
    // T6
    let setup = Setup::new();
    let via = forwarded(&setup, "").fields.get("via").expect("Via is set").to_owned();
    setup.blue.seen().forget();
    let mut client = setup.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: test\r\nVia: 1.1 other, {via}\r\n\r\n"));
    assert_eq!(client.answer().status, 508);
    assert_eq!(setup.blue.seen().count(), 0);
    setup.finish();
}

#[test]
fn answers_of_our_own_give_the_reason_in_an_accepted_format() {
    let setup = Setup::new();
    setup.blue.stop();
    for (accept, kind) in
        [("text/html", "text/html"), ("application/json", "json"), ("*/*", "text/plain")]
    {
        let mut client = setup.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: test\r\nAccept: {accept}\r\n\r\n"));
        let answer = client.answer();
        assert_eq!(answer.status, 502);
        let content = answer.fields.get("content-type").unwrap_or_default();
        assert!(content.contains(kind), "{accept}: {content}");
        assert!(answer.fields.get("proxy-status").is_some_and(|status| status.contains("error=")));
        assert!(!answer.body.is_empty() && answer.body.len() < 2000);
    }
    let mut client = setup.client();
    client.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
    let answer = client.read_answer(true).expect("a whole answer");
    assert_eq!((answer.status, answer.body.len()), (502, 0));
    // The connection stays usable after such an answer.
    assert_eq!(client.get("/").status, 502);
    setup.finish();
}

#[test]
fn an_http_1_0_client_gets_answers_of_its_version() {
    let setup = Setup::new();
    let pause = std::time::Duration::ZERO;
    setup.blue.behave_at("/c", Behavior::Download { bytes: 40_000, chunked: true, pause });
    let mut client = setup.client();
    client.send("GET /c HTTP/1.0\r\nHost: test\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.framing, answer.body.len()), (Framing::UntilClose, 40_000));
    let mut client = setup.client();
    client.send("GET / HTTP/1.0\r\nHost: test\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    assert_eq!(client.ending(SOON), Ending::Fin(Vec::new()));
    let mut client = setup.client();
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n");
        let answer = client.answer();
        let connection = answer.fields.get("connection").unwrap_or_default().to_lowercase();
        assert_eq!((answer.status, &*connection), (200, "keep-alive"));
    }
    setup.finish();
}

#[test]
fn head_204_and_304_have_no_body_and_keep_their_length() {
    let setup = Setup::new();
    let mut client = setup.client();
    client.send("HEAD /h HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = client.read_answer(true).expect("a whole answer");
    assert!(head.fields.get("content-length").is_some_and(|length| length != "0"));
    setup.blue.behave_at("/204", Behavior::raw("HTTP/1.1 204 No Content\r\n\r\n"));
    setup.blue.behave_at("/304", Behavior::raw("HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n"));
    assert_eq!(client.get("/204").status, 204);
    assert_eq!(client.get("/304").fields.get("content-length"), Some("9"));
    assert_eq!(client.get("/after").status, 200);
    setup.finish();
}

#[test]
fn trailers_pass_but_for_those_that_would_change_the_message() {
    // F8
    let setup = Setup::new();
    let trailers = "X-Sum: 1\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\nHost: evil\r\n\
         Authorization: x\r\nX-Forwarded-For: 6.6.6.6\r\nTE: x\r\n";
    let mut client = setup.client();
    client.send(
        "POST /t HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
    );
    client.send(format!("{trailers}\r\n"));
    assert_eq!(client.answer().status, 200);
    let request = setup.blue.seen().requests_to("/t")[0].clone();
    let names = request.trailers.iter().map(|(name, _)| name.to_lowercase()).collect::<Vec<_>>();
    assert_eq!(names, ["x-sum"]);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n{trailers}\r\n"
    );
    setup.blue.behave_at("/r", Behavior::raw(answer));
    let answer = client.get("/r");
    let names = answer.trailers.iter().map(|(name, _)| name.to_lowercase()).collect::<Vec<_>>();
    assert_eq!((answer.text().as_str(), names), ("a", vec!["x-sum".to_owned()]));
    setup.finish();
}

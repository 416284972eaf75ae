//! Rows U1-U4: no tunnel before the target's 101 to what was asked for.

use testkit::Behavior;

use super::canary;
use crate::stage::{SOON, Stage};

#[test]
fn u1_what_follows_an_upgrade_wish_is_a_request_unless_the_target_agrees() {
    let stage = Stage::new();
    let wish = "GET /wish HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
    let second = "GET /second HTTP/1.1\r\nHost: test\r\n\r\n";
    for (answer, status) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
        ("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 403),
        ("HTTP/1.1 426 Upgrade Required\r\nUpgrade: bar\r\nContent-Length: 0\r\n\r\n", 426),
    ] {
        stage.blue.seen().forget();
        stage.blue.behave_at("/wish", Behavior::raw(answer));
        let mut client = stage.client();
        client.send(format!("{wish}{second}"));
        assert_eq!(client.answer().status, status);
        // The second one is either a request like any other, or never answered at all.
        if let Ok(answer) = client.read_answer(false) {
            assert!(answer.text().contains(" /second "), "{}", answer.text());
            assert_eq!(stage.blue.seen().requests_to("/second").len(), 1);
        }
        assert!(stage.blue.seen().malformed().is_empty());
        canary(&stage, "U1");
    }
    stage.blue.behave_at("/wish", Behavior::Tunnel);
    let mut client = stage.client();
    client.send(format!("{wish}{second}"));
    let head = client.read_any_head().expect("a head");
    assert_eq!((head.status, head.fields.get("upgrade")), (101, Some("foo")));
    // Now these bytes belong to the tunnel.
    assert_eq!(client.read_bytes(second.len()), second.as_bytes());
    client.send("more");
    assert_eq!(client.read_bytes(4), b"more");
    client.half_close();
    assert!(client.ending(SOON).ended());
    stage.finish();
}

#[test]
fn u2_u3_a_wish_with_a_body_or_for_h2c_is_none() {
    let stage = Stage::new();
    let upgrade = "Connection: upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ\r\nUpgrade:";
    for request in [
        format!("POST / HTTP/1.1\r\nHost: test\r\n{upgrade} foo\r\nContent-Length: 2\r\n\r\nhi"),
        format!(
            "POST / HTTP/1.1\r\nHost: test\r\n{upgrade} foo\r\nTransfer-Encoding: chunked\r\n\r\n\
             0\r\n\r\n"
        ),
        format!("GET / HTTP/1.1\r\nHost: test\r\n{upgrade} h2c\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: test\r\n{upgrade} H2C\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: foo\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.0\r\nHost: test\r\n{upgrade} foo\r\n\r\n"),
    ] {
        stage.blue.seen().forget();
        let mut client = stage.client();
        client.send(&request);
        let answer = client.answer();
        assert!(matches!(answer.status, 200 | 400), "{request:?}: {}", answer.status);
        for received in stage.blue.seen().requests() {
            assert_eq!(received.fields.get("upgrade"), None, "{request:?}");
            assert_eq!(received.fields.get("http2-settings"), None, "{request:?}");
        }
        canary(&stage, "U2 U3");
    }
    stage.finish();
}

#[test]
fn u4_a_101_that_nobody_asked_for_is_502() {
    let stage = Stage::new();
    let plain = "GET /101 HTTP/1.1\r\nHost: test\r\n\r\n";
    let wish = "GET /101 HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
    let unnamed = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n";
    let other = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: bar\r\n\r\n";
    for (request, answer) in [(plain, other), (plain, unnamed), (wish, other), (wish, unnamed)] {
        stage.blue.behave_at("/101", Behavior::raw(answer));
        let mut client = stage.client();
        client.send(request);
        assert_eq!(client.answer().status, 502, "{request:?} {answer:?}");
        canary(&stage, "U4");
    }
    stage.finish();
}

#[test]
fn u4_a_refused_web_socket_handshake_is_passed_back() {
    let stage = Stage::new();
    let refusal =
        "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n";
    stage.blue.behave_at("/ws", Behavior::raw(refusal));
    let mut client = stage.client();
    client.send(
        "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: x\r\n\r\n",
    );
    let answer = client.answer();
    assert_eq!((answer.status, answer.fields.get("sec-websocket-version")), (426, Some("13")));
    canary(&stage, "U4");
    stage.finish();
}

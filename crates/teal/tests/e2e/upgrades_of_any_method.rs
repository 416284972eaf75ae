//! An upgrade with any method and any body (RFC 9110 section 7.8), as the clients of container engines
//! ask for one: `POST`, `Upgrade: tcp`, with or without content.

use std::time::Duration;

use testkit::{Behavior, Step};

use crate::setup::{SOON, Setup};

const AGREES: &str = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

fn wish(method: &str, framing: &str) -> String {
    format!(
        "{method} /attach HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n{framing}"
    )
}

#[test]
fn r19_an_upgrade_passes_with_any_method_and_any_body() {
    let setup = Setup::new();
    setup.blue.behave_at("/attach", Behavior::Tunnel);
    for method in ["GET", "POST", "PUT", "DELETE"] {
        for framing in [
            "\r\n",
            "Content-Length: 0\r\n\r\n",
            "Content-Length: 16\r\n\r\n{\"Detach\":false}",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ] {
            let mut client = setup.client();
            client.send(format!("{}early", wish(method, framing)));
            let head = client.read_any_head().expect("a head");
            assert_eq!((head.status, head.fields.get("upgrade")), (101, Some("tcp")), "{framing}");
            // Bytes after the request belong to the tunnel, and none of its body do.
            assert_eq!(client.read_bytes(5), b"early", "{method} {framing:?}");
            client.send("more");
            assert_eq!(client.read_bytes(4), b"more");
            client.half_close();
            assert!(client.ending(SOON).ended());
        }
    }
    let bodies = setup.blue.seen().requests_to("/attach");
    assert!(bodies.iter().any(|request| request.body == b"{\"Detach\":false}"));
    assert!(bodies.iter().any(|request| request.body == b"hello"));
    setup.finish();
}

#[test]
fn r19_a_web_socket_with_content_length_0_is_opened() {
    let setup = Setup::new();
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let mut client = setup.client();
    client.send(
        "GET /ws HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let head = client.read_any_head().expect("a head");
    let accepted = head.fields.get("sec-websocket-accept");
    assert_eq!((head.status, accepted), (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    client.send(b"\x81\x82\x00\x00\x00\x00hi");
    assert_eq!(client.read_bytes(4), b"\x81\x02hi");
    drop(client);
    setup.finish();
}

#[test]
fn r19_a_target_that_takes_no_body_with_an_upgrade_gets_no_further_request() {
    let setup = Setup::new();
    // It answers without the body, which would be its next request on this connection.
    let ignores = vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec())];
    let reads = [vec![Step::ReadBody], ignores.clone()].concat();
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
    for steps in [ignores, reads] {
        setup.blue.seen().forget();
        setup.blue.behave_at("/attach", Behavior::Script(steps));
        let mut client = setup.client();
        client.send(wish("POST", &format!("Content-Length: {}\r\n\r\n{smuggled}", smuggled.len())));
        assert_eq!(client.answer().text(), "ok");
        let used = setup.blue.seen().requests_to("/attach").last().expect("it").connection;
        for _ in 0..3 {
            assert_eq!(setup.client().get("/next").status, 200);
        }
        let next = setup.blue.seen().requests_to("/next");
        assert!(next.iter().all(|request| request.connection != used), "the connection is left");
    }
    setup.finish();
}

#[test]
fn r19_a_101_before_the_end_of_the_request_is_502() {
    let setup = Setup::new();
    setup.blue.behave_at(
        "/attach",
        Behavior::Script(vec![Step::Send(AGREES.into()), Step::Pause(Duration::from_millis(50))]),
    );
    let mut client = setup.client();
    client.send(wish("POST", "Content-Length: 10\r\n\r\nhello"));
    assert_eq!(client.answer().status, 502);
    drop(client);
    setup.teal.assert_books_balance();
}

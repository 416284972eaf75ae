//! WebSockets over HTTP/2 in front of targets of HTTP/1.1, where Teal is the client of the handshake.

use testkit::Behavior;
use testkit::http2::{Frame, Http2, fields, kind};

use crate::http2::{connect, stage};

/// Opens a tunnel to this path; its status.
fn open(client: &mut Http2, path: &str, more: &[(&str, &str)]) -> (u32, u16) {
    let opens = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "test"),
        (":path", path),
        ("sec-websocket-version", "13"),
    ];
    let stream = client.open(fields(&[&opens, more].concat()), 0);
    loop {
        let frame = client.frame().expect("an answer");
        match frame.kind {
            kind::HEADERS if frame.stream == stream => {
                return (stream, if frame.payload[0] == 0x88 { 200 } else { 502 });
            }
            kind::RST_STREAM if frame.stream == stream => return (stream, 0),
            _ => {}
        }
    }
}

#[test]
fn r21_a_websocket_opens_only_if_the_target_has_answered_the_key() {
    let stage = stage();
    let handshake = |more: &str| {
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
        Behavior::raw(format!("{head}{more}\r\n"))
    };
    // The right answer to another key, a wrong one, one that is nearly none, and none.
    for (path, more) in [
        ("/replayed", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        ("/wrong", "Sec-WebSocket-Accept: x\r\n"),
        ("/empty", "Sec-WebSocket-Accept:\r\n"),
        ("/none", ""),
    ] {
        stage.blue.behave_at(path, handshake(more));
        let mut client = connect(&stage);
        assert_eq!(open(&mut client, path, &[]).1, 502, "{path}");
    }
    stage.teal.log_has(&["Sec-WebSocket-Accept does not answer the key"]);
    stage.blue.behave_at("/ws", Behavior::WebSocket);
    let mut client = connect(&stage);
    // A key of the client's means nothing in HTTP/2, and must not stand beside ours.
    let (stream, status) =
        open(&mut client, "/ws", &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
    assert_eq!(status, 200);
    client.send(&Frame::new(kind::DATA, 0, stream, [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']));
    while client.frame().expect("an echo").payload != [0x81, 2, b'h', b'i'] {}
    let seen = stage.blue.seen().requests_to("/ws").pop().expect("a request");
    let keys = seen.fields.all("sec-websocket-key");
    assert!(keys.len() == 1 && keys[0] != "dGhlIHNhbXBsZSBub25jZQ==", "{keys:?}");
    drop(client);
    stage.finish();
}

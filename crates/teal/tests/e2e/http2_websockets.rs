//! WebSockets over HTTP/2 in front of targets of HTTP/1.1, where Teal is the client of the handshake.

use testkit::Behavior;
use testkit::http2::{END_STREAM, Frame, Http2, fields, kind};

use crate::http2::{connect, prior_knowledge, setup};
use crate::setup::Setup;

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
    let setup = setup();
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
        setup.blue.behave_at(path, handshake(more));
        let mut client = connect(&setup);
        assert_eq!(open(&mut client, path, &[]).1, 502, "{path}");
    }
    setup.teal.log_has(&["Sec-WebSocket-Accept does not match the key"]);
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let mut client = connect(&setup);
    // A key of the client's means nothing in HTTP/2, and must not stand beside ours.
    let (stream, status) =
        open(&mut client, "/ws", &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
    assert_eq!(status, 200);
    client.send(&Frame::new(kind::DATA, 0, stream, [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']));
    while client.frame().expect("an echo").payload != [0x81, 2, b'h', b'i'] {}
    let seen = setup.blue.seen().requests_to("/ws").pop().expect("a request");
    let keys = seen.fields.all("sec-websocket-key");
    assert!(keys.len() == 1 && keys[0] != "dGhlIHNhbXBsZSBub25jZQ==", "{keys:?}");
    drop(client);
    setup.finish();
}

#[test]
fn r58_a_websocket_that_a_switch_closes_ends_orderly_and_one_that_is_cut_by_cancel() {
    // L3
    let drain = "{ timeout = \"4s\", streams = \"close\" }";
    let setup = Setup::with(|settings| prior_knowledge(settings).service("drain", drain));
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let opened = (0..4).map(|_| {
        let mut client = connect(&setup);
        let streams: Vec<_> = (0..3).map(|_| open(&mut client, "/ws", &[]).0).collect();
        for stream in &streams {
            let hello = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
            client.send(&Frame::new(kind::DATA, 0, *stream, hello));
        }
        (client, streams)
    });
    let mut opened: Vec<_> = opened.collect();
    setup.teal.wait_in_flight("blue", 12);
    assert_eq!(setup.teal.switch("green", "&wait=published").status, 200);
    for (client, streams) in &mut opened {
        let mut left = streams.clone();
        while !left.is_empty() {
            let frame = client.frame().expect("a frame");
            let reset = frame.kind == kind::RST_STREAM;
            assert!(!reset, "reset by {}", frame.number(0));
            if frame.kind == kind::DATA && frame.payload.ends_with(&[0x88, 2, 0x03, 0xe9]) {
                let close = [0x88, 0x82, 1, 2, 3, 4, 2, 0xeb];
                client.send(&Frame::new(kind::DATA, END_STREAM, frame.stream, close));
            }
            if frame.kind == kind::DATA && frame.has(END_STREAM) {
                left.retain(|stream| *stream != frame.stream);
            }
        }
    }
    assert_eq!(setup.teal.metrics().count("teal_streams_ended_total", &[]), 12);
    setup.finish();
    let setup = Setup::with(|settings| prior_knowledge(settings).drain("200ms"));
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let mut client = connect(&setup);
    let (stream, _) = open(&mut client, "/ws", &[]);
    setup.teal.wait_in_flight("blue", 1);
    assert!(setup.teal.switch("green", "").text().contains("cut"));
    assert_eq!(client.answer(stream).reset, Some(8), "CANCEL");
    setup.finish();
}

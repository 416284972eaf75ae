//! WebSocket, server-sent events, downloads and uploads that are under way when traffic moves: each
//! ends on the color it began on, whole.

use std::time::Duration;

use testkit::{Behavior, Client, checksum, tungstenite, wait_until, websocket};

use crate::setup::{SOON, Setup};

fn switch_and_stay(setup: &Setup) {
    let answer = setup.teal.switch("green", "&wait=published");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("still draining: do not stop blue"), "{}", answer.text());
    assert_eq!(setup.who(), "green");
}

fn drained(setup: &Setup) {
    wait_until(SOON, "blue is drained", || setup.teal.color("blue")["drained"] == true);
    // L4: no connection to the retired color is left open.
    wait_until(SOON, "blue has no connection left", || setup.blue.seen().open_connections() == 0);
}

#[test]
fn a_web_socket_stays_on_its_color_until_it_ends() {
    // L3 L4 L8
    let setup = Setup::new();
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let mut socket = websocket(setup.teal.listener(), "/ws");
    let text = tungstenite::Message::text("before");
    socket.send(text.clone()).expect("sent");
    assert_eq!(socket.read().expect("an echo"), text);
    switch_and_stay(&setup);
    let text = tungstenite::Message::text("after ".repeat(10_000));
    socket.send(text.clone()).expect("sent");
    assert_eq!(socket.read().expect("an echo"), text);
    assert_eq!(setup.teal.color("blue")["drained"], false);
    assert_eq!(setup.teal.metrics().count("teal_tunnels_open", &[]), 1);
    socket.close(None).expect("a close frame is sent");
    while socket.read().is_ok() {}
    drop(socket);
    drained(&setup);
    let metrics = setup.teal.metrics();
    assert_eq!(metrics.count("teal_tunnels_opened_total", &[]), 1);
    assert_eq!(metrics.count("teal_tunnels_closed_total", &[]), 1);
    setup.finish();
}

#[test]
fn an_event_stream_goes_on_across_the_switch() {
    // L3
    let setup = Setup::new();
    let every = Duration::from_millis(5);
    setup.blue.behave_at("/events", Behavior::Events { every });
    let mut client = setup.client();
    client.send("GET /events HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.read_head(false).expect("a head").status, 200);
    client.read_body_until("data: blue 3\n\n");
    switch_and_stay(&setup);
    client.read_body_until("data: blue 40\n\n");
    drop(client);
    drained(&setup);
    setup.finish();
}

#[test]
fn a_download_is_whole_across_the_switch() {
    // L3
    for chunked in [false, true] {
        let setup = Setup::new();
        let (bytes, pause) = (2_000_000, Duration::from_millis(3));
        setup.blue.behave_at("/down", Behavior::Download { bytes, chunked, pause });
        let mut client = setup.client();
        client.send("GET /down HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(client.read_head(false).expect("a head").status, 200);
        switch_and_stay(&setup);
        let mut length = 0;
        while let Some(piece) = client.read_piece().expect("more of the body") {
            assert!(piece.iter().all(|byte| *byte == b'd'));
            length += piece.len() as u64;
        }
        assert_eq!(length, bytes);
        drained(&setup);
        setup.finish();
    }
}

#[test]
fn an_upload_is_whole_across_the_switch() {
    // L3
    for chunked in [false, true] {
        let setup = Setup::new();
        let mut client = setup.client();
        let body = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect::<Vec<_>>();
        let (first, second) = body.split_at(100_000);
        let framing = if chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {}", body.len())
        };
        client.send(format!("POST /up HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n"));
        send_piece(&mut client, first, chunked);
        wait_until(SOON, "the upload has begun on blue", || {
            setup.blue.seen().requests_to("/up").iter().any(|request| request.body_length > 0)
        });
        switch_and_stay(&setup);
        send_piece(&mut client, second, chunked);
        if chunked {
            client.send("0\r\n\r\n");
        }
        let expected = format!("blue POST /up {} {:016x}\n", body.len(), checksum(0, &body));
        assert_eq!(client.answer().text(), expected);
        drained(&setup);
        setup.finish();
    }
}

fn send_piece(client: &mut Client, piece: &[u8], chunked: bool) {
    if chunked {
        client.send(format!("{:x}\r\n", piece.len()));
        client.send(piece);
        client.send("\r\n");
    } else {
        client.send(piece);
    }
}

#[test]
fn a_pipelined_request_after_the_switch_goes_to_the_new_color() {
    // L2
    let setup = Setup::new();
    let (mut client, gate) = setup.held_on_blue();
    setup.teal.switch("green", "&wait=published");
    client.send("GET /second HTTP/1.1\r\nHost: test\r\n\r\n");
    gate.open();
    assert_eq!(client.answer().fields.get("x-target"), Some("blue"));
    assert_eq!(client.answer().fields.get("x-target"), Some("green"));
    setup.finish();
}

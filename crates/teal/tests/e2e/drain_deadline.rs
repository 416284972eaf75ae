//! Requests on the old color end there untouched until the drain deadline. The requests that it cuts are
//! counted and reported.

use std::time::Duration;

use testkit::{Behavior, Ending, WireError, tungstenite, websocket};

use crate::setup::{SOON, Setup, beside};

#[test]
fn a_request_that_ends_within_the_deadline_is_untouched() {
    // L3
    let setup = Setup::new();
    let (mut client, gate) = setup.held_on_blue();
    let switch = beside(&setup.teal, &["switch", "green", "--drain", "20s"]);
    testkit::wait_until(SOON, "traffic is on green", || setup.who() == "green");
    assert!(!switch.is_finished(), "drained is reported only when nothing is left");
    assert_eq!(setup.teal.color("blue")["in_flight"], 1);
    assert_eq!(setup.teal.color("blue")["role"], "draining");
    gate.open();
    let answer = client.answer();
    assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("blue")));
    let result = switch.join().expect("the command ran");
    result.assert_code(0);
    assert!(result.stdout.contains("Switched from blue to green"), "{}", result.all());
    assert_eq!(setup.teal.color("blue")["drained"], true);
    setup.finish();
}

#[test]
fn requests_cut_by_the_deadline_are_answered_or_aborted_and_counted() {
    // L3
    let setup = Setup::new();
    let pause = Duration::from_millis(20);
    setup.blue.behave_at("/down", Behavior::Download { bytes: 1 << 30, chunked: true, pause });
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let (mut waiting, _gate) = setup.held_on_blue();
    let mut streaming = setup.client();
    streaming.send("GET /down HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(streaming.read_head(false).expect("a head").status, 200);
    let mut socket = websocket(setup.teal.listener(), "/ws");
    socket.send(tungstenite::Message::text("hello")).expect("sent");
    assert_eq!(socket.read().expect("an echo"), tungstenite::Message::text("hello"));
    setup.teal.wait_in_flight("blue", 3);

    let result = setup.teal.cli(&["switch", "green", "--drain", "300ms"]);
    result.assert_code(5);
    assert!(result.all().contains('3'), "{}", result.all());

    let answer = waiting.answer();
    assert_eq!(answer.status, 504);
    assert!(answer.closes(), "{:?}", answer.fields);
    let cut = loop {
        match streaming.read_piece() {
            Ok(Some(_)) => {}
            ended => break ended,
        }
    };
    assert!(matches!(cut, Err(WireError::Truncated(_) | WireError::Reset)), "{cut:?}");
    assert!(socket.read().is_err(), "the tunnel is closed");

    let metrics = setup.teal.metrics();
    assert_eq!(metrics.count("teal_requests_aborted_total", &[("cause", "drain")]), 1);
    assert_eq!(metrics.count("teal_requests_answered_total", &[("by", "teal")]), 1);
    assert_eq!(metrics.count("teal_tunnels_open", &[]), 0);
    let receipt = setup.teal.receipt(setup.teal.generation()).to_string();
    assert!(receipt.contains("\"cut\""), "{receipt}");
    setup.teal.log_has(&["cut"]);
    assert_eq!(setup.teal.color("blue")["drained"], true);
    setup.finish();
}

#[test]
fn a_cut_download_of_known_length_is_not_complete_either() {
    // L3
    let setup = Setup::with(|settings| settings.drain("200ms"));
    let pause = Duration::from_millis(20);
    setup.blue.behave_at("/down", Behavior::Download { bytes: 1 << 30, chunked: false, pause });
    let mut client = setup.client();
    client.send("GET /down HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.read_head(false).expect("a head").status, 200);
    setup.teal.wait_in_flight("blue", 1);
    let answer = setup.teal.switch("green", "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("cut"), "{}", answer.text());
    assert!(!matches!(client.ending(SOON), Ending::Open(_)));
    setup.finish();
}

#[test]
fn a_client_that_goes_away_ends_its_lease_at_once() {
    // L8
    let setup = Setup::new();
    let (client, _gate) = setup.held_on_blue();
    setup.teal.wait_in_flight("blue", 1);
    client.reset();
    setup.teal.wait_in_flight("blue", 0);
    assert_eq!(
        setup.teal.metrics().count("teal_requests_aborted_total", &[("cause", "client")]),
        1
    );
    setup.finish();
}

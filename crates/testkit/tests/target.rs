//! The targets and the client do what the other tests rely on.

use std::time::Duration;

use testkit::{
    Behavior, Client, Ending, Framing, Gate, Health, Step, Target, WireError, tungstenite,
    wait_until, websocket,
};

const SOON: Duration = Duration::from_secs(5);

#[test]
fn echo_names_the_target_and_the_request() {
    let target = Target::start("blue");
    let mut client = Client::connect(target.address());
    client.send("GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Id: 7\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.fields.get("x-target"), Some("blue"));
    assert_eq!(answer.fields.get("x-id"), Some("7"));
    assert!(answer.text().starts_with("blue GET /a?b=c 0 "), "{}", answer.text());
    assert_eq!(client.post("/p", b"hello").status, 200);
    let seen = target.seen().requests();
    assert_eq!(seen.len(), 2);
    assert_eq!((&*seen[1].body, seen[1].complete, seen[1].connection), (&b"hello"[..], true, 0));
    assert_eq!(target.seen().connections(), 1);
    target.assert_well_formed();
}

#[test]
fn chunked_uploads_and_trailers_are_recorded() {
    let target = Target::start("blue");
    let mut client = Client::connect(target.address());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("3\r\nabc\r\n2\r\nde\r\n0\r\nX-End: 1\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    let request = &target.seen().requests()[0];
    assert_eq!((&*request.body, request.framing), (&b"abcde"[..], Framing::Chunked));
    assert_eq!(request.trailers.get("x-end"), Some("1"));
}

#[test]
fn anything_but_one_well_formed_request_is_recorded_as_malformed() {
    for bytes in [
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\n",
    ] {
        let target = Target::start("blue");
        let mut client = Client::connect(target.address());
        client.send(bytes);
        assert_eq!(client.ending(SOON).bytes(), b"", "{bytes:?}");
        wait_until(SOON, "the bytes are recorded", || !target.seen().malformed().is_empty());
    }
}

#[test]
fn an_answer_can_be_cut_at_any_byte() {
    let target = Target::start("blue");
    target.behave_at("/reset", Behavior::raw_then_reset("HTTP/1.1 200 OK\r\nContent-Le"));
    target.behave_at(
        "/short",
        Behavior::raw_then_close("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
    );
    let mut client = Client::connect(target.address());
    client.send("GET /reset HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.read_answer(false).map(|_| ()), Err(WireError::Reset));
    let mut client = Client::connect(target.address());
    client.send("GET /short HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(matches!(client.read_answer(false), Err(WireError::Truncated(_))));
}

#[test]
fn a_stopped_target_resets_connections_and_comes_back_on_its_port() {
    let target = Target::start("blue");
    let mut client = Client::connect(target.address());
    assert_eq!(client.get("/").status, 200);
    target.stop();
    assert_eq!(client.ending(SOON), Ending::Reset(Vec::new()));
    assert!(Client::try_connect(target.address()).is_err());
    target.restart();
    assert_eq!(Client::connect(target.address()).get("/").status, 200);
}

#[test]
fn idle_connections_are_closed_on_request() {
    let target = Target::start("blue");
    target.close_idle_after(Some(Duration::from_millis(50)));
    let mut client = Client::connect(target.address());
    assert_eq!(client.get("/").status, 200);
    assert_eq!(client.ending(SOON), Ending::Fin(Vec::new()));
}

#[test]
fn a_gate_holds_requests_until_it_opens() {
    let target = Target::start("blue");
    let gate = Gate::new();
    target.behave(Behavior::Held(gate.clone()));
    let mut client = Client::connect(target.address());
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until(SOON, "the request is there", || target.seen().count() == 1);
    assert!(client.is_quiet());
    gate.open();
    assert_eq!(client.answer().status, 200);
}

#[test]
fn early_answers_and_informational_ones_are_sent_as_scripted() {
    let target = Target::start("blue");
    target.behave_at("/early", Behavior::early("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"));
    target.behave_at("/hints", Behavior::informational(3));
    target.behave_at("/bye", Behavior::Script(vec![Step::Echo, Step::Close]));
    let mut client = Client::connect(target.address());
    client.send("POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(client.answer().status, 413);
    client.send("body");
    assert_eq!(client.get("/hints").informational, [103, 103, 103]);
    assert_eq!(client.get("/bye").status, 200);
    assert_eq!(client.ending(SOON), Ending::Fin(Vec::new()));
}

#[test]
fn health_is_answered_apart_from_the_rest() {
    let target = Target::start("blue");
    target.health(Health::Status(503));
    let mut client = Client::connect(target.address());
    assert_eq!(client.get("/health").status, 503);
    target.health(Health::Redirect("/login".to_owned()));
    assert_eq!(client.get("/health").fields.get("location"), Some("/login"));
    assert_eq!((target.seen().count(), target.seen().probes().len()), (0, 2));
    assert_eq!(target.seen().bytes(), Vec::<Vec<u8>>::new());
}

#[test]
fn tunnels_web_sockets_events_and_downloads_stream() {
    let target = Target::start("blue");
    target.behave_at("/tunnel", Behavior::Tunnel);
    target.behave_at("/ws", Behavior::WebSocket);
    target.behave_at("/events", Behavior::Events { every: Duration::from_millis(1) });
    let pause = Duration::ZERO;
    target.behave_at("/down", Behavior::Download { bytes: 50_000, chunked: true, pause });

    let mut client = Client::connect(target.address());
    client.send("GET /tunnel HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: any\r\n\r\nhi");
    let head = client.read_any_head().expect("a head");
    assert_eq!((head.status, head.fields.get("upgrade")), (101, Some("any")));
    assert_eq!(client.read_bytes(2), b"hi");

    let mut socket = websocket(target.address(), "/ws");
    socket.send(tungstenite::Message::text("one")).expect("sent");
    assert_eq!(socket.read().expect("an echo"), tungstenite::Message::text("one"));

    let mut client = Client::connect(target.address());
    client.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.read_head(false).expect("a head").status, 200);
    client.read_body_until("data: blue 5\n\n");

    let mut client = Client::connect(target.address());
    assert_eq!(client.get("/down").body.len(), 50_000);
}

#[test]
fn queued_behaviors_come_first_and_a_silent_address_stays_silent() {
    let target = Target::start("blue");
    target.behave_next("/", Behavior::raw("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"));
    let mut client = Client::connect(target.address());
    assert_eq!(client.get("/").status, 500);
    assert_eq!(client.get("/").status, 200);
    let silent = testkit::Silent::start();
    assert!(silent.url().starts_with("http://127.0.0.1:"));
}

#[test]
fn a_late_request_on_a_keep_alive_connection_can_be_made_to_cross_its_close() {
    let target = Target::start("blue");
    target.cross_requests_after(Duration::from_millis(30));
    let mut client = Client::connect(target.address());
    assert_eq!(client.get("/").status, 200);
    let late = std::time::Instant::now() + Duration::from_millis(60);
    wait_until(SOON, "the connection was idle for long enough", || {
        std::time::Instant::now() >= late
    });
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.ending(SOON), Ending::Reset(Vec::new()));
    assert_eq!(target.seen().count(), 1);
}

//! Every wait has a deadline, and no dripping moves it: slow clients, slow targets, idle ones.

use std::time::{Duration, Instant};

use testkit::{
    Behavior, Client, Ending, Silent, Step, Target, WireError, tungstenite, wait_until, websocket,
};

use crate::setup::{SOON, Setup};

const DRIP: Duration = Duration::from_millis(20);
/// The limit within which a deadline of some hundred milliseconds must have acted, on a busy machine too.
const CUT_WITHIN: Duration = Duration::from_secs(3);

fn setup(timeouts: &str) -> Setup {
    Setup::with(|settings| settings.timeouts(timeouts))
}

#[test]
fn a_dripped_head_is_cut_at_the_absolute_deadline() {
    // D10 L10
    let setup = setup("request_head = \"300ms\"");
    let mut client = setup.client();
    let begun = Instant::now();
    let sent = client.drip("GET / HTTP/1.1\r\nX-Slow: ".to_owned() + &"x".repeat(500), DRIP);
    assert!(sent < 400 && begun.elapsed() < CUT_WITHIN, "{sent} in {:?}", begun.elapsed());
    assert_eq!(setup.blue.seen().count(), 0);
    let mut client = setup.client();
    client.send("GET / HTTP/1.1\r\nHost:");
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (408, true));
    assert_eq!(client.ending(SOON), Ending::Fin(Vec::new()));
    setup.finish();
}

#[test]
fn a_dripped_body_is_cut_when_it_falls_below_the_least_rate() {
    // D10 L10
    let setup = setup("body_progress = \"300ms\", body_min_bytes = 1024");
    let mut client = setup.client();
    client.send("POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n");
    let begun = Instant::now();
    let sent = client.drip("b".repeat(900), DRIP);
    assert!(sent < 900 && begun.elapsed() < Duration::from_secs(10), "{sent}");
    wait_until(SOON, "the target's connection has ended", || {
        setup.blue.seen().open_connections() == 0
    });
    assert!(setup.blue.seen().requests_to("/up").iter().all(|request| !request.complete));
    setup.finish();
}

#[test]
fn a_steady_body_above_the_least_rate_is_not_cut() {
    let setup = setup("body_progress = \"300ms\", body_min_bytes = 10");
    let mut client = setup.client();
    client.send("POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 60\r\n\r\n");
    assert_eq!(client.drip("b".repeat(60), Duration::from_millis(15)), 60);
    assert_eq!(client.answer().status, 200);
    setup.finish();
}

#[test]
fn a_client_that_never_reads_is_cut_and_its_target_freed() {
    // D10 L10
    let setup = setup("write_stall = \"400ms\"");
    let pause = Duration::ZERO;
    setup.blue.behave_at("/big", Behavior::Download { bytes: 1 << 30, chunked: false, pause });
    let mut client = setup.client();
    client.send("GET /big HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until(SOON, "the download has begun", || setup.blue.seen().count() == 1);
    wait_until(SOON, "the target's connection has ended", || {
        setup.blue.seen().open_connections() == 0
    });
    let metrics = setup.teal.metrics();
    assert_eq!(metrics.count("teal_requests_aborted_total", &[("cause", "deadline")]), 1);
    setup.finish();
}

#[test]
fn an_idle_client_connection_is_closed_after_idle_and_not_before() {
    // D10 L10
    let setup = setup("idle = \"400ms\"");
    let mut client = setup.client();
    assert_eq!(client.get("/").status, 200);
    let begun = Instant::now();
    assert_eq!(client.ending(CUT_WITHIN), Ending::Fin(Vec::new()));
    assert!(begun.elapsed() >= Duration::from_millis(350), "{:?}", begun.elapsed());
    // A connection that never says anything is closed as well.
    let mut client = setup.client();
    assert!(client.ending(Duration::from_secs(15)).ended());
    setup.finish();
}

#[test]
fn a_target_that_never_answers_is_answered_for() {
    // L5: never sent again after a deadline. L10
    let setup = setup("response_head = \"300ms\"");
    setup.blue.behave_at("/hang", Behavior::Hang);
    let begun = Instant::now();
    let answer = setup.client().get("/hang");
    assert_eq!(answer.status, 504);
    assert!(begun.elapsed() < CUT_WITHIN, "{:?}", begun.elapsed());
    assert_eq!(setup.blue.seen().requests_to("/hang").len(), 1);
    setup.finish();
}

#[test]
fn a_target_that_stops_in_the_middle_of_its_answer_is_cut_so_that_it_shows() {
    // L10
    let setup = setup("response_idle = \"300ms\"");
    for (path, answer) in [
        ("/length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        ("/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
    ] {
        let steps = vec![Step::ReadBody, Step::Send(answer.into()), Step::Hang];
        setup.blue.behave_at(path, Behavior::Script(steps));
        let mut client = setup.client();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let cut = client.read_answer(false).map(|answer| answer.status);
        assert!(matches!(cut, Err(WireError::Truncated(_) | WireError::Reset)), "{cut:?}");
    }
    setup.finish();
}

#[test]
fn an_event_stream_may_be_silent_for_as_long_as_a_tunnel() {
    let setup = setup("response_idle = \"200ms\", tunnel_idle = \"20s\"");
    setup.blue.behave_at("/events", Behavior::Events { every: Duration::from_millis(700) });
    let mut client = setup.client();
    client.send("GET /events HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.read_head(false).expect("a head").status, 200);
    client.read_body_until("data: blue 2\n\n");
    drop(client);
    setup.finish();
}

#[test]
fn a_silent_tunnel_is_closed() {
    // L10
    let setup = setup("tunnel_idle = \"300ms\"");
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let mut socket = websocket(setup.teal.listener(), "/ws");
    socket.send(tungstenite::Message::text("hi")).expect("sent");
    assert!(socket.read().is_ok());
    let begun = Instant::now();
    assert!(socket.read().is_err());
    assert!(begun.elapsed() < CUT_WITHIN, "{:?}", begun.elapsed());
    setup.finish();
}

#[test]
fn an_idle_target_connection_is_closed() {
    // L10
    let setup = setup("target_idle = \"300ms\"");
    assert_eq!(setup.client().get("/").status, 200);
    wait_until(CUT_WITHIN, "the target's connection has ended", || {
        setup.blue.seen().open_connections() == 0
    });
    setup.finish();
}

#[test]
fn a_target_that_accepts_no_connection_is_answered_for_within_the_connect_deadline() {
    // L10
    let silent = Silent::start();
    let other = Target::stopped("other");
    let (blue, green) = (silent.url(), other.url());
    let further = format!(
        "[[service]]\nname = \"silent\"\nhosts = [\"silent.test\"]\n\
         blue = {{ targets = [\"{blue}\"] }}\ngreen = {{ targets = [\"{green}\"] }}\n\
         timeouts = {{ connect = \"200ms\" }}\n"
    );
    let setup = Setup::with(|settings| settings.extra(&further));
    let begun = Instant::now();
    let mut client = Client::connect(setup.teal.listener());
    client.send("GET / HTTP/1.1\r\nHost: silent.test\r\n\r\n");
    let answer = client.answer();
    assert!(matches!(answer.status, 502 | 504), "{}", answer.status);
    assert!(begun.elapsed() < CUT_WITHIN, "{:?}", begun.elapsed());
    setup.finish();
}

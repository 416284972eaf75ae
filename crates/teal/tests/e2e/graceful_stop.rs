//! SIGTERM under load: nothing that was begun is cut, and Teal says what it had to cut, and how its
//! books stand at the end.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::http2::{END_STREAM, Frame, get, kind};
use testkit::{
    Behavior, Client, Ending, Load, LoadOptions, Settings, Target, Teal, WireError, wait_until,
};

use crate::TEAL;
use crate::http2::{connect, prior_knowledge};
use crate::setup::{SOON, Setup};

/// An idle connection stays so long after a stop began.
const GOODBYE: Duration = Duration::from_secs(2);
const ABORTED: [&str; 5] = ["client", "target", "drain", "deadline", "shutdown"];

/// The books as the log shows them at the end of a stop.
struct Books(String);

impl Books {
    /// Panics unless they were shown, once, and balance.
    #[track_caller]
    fn of(teal: &Teal) -> Self {
        let log = teal.log();
        let lines = log.lines().filter(|line| line.contains("the books of all requests"));
        let lines = lines.map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines.len(), 1, "{log}");
        let books = Books(lines.concat());
        assert_eq!(books.figure("difference"), 0, "{}", books.0);
        let ended = books.answered() + books.aborted();
        assert_eq!(books.figure("accepted"), ended + books.figure("in_flight"), "{}", books.0);
        books
    }

    #[track_caller]
    fn figure(&self, name: &str) -> i64 {
        let words = self.0.split_whitespace().filter_map(|word| word.split_once('='));
        let mut found = words.filter(|(key, _)| *key == name).map(|(_, value)| value);
        found.next_back().and_then(|value| value.parse().ok()).expect(name)
    }

    fn answered(&self) -> i64 {
        ["blue", "green", "teal"].map(|by| self.figure(&format!("answered_by_{by}"))).iter().sum()
    }

    fn aborted(&self) -> i64 {
        ABORTED.map(|by| self.figure(&format!("aborted_by_{by}"))).iter().sum()
    }
}

#[test]
fn a_graceful_stop_under_load_cuts_nothing() {
    // L8
    let mut setup = Setup::new();
    setup.blue.behave_at("/slow", Behavior::Slow(Duration::from_millis(400)));
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    let mut slow = (0..4).map(|_| setup.client()).collect::<Vec<_>>();
    for client in &mut slow {
        client.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    wait_until(SOON, "slow requests are in flight", || {
        setup.blue.seen().requests_to("/slow").len() == 4
    });
    load.expect_end();
    setup.teal.signal(Signal::TERM);
    for client in &mut slow {
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        assert!(answer.closes(), "the answer says that the connection ends");
    }
    assert_eq!(setup.teal.wait_exit(SOON), Some(0));
    let report = load.stop();
    assert_eq!(report.lost, 0, "{:#?}", report.evidence);
    assert!(Client::try_connect(setup.teal.listener()).is_err());
    setup.blue.assert_well_formed();
    let books = Books::of(&setup.teal);
    let asked = i64::try_from(report.sent).expect("a small number") + 4;
    assert_eq!(books.figure("accepted"), asked, "{}", books.0);
    assert_eq!((books.figure("answered_by_blue"), books.aborted()), (asked, 0), "{}", books.0);
}

#[test]
fn requests_cut_by_the_drain_timeout_at_the_stop_are_reported() {
    // L8
    let mut setup = Setup::with(|settings| settings.drain("300ms"));
    let (mut client, _gate) = setup.held_on_blue();
    setup.teal.signal(Signal::TERM);
    let cut = client.read_answer(false);
    let told = cut.as_ref().is_ok_and(|answer| matches!(answer.status, 503 | 504));
    let aborted =
        matches!(cut, Err(WireError::Closed | WireError::Truncated(_) | WireError::Reset));
    assert!(told || aborted, "{cut:?}");
    assert_eq!(setup.teal.wait_exit(SOON), Some(0));
    let log = setup.teal.log();
    assert!(log.contains("1 requests were cut after 300ms"), "{log}");
    let books = Books::of(&setup.teal);
    let found = ["accepted", "answered_by_teal", "aborted_by_shutdown", "in_flight"];
    let expected = [1, i64::from(told), i64::from(aborted), 0];
    assert_eq!(found.map(|name| books.figure(name)), expected, "{}", books.0);
}

#[test]
fn requests_of_http_2_that_are_cut_are_answered_and_counted_as_cut() {
    // L8
    let mut setup = Setup::with(|settings| prior_knowledge(settings).drain("300ms"));
    setup.blue.behave_at("/hang", Behavior::Hang);
    let mut client = connect(&setup);
    let streams = [(); 3].map(|()| client.open(get("/hang"), END_STREAM));
    wait_until(SOON, "they are in flight", || setup.teal.color("blue")["in_flight"] == 3);
    setup.teal.signal(Signal::TERM);
    let frames = client.rest();
    for stream in streams {
        let told = |frame: &&Frame| frame.kind == kind::HEADERS && frame.stream == stream;
        assert!(frames.iter().find(told).is_some(), "{frames:?}");
    }
    assert_eq!(setup.teal.wait_exit(SOON), Some(0));
    let books = Books::of(&setup.teal);
    let found = ["accepted", "answered_by_teal", "aborted_by_client", "in_flight"];
    assert_eq!(found.map(|name| books.figure(name)), [3, 3, 0, 0], "{}", books.0);
}

#[test]
fn a_second_signal_ends_it_at_once_with_1() {
    let mut setup = Setup::with(|settings| settings.drain("60s"));
    let (_client, _gate) = setup.held_on_blue();
    setup.teal.signal(Signal::INT);
    wait_until(SOON, "it is stopping", || Client::try_connect(setup.teal.listener()).is_err());
    assert!(setup.teal.is_running());
    setup.teal.signal(Signal::INT);
    assert_eq!(setup.teal.wait_exit(SOON), Some(1));
    // L8: what was under way is not lost from the books, though nobody knows its end.
    let books = Books::of(&setup.teal);
    assert_eq!((books.figure("accepted"), books.figure("in_flight")), (1, 1), "{}", books.0);
}

#[test]
fn an_idle_connection_does_not_delay_the_stop_beyond_its_idle_time() {
    // L7
    let mut setup = Setup::with(|settings| settings.timeouts("idle = \"1s\""));
    let mut idle = setup.client();
    assert_eq!(idle.get("/").status, 200);
    let mut busy = setup.client();
    assert_eq!(busy.get("/").status, 200);
    setup.teal.signal(Signal::TERM);
    wait_until(SOON, "it is stopping", || Client::try_connect(setup.teal.listener()).is_err());
    // A request that comes meanwhile on a kept connection is still answered.
    let answer = busy.get("/late");
    assert_eq!((answer.status, answer.closes()), (200, true));
    assert!(idle.ending(SOON).ended());
    assert_eq!(setup.teal.wait_exit(SOON), Some(0));
    let books = Books::of(&setup.teal);
    assert_eq!((books.figure("accepted"), books.figure("answered_by_blue")), (3, 3), "{}", books.0);
}

#[test]
fn an_idle_connection_is_kept_for_two_seconds_of_a_stop_and_answered_meanwhile() {
    // L7 L8
    let mut setup = Setup::new();
    let (mut idle, mut late) = (setup.client(), setup.client());
    for client in [&mut idle, &mut late] {
        assert_eq!(client.get("/").status, 200);
    }
    let begun = Instant::now();
    setup.teal.signal(Signal::TERM);
    // Not luck: as late as a client may come that is to be sure of its answer.
    thread::sleep(GOODBYE * 3 / 4);
    let answer = late.get("/late");
    assert_eq!((answer.status, answer.closes()), (200, true));
    assert_eq!(late.ending(SOON), Ending::Fin(Vec::new()));
    assert_eq!(idle.ending(SOON), Ending::Fin(Vec::new()));
    let kept = begun.elapsed();
    assert!(kept >= GOODBYE && kept < GOODBYE + SOON, "{kept:?}");
    assert_eq!(setup.teal.wait_exit(SOON), Some(0));
    let books = Books::of(&setup.teal);
    assert_eq!((books.figure("accepted"), books.figure("answered_by_blue")), (3, 3), "{}", books.0);
}

#[test]
fn the_books_are_shown_to_programs_as_numbers() {
    // L8
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    teal.spawn(&["--log", "json"]);
    teal.wait_ready();
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    assert_eq!(teal.stop(SOON), Some(0));
    let events = teal.log().lines().map(serde_json::from_str).collect::<Result<Vec<_>, _>>();
    let mut events: Vec<serde_json::Value> = events.expect("every line is JSON");
    events.retain(|event| event["message"] == "the books of all requests");
    assert_eq!(events.len(), 1, "{}", teal.log());
    for (name, number) in [("accepted", 1), ("answered_by_blue", 1), ("difference", 0)] {
        assert_eq!(events[0][name], number, "{name} of {}", events[0]);
    }
}

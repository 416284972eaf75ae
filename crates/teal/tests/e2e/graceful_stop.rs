//! SIGTERM under load: nothing that was begun is cut, and Teal says what it had to cut.

use std::time::Duration;

use rustix::process::Signal;
use testkit::{Behavior, Client, Load, LoadOptions, WireError, wait_until};

use crate::stage::{SOON, Stage};

#[test]
fn a_graceful_stop_under_load_cuts_nothing() {
    let mut stage = Stage::new();
    stage.blue.behave_at("/slow", Behavior::Slow(Duration::from_millis(400)));
    let load = Load::start(stage.teal.listener(), LoadOptions::default());
    let mut slow = (0..4).map(|_| stage.client()).collect::<Vec<_>>();
    for client in &mut slow {
        client.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    wait_until(SOON, "slow requests are in flight", || {
        stage.blue.seen().requests_to("/slow").len() == 4
    });
    load.expect_end();
    stage.teal.signal(Signal::TERM);
    for client in &mut slow {
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        assert!(answer.closes(), "the answer says that the connection ends");
    }
    assert_eq!(stage.teal.wait_exit(SOON), Some(0));
    let report = load.stop();
    assert_eq!(report.lost, 0, "{:#?}", report.evidence);
    assert!(Client::try_connect(stage.teal.listener()).is_err());
    stage.blue.assert_well_formed();
}

#[test]
fn what_the_drain_timeout_cuts_at_the_stop_is_said() {
    let mut stage = Stage::with(|settings| settings.drain("300ms"));
    let (mut client, _gate) = stage.held_on_blue();
    stage.teal.signal(Signal::TERM);
    let cut = client.read_answer(false);
    let told = cut.as_ref().is_ok_and(|answer| matches!(answer.status, 503 | 504));
    let aborted =
        matches!(cut, Err(WireError::Closed | WireError::Truncated(_) | WireError::Reset));
    assert!(told || aborted, "{cut:?}");
    assert_eq!(stage.teal.wait_exit(SOON), Some(0));
    let log = stage.teal.log();
    assert!(log.contains("cut") && log.contains('1'), "{log}");
}

#[test]
fn a_second_signal_ends_it_at_once_with_1() {
    let mut stage = Stage::with(|settings| settings.drain("60s"));
    let (_client, _gate) = stage.held_on_blue();
    stage.teal.signal(Signal::INT);
    wait_until(SOON, "it is stopping", || Client::try_connect(stage.teal.listener()).is_err());
    assert!(stage.teal.is_running());
    stage.teal.signal(Signal::INT);
    assert_eq!(stage.teal.wait_exit(SOON), Some(1));
}

#[test]
fn an_idle_connection_does_not_delay_the_stop_beyond_its_idle_time() {
    // L7
    let mut stage = Stage::with(|settings| settings.timeouts("idle = \"1s\""));
    let mut idle = stage.client();
    assert_eq!(idle.get("/").status, 200);
    let mut busy = stage.client();
    assert_eq!(busy.get("/").status, 200);
    stage.teal.signal(Signal::TERM);
    wait_until(SOON, "it is stopping", || Client::try_connect(stage.teal.listener()).is_err());
    // A request that comes meanwhile on a kept connection is still answered.
    let answer = busy.get("/late");
    assert_eq!((answer.status, answer.closes()), (200, true));
    assert!(idle.ending(SOON).ended());
    assert_eq!(stage.teal.wait_exit(SOON), Some(0));
}

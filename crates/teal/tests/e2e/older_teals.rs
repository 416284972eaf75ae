//! Older Teals that still end their last requests, while a newer one crashes, or one of them.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::{Client, Gate, signal_process, wait_until};

use crate::setup::{SOON, Setup, beside};
use crate::upgrade::LEFT;

/// A chain of Teals, the oldest first, each with a request on blue; and the one that serves, without.
struct Chain {
    setup: Setup,
    held: Vec<(Client, Gate)>,
    pids: Vec<u32>,
}

impl Chain {
    fn of(older: usize) -> Self {
        let mut setup = Setup::new();
        let (mut held, mut pids) = (Vec::new(), Vec::new());
        for count in 1..=older {
            held.push(setup.held_on_blue());
            pids.push(setup.teal.pid());
            setup.teal.upgrade();
            wait_until(LEFT, "the trial is over", || {
                setup.teal.log().matches("finishing open requests").count() == count
            });
        }
        pids.push(setup.teal.pid());
        Self { setup, held, pids }
    }

    /// Switches away from blue: not drained before the last of these has been answered.
    fn switch_waits_for(&mut self, places: &[usize]) {
        let teal = &self.setup.teal;
        teal.wait_healthy("green", true);
        let switched = beside(teal, &["switch", "green", "--drain", "30s"]);
        wait_until(SOON, "it is published", || self.setup.who() == "green");
        for (left, place) in (0..places.len()).rev().zip(places) {
            assert!(!switched.is_finished(), "an older one has a request on blue");
            let (client, gate) = &mut self.held[*place];
            gate.open();
            assert_eq!(client.answer().status, 200);
            if left > 0 {
                teal.wait_in_flight("blue", left as u64);
            }
        }
        let switched = switched.join().expect("no panic");
        assert_eq!(switched.code, Some(0), "{}", switched.stderr);
    }

    fn finish(self) {
        self.setup.teal.wait_alone(LEFT);
        self.setup.finish();
    }
}

#[test]
fn requests_of_an_older_teal_are_counted_by_the_one_started_after_a_crash() {
    // L4
    let mut chain = Chain::of(2);
    let teal = &mut chain.setup.teal;
    for _ in 0..2 {
        let killed = teal.kill_serving();
        teal.wait_revived(killed);
        teal.wait_in_flight("blue", 2);
        wait_until(SOON, "the older one is in the status", || {
            teal.status()["teal"]["older_pid"] == chain.pids[1]
        });
    }
    assert_eq!(teal.processes(), 3);
    chain.switch_waits_for(&[0, 1]);
    chain.finish();
}

#[test]
fn an_older_teal_that_hangs_does_not_delay_the_one_started_after_a_crash() {
    // L4 L7 L10
    let mut chain = Chain::of(1);
    let teal = &mut chain.setup.teal;
    signal_process(chain.pids[0], Signal::STOP);
    for _ in 0..2 {
        let killed = teal.kill_serving();
        let began = Instant::now();
        assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
        teal.wait_revived(killed);
        assert!(began.elapsed() < Duration::from_secs(6), "ready after {:?}", began.elapsed());
    }
    signal_process(chain.pids[0], Signal::CONT);
    teal.wait_in_flight("blue", 1);
    chain.switch_waits_for(&[0]);
    chain.finish();
}

/// The one in the middle of a chain ends, with what is older than it still there.
fn the_middle_one_ends(how: Signal) {
    let mut chain = Chain::of(2);
    let teal = &mut chain.setup.teal;
    signal_process(chain.pids[1], how);
    if how != Signal::KILL {
        let (client, gate) = &mut chain.held[1];
        gate.open();
        assert_eq!(client.answer().status, 200, "it stops gracefully");
    }
    wait_until(SOON, "it has gone", || teal.processes() == 2);
    teal.wait_in_flight("blue", 1);
    wait_until(SOON, "the next older one is in the status", || {
        teal.status()["teal"]["older_pid"] == chain.pids[0]
    });
    // It is still so after a crash.
    let killed = teal.kill_serving();
    teal.wait_revived(killed);
    teal.wait_in_flight("blue", 1);
    chain.switch_waits_for(&[0]);
    chain.finish();
}

#[test]
fn teals_older_than_one_that_is_killed_stay_counted() {
    // L4
    the_middle_one_ends(Signal::KILL);
}

#[test]
fn teals_older_than_one_that_is_stopped_stay_counted() {
    // L4
    the_middle_one_ends(Signal::TERM);
}

#[test]
fn nothing_is_drained_before_the_teals_behind_a_killed_one_are_known() {
    // L4
    let mut chain = Chain::of(2);
    let teal = &chain.setup.teal;
    teal.wait_healthy("green", true);
    let switched = beside(teal, &["switch", "green", "--drain", "30s"]);
    wait_until(SOON, "it is published", || chain.setup.who() == "green");
    teal.signal(Signal::STOP); // the parent, which says it
    signal_process(chain.pids[1], Signal::KILL);
    assert!(chain.held[1].0.read_answer(false).is_err(), "it has gone");
    for _ in 0..50 {
        assert_eq!(teal.color("blue")["in_flight"], 2);
        assert!(!switched.is_finished());
    }
    teal.signal(Signal::CONT);
    teal.wait_in_flight("blue", 1);
    assert!(!switched.is_finished());
    let (client, gate) = &mut chain.held[0];
    gate.open();
    assert_eq!(client.answer().status, 200);
    let switched = switched.join().expect("no panic");
    assert_eq!(switched.code, Some(0), "{}", switched.stderr);
    chain.finish();
}

#[test]
fn nothing_is_counted_twice_when_older_teals_in_the_middle_are_killed() {
    // L4 L8
    let mut chain = Chain::of(3);
    let accepted =
        |chain: &Chain| chain.setup.teal.metrics().count("teal_requests_accepted_total", &[]);
    for _ in 0..20 {
        assert_eq!(chain.setup.who(), "blue");
    }
    let before = accepted(&chain);
    for (killed, left) in [(2, 2), (1, 1)] {
        signal_process(chain.pids[killed], Signal::KILL);
        chain.setup.teal.wait_in_flight("blue", left);
        assert_eq!(accepted(&chain), before);
    }
    assert_eq!(chain.setup.teal.status()["teal"]["pid"], chain.pids[3], "it serves on");
    chain.switch_waits_for(&[0]);
    chain.finish();
}

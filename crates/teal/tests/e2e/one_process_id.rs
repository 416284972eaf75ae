//! The process that is started stays the same, keeps the listening sockets, and starts another serving
//! Teal if one dies.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::{Behavior, Client, Load, LoadOptions, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::hostile_clients::resident;
use crate::setup::{SOON, Setup};
use crate::upgrade::LEFT;

#[test]
fn a_serving_teal_that_is_killed_is_started_again_and_no_connection_is_refused() {
    // L6 L7
    let mut setup = Setup::new();
    setup.teal.switch_to("green");
    let (at, parent) = (setup.teal.listener(), setup.teal.parent_pid());
    for _ in 0..3 {
        let killed = setup.teal.kill_serving();
        for _ in 0..8 {
            assert_eq!(Client::connect(at).get("/").fields.get("x-target"), Some("green"));
        }
        assert_ne!(setup.teal.wait_revived(killed), killed);
        assert_eq!((setup.teal.listener(), setup.teal.parent_pid()), (at, parent));
    }
    setup.teal.log_has(&["ERROR", "was killed by signal 9", "this one serves in its place"]);
    setup.teal.wait_healthy("blue", true);
    setup.teal.switch_to("blue");
    setup.teal.upgrade();
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn a_serving_teal_that_keeps_dying_ends_the_parent_with_its_status() {
    let mut setup = Setup::new();
    let began = Instant::now();
    while setup.teal.is_running() && began.elapsed() < Duration::from_secs(60) {
        if setup.teal.serving().is_some() {
            setup.teal.kill_serving();
        }
        // Not luck: killed as soon as it is seen, the loop ends when the parent does.
        thread::sleep(Duration::from_millis(5));
    }
    assert!(began.elapsed() > Duration::from_secs(5), "it waits between one start and the next");
    assert_eq!(setup.teal.wait_exit(SOON), Some(137));
    assert!(setup.teal.log().contains("8 in a row: giving up"), "{}", setup.teal.log());
}

#[test]
fn if_the_parent_is_killed_all_end_gracefully() {
    // L7
    let mut setup = Setup::new();
    setup.blue.behave_at("/slow", Behavior::Slow(Duration::from_millis(400)));
    let mut client = setup.client();
    client.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until(SOON, "it is in flight", || !setup.blue.seen().requests_to("/slow").is_empty());
    setup.teal.signal(Signal::KILL);
    assert_eq!(client.answer().status, 200);
    // The log ends when the last process that writes to it has.
    assert_eq!(setup.teal.wait_exit(SOON), None);
    assert!(setup.teal.log().contains("the parent process has ended"), "{}", setup.teal.log());
    setup.teal.start_again();
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn r59_a_stop_after_an_upgrade_waits_for_requests_in_flight_in_both() {
    // L7
    let mut setup = Setup::new();
    setup.blue.behave_at("/slow", Behavior::Slow(Duration::from_millis(1_500)));
    let ask = |setup: &Setup| {
        let mut client = setup.client();
        client.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
        client
    };
    let mut clients = vec![ask(&setup)];
    wait_until(SOON, "one is in flight", || setup.blue.seen().requests_to("/slow").len() == 1);
    setup.teal.upgrade();
    clients.push(ask(&setup));
    wait_until(SOON, "two are in flight", || setup.blue.seen().requests_to("/slow").len() == 2);
    setup.teal.signal(Signal::TERM);
    for mut client in clients {
        assert_eq!(client.answer().status, 200, "the older and the newer one wait");
    }
    assert_eq!(setup.teal.wait_exit(SOON), Some(0));
}

#[test]
fn r40_a_signal_to_the_one_that_serves_stops_all_and_to_one_that_leaves_itself_alone() {
    let mut setup = Setup::new();
    let (mut held, gate) = setup.held_on_blue();
    let older = setup.teal.pid();
    setup.teal.upgrade();
    wait_until(LEFT, "the trial is over", || setup.teal.log().contains("leaving: finishing open"));
    testkit::signal_process(older, Signal::TERM);
    setup.teal.log_has(&["SIGTERM: stopping"]);
    gate.open();
    assert_eq!(held.answer().status, 200);
    setup.teal.wait_alone(LEFT);
    assert_eq!(setup.who(), "blue");
    testkit::signal_process(setup.teal.pid(), Signal::TERM);
    assert_eq!(setup.teal.wait_exit(SOON), Some(0));
}

#[test]
fn r39_signals_in_the_first_milliseconds_of_a_start_do_not_end_it() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2] {
        teal.spawn(&[]);
        wait_until(SOON, "the parent is there", || teal.serving().is_some());
        let child = teal.serving().expect("it is there");
        for _ in 0..20 {
            teal.signal(signal);
            testkit::signal_process(child, signal); // as `systemctl kill` does
            // Not luck: signals at many instants of the start are the point of the test.
            thread::sleep(Duration::from_millis(2));
        }
        teal.wait_ready();
        assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
        teal.kill();
    }
}

#[test]
fn a_signal_that_reaches_every_process_counts_once() {
    let mut setup = Setup::new();
    setup.blue.behave_at("/slow", Behavior::Slow(Duration::from_millis(1_500)));
    for parent_first in [false, true] {
        let before = setup.blue.seen().requests_to("/slow").len();
        let mut client = setup.client();
        client.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
        wait_until(SOON, "it is in flight", || {
            setup.blue.seen().requests_to("/slow").len() > before
        });
        let mut pids = [setup.teal.pid(), setup.teal.parent_pid()]; // as Ctrl-C does
        if parent_first {
            pids.reverse();
        }
        testkit::signal_process(pids[0], Signal::INT);
        setup.teal.log_has(&["SIGINT: stopping"]);
        testkit::signal_process(pids[1], Signal::INT);
        assert_eq!(client.answer().status, 200);
        assert_eq!(setup.teal.wait_exit(SOON), Some(0));
        setup.teal.start_again();
    }
}

#[test]
fn the_parent_is_small_and_stays_so_over_upgrades() {
    let mut setup = Setup::new();
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    let parent = setup.teal.parent_pid();
    let descriptors =
        || fs::read_dir(format!("/proc/{parent}/fd")).expect("its descriptors").count();
    setup.teal.upgrade();
    setup.teal.wait_alone(LEFT);
    let (before, memory) = (descriptors(), resident(parent));
    for _ in 0..20 {
        setup.teal.upgrade();
        load.wait_for_more(20);
    }
    setup.teal.wait_alone(LEFT);
    load.stop().assert_nothing_lost();
    wait_until(SOON, "the parent has closed what it opened", || descriptors() <= before);
    let after = resident(parent);
    assert!(after <= memory + (64 << 10), "{memory} before and {after} after");
    assert_eq!(setup.teal.parent_pid(), parent);
    setup.finish();
}

#[test]
fn the_parent_goes_on_as_the_installed_program_under_the_same_process_id() {
    // L7
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let directory = tempfile::tempdir().expect("a directory");
    let installed = directory.path().join("teal");
    let install = || {
        let new = directory.path().join("new");
        fs::copy(TEAL, &new).expect("a copy");
        fs::rename(&new, &installed).expect("the place of the old one");
    };
    install();
    let program = installed.to_str().expect("a path of text").to_owned();
    let mut teal = Teal::start_healthy(&program, &Settings::new(&blue, &green));
    let parent = teal.parent_pid();
    let runs = || {
        let runs = fs::metadata(format!("/proc/{parent}/exe")).expect("it runs");
        runs.ino() == fs::metadata(&installed).expect("it is installed").ino()
    };
    let load = Load::start(teal.listener(), LoadOptions::default());
    for _ in 0..3 {
        install();
        assert!(!runs());
        teal.upgrade();
        wait_until(LEFT, "the parent is the newer program", runs);
        assert_eq!(teal.parent_pid(), parent);
        load.wait_for_more(20);
    }
    load.stop().assert_nothing_lost();
    // The parent's copy of the configuration goes with it.
    fs::remove_file(teal.config()).expect("it was there");
    let killed = teal.kill_serving();
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    assert_ne!(teal.wait_revived(killed), killed);
    teal.signal(Signal::TERM);
    assert_eq!(teal.wait_exit(SOON), Some(0), "{}", teal.log());
}

#[test]
fn a_crash_after_the_trial_loses_only_requests_in_flight_and_refuses_no_connection() {
    // L7
    let setup = Setup::new();
    let mut teal = setup.teal;
    let options = LoadOptions { connections: 16, ..LoadOptions::default() };
    for upgraded in [false, true] {
        if upgraded {
            teal.upgrade();
            teal.wait_alone(LEFT);
        }
        let load = Load::start(teal.listener(), options);
        load.wait_for_more(200);
        let killed = teal.kill_serving();
        load.wait_for_more(200);
        teal.wait_revived(killed);
        let report = load.stop();
        // Each connection has at most one request in flight. Others lose nothing, however long they
        // wait for the next Teal.
        assert!(report.lost <= options.connections as u64, "{report:?}");
        let refused = |why: &String| why.contains("no connection");
        assert!(!report.evidence.iter().any(refused), "{report:?}");
        assert_eq!(report.sent, report.lost + report.answered.values().sum::<u64>(), "{report:?}");
    }
    teal.assert_books_balance();
}

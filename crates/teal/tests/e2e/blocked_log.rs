//! Standard error that nobody reads: traffic and changes go on, and lost log lines are counted and
//! reported.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;
use testkit::{Teal, signal_process, wait_for};

use crate::TEAL;
use crate::setup::{SOON, Setup};

/// A Teal whose log passes a reader of its own, which is stopped until more was logged than fits.
fn unread() -> (Setup, u32, TempDir) {
    let mut setup = Setup::new();
    let directory = tempfile::tempdir().expect("a directory");
    let pid = directory.path().join("reader");
    let reader = format!("echo $BASHPID > {0}.new; mv {0}.new {0}; exec cat >&2", pid.display());
    let script = format!("exec bash -c 'exec \"{TEAL}\" \"$@\" 2> >({reader})' teal \"$@\"\n");
    setup.teal.stop(SOON);
    setup.teal.start_again_by(&Teal::script(directory.path(), &script));
    let reader = wait_for(SOON, "the reader is there", || {
        fs::read_to_string(&pid).ok()?.trim().parse::<u32>().ok()
    });
    setup.teal.wait_healthy("green", true);
    signal_process(reader, Signal::STOP);
    let began = Instant::now();
    while dropped(&setup) == 0 {
        for _ in 0..200 {
            let stale = [("If-Match", "\"77\"")];
            assert_eq!(setup.teal.ask("POST", "/admin/switch?to=green", &stale).status, 412);
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is dropped");
    }
    (setup, reader, directory)
}

fn dropped(setup: &Setup) -> u64 {
    setup.teal.metrics().count("teal_log_dropped_total", &[])
}

#[test]
fn r17_dropped_log_lines_are_counted_and_reported_once_the_log_is_read_again() {
    // L10
    let (setup, reader, _directory) = unread();
    setup.teal.switch_to("green");
    assert_eq!(setup.who(), "green");
    let count = dropped(&setup);
    signal_process(reader, Signal::CONT);
    setup.teal.log_has(&["lines of this log were dropped", &format!("dropped={count}")]);
    setup.finish();
}

#[test]
fn r17_an_unread_log_delays_neither_a_restart_after_a_crash_nor_the_last_exit() {
    // L7 L10
    let (mut setup, reader, _directory) = unread();
    let killed = setup.teal.kill_serving();
    assert_eq!(setup.who(), "blue");
    assert!(setup.teal.serving().is_some_and(|pid| pid != killed));
    let began = Instant::now();
    while setup.teal.is_running() && began.elapsed() < Duration::from_secs(60) {
        if setup.teal.serving().is_some() {
            setup.teal.kill_serving();
        }
        // Not luck: killed as soon as it is seen, the loop ends when the parent does.
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!setup.teal.is_running(), "the parent has given up, and does not wait to say so");
    signal_process(reader, Signal::CONT);
    assert_eq!(setup.teal.wait_exit(SOON), Some(137));
}

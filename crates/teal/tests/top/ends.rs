//! Every end leaves the terminal as it was; and where there is no terminal, that is told.

use rustix::process::Signal;
use testkit::wait_until;

use crate::{SOON, TEAL, Watched, ended, opened, shows};

#[test]
fn signals_end_it_and_leave_the_terminal_as_it_was() {
    let watched = Watched::new();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut top = opened(&watched.teal, &[]);
        shows(&top, &["● connected"]);
        assert!(!top.is_as_usual());
        top.signal(signal);
        ended(&mut top, 130);
    }
    watched.finish();
}

#[test]
fn ctrl_z_and_a_stop_signal_give_the_terminal_back_until_it_goes_on() {
    let mut watched = Watched::new();
    for by_key in [true, false] {
        if by_key {
            watched.top.press("\x1a");
        } else {
            watched.top.signal(Signal::TSTP);
        }
        wait_until(SOON, "the terminal is as usual", || watched.top.is_as_usual());
        wait_until(SOON, "the screen is back", || {
            watched.top.signal(Signal::CONT); // one that comes before the stop is lost
            !watched.top.is_as_usual()
        });
        watched.shows(&["● BLUE: active", "q quit"]);
    }
    watched.top.press("q");
    ended(&mut watched.top, 0);
}

#[test]
fn a_terminal_that_nobody_reads_delays_neither_a_key_nor_a_signal() {
    // L10
    let watched = Watched::new();
    for by_key in [true, false] {
        let mut top = opened(&watched.teal, &[]);
        shows(&top, &["● connected"]);
        top.resize(500, 100);
        top.ignore();
        stalled(&mut top);
        if by_key {
            top.press("q");
        } else {
            top.signal(Signal::TERM);
        }
        let code = top.wait(SOON);
        assert_eq!(code, Some(if by_key { 0 } else { 130 }));
        assert!(top.is_as_usual());
    }
    watched.finish();
}

/// Has everything drawn again until nothing more is written, though it is asked for.
#[track_caller]
fn stalled(top: &mut testkit::OnTerminal) {
    let (mut written, mut in_vain) = (0, 0);
    wait_until(SOON, "the terminal takes no more", || {
        top.press("\x0c");
        let now = top.written();
        // A picture has thousands of bytes; what wakes the program's own tasks counts as well.
        in_vain = if now < written + 500 { in_vain + 1 } else { 0 };
        written = now;
        in_vain > 100
    });
}

#[test]
fn a_terminal_that_is_resized_is_drawn_anew_and_one_that_is_too_small_says_so() {
    let mut watched = Watched::new();
    watched.top.resize(40, 10);
    watched.shows(&["teal top needs 56×16, this is 40×10"]);
    watched.top.resize(80, 24);
    watched.shows(&["● BLUE: active", "q quit"]);
    watched.top.press("?");
    watched.shows(&["Keys and signs"]);
    watched.top.press("qq");
    ended(&mut watched.top, 0);
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let watched = Watched::new();
    let piped = watched.teal.cli(&["top"]);
    piped.assert_code(2);
    assert!(piped.stderr.contains("teal top needs a terminal"), "{}", piped.all());
    assert!(piped.stderr.contains("teal top --once") && piped.stdout.is_empty(), "{}", piped.all());
    let json = watched.teal.cli(&["top", "--json"]);
    json.assert_code(2);
    assert!(json.stdout.contains("teal top --once --json"), "{}", json.all());
    watched.finish();
}

#[test]
fn a_teal_that_cannot_be_reached_is_told_before_there_is_a_screen() {
    let address = testkit::free_address();
    let admin = format!("http://{address}");
    let top =
        testkit::OnTerminal::start_with_keyboard(TEAL.as_ref(), ["top", "--admin", &admin], &[]);
    let (code, shown) = top.end(SOON);
    assert_eq!(code, Some(4), "{shown}");
    assert!(shown.contains("cannot reach Teal at") && !shown.contains("\x1b[?1049h"), "{shown:?}");
    let run = |verb: &[&str]| {
        let arguments = verb.iter().copied().chain(["--admin", &admin]);
        testkit::run(TEAL.as_ref(), arguments, &[], SOON)
    };
    let (once, status) = (run(&["top", "--once"]), run(&["status"]));
    assert_eq!((once.code, &once.stderr), (Some(4), &status.stderr));
}

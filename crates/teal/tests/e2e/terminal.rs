//! Color and live progress are for a person at a terminal; a script gets neither.

use testkit::{Health, OnTerminal, wait_for, wait_until};

use crate::setup::{SOON, Setup, beside};

const NO_COLOR: (&str, &str) = ("NO_COLOR", "1");

/// Starts a verb against this Teal on a terminal.
fn on_terminal(setup: &Setup, arguments: &[&str], further: &[(&str, &str)]) -> OnTerminal {
    let admin = format!("http://{}", setup.teal.admin());
    let token = setup.teal.token();
    let mut environment = vec![("TEAL_ADMIN", &*admin), ("TEAL_TOKEN", &*token)];
    environment.extend(further);
    OnTerminal::start(setup.teal.program(), arguments, &environment)
}

/// Returns true if some of it is colored: a control sequence that ends in `m`.
fn is_colored(text: &str) -> bool {
    text.split("\x1b[").skip(1).any(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
    })
}

#[test]
fn important_words_are_colored_only_on_a_terminal_and_not_with_no_color() {
    let setup = Setup::new();
    let refused = &["switch", "blue", "--if-generation", "99"];
    setup.teal.switch_to("green");
    for (arguments, code) in [(&["status"][..], 0), (&["switch", "green"], 0), (refused, 3)] {
        let (colored, shown) = on_terminal(&setup, arguments, &[]).end(SOON);
        assert_eq!(colored, Some(code), "{shown}");
        // A switch that has nothing to do prints nothing that needs a color.
        assert_eq!(is_colored(&shown), arguments != ["switch", "green"], "{shown:?}");
        let (plain, shown) = on_terminal(&setup, arguments, &[NO_COLOR]).end(SOON);
        assert_eq!(plain, Some(code), "{shown}");
        assert!(!is_colored(&shown), "{shown:?}");
        let piped = setup.teal.cli(arguments);
        piped.assert_code(code);
        assert!(!piped.all().contains('\x1b'), "{:?}", piped.all());
    }
    setup.finish();
}

#[test]
fn a_switch_that_drains_shows_how_far_it_is_on_a_terminal() {
    for further in [&[][..], &[NO_COLOR]] {
        let setup = Setup::with(|settings| settings.drain("60s"));
        let (mut held, gate) = setup.held_on_blue();
        let switch = on_terminal(&setup, &["switch", "green"], further);
        // Leases left, the age of the oldest, the time to the deadline.
        wait_until(SOON, "the drain is drawn", || {
            let shown = switch.shown();
            shown.contains("web: blue is draining 1, oldest ")
                && shown.contains(" to the deadline: do not stop blue")
        });
        gate.open();
        assert_eq!(held.answer().status, 200);
        let (code, shown) = switch.end(SOON);
        assert_eq!(code, Some(0), "{shown}");
        // Progress stands on one line, and the answer in its place.
        assert!(shown.contains("\r\x1b[2KSwitched from blue to green"), "{shown:?}");
        assert_eq!(is_colored(&shown), further.is_empty(), "{shown:?}");
        setup.finish();
    }
}

#[test]
fn a_switch_that_drains_draws_nothing_for_a_script() {
    let setup = Setup::new();
    let (mut held, gate) = setup.held_on_blue();
    let switch = beside(&setup.teal, &["switch", "green", "--json"]);
    wait_until(SOON, "the age of the oldest request is known", || {
        let blue = setup.teal.color("blue");
        blue["role"] == "draining" && blue["oldest_age_seconds"].is_number()
    });
    gate.open();
    assert_eq!(held.answer().status, 200);
    let result = switch.join().expect("the command ran");
    result.assert_code(0);
    assert!(!result.all().contains(['\x1b', '\r']), "{:?}", result.all());
    let answer: serde_json::Value = serde_json::from_str(&result.stdout).expect("JSON alone");
    assert_eq!(answer["result"], "switched");
    setup.finish();
}

/// Returns true if some line of this has all of these words.
fn has(text: &str, words: &[&str]) -> bool {
    text.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
fn r70_a_script_hears_which_target_a_switch_waits_for_and_why_each_time_that_changes() {
    // L10
    let setup = Setup::new();
    setup.green.health(Health::Status(503));
    setup.teal.wait_healthy("green", false);
    let errors = tempfile::NamedTempFile::new().expect("a file");
    let said = || std::fs::read_to_string(errors.path()).expect("read");
    let mut switch = std::process::Command::new(setup.teal.program())
        .args(["switch", "green", "--wait-healthy", "50s"])
        .env("TEAL_ADMIN", format!("http://{}", setup.teal.admin()))
        .env("TEAL_TOKEN", setup.teal.token())
        .stdout(std::process::Stdio::piped())
        .stderr(errors.reopen().expect("open"))
        .spawn()
        .expect("started");
    let url = setup.green.url();
    let first = ["Waiting: switch to green of web", "left: ", &url, ": 503"];
    wait_until(SOON * 3, "the first reason", || has(&said(), &first));
    // The same reason again after ten seconds, and no sooner.
    wait_until(SOON * 3, "it is printed again", || said().lines().count() >= 2);
    assert!(said().lines().all(|line| line.contains(": 503")), "{}", said());
    setup.green.stop();
    wait_until(SOON, "the next reason", || has(&said(), &[&url, "connection refused"]));
    let lines = said().lines().count();
    assert!(lines <= 12, "{}", said());
    setup.green.health(Health::Healthy);
    setup.green.restart();
    let ended = wait_for(SOON, "the switch", || switch.try_wait().expect("waited for"));
    assert_eq!(ended.code(), Some(0), "{}", said());
    let mut out = String::new();
    std::io::Read::read_to_string(&mut switch.stdout.take().expect("piped"), &mut out)
        .expect("text");
    assert!(out.starts_with("Switched from blue to green\n"), "{out}");
    assert!(!said().contains(['\x1b', '\r']), "{:?}", said());
    setup.finish();
}

#[test]
fn r70_every_wait_tells_a_script_of_a_drain() {
    // L10
    for verb in [&["switch", "green"][..], &["wait", "drained", "blue"], &["hold"], &["upgrade"]] {
        let setup = Setup::with(|settings| settings.drain("60s"));
        let (mut held, gate) = setup.held_on_blue();
        let drains = verb[0] == "wait" || verb[0] == "upgrade";
        if drains {
            let answer = setup.teal.switch("green", "&wait=published");
            assert_eq!(answer.status, 200);
        }
        let errors = tempfile::NamedTempFile::new().expect("a file");
        let said = || std::fs::read_to_string(errors.path()).expect("read");
        let waiting = std::process::Command::new(setup.teal.program())
            .args(verb)
            .env("TEAL_ADMIN", format!("http://{}", setup.teal.admin()))
            .env("TEAL_TOKEN", setup.teal.token())
            .stdout(std::process::Stdio::piped())
            .stderr(errors.reopen().expect("open"))
            .spawn()
            .expect("started");
        wait_until(SOON, "the wait is printed", || has(&said(), &["web: blue is ", "waited "]));
        gate.open();
        assert_eq!(held.answer().status, 200);
        let result = waiting.wait_with_output().expect("the command ran");
        assert!(result.status.success(), "{verb:?}: {}", said());
        let printed = String::from_utf8_lossy(&result.stdout);
        assert!(!printed.contains("waited"), "{printed}");
    }
}

#[test]
fn r70_on_a_terminal_a_wait_shows_target_reason_age_and_deadline_on_one_line() {
    // L10
    let setup = Setup::new();
    setup.green.health(Health::Status(503));
    setup.teal.wait_healthy("green", false);
    let switch = on_terminal(&setup, &["switch", "green", "--wait-healthy", "50s"], &[]);
    let url = setup.green.url();
    wait_until(SOON, "the wait is drawn", || {
        let shown = switch.shown();
        let last = shown.rsplit("\r\x1b[2K").next().unwrap_or_default().to_owned();
        ["for 1", "s left: ", &url, ": 503"].iter().all(|word| last.contains(word))
    });
    setup.green.health(Health::Healthy);
    let (code, shown) = switch.end(SOON);
    assert_eq!(code, Some(0), "{shown}");
    setup.finish();
}

//! Color and live progress are for a person at a terminal; a script gets neither.

use testkit::{OnTerminal, wait_until};

use crate::stage::{SOON, Stage, beside};

const NO_COLOR: (&str, &str) = ("NO_COLOR", "1");

/// Starts a verb against this Teal on a terminal.
fn on_terminal(stage: &Stage, arguments: &[&str], further: &[(&str, &str)]) -> OnTerminal {
    let admin = format!("http://{}", stage.teal.admin());
    let token = stage.teal.token();
    let mut environment = vec![("TEAL_ADMIN", &*admin), ("TEAL_TOKEN", &*token)];
    environment.extend(further);
    OnTerminal::start(stage.teal.program(), arguments, &environment)
}

/// Whether some of it is painted: a control sequence that ends in `m`.
fn is_colored(text: &str) -> bool {
    text.split("\x1b[").skip(1).any(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
    })
}

#[test]
fn what_matters_is_colored_on_a_terminal_alone_and_not_with_no_color() {
    let stage = Stage::new();
    let refused = &["switch", "blue", "--if-generation", "99"];
    stage.teal.switch_to("green");
    for (arguments, code) in [(&["status"][..], 0), (&["switch", "green"], 0), (refused, 3)] {
        let (colored, shown) = on_terminal(&stage, arguments, &[]).end(SOON);
        assert_eq!(colored, Some(code), "{shown}");
        // What a switch that finds all done says needs no color.
        assert_eq!(is_colored(&shown), arguments != ["switch", "green"], "{shown:?}");
        let (plain, shown) = on_terminal(&stage, arguments, &[NO_COLOR]).end(SOON);
        assert_eq!(plain, Some(code), "{shown}");
        assert!(!is_colored(&shown), "{shown:?}");
        let piped = stage.teal.cli(arguments);
        piped.assert_code(code);
        assert!(!piped.all().contains('\x1b'), "{:?}", piped.all());
    }
    stage.finish();
}

#[test]
fn a_switch_that_drains_shows_how_far_it_is_on_a_terminal() {
    for further in [&[][..], &[NO_COLOR]] {
        let stage = Stage::with(|settings| settings.drain("60s"));
        let (mut held, gate) = stage.held_on_blue();
        let switch = on_terminal(&stage, &["switch", "green"], further);
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
        stage.finish();
    }
}

#[test]
fn a_switch_that_drains_draws_nothing_for_a_script() {
    let stage = Stage::new();
    let (mut held, gate) = stage.held_on_blue();
    let switch = beside(&stage.teal, &["switch", "green"]);
    wait_until(SOON, "the age of the oldest request is known", || {
        let blue = stage.teal.color("blue");
        blue["role"] == "draining" && blue["oldest_age_seconds"].is_number()
    });
    gate.open();
    assert_eq!(held.answer().status, 200);
    let result = switch.join().expect("the command ran");
    result.assert_code(0);
    assert_eq!(result.stderr, "");
    assert!(!result.stdout.contains(['\x1b', '\r']), "{:?}", result.stdout);
    stage.finish();
}

//! Deploys of units by a real systemd.

use std::time::Duration;

use testkit::wait_until;

use super::boot::{boot, is_inside, systemctl};
use crate::deploying::{Deploying, application_command};

/// The unit for each color, whose file of variables the runner writes.
const RUNNER: &str =
    "runner = \"systemd\", unit = \"app@{color}.service\", env_file = \"/run/app/{color}.env\"";

/// Runs a scenario inside; boots what is around it, outside. `test` is its name in this module.
fn with_units(test: &str, scenario: fn()) {
    if is_inside() {
        std::fs::create_dir_all("/run/app").expect("a directory");
        return scenario();
    }
    let unit = format!(
        "[Service]\nEnvironmentFile=/run/app/%i.env\nExecStart={}\nRestart=always\nRestartSec=200ms\n\
         StandardError=append:/run/app/%i.log\n",
        application_command().join(" ")
    );
    let unit = ("app@.service".to_owned(), unit);
    boot(&format!("real_systemd::deploys::{test}"), &[unit]);
}

fn state(color: &str) -> String {
    let unit = format!("app@{color}.service");
    systemctl(&["show", "--value", "--property", "ActiveState", &unit])
}

#[test]
fn units_are_deployed_without_loss_and_put_back_when_they_fail() {
    // L1 L2 L3 L4
    with_units("units_are_deployed_without_loss_and_put_back_when_they_fail", || {
        let outside = "outside = [{ url = \"http://LISTENER/outside\", within = \"1s\" }]";
        let setup = Deploying::with(RUNNER, &format!("keep = \"no\", {outside}"));
        let load = setup.load();
        for (version, color, old) in [("v2", "green", "blue"), ("v3", "blue", "green")] {
            load.expect_anyone();
            setup.deploy(version).assert_code(0);
            load.expect_only(color);
            load.wait_for_more(50);
            assert_eq!((state(color), state(old)), ("active".to_owned(), "inactive".to_owned()));
        }
        let sick = setup.deploy_with(&["web", "--version", "sick", "--wait-healthy", "2s"]);
        sick.assert_code(3);
        for words in ["Target green is not healthy", "runner: web (green) is running", "stopped."] {
            assert!(sick.stderr.contains(words), "{words} in {}", sick.all());
        }
        assert_eq!(state("green"), "inactive");
        load.wait_for_more(50);

        load.expect_anyone();
        let wrong = setup.deploy("wrong-outside");
        wrong.assert_code(6);
        assert!(wrong.stderr.contains("Switched back: blue is active"), "{}", wrong.all());
        assert_eq!((state("blue"), state("green")), ("active".to_owned(), "inactive".to_owned()));
        load.expect_only("blue");
        load.wait_for_more(50);
        load.stop().assert_nothing_lost();
        setup.finish();
    });
}

#[test]
fn a_unit_in_a_crash_loop_ends_the_gate_and_one_that_does_not_exist_begins_nothing() {
    let test = "a_unit_in_a_crash_loop_ends_the_gate_and_one_that_does_not_exist_begins_nothing";
    with_units(test, || {
        let setup = Deploying::with(RUNNER, "");
        let load = setup.load();
        load.expect_only("blue");
        let begun = std::time::Instant::now();
        let crash = setup.deploy_with(&["web", "--version", "crash", "--wait-healthy", "10m"]);
        crash.assert_code(3);
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        for words in ["web (green)", "Nothing has changed: blue stays active"] {
            assert!(crash.stderr.contains(words), "{words} in {}", crash.all());
        }
        wait_until(Duration::from_secs(10), "the unit is down", || state("green") == "inactive");
        load.expect_anyone();
        setup.deploy("v2").assert_code(0);
        load.expect_only("green");
        load.wait_for_more(50);
        load.stop().assert_nothing_lost();

        let before = setup.newest();
        let config = std::fs::read_to_string(setup.teal.config()).expect("it is ours");
        setup.teal.write_config(&config.replace("app@{color}", "none-{color}"));
        let missing = setup.deploy("v3");
        assert!(matches!(missing.code, Some(2 | 3)), "{}", missing.all());
        assert!(missing.stderr.contains("none-blue.service"), "{}", missing.all());
        assert_eq!(setup.newest(), before);
        setup.finish();
    });
}

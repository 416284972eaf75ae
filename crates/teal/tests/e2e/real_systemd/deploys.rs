//! Deploys of units by a real systemd.

use std::fs;
use std::path::Path;
use std::time::Duration;

use testkit::{CliResult, Client, Settings, Teal, free_port, wait_until};

use super::boot::{boot, is_inside, run, systemctl};
use super::journal;
use crate::TEAL;
use crate::deploying::{Deploying, application_command};
use crate::setup::SOON;

/// The unit for each color, whose file of variables the runner writes.
const RUNNER: &str =
    "runner = \"systemd\", unit = \"app@{color}.service\", env_file = \"/run/app/{color}.env\"";

/// Runs a scenario inside; boots what is around it, outside. `test` is its name in this module.
fn with_units(test: &str, scenario: fn()) {
    if is_inside() {
        fs::create_dir_all("/run/app").expect("a directory");
        journal::start();
        return scenario();
    }
    let unit = format!(
        "[Service]\nEnvironmentFile=/run/app/%i.env\nExecStart={}\nRestart=always\nRestartSec=200ms\n",
        application_command().join(" ")
    );
    let unit = ("app@.service".to_owned(), unit);
    // Whatever is left in the control group of a service that has ended is killed.
    let job = "[Service]\nType=oneshot\nExecStart=/bin/sh /run/app/job\n";
    let job = ("job.service".to_owned(), job.to_owned());
    let units = [vec![unit, job], journal::units()].concat();
    boot(&format!("real_systemd::deploys::{test}"), &units);
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
        for words in [
            "Target green is not healthy",
            "runner: web (green) is running",
            "sick listens on",
            "stopped.",
        ] {
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
fn a_unit_that_crashes_right_after_the_switch_gives_the_traffic_back() {
    let test = "a_unit_that_crashes_right_after_the_switch_gives_the_traffic_back";
    with_units(test, || {
        let outside = "outside = [{ url = \"http://LISTENER/outside\", within = \"1s\" }]";
        let setup = Deploying::with(RUNNER, outside);
        let crashed = setup.deploy("mayfly");
        crashed.assert_code(6);
        for words in ["Switched back: blue is active", "its first request was its last"] {
            assert!(crashed.stderr.contains(words), "{words} in {}", crashed.all());
        }
        assert_eq!((setup.teal.active(), state("green")), ("blue".into(), "inactive".into()));
        assert_eq!(Client::connect(setup.listener).get("/").status, 200);
        setup.finish();
    });
}

#[test]
fn units_on_ports_that_nobody_chose_are_deployed_without_loss() {
    // L1 L2 L3 L4
    with_units("units_on_ports_that_nobody_chose_are_deployed_without_loss", || {
        let setup = Deploying::told_by(&format!("{RUNNER}, port = \"auto\""), "keep = \"no\"");
        setup.deploy("v1").assert_code(0);
        let load = setup.load();
        for (version, color, old) in [("v2", "green", "blue"), ("v3", "blue", "green")] {
            load.expect_anyone();
            setup.deploy(version).assert_code(0);
            load.expect_only(color);
            load.wait_for_more(50);
            let told = fs::read_to_string(format!("/run/app/{color}.env")).expect("it was told");
            let port = told.lines().find_map(|line| line.strip_prefix("PORT=")).expect("a port");
            let target = &setup.teal.color(color)["targets"][0]["url"];
            assert_eq!(target, &format!("http://127.0.0.1:{port}"));
            assert_eq!(state(old), "inactive");
        }
        load.stop().assert_nothing_lost();
        setup.finish();
    });
}

/// The control group of what listens for a color.
fn group_of(setup: &Deploying, color: &str) -> String {
    let port = setup.ports[usize::from(color == "green")];
    let found = run("ss", &["-Hltnp", &format!("sport = :{port}")]);
    let pid = found.split("pid=").nth(1).and_then(|rest| rest.split(',').next()).expect("it runs");
    fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it runs")
}

#[test]
fn what_a_job_of_systemd_has_deployed_by_command_outlives_the_job() {
    let test = "what_a_job_of_systemd_has_deployed_by_command_outlives_the_job";
    with_units(test, || {
        let setup = Deploying::new("");
        let load = setup.load();
        for (version, color) in [("v2", "green"), ("v3", "blue")] {
            load.expect_anyone();
            let deploy = setup.deploy_command(&["web", "--version", version]);
            let words = std::iter::once(deploy.get_program()).chain(deploy.get_args());
            let words: Vec<_> = words.map(|word| format!("'{}'", word.display())).collect();
            fs::write("/run/app/job", format!("exec {}\n", words.join(" "))).expect("a file");
            systemctl(&["start", "job"]);
            load.expect_only(color);
            load.wait_for_more(50);
            let group = group_of(&setup, color);
            assert!(group.contains(&format!("/teal-web-{color}-")), "{group}");
        }
        load.stop().assert_nothing_lost();
        systemctl(&["stop", "teal-web-green-*.scope"]); // an old environment, as at a shutdown
        wait_until(SOON, "it is stopped", || !setup.runs("green"));
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
        for words in ["web (green)", "out of luck", "Nothing has changed: blue stays active"] {
            assert!(crash.stderr.contains(words), "{words} in {}", crash.all());
        }
        wait_until(Duration::from_secs(10), "the unit is down", || state("green") == "inactive");
        load.expect_anyone();
        setup.deploy("v2").assert_code(0);
        load.expect_only("green");
        load.wait_for_more(50);
        load.stop().assert_nothing_lost();

        let before = setup.newest();
        let config = fs::read_to_string(setup.teal.config()).expect("it is ours");
        setup.teal.write_config(&config.replace("app@{color}", "none-{color}"));
        let missing = setup.deploy("v3");
        assert!(matches!(missing.code, Some(2 | 3)), "{}", missing.all());
        assert!(missing.stderr.contains("none-blue.service"), "{}", missing.all());
        assert_eq!(setup.newest(), before);
        setup.finish();
    });
}

/// The example for systemd, and the application of all examples.
const UNIT: &str = include_str!("../../../../../examples/deploy-systemd/app@.service");
const CONFIG: &str = include_str!("../../../../../examples/deploy-systemd/teal.toml");
const SCRIPT: &str = include_str!("../../../../../examples/deploy-systemd/deploy.sh");
const PROGRAM: &str = include_str!("../../../../../examples/app.py");

/// The example's script beside its configuration, with this Teal in `PATH`.
fn deploy_by_script(teal: &Teal, version: &str) -> CliResult {
    let script = teal.config().with_file_name("deploy.sh");
    let programs = Path::new(TEAL).parent().expect("a directory").display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
    let arguments = [script.display().to_string(), version.to_owned()];
    testkit::run(Path::new("sh"), arguments, &[("PATH", &path)], Duration::from_secs(60))
}

#[test]
fn the_example_for_systemd_is_deployed_twice() {
    if !is_inside() {
        let test = "real_systemd::deploys::the_example_for_systemd_is_deployed_twice";
        let unit = UNIT.replace("/opt/app/app.py", "/run/app/app.py");
        return boot(test, &[("app@.service".to_owned(), unit)]);
    }
    fs::create_dir_all("/run/app").expect("a directory");
    fs::write("/run/app/app.py", PROGRAM).expect("a file");
    let mut text = CONFIG.replace("state_dir", "admin.listen = \"127.0.0.1:0\"\nstate_dir");
    for port in ["8080", "8081", "8082"] {
        text = text.replace(port, &free_port().to_string());
    }
    let mut teal = Teal::prepare(TEAL, &Settings::of_urls(&[], &[]));
    teal.write_config(&text);
    fs::write(teal.config().with_file_name("deploy.sh"), SCRIPT).expect("a file");
    teal.start_again();
    for (version, color) in [("v1", "green"), ("v2", "blue")] {
        deploy_by_script(&teal, version).assert_code(0);
        assert_eq!((teal.active(), state(color)), (color.to_owned(), "active".to_owned()));
        let said = Client::connect(teal.listener()).get("/").text();
        assert_eq!(said, format!("version {version}\n"));
    }
    teal.assert_books_balance();
}

//! Deploys while something else goes wrong, or is done: the new version crashes once it has the traffic, the old one does
//! not stop, Teal is replaced or killed in the middle.

use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use testkit::wait_until;

use crate::deploying::{Deploying, application_command};
use crate::setup::SOON;

/// Steps that take a moment, so that something can be done inside of them.
const SLOWLY: &str = "before = [[\"sleep\", \"1\"]], smoke = [{ exec = [\"sleep\", \"1\"] }]";

/// A deploy of v2 that has come to this step.
fn deploying_at(setup: &Deploying, step: &str) -> Child {
    let mut command = setup.deploy_command(&["web", "--version", "v2"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("it starts");
    wait_until(SOON, "the step", || {
        let newest = setup.newest();
        newest["version"] == "v2" && newest["step"] == step
    });
    child
}

/// Waits for the end of a deploy, which must succeed.
fn succeeded(child: Child) {
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn a_version_that_crashes_right_after_its_switch_is_switched_back() {
    let setup =
        Deploying::new("outside = [{ url = \"http://LISTENER/outside\", within = \"1s\" }]");
    let deployed = setup.deploy("mayfly");
    deployed.assert_code(6);
    let said = deployed.all();
    assert!(said.contains("/outside failed: "), "{said}");
    assert!(said.contains("Switched back: blue is active"), "{said}");
    assert!(said.contains("its first request was its last"), "the log's last lines: {said}");
    assert_eq!(setup.teal.active(), "blue");
    assert!(!setup.runs("green") && setup.runs("blue"));
    let load = setup.load();
    load.expect_only("blue");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    setup.finish();
}

#[test]
fn an_old_environment_that_does_not_stop_is_killed_at_its_deadline() {
    // L1 L2 L3 L4
    let application = application_command().join(" ");
    let stubborn = format!(
        "runner = \"command\", command = [\"sh\", \"-c\", \"trap '' TERM; exec {application}\"]"
    );
    let setup = Deploying::with(&stubborn, "keep = \"no\"");
    let load = setup.load();
    load.expect_anyone();
    let began = Instant::now();
    setup.deploy("v2").assert_code(0);
    assert!(began.elapsed() >= Duration::from_secs(5), "its stop timeout: {:?}", began.elapsed());
    assert!(setup.runs("green") && !setup.runs("blue"));
    load.expect_only("green");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    setup.finish();
}

#[test]
fn an_upgrade_of_teal_in_the_middle_changes_nothing_for_a_deploy() {
    // L1 L2 L3 L4 L7
    for step in ["before", "smoke"] {
        let mut setup = Deploying::new(SLOWLY);
        let load = setup.load();
        load.expect_anyone();
        let child = deploying_at(&setup, step);
        setup.teal.upgrade();
        succeeded(child);
        assert_eq!(setup.teal.active(), "green", "{step}");
        load.expect_only("green");
        load.wait_for_more(50);
        load.stop().assert_nothing_lost();
        assert_eq!(setup.newest()["result"], "succeeded", "{step}");
        setup.finish();
    }
}

#[test]
fn a_teal_that_is_killed_in_the_middle_is_waited_for() {
    // L6
    for step in ["before", "smoke"] {
        let setup = Deploying::new(SLOWLY);
        let child = deploying_at(&setup, step);
        setup.teal.kill_serving();
        succeeded(child);
        assert_eq!(setup.teal.active(), "green", "{step}");
        assert_eq!(setup.newest()["result"], "succeeded", "{step}");
        let load = setup.load();
        load.expect_only("green");
        load.wait_for_more(50);
        load.stop().assert_nothing_lost();
        setup.finish();
    }
}

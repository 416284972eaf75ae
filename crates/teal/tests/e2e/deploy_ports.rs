//! Ports that nobody chooses: the runner takes a free one for each start and tells Teal, which keeps it through crashes,
//! upgrades and reloads.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::{Client, Target, signal_process};

use crate::TEAL;
use crate::deploying::{Deploying, application_command, script};

const CHECKS: &str = "smoke = [{ path = \"/who\", contains = \"GET /who\" }], \
                      outside = [{ url = \"http://LISTENER/outside\" }]";

/// The only target of a color; `None`: it has none.
fn target(setup: &Deploying, color: &str) -> Option<String> {
    let color = setup.teal.color(color);
    assert_eq!(color["told"], true, "{color}");
    let targets = color["targets"].as_array().expect("a list");
    assert!(targets.len() <= 1, "{color}");
    targets.first().map(|target| target["url"].as_str().expect("a text").to_owned())
}

/// The color that answers a client.
fn served_by(setup: &Deploying) -> Option<String> {
    let answer = Client::connect(setup.listener).get("/");
    answer.fields.get("x-target").map(str::to_owned)
}

/// Tells the target of a color, and returns the status and the body of the answer.
fn tell(setup: &Deploying, color: &str, targets: &[String]) -> (u16, Value) {
    let path = format!("/admin/services/web/{color}/targets");
    setup.teal.tell_json("PUT", &path, &json!({ "targets": targets }))
}

#[test]
fn four_deploys_under_load_to_ports_that_nobody_chose_lose_nothing() {
    // L1 L2 L3 L4 L9
    let setup = Deploying::told(&application_command(), CHECKS);
    setup.deploy("v1").assert_code(0);
    let load = setup.load();
    load.expect_only("blue");
    let mut before = target(&setup, "blue");
    assert!(before.is_some() && target(&setup, "green").is_none());
    for (version, color) in [("v2", "green"), ("v3", "blue"), ("v4", "green"), ("v5", "blue")] {
        load.expect_anyone();
        let deployed = setup.deploy(version);
        deployed.assert_code(0);
        load.expect_only(color);
        load.wait_for_more(50);
        let now = target(&setup, color).expect("it was told");
        assert!(deployed.stdout.contains(&format!("is up at {now}")), "{}", deployed.stdout);
        assert_ne!(Some(&now), before.as_ref(), "the other color is still up");
        before = Some(now);
    }
    let planned = setup.deploy_with(&["web", "--version", "v6", "--dry-run"]);
    assert!(planned.stdout.contains("port chosen at start"), "{}", planned.stdout);
    load.expect_anyone();
    let kept = setup.deploy_with(&["web", "--version", "v6", "--keep", "no"]);
    kept.assert_code(0);
    load.expect_only("green");
    load.wait_for_more(50);
    assert_eq!(target(&setup, "blue"), None, "it was stopped, so its port is nobody's");
    load.stop().assert_nothing_lost();
    setup.finish();
}

#[test]
fn before_the_first_deploy_requests_are_answered_503_and_status_says_what_to_do() {
    let setup = Deploying::told(&application_command(), "");
    let answer = Client::connect(setup.listener).get("/");
    assert_eq!(answer.status, 503);
    let details = answer.fields.get("proxy-status").expect("a reason").to_owned();
    assert!(details.contains("details=no_targets"), "{details}");
    let status = setup.teal.cli(&["status"]);
    assert!(
        status.stdout.contains("no targets: start it with: teal deploy web"),
        "{}",
        status.stdout
    );
    let refused = setup.teal.cli(&["switch", "blue"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("teal deploy web"), "{}", refused.all());
    setup.deploy("v1").assert_code(0);
    assert_eq!(served_by(&setup).as_deref(), Some("blue"));
    let history = setup.teal.cli(&["history"]);
    assert!(
        history.stdout.contains("blue of web has the target http://127.0.0.1:"),
        "{}",
        history.stdout
    );
    setup.finish();
}

#[test]
fn what_was_told_outlives_a_kill_an_upgrade_and_a_reload() {
    // L6 L7
    let mut setup = Deploying::told(&application_command(), "");
    setup.deploy("v1").assert_code(0);
    setup.deploy("v2").assert_code(0);
    let told = [target(&setup, "blue"), target(&setup, "green")];
    setup.teal.kill();
    setup.teal.start_again();
    assert_eq!([target(&setup, "blue"), target(&setup, "green")], told);
    assert_eq!(served_by(&setup).as_deref(), Some("green"), "at once, after a start");
    let load = setup.load();
    load.expect_only("green");
    setup.teal.upgrade();
    setup.teal.cli(&["reload"]).assert_code(0);
    assert_eq!([target(&setup, "blue"), target(&setup, "green")], told);
    load.wait_for_more(50);
    load.expect_anyone();
    setup.deploy("v3").assert_code(0);
    load.expect_only("blue");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    let other = Target::start("other");
    assert_eq!(tell(&setup, "green", &[other.url()]).0, 200);
    setup.teal.kill();
    setup.teal.start_again();
    assert_eq!(target(&setup, "green"), Some(other.url()), "it was answered, so it is durable");
    setup.finish();
}

#[test]
fn an_active_color_takes_only_targets_that_pass_the_gate() {
    // L9
    let setup = Deploying::told(&application_command(), "");
    setup.deploy("v1").assert_code(0);
    let before = target(&setup, "blue");
    let (dead, other) = (Target::stopped("dead"), Target::start("other"));
    let (status, problem) = tell(&setup, "blue", &[dead.url()]);
    assert_eq!((status, &problem["code"]), (412, &json!("unhealthy")), "{problem}");
    let (status, problem) = tell(&setup, "blue", &[]);
    assert_eq!((status, &problem["code"]), (412, &json!("unhealthy")), "{problem}");
    assert_eq!(target(&setup, "blue"), before);
    let load = setup.load();
    let (status, answer) = tell(&setup, "blue", &[other.url()]);
    assert_eq!((status, answer["generation"].is_u64()), (200, true), "{answer}");
    load.expect_only("other");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    setup.finish();
}

#[test]
fn a_chosen_port_that_another_program_takes_first_fails_the_deploy_and_the_next_one_works() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let application = application_command().join(" ");
    let (flag, pids) = (folder.path().join("taken"), folder.path().join("pids"));
    // The other program has the port before the application is started. It ends with its input, which does not end.
    let text = format!(
        "#!/bin/sh\nif test -f {flag}; then\ntest -p {pids}.open || mkfifo {pids}.open\n\
         setsid {TEAL} demo-target --listen 127.0.0.1:$TEAL_PORT --version other <>{pids}.open >/dev/null 2>&1 &\n\
         echo $! >>{pids}\n\
         while ! grep -q \":$(printf %04X $TEAL_PORT) \" /proc/net/tcp; do sleep 0.02; done\nfi\n\
         exec {application}\n",
        flag = flag.display(),
        pids = pids.display(),
    );
    let program = script(folder.path(), "application", &text).display().to_string();
    let setup = Deploying::told(&[program], "");
    setup.deploy("v1").assert_code(0);
    let load = setup.load();
    load.expect_only("blue");
    fs::write(&flag, "").expect("a file");
    let failed = setup.deploy("v2");
    for pid in fs::read_to_string(&pids).expect("there were others").lines() {
        signal_process(pid.parse().expect("a process id"), Signal::KILL);
    }
    failed.assert_code(3);
    assert!(failed.stderr.contains("Nothing has changed: blue stays active"), "{}", failed.all());
    assert_eq!(target(&setup, "green"), None);
    fs::remove_file(&flag).expect("a file");
    load.expect_anyone();
    setup.deploy("v2").assert_code(0);
    load.expect_only("green");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    setup.finish();
}

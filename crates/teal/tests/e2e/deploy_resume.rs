//! Command lines that are killed after each step: another one goes on, or puts everything back.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use testkit::wait_until;

use crate::deploying::Deploying;

/// Every step that something follows, so that a command line can be killed after it.
const STEPS: [&str; 7] = ["lock", "before", "start", "gate", "smoke", "switch", "drain"];

/// The number of steps that are tried at the same time.
const AT_ONCE: usize = 3;

/// Steps that take a moment, so that the command line is killed inside of them.
const SLOWLY: &str = "before = [[\"sleep\", \"0.3\"]], smoke = [{ path = \"/who\" }, { exec = [\"sleep\", \"0.3\"] }], \
                      after = [[\"sleep\", \"1\"]]";

/// A deploy of v2 under load whose command line was killed once it had said that a step was done, and is known to be
/// dead.
fn killed_after(step: &str) -> (Deploying, String) {
    let setup = Deploying::new(SLOWLY);
    let mut command = setup.deploy_command(&["web", "--version", "v2"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let said = BufReader::new(child.stdout.take().expect("it is piped"));
    let done =
        said.lines().map_while(Result::ok).any(|line| line.split_whitespace().nth(1) == Some(step));
    assert!(done, "{step} was not said to be done");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    wait_until(Duration::from_secs(60), "the command line counts as dead", || {
        setup.newest()["silent_seconds"].as_u64().is_some_and(|silent| silent >= 15)
    });
    let id = setup.newest()["id"].to_string();
    (setup, id)
}

#[test]
fn another_command_line_goes_on_after_each_step() {
    for steps in STEPS.chunks(AT_ONCE) {
        thread::scope(|scope| {
            for step in steps {
                scope.spawn(move || {
                    let (setup, id) = killed_after(step);
                    let load = setup.load();
                    setup.deploy_with(&["--resume", &id]).assert_code(0);
                    assert_eq!(setup.teal.active(), "green", "{step}");
                    load.expect_only("green");
                    load.wait_for_more(50);
                    load.stop().assert_nothing_lost();
                    assert_eq!(setup.newest()["result"], "succeeded", "{step}");
                    setup.finish();
                });
            }
        });
    }
}

#[test]
fn another_command_line_puts_back_after_each_step() {
    for steps in STEPS.chunks(AT_ONCE) {
        thread::scope(|scope| {
            for step in steps {
                scope.spawn(move || {
                    let (setup, id) = killed_after(step);
                    let load = setup.load();
                    setup.deploy_with(&["--abandon", &id]).assert_code(0);
                    assert_eq!(setup.teal.active(), "blue", "{step}");
                    assert!(!setup.runs("green"), "{step}");
                    load.expect_only("blue");
                    load.wait_for_more(50);
                    load.stop().assert_nothing_lost();
                    assert_eq!(setup.newest()["result"], "abandoned", "{step}");
                    setup.finish();
                });
            }
        });
    }
}

#[test]
fn an_interrupt_before_the_switch_puts_everything_back() {
    let slow = "smoke = [{ exec = [\"sh\", \"-c\", \"test $TEAL_VERSION = v1 || sleep 60\"] }]";
    let setup = Deploying::new(slow);
    let mut command = setup.deploy_command(&["web", "--version", "v2"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut said = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let is_gate = |line: &String| line.split_whitespace().nth(1) == Some("gate");
    assert!(said.by_ref().map_while(Result::ok).any(|line| is_gate(&line)));
    testkit::signal_process(child.id(), rustix::process::Signal::INT);
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{rest:?}");
    assert!(setup.teal.active() == "blue" && !setup.runs("green"), "{rest:?}");
    assert_eq!(setup.newest()["result"], "failed");
    setup.finish();
}

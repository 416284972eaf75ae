//! The last word of an operator counts: a call that has decided nothing ends with its caller, is
//! visible while it waits, and is superseded by what an operator says later.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::{Client, Health, Response, wait_until};

use crate::setup::{SOON, Setup, beside};

/// A setup whose green can't pass the gate.
fn sick_green() -> Setup {
    let setup = Setup::new();
    setup.green.health(Health::Status(503));
    setup.teal.wait_healthy("green", false);
    setup
}

fn waits(setup: &Setup) -> Vec<Value> {
    setup.teal.status()["waits"].as_array().expect("a list").clone()
}

fn waiting(setup: &Setup) {
    wait_until(SOON, "the call waits", || waits(setup).len() == 1);
}

/// Green gets well; all the same nothing goes there.
fn blue_stays(setup: &Setup) {
    wait_until(SOON, "nothing waits", || waits(setup).is_empty());
    setup.green.health(Health::Healthy);
    setup.teal.wait_healthy("green", true);
    assert_eq!((setup.who(), setup.teal.active()), ("blue".to_owned(), "blue".to_owned()));
}

fn ended_waits(setup: &Setup) -> Vec<Value> {
    let (_, history) = setup.teal.ask_json("GET", "/admin/history");
    let changes = history["changes"].as_array().expect("a list").clone();
    changes.into_iter().filter(|change| change["kind"] == "wait").collect()
}

fn call(setup: &Setup) -> Client {
    let (admin, token) = (setup.teal.admin(), setup.teal.token());
    let mut caller = Client::connect(admin);
    caller.send(format!(
        "POST /admin/switch?to=green&wait_healthy=60s HTTP/1.1\r\nHost: {admin}\r\nAuthorization: \
         Bearer {token}\r\nContent-Length: 0\r\n\r\n"
    ));
    caller
}

fn command(setup: &Setup, arguments: &[&str]) -> Child {
    let mut command = Command::new(setup.teal.program());
    command.args(arguments).env("TEAL_TOKEN", setup.teal.token());
    command.env("TEAL_ADMIN", format!("http://{}", setup.teal.admin()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program can be started")
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("it runs");
}

// L10
#[test]
fn r2_a_wait_that_has_decided_nothing_is_visible_and_ends_with_its_caller() {
    let setup = sick_green();
    for (number, how) in ["close", "reset", "half-close"].into_iter().enumerate() {
        let caller = call(&setup);
        waiting(&setup);
        let wait = waits(&setup).remove(0);
        assert_eq!(wait["verb"], "switch", "{wait}");
        assert_eq!(wait["to"], "green", "{wait}");
        assert_eq!(wait["stage"], "gate", "{wait}");
        assert!(wait["reason"].as_str().is_some_and(|why| why.contains("503")), "{wait}");
        let text = setup.teal.cli(&["status"]).assert_code(0).stdout.clone();
        assert!(text.contains("Waiting: switch to green of web, by token"), "{text}");
        match how {
            "close" => drop(caller),
            "reset" => caller.reset(),
            // A caller that half-closes its connection can't be told from one that is gone.
            _ => caller.half_close(),
        }
        wait_until(SOON, "the wait has ended", || waits(&setup).is_empty());
        wait_until(SOON, "the history has it", || ended_waits(&setup).len() == number + 1);
        assert_eq!(ended_waits(&setup)[0]["end"], "abandoned", "{how}");
    }
    blue_stays(&setup);
    setup.teal.log_has(&["refused", "abandoned"]);
    setup.finish();
}

// L10
#[test]
fn r2_a_later_command_supersedes_a_wait_and_its_caller_is_informed() {
    let later: [(&[&str], i32, &str); 4] = [
        (&["switch", "blue"], 0, "superseded by switch to blue"),
        (&["switch", "green"], 3, "superseded by switch to green"),
        (&["hold", "--no-wait"], 0, "superseded by hold"),
        (&["switch", "green", "--dry-run"], 3, ""),
    ];
    for (words, code, told) in later {
        let setup = sick_green();
        let first = beside(&setup.teal, &["switch", "green", "--wait-healthy", "60s"]);
        waiting(&setup);
        setup.teal.cli(words).assert_code(code);
        if told.is_empty() {
            waiting(&setup); // a dry run is not a word
            setup.teal.cli(&["switch", "blue"]).assert_code(0);
        }
        let first = first.join().expect("it does not panic");
        assert_eq!(first.code, Some(3), "{words:?}: {}", first.all());
        assert!(first.stderr.contains(told), "{words:?}: {}", first.all());
        wait_until(SOON, "the history has it", || !ended_waits(&setup).is_empty());
        assert_eq!(ended_waits(&setup)[0]["end"], "superseded");
        if words[0] == "hold" {
            setup.teal.cli(&["resume"]).assert_code(0);
        }
        blue_stays(&setup);
        setup.finish();
    }
}

// L10
#[test]
fn r2_a_rollback_supersedes_a_wait() {
    let setup = Setup::new();
    setup.teal.switch_to("green");
    setup.teal.switch_to("blue");
    setup.green.health(Health::Status(503));
    setup.teal.wait_healthy("green", false);
    let first = beside(&setup.teal, &["switch", "green", "--wait-healthy", "60s"]);
    waiting(&setup);
    // It is refused by the gate, and all the same it was the last word.
    setup.teal.cli(&["rollback"]).assert_code(3);
    let first = first.join().expect("it does not panic");
    assert!(first.stderr.contains("superseded by rollback"), "{}", first.all());
    blue_stays(&setup);
    setup.finish();
}

// L10
#[test]
fn r2_a_command_that_is_interrupted_says_whether_anything_was_decided() {
    let setup = sick_green();
    for interrupt in [Signal::INT, Signal::TERM] {
        let child = command(&setup, &["switch", "green", "--wait-healthy", "60s"]);
        waiting(&setup);
        signal(&child, interrupt);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("nothing was decided; web stays on blue"), "{said}");
        wait_until(SOON, "nothing waits", || waits(&setup).is_empty());
    }
    let mut child = command(&setup, &["switch", "green", "--wait-healthy", "60s"]);
    waiting(&setup);
    signal(&child, Signal::KILL);
    child.wait().expect("it ends");
    blue_stays(&setup);
    // A decided change goes on, and is reported as decided.
    let (mut held, gate) = setup.held_on_blue();
    let child = command(&setup, &["switch", "green", "--drain", "60s"]);
    wait_until(SOON, "traffic is on green", || setup.who() == "green");
    wait_until(SOON, "it is published", || waits(&setup).is_empty());
    signal(&child, Signal::INT);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("green is active"), "{said}");
    gate.open();
    let Response { status, .. } = held.answer();
    assert_eq!(status, 200);
    setup.finish();
}

// L10
#[test]
fn r2_a_reload_that_waits_for_its_gate_ends_with_its_caller() {
    let setup = Setup::new();
    let silent = testkit::Target::start("silent");
    silent.health(Health::Hang);
    let urls = (silent.url(), setup.green.url());
    let settings = testkit::Settings::of_urls(&[&urls.0], &[&urls.1]);
    let settings =
        settings.service("health", "{ path = \"/health\", interval = \"1s\", timeout = \"20s\" }");
    setup.teal.write_settings(&settings);
    let child = command(&setup, &["reload"]);
    waiting(&setup);
    assert_eq!(waits(&setup)[0]["verb"], "reload");
    signal(&child, Signal::INT);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("nothing was decided"), "{said}");
    wait_until(Duration::from_secs(2), "nothing waits", || waits(&setup).is_empty());
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

//! The demo with real child processes, and a stand-in for Teal: this program
//! plays the tests, the demo, the targets and the stand-in, as its first
//! argument says. Teal's own tests play the demo with Teal itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a test, though not one of the test harness"
)]

mod support;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use drill::demo::{DemoOptions, OutputMode};
use drill::soak::SoakOptions;
use drill::target::TargetOptions;
use support::relay::Fault;

/// The variable that names the stand-in's fault; children inherit it.
const FAULT: &str = "DRILL_TEST_FAULT";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match words.as_slice() {
        ["run", "--config", config] => {
            let fault = match std::env::var(FAULT).as_deref() {
                Ok("slack") => Fault::Slack,
                _ => Fault::Honest,
            };
            runtime.block_on(support::stand_in::run(Path::new(config), fault))?;
        }
        ["demo-target", "--listen", listen, "--version", version, "--ledger", ledger] => {
            runtime.block_on(drill::target::serve(TargetOptions {
                listen: listen.parse()?,
                version: (*version).to_owned(),
                ledger: Some(ledger.into()),
                idle: None,
                link: None,
                unhealthy: None,
                faulty: None,
                broken: None,
            }))?;
        }
        [
            "demo-target",
            "--listen",
            listen,
            "--version",
            version,
            "--ledger",
            ledger,
            "--idle",
            "800ms",
        ] => {
            runtime.block_on(drill::target::serve(TargetOptions {
                listen: listen.parse()?,
                version: (*version).to_owned(),
                ledger: Some(ledger.into()),
                idle: Some(Duration::from_millis(800)),
                link: None,
                unhealthy: None,
                faulty: None,
                broken: None,
            }))?;
        }
        ["play", "soak"] => return runtime.block_on(soak()),
        ["play", how] => return runtime.block_on(play(how)),
        _ => tests(),
    }
    Ok(ExitCode::SUCCESS)
}

/// Plays a short demo.
async fn play(how: &str) -> Result<ExitCode, Box<dyn Error>> {
    let once = how != "open";
    let mut options = DemoOptions::new(std::env::current_exe()?, once, OutputMode::Plain);
    (options.switches, options.requests) = (5, 2_000);
    if how == "live" {
        options.show = OutputMode::Live { color: true };
    }
    if how == "hasty" {
        options.time = Duration::from_secs(2);
    }
    let report = drill::demo::run(options).await?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays a short soak.
async fn soak() -> Result<ExitCode, Box<dyn Error>> {
    let report = drill::soak::run(SoakOptions {
        teal_exe: std::env::current_exe()?,
        seed: 5,
        time: Duration::from_secs(3),
        switches: 5,
        requests: 1_000,
        limit: Duration::from_secs(20),
        over: vec![drill::load::Protocol::Http1], // the stand-in speaks no other
        connections: 16,
        rate: Some(2_000),
        faults: drill::soak::FaultPlan::Mild,
    });
    let report = report.await?;
    println!("{report}");
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tests() {
    let all: [(&str, fn()); 8] = [
        ("a_soak_finds_a_switch_that_takes_effect_late", a_late_switch_fails_the_soak),
        ("an_honest_proxy_passes_and_no_child_is_left", an_honest_proxy_passes),
        ("a_switch_that_takes_effect_late_fails", a_late_switch_fails),
        ("a_script_that_does_not_come_to_its_end_fails", an_unfinished_script_fails),
        ("on_a_terminal_the_block_is_redrawn", the_block_is_redrawn),
        ("ctrl_c_ends_the_open_demo_with_its_ledger", ctrl_c_ends_with_the_ledger),
        ("a_closed_terminal_ends_the_demo_and_its_children", a_closed_terminal_ends_it),
        ("no_target_outlives_a_demo_that_was_killed", no_orphans),
    ];
    // Two at a time: they mostly wait for the script's pauses.
    for pair in all.chunks(2) {
        std::thread::scope(|scope| {
            for (_, test) in pair {
                scope.spawn(test);
            }
        });
        for (name, _) in pair {
            println!("test {name} ... ok");
        }
    }
}

fn demo(how: &str, fault: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["play", how])
        .env(FAULT, fault)
        .env("TMPDIR", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// The process ids that a demo has mentioned.
fn processes(text: &str) -> Vec<u32> {
    let parts = text.split("(process ").skip(1);
    parts.filter_map(|part| part.split(')').next()?.parse().ok()).collect()
}

fn is_gone(id: u32) -> bool {
    // A zombie has no command line.
    std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default().is_empty()
}

fn wait_gone(ids: &[u32]) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !ids.iter().all(|id| is_gone(*id)) {
        assert!(Instant::now() < deadline, "some of {ids:?} are still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A demo that is played while the test looks on; killed when dropped.
struct Playing {
    child: Child,
    lines: Receiver<String>,
    /// All lines so far.
    text: String,
}

impl Playing {
    fn start(how: &str) -> Self {
        let mut child = demo(how, "none").spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines, text: String::new() }
    }

    /// Reads lines until one contains the words.
    fn until(&mut self, words: &str) {
        while !self.text.contains(words) {
            let line = self.lines.recv_timeout(Duration::from_secs(30));
            let line = line.unwrap_or_else(|_| panic!("no {words:?} in\n{}", self.text));
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn an_honest_proxy_passes() {
    let output = demo("once", "none").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{:?}", String::from_utf8_lossy(&output.stderr));
    for words in [
        "teal switch green --no-wait → Switched from blue to green",
        "blue is drained",
        "kill -9 blue",
        "teal switch blue → refused: Target blue is not healthy: connection refused",
        "blue was restarted",
        "teal switch blue --no-wait --wait-healthy 15s → Switched from green to blue",
        "teal rollback --no-wait → Switched from blue to green",
        "answered by blue",
        "with 95 % confidence",
        "Nothing was lost, cut, doubled, late or misrouted.",
    ] {
        assert!(text.contains(words), "{words:?} is missing in\n{text}");
    }
    assert!(!text.contains('\x1b'), "no control sequences without a terminal");
    let ids = processes(&text);
    assert!(ids.len() >= 2, "{text}");
    wait_gone(&ids);
}

// L2
fn a_late_switch_fails() {
    let output = demo("once", "slack").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("Requests were lost, doubled, late or misrouted"), "{text}");
}

// L2
fn a_late_switch_fails_the_soak() {
    let output = demo("soak", "slack").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("--seed 5"), "the ledger was printed: {text}");
    let late = text.lines().find(|line| line.trim_start().starts_with("late "));
    assert!(late.is_some_and(|line| !line.contains(" 0  ")), "{text}");
}

fn an_unfinished_script_fails() {
    let output = demo("hasty", "none").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("of 5 switches within 2s"), "{text}");
    assert!(text.contains("Nothing was lost, but the script did not run to its end."), "{text}");
}

fn the_block_is_redrawn() {
    let output = demo("live", "none").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("\x1b[5F\x1b[J"), "the block has five lines");
    assert!(text.contains("0 lost"));
    let (hidden, shown) = (text.rfind("\x1b[?25l"), text.rfind("\x1b[?25h"));
    assert!(hidden.is_some() && hidden < shown, "the cursor is given back");
}

fn ctrl_c_ends_with_the_ledger() {
    let mut demo = Playing::start("open");
    demo.until("killing the active color");
    assert!(demo.text.contains("rollback --admin http://127.0.0.1:"), "{}", demo.text);
    assert!(demo.text.contains("--token-file /"), "{}", demo.text);
    let victims: Vec<u32> = demo.text.lines().filter_map(process_to_kill).collect();
    assert_eq!(victims.len(), 2, "{}", demo.text);
    // The last switch of five went to green, so blue is idle and may be killed.
    assert!(Command::new("kill").args(["-9", &victims[0].to_string()]).status().unwrap().success());
    demo.until("blue is running again");
    assert!(!is_gone(victims[1]), "only blue was killed");
    demo.signal("-INT");
    demo.until("Nothing was lost");
    assert!(demo.child.wait().unwrap().success(), "{}", demo.text);
    wait_gone(&victims);
    wait_gone(&processes(&demo.text));
}

/// The process in a line like `kill -9 PROCESS  # blue (v1); …`.
fn process_to_kill(line: &str) -> Option<u32> {
    line.trim().strip_prefix("kill -9 ")?.split_once("  # ")?.0.parse().ok()
}

fn a_closed_terminal_ends_it() {
    let mut demo = Playing::start("open");
    demo.until("blue was restarted");
    let started = *processes(&demo.text).last().unwrap();
    demo.signal("-HUP");
    demo.child.wait().unwrap();
    wait_gone(&[started]);
}

fn no_orphans() {
    let mut demo = Playing::start("once");
    demo.until("blue was restarted");
    let started = *processes(&demo.text).last().unwrap();
    assert!(!is_gone(started), "{}", demo.text);
    demo.signal("-KILL");
    demo.child.wait().unwrap();
    wait_gone(&[started]);
}

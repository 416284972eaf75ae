//! Counts instructions per request, and guards them.
//!
//! Time is noise on a shared machine, instructions are not. Each case is run twice under callgrind,
//! with few and with many requests; the difference, divided by the number of additional requests, is
//! the cost of one request: startup and warm-up cancel out. The whole process is counted: one worker
//! of the real data plane, and a script that is client and target at once, whose cost is small and
//! constant.
//!
//! The program is built with the tests (`bench/tests/instructions.rs`), so that nothing is built twice. Their clock can
//! be paused, which costs some 2.5 % more instructions than the program alone; a change shows all the same.
//!
//! `instructions` compares with the baseline, `instructions write` writes a new one. The counts
//! hold for one compiler and processor: with others they are shown but not judged.

#![forbid(unsafe_code)]

mod baseline;
mod case;
mod front;

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, thread};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::baseline::Baseline;
use crate::case::Case;

/// Requests of the short run, and of the long one.
const FEW: u64 = 200;
const MANY: u64 = 2_200;

/// Count instructions per request and compare them with the baseline.
#[derive(Parser)]
struct Arguments {
    /// The baseline file.
    #[arg(long, default_value = "bench/instructions.toml")]
    baseline: PathBuf,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Write the current counts as the new baseline.
    Write,
    /// Only send the requests of one case; this runs under callgrind.
    #[command(hide = true)]
    Run { case: Case, requests: u64 },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.action {
        Some(Action::Run { case, requests }) => front::Front::start()?.send(case, requests),
        Some(Action::Write) => Baseline::of(ground()?, count_all()?).write(&arguments.baseline),
        None => check(&Baseline::read(&arguments.baseline)?),
    }
}

#[expect(clippy::print_stdout, reason = "a command-line tool speaks to its terminal")]
fn check(baseline: &Baseline) -> Result<()> {
    let ground = ground()?;
    let judged = ground == baseline.ground();
    if !judged {
        println!(
            "the baseline is for {}, this is {ground}: counts are shown, not judged",
            baseline.ground()
        );
    }
    let mut beyond = Vec::new();
    for (case, count) in count_all()? {
        let change = baseline.change(case, count)?;
        println!("{:<16} {count:>8} instructions per request, {change:+.2} %", case.name());
        if change.abs() > baseline::TOLERANCE {
            beyond.push(case.name());
        }
    }
    if judged && !beyond.is_empty() {
        bail!(
            "{} moved by more than {} %. If that is meant, say why in the commit and write a new \
             baseline, after make test: target/ci/instructions write",
            beyond.join(", "),
            baseline::TOLERANCE
        );
    }
    Ok(())
}

/// Instructions per request of every case.
fn count_all() -> Result<Vec<(Case, u64)>> {
    Case::ALL.into_iter().map(|case| Ok((case, count(case)?))).collect()
}

fn count(case: Case) -> Result<u64> {
    let (few, many) = thread::scope(|scope| {
        let few = scope.spawn(|| callgrind(case, FEW));
        let many = callgrind(case, MANY);
        (few.join(), many)
    });
    let few = few.ok().context("the counting thread panicked")??;
    Ok((many?.saturating_sub(few)) / (MANY - FEW))
}

/// The instructions of a whole run.
fn callgrind(case: Case, requests: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["run", case.name(), &requests.to_string()])
        .output()
        .context("valgrind can't be run (Debian: apt-get install valgrind)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{} under callgrind failed:\n{said}", case.name());
    }
    let collected = said.lines().find_map(|line| line.split("Collected : ").nth(1));
    let collected = collected.with_context(|| format!("callgrind gave no count:\n{said}"))?;
    Ok(collected.trim().parse()?)
}

/// The facts that the counts depend on besides the code: cargo's compiler, and the processor, by which
/// the C library selects its memory copy routines.
fn ground() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("rustc can't be run")?;
    let compiler = String::from_utf8(output.stdout)?;
    let facts = fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo can't be read")?;
    let model = facts.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name);
    Ok(format!("{} on {}", compiler.trim(), model.trim()))
}

//! Runs of tests in the copy, each with a deadline.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::copy::Copy;
use super::output::outcomes;
use super::patch::MustFail;

/// The deadline: longer than any test or build may take.
const TESTS_END: Duration = Duration::from_secs(10 * 60);
const BUILD_ENDS: Duration = Duration::from_secs(60 * 60);
/// Third-party libraries run in every test, so they are optimized a little (`opt-level = 1`). Ours are
/// rebuilt for each patch.
const QUICK: [&str; 4] = [
    "--config",
    "profile.dev.package.\"*\".opt-level=1",
    "--config",
    "profile.dev.debug=\"line-tables-only\"",
];
/// The target that is built for the model checker, which tries millions of interleavings.
const LOOM: &str = "loom";
const LOOM_SPEED: [&str; 2] = ["--config", "profile.dev.opt-level=3"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    /// The tree does not build.
    NotBuilt,
    /// There is no test of that name, it is ignored, or the harness ended before it did.
    NotRun,
    /// It was still running at the deadline.
    Hangs,
}

/// The outcome of a run of tests.
struct Said {
    outcomes: HashMap<String, Outcome>,
    /// The harness was ended by a signal, such as after a panic within a panic.
    died: bool,
}

pub(super) struct Trial<'c> {
    copy: &'c Copy,
}

impl<'c> Trial<'c> {
    pub(super) fn new(copy: &'c Copy) -> Self {
        Self { copy }
    }

    /// Builds and runs these tests as the copy is now, all of one target together.
    pub(super) fn tests<'t>(
        &self,
        tests: impl IntoIterator<Item = &'t MustFail>,
    ) -> Result<Vec<(&'t MustFail, Outcome)>> {
        let mut targets: BTreeMap<(&str, &str), Vec<&MustFail>> = BTreeMap::new();
        for test in tests {
            let of_target = targets.entry((&test.package, &test.target)).or_default();
            if !of_target.contains(&test) {
                of_target.push(test);
            }
        }
        let mut all = Vec::new();
        for tests in targets.into_values() {
            all.extend(self.of_target(&tests)?);
        }
        Ok(all)
    }

    fn of_target<'t>(&self, tests: &[&'t MustFail]) -> Result<Vec<(&'t MustFail, Outcome)>> {
        let Some(first) = tests.first() else { return Ok(Vec::new()) };
        let all = |outcome| Ok(tests.iter().map(|test| (*test, outcome)).collect());
        if !self.cargo(first, &["--no-run".into()], "build", BUILD_ENDS)?.is_some_and(|ended| ended)
        {
            return all(Outcome::NotBuilt);
        }
        let Some(said) = self.run(tests)? else { return all(Outcome::Hangs) };
        let mut outcomes = Vec::new();
        for test in tests {
            let outcome = match said.outcomes.get(&test.function) {
                Some(outcome) if *outcome != Outcome::NotRun => *outcome,
                // One test may have crashed the others: run alone, each shows its own outcome.
                _ if said.died => match self.run(&[test])? {
                    None => Outcome::Hangs,
                    Some(alone) if alone.died => Outcome::Failed,
                    Some(alone) => {
                        alone.outcomes.get(&test.function).copied().unwrap_or(Outcome::NotRun)
                    }
                },
                _ => Outcome::NotRun,
            };
            outcomes.push((*test, outcome));
        }
        Ok(outcomes)
    }

    /// Runs these tests of one target; `None` if they do not end.
    fn run(&self, tests: &[&MustFail]) -> Result<Option<Said>> {
        let Some(first) = tests.first() else { return Ok(None) };
        let mut arguments = vec![OsString::from("--")];
        arguments.extend(tests.iter().map(|test| OsString::from(&test.function)));
        if self.cargo(first, &arguments, "tests", TESTS_END)?.is_none() {
            return Ok(None);
        }
        let printed = fs::read(self.log(first, "tests"))?;
        let printed = String::from_utf8_lossy(&printed);
        let known = outcomes(&printed).into_iter().map(|(name, is)| (name.to_owned(), is));
        // Cargo says so, of a harness that has begun.
        let died = printed.contains("\nrunning ") && printed.contains("(signal: ");
        Ok(Some(Said { outcomes: known.collect(), died }))
    }

    /// Runs `cargo test` for the target of this test; returns its success, `None` if it did not end.
    fn cargo(
        &self,
        test: &MustFail,
        arguments: &[OsString],
        log: &str,
        deadline: Duration,
    ) -> Result<Option<bool>> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.arg("test").args(QUICK).args(["--package", &test.package]);
        match &*test.target {
            "lib" => command.arg("--lib"),
            "bin" => command.arg("--bins"),
            target => command.args(["--test", target]),
        };
        let mut built = self.copy.built();
        if test.target == LOOM {
            command.env("RUSTFLAGS", "--cfg loom").args(LOOM_SPEED);
            built.push(LOOM);
        }
        command.arg("--target-dir").arg(built).args(arguments);
        // The copy must not be built with this program's build settings.
        command.env_remove("CARGO_TARGET_DIR").env("CARGO_INCREMENTAL", "1");
        let log = self.log(test, log);
        let output = File::create(&log).with_context(|| format!("{}", log.display()))?;
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        command.current_dir(self.copy.tree()).process_group(0);
        let mut child = command.spawn().context("cargo can't be run")?;
        ended(&mut child, deadline)
    }

    /// The log of the last build, or the last tests, of this target.
    fn log(&self, test: &MustFail, name: &str) -> PathBuf {
        self.copy.logs().join(format!("{}-{}-{name}", test.package, test.target))
    }
}

/// Waits; at the deadline kills the process with all that it has started.
fn ended(child: &mut Child, deadline: Duration) -> Result<Option<bool>> {
    let deadline = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if Instant::now() >= deadline {
            let group = format!("-{}", child.id());
            let _it_may_have_ended = Command::new("kill").args(["-KILL", "--", &group]).status();
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passes",
            Self::Failed => "fails",
            Self::NotBuilt => "does not build",
            Self::NotRun => "is not there, is ignored or was not reached",
            Self::Hangs => "does not end",
        })
    }
}

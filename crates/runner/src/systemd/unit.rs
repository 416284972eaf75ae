//! systemd as `systemctl` and `journalctl` show it: orders, properties of a unit, its last lines.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::failure::{Failure, FailureKind};
use crate::lines::last;
use crate::process::{Ended, NoEnd, Program, unstarted};
use crate::status::{Exit, State};

use super::Systemd;

/// The properties that are read.
const PROPERTIES: &str = "--property=LoadState,LoadError,ActiveState,SubState,Result,ExecMainCode,\
                          ExecMainStatus,NRestarts,InvocationID,Job";
/// The least and the most time that one question has. The last one may end after the deadline, so that a slow unit is
/// told from a manager that hangs.
const QUESTION: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// The pause before a question is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// The service manager, asked until a deadline.
#[derive(Debug)]
pub(super) struct Manager<'m> {
    pub(super) settings: &'m Systemd,
    pub(super) deadline: Instant,
}

/// A unit at one moment.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) name: String,
    load: String,
    load_error: String,
    active: String,
    sub: String,
    result: String,
    /// The last exit of its main process.
    pub(super) exit: Option<Exit>,
    /// Restarts by systemd since it was started.
    pub(super) restarts: u32,
    invocation: String,
    /// True if an order for it has not been carried out.
    pub(super) has_job: bool,
}

// === impl Manager ===

impl Manager<'_> {
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Gives an order without waiting for the result. An order that is refused is "failed".
    pub(super) async fn order(&self, verb: &str, unit: &str) -> Result<(), Failure> {
        let ended = self.systemctl(&[verb, "--no-block", "--", unit]).await?;
        match ended.exit {
            Exit::Code(0) => Ok(()),
            exit => {
                let why = ended.lines.last().cloned().unwrap_or_default();
                let message = format!("systemctl {verb} {unit} ended with {exit}: {why}");
                Err(Failure::failed(State::Failed, Some(exit), message).with_lines(ended.lines))
            }
        }
    }

    /// The properties of a unit. A manager that cannot be asked leaves doubt.
    pub(super) async fn show(&self, unit: &str) -> Result<Unit, Failure> {
        let ended = self.systemctl(&["show", PROPERTIES, "--", unit]).await?;
        if ended.exit != Exit::Code(0) {
            let why = ended.lines.last().cloned().unwrap_or_default();
            let message = format!("cannot ask systemd about {unit}: {why}");
            return Err(Failure::in_doubt(message).with_lines(ended.lines));
        }
        Ok(Unit::read(unit, &String::from_utf8_lossy(&ended.output)))
    }

    /// The properties of a unit, asked again while the manager cannot be asked, as when it is reloaded.
    pub(super) async fn settled(&self, unit: &str) -> Result<Unit, Failure> {
        loop {
            match self.show(unit).await {
                Err(failure) if failure.kind == FailureKind::InDoubt && !self.is_late() => {
                    sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    }

    /// The last lines of the unit's newest start, its own and those of systemd about it. Once it was started again by
    /// systemd, the lines before that tell why, so those of all starts count.
    pub(super) async fn lines(&self, unit: &Unit, count: usize) -> Result<Vec<String>, Failure> {
        if unit.invocation.is_empty() {
            return Ok(Vec::new()); // it was never started
        }
        let (whose, names, about) = if self.settings.user {
            ("--user", ["_SYSTEMD_USER_UNIT", "USER_UNIT"], "USER_INVOCATION_ID")
        } else {
            ("--system", ["_SYSTEMD_UNIT", "UNIT"], "INVOCATION_ID")
        };
        let [own, about] = if unit.restarts > 0 {
            names.map(|field| format!("{field}={}", unit.name))
        } else {
            ["_SYSTEMD_INVOCATION_ID", about].map(|field| format!("{field}={}", unit.invocation))
        };
        let lines = format!("--lines={count}");
        let arguments = [whose, "--boot", "--no-pager", "--output=cat", &lines, &own, "+", &about];
        let ended = self.run(&self.settings.journalctl, &arguments).await?;
        match ended.exit {
            Exit::Code(0) => Ok(last(&ended.output, count)),
            exit => {
                let why = ended.lines.last().cloned().unwrap_or_default();
                let message = format!("no log lines: journalctl ended with {exit}: {why}");
                Err(Failure::in_doubt(message))
            }
        }
    }

    async fn systemctl(&self, arguments: &[&str]) -> Result<Ended, Failure> {
        let whose = if self.settings.user { "--user" } else { "--system" };
        let mut all = vec![whose, "--no-ask-password", "--no-pager"];
        all.extend(arguments);
        self.run(&self.settings.systemctl, &all).await
    }

    async fn run(&self, path: &Path, arguments: &[&str]) -> Result<Ended, Failure> {
        let program = Program {
            path,
            arguments: arguments.iter().map(OsStr::new).collect(),
            variables: vec![("LC_ALL", "C".to_owned()), ("SYSTEMD_COLORS", "0".to_owned())],
            directory: None,
            input: Vec::new(),
        };
        let shown = path.display();
        let left = self.deadline.saturating_duration_since(Instant::now()).as_millis() as u64;
        let patience = Duration::from_millis(left).clamp(QUESTION.0, QUESTION.1);
        program.run(Instant::now() + patience).await.map_err(|no_end| match no_end {
            NoEnd::Unstarted(error) if error.kind() == io::ErrorKind::NotFound => {
                Failure::usage(format!(
                    "{shown} does not exist: if systemd does not run this machine, use the runner \
                     hooks or command"
                ))
            }
            NoEnd::Unstarted(error) => Failure::usage(unstarted(path, &error)),
            NoEnd::Late(lines) => Failure::in_doubt(format!(
                "{shown} {} did not answer within {patience:?} and was killed; ask systemd \
                 before you start or stop anything",
                arguments.get(3).copied().unwrap_or_default()
            ))
            .with_lines(lines),
        })
    }
}

// === impl Unit ===

impl Unit {
    /// Reads the output of `systemctl show`. A property that is missing is empty.
    fn read(name: &str, output: &str) -> Self {
        let properties: HashMap<&str, &str> =
            output.lines().filter_map(|line| line.split_once('=')).collect();
        let text = |key: &str| (*properties.get(key).unwrap_or(&"")).to_owned();
        let number = |key: &str| text(key).parse::<i32>().unwrap_or(0);
        let status = number("ExecMainStatus");
        Self {
            name: name.to_owned(),
            load: text("LoadState"),
            load_error: text("LoadError"),
            active: text("ActiveState"),
            sub: text("SubState"),
            result: text("Result"),
            // CLD_EXITED, CLD_KILLED and CLD_DUMPED of waitid(2).
            exit: match number("ExecMainCode") {
                1 => Some(Exit::Code(status)),
                2 | 3 => Some(Exit::Signal(status)),
                _ => None,
            },
            restarts: text("NRestarts").parse().unwrap_or(0),
            invocation: text("InvocationID"),
            has_job: !matches!(&*text("Job"), "" | "0"),
        }
    }

    pub(super) fn state(&self) -> State {
        match &*self.active {
            "active" | "reloading" | "refreshing" => State::Running,
            "deactivating" => State::Stopping,
            "failed" => State::Failed,
            "inactive" => State::Stopped,
            _ => State::Starting,
        }
    }

    /// Returns true if it has been started since.
    pub(super) fn is_new(&self, before: &Self) -> bool {
        self.invocation != before.invocation
    }

    pub(super) fn has_failed(&self) -> bool {
        !matches!(&*self.result, "" | "success")
    }

    /// Returns systemd's description of it, as the end of a sentence.
    pub(super) fn explanation(&self) -> String {
        let Self { active, sub, result, restarts, .. } = self;
        let exit = self.exit.map(|exit| format!(", {exit}")).unwrap_or_default();
        let restarts = match restarts {
            0 => String::new(),
            restarts => format!(", {restarts} restarts"),
        };
        format!("is {active} ({sub}): result {result}{exit}{restarts}")
    }

    /// Checks that systemd could start it.
    pub(super) fn usable(&self, user: bool) -> Result<(), Failure> {
        let Self { name, load, load_error, .. } = self;
        let folder = if user { "~/.config/systemd/user" } else { "/etc/systemd/system" };
        let file = match name.split_once('@') {
            Some((template, rest)) => {
                format!("{template}@.{}", rest.rsplit('.').next().unwrap_or("service"))
            }
            None => name.clone(),
        };
        match &**load {
            "loaded" => Ok(()),
            "not-found" => Err(Failure::usage(format!(
                "the unit {name} does not exist: create {folder}/{file}, then systemctl \
                 daemon-reload"
            ))),
            "masked" => {
                Err(Failure::usage(format!("the unit {name} is masked: systemctl unmask {name}")))
            }
            other => Err(Failure::usage(format!(
                "systemd cannot load the unit {name} ({other}): {load_error}"
            ))),
        }
    }
}

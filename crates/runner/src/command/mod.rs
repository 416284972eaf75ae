//! The runner `command`: processes without a service manager.
//!
//! Each environment has a supervisor ([`crate::supervise()`]), started in a session of its own, and a folder
//! `runner/SERVICE.COLOR` in the state directory with its lock, control socket, record and log. Any later command line
//! of the same user can ask it and stop it.
//!
//! Guaranteed: the port is free before the start, and the environment counts as up only when the started program
//! itself listens on it. A process is never taken for another one that has got its id. A supervisor that does not
//! answer leaves doubt, and nothing is killed because of it.

mod client;
mod order;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rules::Version;
use tokio::time::{Instant, sleep};

use crate::environment::{Environment, Port};
use crate::failure::{Failure, FailureKind};
use crate::listening::{Listening, becomes_free, free_port, is_free, listening};
use crate::status::{Started, State, Status};
use crate::supervise::{Place, Record, Report, last_lines, lines_after, mark};
use crate::{Call, Deadlines, Runner};

/// The polling interval of an environment that is being started.
const GLANCE: Duration = Duration::from_millis(50);
/// The number of ports that are tried if others take a chosen one first.
const TRIES: usize = 3;

/// A program that Teal itself keeps running, for machines without a service manager.
///
/// In the command, the values of variables and the paths, `{service}`, `{color}`, `{version}` and `{port}` stand for
/// those of the environment. The program inherits the variables of the command line but `TEAL_TOKEN`, and gets
/// `TEAL_SERVICE`, `TEAL_COLOR`, `TEAL_VERSION` and `TEAL_PORT`. It must stay in the foreground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processes {
    /// The program that calls [`crate::supervise()`], and its arguments.
    pub supervisor: (PathBuf, Vec<OsString>),
    /// `systemd-run`, by path or by its name in `PATH`, where systemd runs: each supervisor gets a scope of its own.
    pub systemd_run: Option<PathBuf>,
    /// The state directory.
    pub state_dir: PathBuf,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables beside the inherited ones.
    pub variables: BTreeMap<String, String>,
    /// The working directory; `None`: that of the command line.
    pub directory: Option<PathBuf>,
    /// The log; `None`: a file in the folder of the environment.
    pub log: Option<PathBuf>,
    /// The size at which the log is rotated, in bytes. One older file is kept, so about twice this is used.
    pub log_bytes: u64,
    /// The time from SIGTERM to SIGKILL.
    pub stop_timeout: Duration,
    /// The time limits of the calls; `stop` has more than the stop timeout in any case.
    pub deadlines: Deadlines,
}

/// The known facts about an environment.
#[derive(Debug)]
enum Seen {
    /// Its supervisor answers.
    Supervised(Report),
    /// There is no supervisor, and what it had started still runs.
    Orphaned(Record),
    /// There is no supervisor, and what it had started has ended too.
    Lost(Record),
    /// Nothing of it runs, as was asked for.
    Nothing,
}

impl Runner for Processes {
    fn check<'r>(&'r self, environment: &'r Environment) -> Call<'r, ()> {
        Box::pin(async { self.usable(environment) })
    }

    fn start<'r>(&'r self, environment: &'r Environment) -> Call<'r, Started> {
        Box::pin(self.started(environment))
    }

    fn stop<'r>(&'r self, environment: &'r Environment) -> Call<'r, ()> {
        Box::pin(self.stopped(environment))
    }

    fn status<'r>(&'r self, environment: &'r Environment) -> Call<'r, Status> {
        Box::pin(async { self.seen(environment).await.map(Status::from) })
    }

    fn logs<'r>(&'r self, environment: &'r Environment, count: usize) -> Call<'r, Vec<String>> {
        Box::pin(async move { Ok(last_lines(&self.log_of(environment)?, count)) })
    }
}

impl Processes {
    async fn started(&self, environment: &Environment) -> Result<Started, Failure> {
        self.usable(environment)?;
        let seen = self.seen(environment).await.map_err(|failure| {
            Failure::not_started(format!("cannot tell whether {environment} runs: {failure}"))
        })?;
        let status = Status::from(seen);
        if !status.state.is_over() {
            let version = status.version.map(|version| format!(" as {version}"));
            return Err(Failure::not_started(format!(
                "{environment} is {}{} already; stop it first",
                status.state,
                version.unwrap_or_default()
            )));
        }
        let deadline = Instant::now() + self.deadlines.start;
        let mut tries = 1;
        loop {
            let port = match environment.port {
                Port::Auto => Some(free_port()?),
                other => other.number(),
            };
            let outcome = self.start_once(environment, port, deadline).await;
            let failed = |failure: &Failure| matches!(failure.kind, FailureKind::Failed { .. });
            let lost_port = environment.port == Port::Auto
                && outcome.as_ref().is_err_and(failed)
                && port.is_some_and(|port| !is_free(port));
            if !lost_port || tries == TRIES {
                return outcome;
            }
            tries += 1;
            self.stopped(environment).await?; // it has just been started here, so there is no doubt
        }
    }

    async fn start_once(
        &self,
        environment: &Environment,
        port: Option<u16>,
        deadline: Instant,
    ) -> Result<Started, Failure> {
        if let Some(port) = port
            && !becomes_free(port).await
        {
            return Err(Failure::not_started(format!(
                "{environment} was not started: port {port} on loopback is in use by another \
                 program; stop that, or choose another port"
            )));
        }
        let order = self.order(environment, port)?;
        let before = mark(&order.log);
        self.launch(environment, &order, deadline).await?;
        self.up(environment, port, deadline)
            .await
            .map_err(|failure| failure.with_lines(lines_after(&order.log, &before)))?;
        Ok(Started::on(environment, port))
    }

    /// Waits until the program listens on its port. Its first exit ends the wait.
    async fn up(
        &self,
        environment: &Environment,
        port: Option<u16>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        loop {
            let Seen::Supervised(report) = self.seen(environment).await? else {
                let message = format!("the supervisor of {environment} has ended; see its log");
                return Err(Failure::failed(State::Failed, None, message));
            };
            if let Some(exit) = report.exit {
                let message = format!("{environment} ended with {exit} before it was up");
                return Err(Failure::failed(report.state, Some(exit), message));
            }
            let Some(port) = port else { return Ok(()) };
            let running = |message| Err(Failure::failed(State::Running, None, message));
            match listening(port, report.session) {
                Listening::Ours => return Ok(()),
                Listening::Another => {
                    return running(format!(
                        "{environment} runs, but another program listens on its port {port}; if \
                         that is its own, it must stay in the foreground"
                    ));
                }
                Listening::Nobody if Instant::now() >= deadline => {
                    return running(format!(
                        "{environment} runs, but does not listen on port {port} after {:?}; does \
                         it use TEAL_PORT?",
                        self.deadlines.start
                    ));
                }
                Listening::Nobody => sleep(GLANCE).await,
            }
        }
    }
}

impl From<Seen> for Status {
    fn from(seen: Seen) -> Self {
        let unsupervised = |state: State, record: Record, detail: &str| Self {
            version: record.version.and_then(|version| Version::new(&version).ok()),
            port: record.port,
            detail: Some(format!("{detail} (process {})", record.process.pid)),
            ..Self::from(state)
        };
        match seen {
            Seen::Supervised(report) => report.into(),
            Seen::Orphaned(record) => unsupervised(
                State::Running,
                record,
                "its supervisor has ended, so nobody would start it again",
            ),
            Seen::Lost(record) => unsupervised(
                State::Failed,
                record,
                "it has ended together with its supervisor, as in a restart of the machine",
            ),
            Seen::Nothing => Self::from(State::Stopped),
        }
    }
}

/// The folder of an environment. Its name is unique, since no service has a dot in its name.
fn place_in(state_dir: &Path, environment: &Environment) -> Place {
    let Environment { service, color, .. } = environment;
    Place::new(state_dir.join("runner").join(format!("{service}.{color}")))
}

//! The runner `hooks`: executables of the user that start, stop and describe an environment.
//!
//! Each is called without arguments. It gets a JSON document on standard input:
//!
//! ```json
//! {"action":"start","service":"web","color":"green","version":"v42","port":8082,"deadline_ms":120000,"lines":null}
//! ```
//!
//! and the variables `TEAL_SERVICE`, `TEAL_COLOR`, `TEAL_VERSION` and `TEAL_PORT`, which are empty where the document
//! has `null`. `TEAL_TOKEN` is removed. `lines` is for `logs`: the number of lines that are wanted.
//!
//! | hook | exit codes | output |
//! |---|---|---|
//! | `start` | 0 started, 75 wait, others: it has failed | may end with `{"target": "http://127.0.0.1:8082"}` |
//! | `stop` | 0 stopped, or was not running; 75 wait, others: it has failed | |
//! | `status` | 0 running, 75 starting, 3 stopped, others: unknown | |
//! | `logs` | 0 | the last lines, oldest first |
//!
//! After "wait" the hook is called again until the deadline. A hook that does not end by its deadline gets SIGTERM
//! and then SIGKILL, with its process group, and the result is in doubt. So what `start` leaves running belongs in a
//! session of its own (`setsid`, a service manager), with its output in a file: a hook's output is a pipe that breaks.
//!
//! With [`Port::Auto`] a free port is chosen and told, and is the target unless `start` names another.

mod document;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rules::Version;
use tokio::time::{Instant, sleep};

use crate::environment::{Environment, Port};
use crate::failure::Failure;
use crate::lines::last;
use crate::listening::free_port;
use crate::process::{Ended, NoEnd, Program, executable, unstarted};
use crate::status::{Exit, Started, State, Status};
use crate::{Call, Deadlines, Runner};

use document::Document;

/// "Try again later", as in sysexits.h.
const WAIT: i32 = 75;
/// "Not running", as init scripts say it.
const STOPPED: i32 = 3;
/// The pause after the first "wait", and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Executables that start, stop and describe an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hooks {
    /// Starts it.
    pub start: PathBuf,
    /// Stops it.
    pub stop: PathBuf,
    /// Tells whether it runs.
    pub status: PathBuf,
    /// Prints its last log lines; `None`: there are none to print.
    pub logs: Option<PathBuf>,
    /// The time limit of each.
    pub deadlines: Deadlines,
}

/// The purpose of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Start,
    Stop,
    Status,
    Logs,
}

/// One call of a hook, repeated as long as it says "wait".
#[derive(Debug)]
struct Asking<'a> {
    action: Action,
    path: &'a Path,
    environment: &'a Environment,
    port: Option<u16>,
    lines: Option<usize>,
    patience: Duration,
}

impl Runner for Hooks {
    fn check<'r>(&'r self, _environment: &'r Environment) -> Call<'r, ()> {
        Box::pin(async { self.usable() })
    }

    fn start<'r>(&'r self, environment: &'r Environment) -> Call<'r, Started> {
        Box::pin(self.started(environment))
    }

    fn stop<'r>(&'r self, environment: &'r Environment) -> Call<'r, ()> {
        Box::pin(self.stopped(environment))
    }

    fn status<'r>(&'r self, environment: &'r Environment) -> Call<'r, Status> {
        Box::pin(async { self.state(environment).await.map(Status::from) })
    }

    fn logs<'r>(&'r self, environment: &'r Environment, count: usize) -> Call<'r, Vec<String>> {
        Box::pin(self.lines(environment, count))
    }
}

impl Hooks {
    fn usable(&self) -> Result<(), Failure> {
        let hooks = [
            (Action::Start, Some(&self.start)),
            (Action::Stop, Some(&self.stop)),
            (Action::Status, Some(&self.status)),
            (Action::Logs, self.logs.as_ref()),
        ];
        for (action, path) in hooks {
            let Some(path) = path else { continue };
            executable(path).map_err(|why| {
                Failure::usage(format!("the hook {action} cannot be used: {why}"))
            })?;
        }
        Ok(())
    }

    async fn started(&self, environment: &Environment) -> Result<Started, Failure> {
        self.usable()?;
        match self.state(environment).await {
            Ok(state) if state.is_over() => {}
            Ok(state) => {
                return Err(Failure::not_started(format!(
                    "{environment} is {state} already, says the hook status; stop it first"
                )));
            }
            Err(failure) => {
                // Nothing has been asked to start yet, so there is no doubt about what this call has done.
                let message = format!("cannot tell whether {environment} runs: {failure}");
                return Err(Failure::not_started(message).with_lines(failure.lines));
            }
        }
        let port = match environment.port {
            Port::Auto => Some(free_port()?),
            other => other.number(),
        };
        let ended = self.asking(Action::Start, environment, port).answer().await?;
        match ended.exit {
            Exit::Code(0) => up(environment, port, ended),
            exit => Err(self.start_failed(environment, exit, ended.lines).await),
        }
    }

    /// Explains a start that has failed by what the environment is now.
    async fn start_failed(
        &self,
        environment: &Environment,
        exit: Exit,
        lines: Vec<String>,
    ) -> Failure {
        let path = self.start.display();
        let message = match exit {
            Exit::Code(WAIT) => format!(
                "{environment} is not up after {:?}: {path} still says wait (exit code {WAIT})",
                self.deadlines.start
            ),
            exit => format!("{environment} was not started: {path} ended with {exit}"),
        };
        match self.state(environment).await {
            Ok(State::Stopped) => Failure::not_started(message).with_lines(lines),
            Ok(state) => {
                let message = format!("{message}; it is {state}");
                Failure::failed(state, Some(exit), message).with_lines(lines)
            }
            Err(failure) => Failure::in_doubt(format!("{message}; {failure}")).with_lines(lines),
        }
    }

    async fn stopped(&self, environment: &Environment) -> Result<(), Failure> {
        let path = self.stop.display();
        let port = environment.port.number();
        let ended = self.asking(Action::Stop, environment, port).answer().await?;
        let state = self.state(environment).await?;
        let message = match ended.exit {
            Exit::Code(0) if state.is_over() => return Ok(()),
            Exit::Code(0) => {
                let status = self.status.display();
                format!(
                    "{path} says that {environment} is stopped, but {status} that it is {state}"
                )
            }
            Exit::Code(WAIT) => format!(
                "{environment} is not stopped after {:?}: {path} still says wait (exit code {WAIT})",
                self.deadlines.stop
            ),
            exit => {
                format!("{environment} was not stopped: {path} ended with {exit}; it is {state}")
            }
        };
        Err(Failure::failed(state, Some(ended.exit), message).with_lines(ended.lines))
    }

    async fn state(&self, environment: &Environment) -> Result<State, Failure> {
        let port = environment.port.number();
        let ended = self.asking(Action::Status, environment, port).once().await?;
        match ended.exit {
            Exit::Code(0) => Ok(State::Running),
            Exit::Code(WAIT) => Ok(State::Starting),
            Exit::Code(STOPPED) => Ok(State::Stopped),
            exit => {
                let path = self.status.display();
                let message = format!(
                    "{path} ended with {exit}; it must exit with 0 (running), {WAIT} (starting) or \
                     {STOPPED} (stopped)"
                );
                Err(Failure::in_doubt(message).with_lines(ended.lines))
            }
        }
    }

    async fn lines(&self, environment: &Environment, count: usize) -> Result<Vec<String>, Failure> {
        let Some(path) = &self.logs else { return Ok(Vec::new()) };
        let port = environment.port.number();
        let mut asking = self.asking(Action::Logs, environment, port);
        asking.lines = Some(count);
        let ended = asking.once().await?;
        match ended.exit {
            Exit::Code(0) => Ok(last(&ended.output, count)),
            exit => {
                let message = format!("no log lines: {} ended with {exit}", path.display());
                Err(Failure::in_doubt(message).with_lines(ended.lines))
            }
        }
    }

    fn asking<'a>(
        &'a self,
        action: Action,
        environment: &'a Environment,
        port: Option<u16>,
    ) -> Asking<'a> {
        let Deadlines { start, stop, status, logs } = self.deadlines;
        let (path, patience) = match action {
            Action::Start => (&self.start, start),
            Action::Stop => (&self.stop, stop),
            Action::Status => (&self.status, status),
            Action::Logs => (self.logs.as_ref().unwrap_or(&self.status), logs),
        };
        Asking { action, path, environment, port, lines: None, patience }
    }
}

impl Asking<'_> {
    /// Calls the hook until it says something else than "wait", or until the deadline.
    async fn answer(&self) -> Result<Ended, Failure> {
        let deadline = Instant::now() + self.patience;
        let (mut pause, longest) = PAUSES;
        loop {
            let began = Instant::now();
            let ended = self.call(deadline).await?;
            // Another call must have the time of this one at least, or it would be killed and leave doubt.
            let too_late = Instant::now() + pause + began.elapsed() * 2 >= deadline;
            if ended.exit != Exit::Code(WAIT) || too_late {
                return Ok(ended);
            }
            sleep(pause).await;
            pause = longest.min(pause * 2);
        }
    }

    /// Calls the hook once.
    async fn once(&self) -> Result<Ended, Failure> {
        self.call(Instant::now() + self.patience).await
    }

    async fn call(&self, deadline: Instant) -> Result<Ended, Failure> {
        let Environment { service, color, version, .. } = self.environment;
        let unusable =
            |why| Failure::usage(format!("the hook {} cannot be used: {why}", self.action));
        let path = executable(self.path).map_err(unusable)?;
        let version = version.as_ref().map(Version::as_str);
        let document = Document {
            action: self.action.as_str(),
            service: service.as_str(),
            color: color.as_str(),
            version,
            port: self.port,
            deadline_ms: deadline.saturating_duration_since(Instant::now()).as_millis() as u64,
            lines: self.lines,
        };
        let program = Program {
            path: &path,
            arguments: Vec::new(),
            variables: self.environment.variables(self.port).to_vec(),
            directory: None,
            input: document.bytes(),
        };
        program.run(deadline).await.map_err(|no_end| match no_end {
            NoEnd::Unstarted(error) => unusable(unstarted(&path, &error)),
            NoEnd::Late(lines) => Failure::in_doubt(format!(
                "the hook {} did not end within {:?} and was killed: {}; look at {} before you \
                 start or stop anything",
                self.action,
                self.patience,
                path.display(),
                self.environment
            ))
            .with_lines(lines),
        })
    }
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Status => "status",
            Self::Logs => "logs",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The result of a start that has succeeded, with the target that the hook has told.
fn up(environment: &Environment, port: Option<u16>, ended: Ended) -> Result<Started, Failure> {
    let wrong = |why: String, lines: Vec<String>| {
        Err(Failure::failed(State::Running, Some(ended.exit), why).with_lines(lines))
    };
    if ended.held {
        let why = format!(
            "the hook start has ended, but what it started for {environment} still writes to the \
             hook's output and would die of it: redirect its output to a file"
        );
        return wrong(why, ended.lines);
    }
    match document::told_target(&ended.output) {
        Ok(Some(target)) => Ok(Started { target: Some(target) }),
        Ok(None) => Ok(Started::on(environment, port)),
        Err(why) => {
            wrong(format!("the hook start tells a target that cannot be used: {why}"), ended.lines)
        }
    }
}

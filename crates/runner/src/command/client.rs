//! The command line's end of a supervisor: starting it, asking it, stopping it, and what to do without it.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use rustix::process::{Signal, geteuid};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout_at};

use crate::environment::Environment;
use crate::failure::Failure;
use crate::process::SECRET;
use crate::status::State;
use crate::supervise::{Ask, Begun, Order, Place, Record, Report, receive, send};

use super::{Processes, Seen};

/// The polling interval of locks and processes.
const GLANCE: Duration = Duration::from_millis(20);
/// The time that a supervisor has beyond the stop timeout of its program.
const STOP_MARGIN: Duration = Duration::from_secs(10);

/// The answer of a supervisor to its order, if it has been started, has answered in time and has not ended.
type Told = io::Result<Result<io::Result<Begun>, Elapsed>>;

impl Processes {
    /// Starts a supervisor and waits until it has started its program.
    pub(super) async fn launch(
        &self,
        environment: &Environment,
        order: &Order,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let refused =
            |why: String| Failure::not_started(format!("{environment} was not started: {why}"));
        let place = self.place(environment)?;
        place.create().map_err(|error| {
            refused(format!("cannot make {}: {error}", place.folder().display()))
        })?;
        let scope = self.scope(environment);
        let mut told = self.begin(scope.as_deref(), order, deadline).await;
        let unscoped = scope.is_some() && matches!(told, Err(_) | Ok(Ok(Err(_))));
        if unscoped && matches!(self.seen(environment).await?, Seen::Nothing) {
            // This user has no service manager, or it refuses: start it as on a machine without one.
            told = self.begin(None, order, deadline).await;
        }
        let answer = told.map_err(|error| {
            refused(format!("cannot start {}: {error}", self.supervisor.0.display()))
        })?;
        match answer {
            Ok(Ok(Begun::Started)) => Ok(()),
            Ok(Ok(Begun::Refused(why))) => Err(refused(why)),
            Ok(Err(_)) => match self.seen(environment).await? {
                Seen::Nothing | Seen::Lost(_) => {
                    Err(refused("its supervisor ended before it began".to_owned()))
                }
                Seen::Supervised(_) | Seen::Orphaned(_) => Err(Failure::in_doubt(format!(
                    "the supervisor of {environment} ended while it started its program"
                ))),
            },
            Err(_) => Err(Failure::in_doubt(format!(
                "the supervisor of {environment} did not answer within {:?}",
                self.deadlines.start
            ))),
        }
    }

    /// Finds out what runs.
    pub(super) async fn seen(&self, environment: &Environment) -> Result<Seen, Failure> {
        let place = self.place(environment)?;
        let deadline = Instant::now() + self.deadlines.status;
        loop {
            if let Some(report) = self.ask(environment, &place, Ask::Status, deadline).await? {
                return Ok(Seen::Supervised(report));
            }
            let locked = place.is_locked().map_err(|error| {
                let folder = place.folder().display();
                Failure::in_doubt(format!("cannot use {folder}: {error}"))
            })?;
            if !locked {
                return Ok(match place.record() {
                    Some(record) if record.process.runs() => Seen::Orphaned(record),
                    Some(record) => Seen::Lost(record),
                    None => Seen::Nothing,
                });
            }
            if Instant::now() >= deadline {
                return Err(silent(environment, self.deadlines.status));
            }
            sleep(GLANCE).await; // it begins or ends just now
        }
    }

    pub(super) async fn stopped(&self, environment: &Environment) -> Result<(), Failure> {
        let place = self.place(environment)?;
        let patience = self.deadlines.stop.max(self.stop_timeout + STOP_MARGIN);
        let deadline = Instant::now() + patience;
        loop {
            match self.seen(environment).await? {
                Seen::Supervised(_) => {
                    let report = self.ask(environment, &place, Ask::Stop, deadline).await?;
                    let state = report.map_or(State::Stopped, |report| report.state);
                    if state != State::Stopped {
                        let message = format!("{environment} does not end, not even by SIGKILL");
                        return Err(Failure::failed(state, None, message));
                    }
                }
                Seen::Orphaned(record) => self.end(environment, &record).await?,
                Seen::Lost(_) => {
                    // Under the lock, so that nobody who starts it just now loses their record.
                    if let Ok(Some(_lock)) = place.lock() {
                        place.clear();
                    }
                }
                Seen::Nothing => return Ok(()),
            }
            if Instant::now() >= deadline {
                return Err(silent(environment, patience));
            }
        }
    }

    /// Ends a program that has lost its supervisor.
    async fn end(&self, environment: &Environment, record: &Record) -> Result<(), Failure> {
        for (signal, patience) in [(Signal::TERM, self.stop_timeout), (Signal::KILL, STOP_MARGIN)] {
            record.process.signal(signal);
            let deadline = Instant::now() + patience;
            while record.process.runs() && Instant::now() < deadline {
                sleep(GLANCE).await;
            }
        }
        if record.process.runs() {
            let pid = record.process.pid;
            let message =
                format!("process {pid} of {environment} does not end, not even by SIGKILL");
            return Err(Failure::failed(State::Running, None, message));
        }
        Ok(())
    }

    /// Asks the supervisor; `None` if there is none.
    async fn ask(
        &self,
        environment: &Environment,
        place: &Place,
        question: Ask,
        deadline: Instant,
    ) -> Result<Option<Report>, Failure> {
        let began = Instant::now();
        let asked = timeout_at(deadline, async {
            let mut stream = UnixStream::connect(place.control()).await?;
            send(&mut stream, &question).await?;
            receive(&mut stream).await
        });
        match asked.await {
            Ok(Ok(report)) => Ok(Some(report)),
            Ok(Err(error)) if is_gone(&error) => Ok(None),
            Ok(Err(error)) => Err(Failure::in_doubt(format!(
                "cannot ask the supervisor of {environment} at {}: {error}",
                place.control().display()
            ))),
            Err(_) => Err(silent(environment, began.elapsed())),
        }
    }

    /// Starts a supervisor, below a scope if there is one, and gives it its order.
    async fn begin(&self, scope: Option<&[OsString]>, order: &Order, deadline: Instant) -> Told {
        let mut link = self.spawn(scope.unwrap_or_default())?;
        let told = timeout_at(deadline, async {
            send(&mut link, order).await?;
            receive(&mut link).await
        });
        Ok(told.await)
    }

    /// The command line that puts what follows into a scope of its own (systemd.scope(5)), where systemd runs. So a
    /// service manager that ends the login or the job of whoever deploys does not end the environment with it.
    fn scope(&self, environment: &Environment) -> Option<Vec<OsString>> {
        let program = self.systemd_run.as_ref()?;
        let Environment { service, color, .. } = environment;
        let seconds = (self.stop_timeout + STOP_MARGIN).as_secs();
        // A name of its own for each start: the scope of what was stopped a moment ago may still be there.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let started = since.as_millis();
        let mut words = vec![program.into()];
        if !geteuid().is_root() {
            words.push("--user".into());
        }
        words.extend(["--scope", "--quiet", "--collect", "--no-ask-password"].map(OsString::from));
        words.extend([
            format!("--unit=teal-{service}-{color}-{started}").into(),
            format!("--description={environment}, kept running by teal").into(),
            format!("--property=TimeoutStopSec={seconds}s").into(),
            "--".into(),
        ]);
        Some(words)
    }

    /// Starts the supervisor's process below `scope`; its standard input is the other end of the link.
    fn spawn(&self, scope: &[OsString]) -> io::Result<UnixStream> {
        let (link, its) = StdStream::pair()?;
        link.set_nonblocking(true)?;
        let (program, arguments) = &self.supervisor;
        let mut command = match scope.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        // Not killed and not waited for: it is to outlive this process.
        command
            .args(arguments)
            .env_remove(SECRET)
            .stdin(Stdio::from(OwnedFd::from(its)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        UnixStream::from_std(link)
    }
}

/// Returns true if an error shows that nobody listens, or that the one who did has ended.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}

fn silent(environment: &Environment, patience: Duration) -> Failure {
    Failure::in_doubt(format!(
        "the supervisor of {environment} runs and has not answered within {patience:?}; look at \
         it before you start or stop anything"
    ))
}

//! The runner `systemd`: a unit for each color, usually instances of one template.
//!
//! A call asks systemd to start or stop the unit and then watches its properties: so a crash loop ends a start at once,
//! and a command line that is interrupted leaves a job that systemd finishes. The version and the port reach the unit
//! through an environment file that is replaced as a whole before the start.
//!
//! Guaranteed: a unit that is active already is not touched by a start, since systemd would keep the old process.

mod file;
mod unit;

use std::path::PathBuf;
use std::time::Duration;

use rules::Version;
use tokio::time::{Instant, sleep};

use crate::environment::{Environment, Port};
use crate::failure::{Failure, FailureKind};
use crate::lines::KEPT;
use crate::listening::free_port;
use crate::status::{Started, State, Status};
use crate::{Call, Deadlines, Runner};

use unit::{Manager, Unit};

/// The polling interval of a unit that is being started or stopped.
const GLANCE: Duration = Duration::from_millis(100);

/// A unit for each color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Systemd {
    /// The unit, with `{service}` and `{color}`: `app@{color}.service`.
    pub unit: String,
    /// True for units of the user who deploys (`systemctl --user`).
    pub user: bool,
    /// The file that the unit reads by `EnvironmentFile=`, with the same placeholders. It gets `COLOR`, `VERSION` and
    /// `PORT`. `None`: the unit is told nothing.
    pub env_file: Option<PathBuf>,
    /// `systemctl`, by path or by its name in `PATH`.
    pub systemctl: PathBuf,
    /// `journalctl`, likewise.
    pub journalctl: PathBuf,
    /// The time limits of the calls.
    pub deadlines: Deadlines,
}

impl Runner for Systemd {
    fn check<'r>(&'r self, environment: &'r Environment) -> Call<'r, ()> {
        Box::pin(async {
            self.env_file(environment)?;
            self.loaded(environment).await.map(drop)
        })
    }

    fn start<'r>(&'r self, environment: &'r Environment) -> Call<'r, Started> {
        Box::pin(self.started(environment))
    }

    fn stop<'r>(&'r self, environment: &'r Environment) -> Call<'r, ()> {
        Box::pin(self.stopped(environment))
    }

    fn status<'r>(&'r self, environment: &'r Environment) -> Call<'r, Status> {
        Box::pin(self.described(environment))
    }

    fn logs<'r>(&'r self, environment: &'r Environment, count: usize) -> Call<'r, Vec<String>> {
        Box::pin(self.lines(environment, count))
    }
}

impl Systemd {
    async fn started(&self, environment: &Environment) -> Result<Started, Failure> {
        let env_file = self.env_file(environment)?;
        let before = self.loaded(environment).await.map_err(|failure| match failure.kind {
            // Nothing has been asked to start yet, so there is no doubt about what this call has done.
            FailureKind::InDoubt => Failure::not_started(failure.message).with_lines(failure.lines),
            _ => failure,
        })?;
        let name = &before.name;
        if !before.state().is_over() {
            return Err(Failure::not_started(format!(
                "{environment} is {} already, says systemd of {name}; stop it first",
                before.state()
            )));
        }
        let port = match environment.port {
            Port::Auto => Some(free_port()?),
            other => other.number(),
        };
        if let Some(path) = env_file {
            file::write(&path, environment, port).map_err(|error| {
                Failure::not_started(format!("cannot write {}: {error}", path.display()))
            })?;
        }
        let manager = self.manager(self.deadlines.start);
        if before.state() == State::Failed {
            // So that earlier failures do not count against this start. One that is refused shows in the start.
            let _ = manager.order("reset-failed", name).await;
        }
        if let Err(failure) = manager.order("start", name).await {
            return Err(match failure.kind {
                FailureKind::Failed { .. } => Failure::not_started(format!(
                    "{environment} was not started: {}",
                    failure.message
                ))
                .with_lines(failure.lines),
                _ => failure,
            });
        }
        match self.up(environment, &manager, &before).await {
            Ok(()) => {}
            Err((failure, None)) => return Err(failure),
            Err((failure, Some(unit))) => {
                let lines = self.manager(self.deadlines.logs).lines(&unit, KEPT).await;
                return Err(failure.with_lines(lines.unwrap_or_default()));
            }
        }
        Ok(Started::on(environment, port))
    }

    /// Waits until the unit is active. The failure comes with the unit that has failed, if it was seen.
    async fn up(
        &self,
        environment: &Environment,
        manager: &Manager<'_>,
        before: &Unit,
    ) -> Result<(), (Failure, Option<Box<Unit>>)> {
        let name = &before.name;
        loop {
            let unit = manager.settled(name).await.map_err(|failure| (failure, None))?;
            let state = unit.state();
            let failed = |message: String, unit: Unit| {
                Err((Failure::failed(state, unit.exit, message), Some(Box::new(unit))))
            };
            if unit.restarts > 0 || (unit.is_new(before) && unit.has_failed()) {
                let how = unit.explanation();
                let message = format!("{environment} failed before it was up: {name} {how}");
                return failed(message, unit);
            }
            match state {
                State::Running => return Ok(()),
                State::Stopped | State::Failed if !unit.has_job => {
                    let how = unit.explanation();
                    let message = format!("{environment} did not come up: {name} {how}");
                    return failed(message, unit);
                }
                _ if manager.is_late() => {
                    let message = format!(
                        "{environment} is not up after {:?}: {name} is still {state}",
                        self.deadlines.start
                    );
                    return failed(message, unit);
                }
                _ => sleep(GLANCE).await,
            }
        }
    }

    async fn stopped(&self, environment: &Environment) -> Result<(), Failure> {
        let name = self.loaded(environment).await?.name;
        let manager = self.manager(self.deadlines.stop);
        manager.order("stop", &name).await?;
        loop {
            let unit = manager.settled(&name).await?;
            let state = unit.state();
            if state.is_over() && !unit.has_job {
                return Ok(());
            }
            if manager.is_late() {
                let message = format!(
                    "{environment} is not stopped after {:?}: {name} is still {state}",
                    self.deadlines.stop
                );
                return Err(Failure::failed(state, None, message));
            }
            sleep(GLANCE).await;
        }
    }

    async fn described(&self, environment: &Environment) -> Result<Status, Failure> {
        let unit = self.loaded(environment).await?;
        let (mut version, mut port) = (None, None);
        if let Some(path) = self.env_file(environment)?.filter(|_| !unit.state().is_over()) {
            let told = file::read(&path);
            version = told.version.and_then(|version| Version::new(&version).ok());
            port = told.port;
        }
        Ok(Status {
            state: unit.state(),
            version,
            port,
            restarts: unit.restarts,
            exit: unit.exit,
            detail: unit.has_failed().then(|| format!("{} {}", unit.name, unit.explanation())),
        })
    }

    async fn lines(&self, environment: &Environment, count: usize) -> Result<Vec<String>, Failure> {
        let unit = self.loaded(environment).await?;
        self.manager(self.deadlines.logs).lines(&unit, count).await
    }

    /// The unit, which must exist.
    async fn loaded(&self, environment: &Environment) -> Result<Unit, Failure> {
        let name = environment.fill(&self.unit, None).map_err(Failure::usage)?;
        if name.starts_with('-') || name.contains(char::is_whitespace) || name.is_empty() {
            return Err(Failure::usage(format!("{name:?} is not the name of a unit")));
        }
        let unit = self.manager(self.deadlines.status).show(&name).await?;
        unit.usable(self.user)?;
        Ok(unit)
    }

    fn env_file(&self, environment: &Environment) -> Result<Option<PathBuf>, Failure> {
        let Some(template) = &self.env_file else {
            return match environment.port {
                Port::Auto => Err(Failure::usage(
                    "port = \"auto\" needs env_file: only through it the unit learns its port",
                )),
                Port::Fixed(_) | Port::None => Ok(None),
            };
        };
        let text = template
            .to_str()
            .ok_or_else(|| Failure::usage(format!("{} is not UTF-8", template.display())))?;
        let path = environment.fill(text, environment.port.number()).map_err(Failure::usage)?;
        std::path::absolute(&path)
            .map(Some)
            .map_err(|error| Failure::usage(format!("cannot use env_file {path:?}: {error}")))
    }

    fn manager(&self, patience: Duration) -> Manager<'_> {
        Manager { settings: self, deadline: Instant::now() + patience }
    }
}

//! The runner `docker`: a container for each color, made by the Engine's API over its Unix socket.
//!
//! The container carries the labels `teal.service`, `teal.color` and `teal.version`. Only one with the labels of its
//! environment is ever stopped or removed; another one with its name is refused by name. A port on loopback that another
//! program has is refused as well, since the gate would probe that program.
//!
//! Teal reaches the program by the port of the environment:
//!
//! | port | target |
//! |---|---|
//! | [`Port::Fixed`] | that port on loopback, which Docker passes on to the container; the configuration has it |
//! | [`Port::Auto`] | the same with a port that is chosen and told; it stays the same if the container is restarted |
//! | [`Port::None`] | the container's own address in its network, which is told if that is asked for; else one that the configuration has: a Unix socket in a mount, or a name in a shared network |
//!
//! A container with a told address of its own is not restarted by Docker, since the address may be another's after
//! that. All others are, unless they were stopped.
//!
//! Docker's HEALTHCHECK is shown and never waited for: by default its first result takes 30 seconds.
//!
//! [`Port::Fixed`]: crate::Port::Fixed
//! [`Port::Auto`]: crate::Port::Auto
//! [`Port::None`]: crate::Port::None

mod calls;
mod container;
mod engine;
mod frames;
mod image;
mod mount;
mod plan;
mod release;
mod start;
mod stop;
mod trouble;
mod variables;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::status::{Started, State, Status};
use crate::{Call, Deadlines, Runner};

use container::Container;
use engine::Engine;
use trouble::Trouble;

/// The polling interval of a container that is being started or stopped.
const GLANCE: Duration = Duration::from_millis(100);
/// The pause before a question is asked again.
const PAUSE: Duration = Duration::from_millis(200);
/// The time that a stop has beyond the stop timeout.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// A container for each color.
///
/// In the image, the names, the paths, the command and the values of variables and labels, `{service}`, `{color}` and
/// `{version}` stand for those of the environment. `{port}`, where the program may know it, is its port in the
/// container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Docker {
    /// The value of `DOCKER_HOST`; `None`: `/var/run/docker.sock`.
    pub host: Option<String>,
    /// The image: `registry/app:{version}`.
    pub image: String,
    /// The container: `{service}-{color}`.
    pub container: String,
    /// The network; `None`: Docker's default.
    pub network: Option<String>,
    /// The port that the program listens on in its container; `None`: that of the environment.
    pub port: Option<u16>,
    /// True if an environment without a port is told by the container's own address, because the configuration has no
    /// target.
    pub address: bool,
    /// A file of variables, as `docker run --env-file` takes it.
    pub env_file: Option<PathBuf>,
    /// Variables besides those of the file and `TEAL_SERVICE`, `TEAL_COLOR`, `TEAL_VERSION` and `TEAL_PORT`.
    pub env: BTreeMap<String, String>,
    /// Mounts: `SRC:DST` or `SRC:DST:ro`, of absolute paths or names of volumes.
    pub mounts: Vec<String>,
    /// Labels besides Teal's.
    pub labels: BTreeMap<String, String>,
    /// When the image is pulled.
    pub pull: Pull,
    /// The program and its arguments; empty: those of the image.
    pub command: Vec<String>,
    /// The time that a program must run before it counts as up, so that the start tells of one that ends at once.
    pub settle: Duration,
    /// The time from SIGTERM to SIGKILL, in whole seconds.
    pub stop_timeout: Duration,
    /// The time limits of the calls; `stop` has more than the stop timeout in any case.
    pub deadlines: Deadlines,
}

/// When an image is pulled before a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pull {
    /// Each time.
    Always,
    /// If it is not on this machine.
    #[default]
    Missing,
    /// Never: it must be on this machine.
    Never,
}

impl Runner for Docker {
    fn check<'r>(&'r self, environment: &'r Environment) -> Call<'r, ()> {
        Box::pin(self.usable(environment))
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

impl Docker {
    async fn usable(&self, environment: &Environment) -> Result<(), Failure> {
        let plan = self.plan(environment)?;
        let engine = self.engine(self.deadlines.status).await?;
        self.ours(&engine, environment, &plan.name).await?;
        self.check_ground(&engine, &plan).await
    }

    async fn described(&self, environment: &Environment) -> Result<Status, Failure> {
        let name = self.name_of(environment)?;
        let engine = self.engine(self.deadlines.status).await?;
        let container = self.ours(&engine, environment, &name).await?;
        Ok(container.map_or_else(|| State::Stopped.into(), |found| found.status(environment)))
    }

    async fn lines(&self, environment: &Environment, count: usize) -> Result<Vec<String>, Failure> {
        let name = self.name_of(environment)?;
        let engine = self.engine(self.deadlines.logs).await?;
        let Some(container) = self.ours(&engine, environment, &name).await? else {
            return Ok(Vec::new());
        };
        engine.lines(&container, count).await.map_err(|trouble| {
            Failure::in_doubt(format!("no log lines of the container {name}: {trouble}"))
        })
    }

    async fn engine(&self, patience: Duration) -> Result<Engine, Failure> {
        let deadline = Instant::now() + patience;
        Engine::reach(self.host.as_deref(), deadline).await.map_err(Trouble::into_failure)
    }

    /// The container of the environment, if there is one. Another's with its name is refused.
    async fn ours(
        &self,
        engine: &Engine,
        environment: &Environment,
        name: &str,
    ) -> Result<Option<Container>, Failure> {
        let found = engine.container(name).await.map_err(Trouble::into_failure)?;
        let found = found.filter(|found| found.is_named(name));
        if let Some(found) = &found {
            found.belongs_to(environment)?;
        }
        Ok(found)
    }
}

/// A time in the whole seconds that the Engine takes, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

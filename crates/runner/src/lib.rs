//! The runners: what starts and stops one environment (a color of a service) for a deploy.
//!
//! A [`Runner`] works for the command line, with the rights of the user who deploys. It starts, stops and describes
//! what runs; the deploy decides when. All runners keep the same rules:
//!
//! - `start` changes nothing where something runs already: that is [`FailureKind::NotStarted`].
//! - Every wait ends at a deadline. What has not answered by then is [`FailureKind::InDoubt`], and nothing is stopped
//!   because of it.
//! - Dropping the future of a call (Ctrl-C) ends the programs that the call itself runs. The environment is left as it
//!   is, so the result is unknown: `status` tells it.
//!
//! **Never here:** a switch, the admin API, the configuration file, the daemon. The serving Teal executes nothing.

#![forbid(unsafe_code)]

mod command;
mod docker;
mod environment;
mod failure;
mod group;
mod hooks;
mod lines;
mod listening;
mod once;
mod process;
mod status;
mod supervise;
mod systemd;

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

pub use command::Processes;
pub use docker::{Docker, Pull};
pub use environment::{Environment, Port};
pub use failure::{Failure, FailureKind};
pub use hooks::Hooks;
pub use once::run_once;
pub use status::{Exit, Started, State, Status};
pub use supervise::supervise;
pub use systemd::Systemd;

/// The future of a call. It needs a tokio runtime with its I/O and time drivers.
pub type Call<'r, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'r>>;

/// The program or service manager that starts and stops the environments of one service.
pub trait Runner: fmt::Debug + Send + Sync {
    /// Checks that everything the runner needs is there, without changing anything.
    fn check<'r>(&'r self, environment: &'r Environment) -> Call<'r, ()>;

    /// Starts the environment and waits until it says that it is up. Health is the gate's matter.
    fn start<'r>(&'r self, environment: &'r Environment) -> Call<'r, Started>;

    /// Stops the environment and waits until nothing of it is left. One that does not run is stopped already.
    fn stop<'r>(&'r self, environment: &'r Environment) -> Call<'r, ()>;

    /// Describes what runs, without changing it.
    fn status<'r>(&'r self, environment: &'r Environment) -> Call<'r, Status>;

    /// Returns at most `count` of the last lines that the environment has logged; none where logs are not the
    /// runner's matter.
    fn logs<'r>(&'r self, environment: &'r Environment, count: usize) -> Call<'r, Vec<String>>;
}

/// The time limits of a runner's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Until `start` says that the environment is up.
    pub start: Duration,
    /// Until nothing of the environment is left.
    pub stop: Duration,
    /// Until the state is told.
    pub status: Duration,
    /// Until the last lines are told.
    pub logs: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(120),
            stop: Duration::from_secs(60),
            status: Duration::from_secs(10),
            logs: Duration::from_secs(10),
        }
    }
}

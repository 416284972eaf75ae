//! The state of an environment as its runner reports it.

use std::fmt;
use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rules::{TargetUrl, Version};
use serde::{Deserialize, Serialize};

use crate::environment::{Environment, Port};

/// The state of an environment. It says nothing about health, which the gate proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being started, or waits to be started again.
    Starting,
    /// It runs.
    Running,
    /// It is being stopped.
    Stopping,
    /// Nothing of it runs, as was asked for.
    Stopped,
    /// It has ended by itself, or could not be started.
    Failed,
}

/// The exit of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// An environment that has been started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Started {
    /// The address of its target, if the configuration does not have it.
    pub target: Option<TargetUrl>,
}

/// A runner's report about an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// The version that it was started as, if the runner keeps that.
    pub version: Option<Version>,
    /// The port of its target, if the runner has chosen it.
    pub port: Option<u16>,
    /// Restarts since it was started: more than 0 before it was ever healthy is a crash loop.
    pub restarts: u32,
    /// The last exit of its program, if there was one.
    pub exit: Option<Exit>,
    /// Further details, in the runner's words.
    pub detail: Option<String>,
}

// === impl Started, State, Exit, Status ===

impl Started {
    /// An environment on this port of loopback, which is worth telling only if the runner has chosen it.
    pub(crate) fn on(environment: &Environment, port: Option<u16>) -> Self {
        let chosen = port.filter(|_| environment.port == Port::Auto);
        let target = chosen.map(|port| format!("http://{}:{port}", Ipv4Addr::LOCALHOST));
        Self { target: target.and_then(|target| TargetUrl::parse(&target).ok()) }
    }
}

impl State {
    /// Returns true if nothing of it runs or is about to.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed)
    }

    /// The word used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Exit {
    /// The exit of a process whose end was waited for.
    pub(crate) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

impl From<State> for Status {
    fn from(state: State) -> Self {
        Self { state, version: None, port: None, restarts: 0, exit: None, detail: None }
    }
}

//! The meaning of a service's deploys: how an environment is started and stopped, and what is checked.
//!
//! Only `teal deploy` acts on it, as the user who deploys; a running Teal executes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rules::{Color, ServiceName, StatusRange, TargetUrl};

use crate::freeze::Freeze;

/// The deploys of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Deploy {
    /// The service.
    pub service: ServiceName,
    /// The directory of the file, in which commands run.
    pub directory: PathBuf,
    /// The program that starts and stops an environment.
    pub runner: Runner,
    /// The ports of blue and green; `None`: the color has no port of its own, such as behind a Unix socket.
    pub ports: [Option<u16>; 2],
    /// True if the runner chooses a port at each start.
    pub auto_port: bool,
    /// True if the runner tells Teal the targets of both colors.
    pub told: bool,
    /// The handling of the old environment after a deploy.
    pub keep: Keep,
    /// The time that an environment has to stop before it is killed.
    pub stop_timeout: Duration,
    /// Checks of the new environment before the switch, in their order.
    pub smoke: Vec<Smoke>,
    /// Checks through the public listener after the switch, in their order.
    pub outside: Vec<Outside>,
    /// Commands before the start; none is empty.
    pub before: Vec<Vec<String>>,
    /// Commands after the switch; none is empty.
    pub after: Vec<Vec<String>>,
    /// Windows in which deploys are refused.
    pub freeze: Vec<Freeze>,
}

/// The program that starts and stops the environments of a service. Placeholders are not replaced yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runner {
    /// Executables of the user; absolute paths.
    Hooks {
        /// Starts an environment.
        start: PathBuf,
        /// Stops it.
        stop: PathBuf,
        /// Tells whether it runs.
        status: PathBuf,
        /// Prints its last log lines; `None`: there is no such program.
        logs: Option<PathBuf>,
    },
    /// A unit for each color.
    Systemd {
        /// The unit, with `{color}`.
        unit: String,
        /// True for units of the user who deploys.
        user: bool,
        /// The environment file of the unit, absolute, with `{color}`; `None`: there is none.
        env_file: Option<PathBuf>,
    },
    /// A container for each color.
    Docker(Box<Container>),
    /// A program under a supervisor of Teal.
    Command {
        /// The program and its arguments; not empty.
        command: Vec<String>,
        /// Its variables.
        env: BTreeMap<String, String>,
        /// Its working directory, absolute.
        cwd: PathBuf,
        /// Its log file, absolute, with `{color}`; `None`: one in the state directory.
        log: Option<PathBuf>,
    },
}

/// The containers of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The image.
    pub image: String,
    /// The name, with `{color}`.
    pub name: String,
    /// The network; `None`: Docker's default.
    pub network: Option<String>,
    /// The port that the program listens on in it; `None`: that of the color.
    pub port: Option<u16>,
    /// A file of variables, absolute; `None`: there is none.
    pub env_file: Option<PathBuf>,
    /// Variables.
    pub env: BTreeMap<String, String>,
    /// Mounts, each `SRC:DST` or `SRC:DST:ro`.
    pub mounts: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// When the image is pulled.
    pub pull: Pull,
    /// The program and its arguments; empty: those of the image.
    pub command: Vec<String>,
}

/// When an image is pulled before a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Each time.
    Always,
    /// If it is not on the machine.
    Missing,
    /// Never.
    Never,
}

/// The handling of the old environment after a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It stays up until the next deploy needs its place.
    UntilNext,
    /// It is stopped once it is drained.
    No,
    /// It stays up for this time, until a sweep or the next deploy.
    For(Duration),
}

/// A check before the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Smoke {
    /// A request to each target of the color.
    Path {
        /// The path, perhaps with a query.
        path: String,
        /// The response that passes.
        expect: Expect,
        /// The time that the response may take.
        within: Duration,
    },
    /// A program that exits with 0.
    Exec {
        /// The program and its arguments; not empty.
        command: Vec<String>,
        /// The time that it may take.
        within: Duration,
    },
}

/// A check through the public listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// The URL as written.
    pub url: String,
    /// The server in it.
    pub server: TargetUrl,
    /// Its `Host`: the server, with the port as written.
    pub host: String,
    /// Its path and query.
    pub path: String,
    /// The response that passes.
    pub expect: Expect,
    /// The time in which it must pass.
    pub within: Duration,
    /// PEM: the CA certificates to verify the server against; `None`: the system's CAs.
    pub ca: Option<PathBuf>,
}

/// A response that passes a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The statuses; not empty.
    pub statuses: Vec<StatusRange>,
    /// The text that its body must contain; `None`: any body.
    pub contains: Option<String>,
}

// === impl Deploy, Expect ===

impl Deploy {
    /// The port of a color; `None`: it has none of its own.
    pub fn port(&self, color: Color) -> Option<u16> {
        let [blue, green] = self.ports;
        match color {
            Color::Blue => blue,
            Color::Green => green,
        }
    }

    /// The path of a program: in the directory of the file if it contains a slash, else to be found in `PATH`.
    pub fn program(&self, name: &str) -> PathBuf {
        if name.contains('/') { self.directory.join(name) } else { Path::new(name).to_owned() }
    }
}

impl Expect {
    /// Returns true if a status passes.
    pub fn status(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.contains(status))
    }
}

//! The answers to the questions, and what follows from them.

use std::path::{Path, PathBuf};

use config::Environment;

use crate::given::RunnerKind;

/// The name of the configuration.
pub const CONFIG: &str = "teal.toml";

/// The answers to all questions. Text is as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The name of the service.
    pub service: String,
    /// Its hosts; empty: any host.
    pub hosts: Vec<String>,
    /// The targets of blue and green, each a URL.
    pub targets: [String; 2],
    /// The address that clients connect to; `None`: it follows from the other answers.
    pub listen: Option<String>,
    /// TLS.
    pub tls: Tls,
    /// The program that starts and stops environments.
    pub runner: Runner,
}

/// TLS of the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// None.
    None,
    /// A certificate and its key in files.
    Files {
        /// The certificate.
        cert: String,
        /// Its key.
        key: String,
    },
    /// Certificates from an ACME CA.
    Acme {
        /// The address that the CA may write to.
        email: Option<String>,
    },
}

/// The program that starts and stops environments, and what it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runner {
    /// Executables of the user, which run a command line.
    Hooks(String),
    /// A unit for each color, which runs a command line.
    Systemd(String),
    /// A container for each color, of an image.
    Docker(String),
    /// A service of Docker Compose for each color, of an image.
    Compose(String),
    /// A command line under a supervisor of Teal.
    Command(String),
}

/// The place that the files are for: what their check depends on besides the answers.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory of the files.
    pub directory: PathBuf,
    /// The environment of the process.
    pub environment: Environment,
}

// === impl Place ===

impl Place {
    /// The path of the configuration.
    pub fn config(&self) -> PathBuf {
        self.directory.join(CONFIG)
    }

    /// Returns true if the shipped unit runs Teal with this configuration, and names its state directory.
    pub(crate) fn is_of_the_unit(&self) -> bool {
        self.directory == Path::new("/etc/teal")
    }
}

// === impl Answers ===

impl Answers {
    /// The default answers.
    pub fn default_for(runner: RunnerKind) -> Self {
        let service = "web";
        Self {
            service: service.to_owned(),
            hosts: Vec::new(),
            targets: [8081, 8082].map(|port| format!("http://127.0.0.1:{port}")),
            listen: None,
            tls: Tls::None,
            runner: Runner::default_for(runner, service),
        }
    }

    /// The address that clients connect to: port 443 with TLS; else 8080 on loopback, as `teal run` has it, or 8000
    /// if a color is at 8080.
    pub fn listener(&self) -> String {
        if let Some(listen) = &self.listen {
            return listen.clone();
        }
        if self.tls != Tls::None {
            return "0.0.0.0:443".to_owned();
        }
        let taken = self.targets.iter().any(|target| target.ends_with(":8080"));
        format!("127.0.0.1:{}", if taken { 8000 } else { 8080 })
    }
}

// === impl Runner ===

impl Runner {
    /// A runner with what it runs unless something else is answered.
    pub(crate) fn default_for(kind: RunnerKind, service: &str) -> Self {
        let program = |path: &str| format!("{path} --port {{port}}");
        let image = || format!("{service}:{{version}}");
        match kind {
            RunnerKind::Hooks => Self::Hooks(program(&format!("./{service}"))),
            RunnerKind::Systemd => Self::Systemd(program(&format!("/opt/{service}/{service}"))),
            RunnerKind::Docker => Self::Docker(image()),
            RunnerKind::Compose => Self::Compose(image()),
            RunnerKind::Command => Self::Command(program(&format!("./{service}"))),
        }
    }

    /// The same runner with something else to run.
    pub(crate) fn running(kind: RunnerKind, what: String) -> Self {
        match kind {
            RunnerKind::Hooks => Self::Hooks(what),
            RunnerKind::Systemd => Self::Systemd(what),
            RunnerKind::Docker => Self::Docker(what),
            RunnerKind::Compose => Self::Compose(what),
            RunnerKind::Command => Self::Command(what),
        }
    }

    /// The command line or the image.
    pub(crate) fn what(&self) -> &str {
        match self {
            Self::Hooks(what)
            | Self::Systemd(what)
            | Self::Docker(what)
            | Self::Compose(what)
            | Self::Command(what) => what,
        }
    }
}

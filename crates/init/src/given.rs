//! The answers that the command line gave, as they were written.

/// The answers given by flags; `None`: a question is asked, or its default is taken.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `--service`.
    pub service: Option<String>,
    /// `--host`, each time.
    pub hosts: Option<Vec<String>>,
    /// `--blue`.
    pub blue: Option<String>,
    /// `--green`.
    pub green: Option<String>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--tls`.
    pub tls: Option<TlsKind>,
    /// `--cert`.
    pub cert: Option<String>,
    /// `--key`.
    pub key: Option<String>,
    /// `--email`.
    pub email: Option<String>,
    /// `--runner`.
    pub runner: Option<RunnerKind>,
    /// `--command`.
    pub command: Option<String>,
    /// `--image`.
    pub image: Option<String>,
}

/// The origin of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsKind {
    /// There are none: clients are served without TLS.
    None,
    /// Files.
    Files,
    /// An ACME CA.
    Acme,
}

/// The program that starts and stops environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerKind {
    /// Executables of the user.
    Hooks,
    /// Units of systemd.
    Systemd,
    /// Containers, each by itself.
    Docker,
    /// Containers of Docker Compose.
    Compose,
    /// A supervisor of Teal.
    Command,
}

// === impl Given ===

impl Given {
    /// The questions, by their flags, that no flag answers.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let questions = [
            ("--service", self.service.is_some()),
            ("--host", self.hosts.is_some()),
            ("--blue", self.blue.is_some()),
            ("--green", self.green.is_some()),
            ("--tls", self.tls.is_some()),
            ("--runner", self.runner.is_some()),
        ];
        questions.iter().filter(|(_, given)| !given).map(|(flag, _)| *flag).collect()
    }
}

// === impl TlsKind, RunnerKind ===

impl TlsKind {
    /// All kinds, in the order in which they are offered.
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Files, Self::Acme];

    /// The word that people write.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Files => "files",
            Self::Acme => "acme",
        }
    }
}

impl RunnerKind {
    /// All kinds, in the order in which they are offered.
    pub(crate) const ALL: [Self; 5] =
        [Self::Hooks, Self::Systemd, Self::Docker, Self::Compose, Self::Command];

    /// The word that people write.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hooks => "hooks",
            Self::Systemd => "systemd",
            Self::Docker => "docker",
            Self::Compose => "compose",
            Self::Command => "command",
        }
    }

    /// Returns true if it runs an image and not a program.
    pub(crate) fn runs_images(self) -> bool {
        matches!(self, Self::Docker | Self::Compose)
    }
}

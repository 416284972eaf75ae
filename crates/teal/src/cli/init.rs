//! Arguments of `teal init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Write a first configuration: ask five questions, and write files from the answers.
///
/// The files are `teal.toml`, with the reason of each line, `deploy.sh`, and what the runner needs: a template unit for
/// systemd, a `compose.yaml` and hooks for Docker Compose, hooks that work for `hooks`. Nothing is started, and no file
/// that exists is ever changed. Either all files are written or none, and they pass `teal check`, but for what is not
/// on this machine yet, which is named.
///
/// Questions that a flag answers are not asked. Without a terminal, each answer takes a flag, or --yes:
///
///   teal init /srv/shop --service shop --host shop.example.com --tls acme --runner systemd --yes
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// The directory of the files; it is made if it does not exist.
    #[arg(value_name = "DIRECTORY", default_value = ".")]
    pub(crate) directory: PathBuf,
    /// The name of the service.
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// A host name of the service; may be repeated. An empty one means any host.
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Option<Vec<String>>,
    /// The target of blue: a port on loopback, or a URL.
    #[arg(long, value_name = "TARGET")]
    pub(crate) blue: Option<String>,
    /// The target of green.
    #[arg(long, value_name = "TARGET")]
    pub(crate) green: Option<String>,
    /// The address to serve clients on [default: 0.0.0.0:443 with TLS, else 127.0.0.1:8080]. With TLS at port 443,
    /// port 80 redirects to it.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// The origin of certificates.
    #[arg(long, value_name = "KIND", value_enum)]
    pub(crate) tls: Option<TlsArg>,
    /// With --tls files: the certificate and the chain above it, in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<String>,
    /// With --tls files: its private key, in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<String>,
    /// With --tls acme: the address that the CA may write to.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,
    /// The program that starts and stops environments.
    #[arg(long, value_name = "RUNNER", value_enum)]
    pub(crate) runner: Option<RunnerArg>,
    /// With the runners hooks, systemd and command: the command line of one environment, in which {service}, {color},
    /// {version} and {port} are replaced.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    /// With the runners docker and compose: the image of one environment.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// Take the default of everything that no flag answers, and ask nothing.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print JSON: the files, what is missing on this machine, and the next steps.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The origin of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsArg {
    /// Serve clients without TLS.
    None,
    /// Files.
    Files,
    /// Let's Encrypt.
    Acme,
}

/// The program that starts and stops environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunnerArg {
    /// Executables of yours.
    Hooks,
    /// A unit for each color.
    Systemd,
    /// A container for each color.
    Docker,
    /// A service of Docker Compose for each color.
    Compose,
    /// A program under a supervisor of Teal.
    Command,
}

impl InitArgs {
    /// The answers that the flags give.
    pub(crate) fn given(&self) -> init::Given {
        init::Given {
            service: self.service.clone(),
            hosts: self.hosts.clone(),
            blue: self.blue.clone(),
            green: self.green.clone(),
            listen: self.listen.clone(),
            tls: self.tls.map(|kind| match kind {
                TlsArg::None => init::TlsKind::None,
                TlsArg::Files => init::TlsKind::Files,
                TlsArg::Acme => init::TlsKind::Acme,
            }),
            cert: self.cert.clone(),
            key: self.key.clone(),
            email: self.email.clone(),
            runner: self.runner.map(|kind| match kind {
                RunnerArg::Hooks => init::RunnerKind::Hooks,
                RunnerArg::Systemd => init::RunnerKind::Systemd,
                RunnerArg::Docker => init::RunnerKind::Docker,
                RunnerArg::Compose => init::RunnerKind::Compose,
                RunnerArg::Command => init::RunnerKind::Command,
            }),
            command: self.command.clone(),
            image: self.image.clone(),
        }
    }
}

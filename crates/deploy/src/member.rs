//! One service of a deploy: its settings, its runner, and its two environments.

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::wire::{Color, ColorStatus, Role, Service, Status};
use rules::{ServiceSpec, TargetUrl, Version};
use runner::{Deadlines, Docker, Environment, Hooks, Port, Processes, Pull, Runner, Systemd};

/// The size at which the log of the runner `command` is rotated, in bytes.
const LOG_BYTES: u64 = 10 << 20;
/// The directory that is there exactly if systemd is the first process (sd_booted(3)).
const SYSTEMD_RUNS: &str = "/run/systemd/system";
/// The time that a start by the runner `docker` may take, most of which is the pull of an image.
const PULL: Duration = Duration::from_secs(600);
/// The time that a container must run before it counts as up.
const SETTLE: Duration = Duration::from_secs(1);

/// A service that is deployed.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The settings of the service, as configured.
    pub(crate) service: ServiceSpec,
    /// The settings of its deploys.
    pub(crate) settings: config::Deploy,
    pub(crate) runner: Box<dyn Runner>,
    /// The versions of blue and green before the deploy, as far as Teal knows them.
    pub(crate) versions: [Option<Version>; 2],
    /// The targets that Teal was told for blue and green, without settings.
    pub(crate) told: RefCell<[Vec<TargetUrl>; 2]>,
}

/// The parts of a service's runner besides its settings.
#[derive(Clone, Debug)]
pub struct Supervision {
    /// The program that calls [`runner::supervise()`], and its arguments.
    pub supervisor: (PathBuf, Vec<OsString>),
    /// The state directory.
    pub state_dir: PathBuf,
}

// === impl Member ===

impl Member {
    /// The environment of a color, as it is or would be with a version.
    pub(crate) fn environment(&self, color: Color, version: Option<&Version>) -> Environment {
        let port = self.settings.port(domain(color)).or_else(|| self.told_port(color));
        let port = match port {
            Some(port) => Port::Fixed(port),
            None if self.settings.auto_port => Port::Auto,
            None => Port::None,
        };
        let (service, color) = (self.settings.service.clone(), domain(color));
        Environment { service, color, version: version.cloned(), port }
    }

    /// The environment of a color that is to be started: with a port of its own, if the runner chooses it.
    pub(crate) fn environment_to_start(
        &self,
        color: Color,
        version: Option<&Version>,
    ) -> Environment {
        let mut environment = self.environment(color, version);
        if self.settings.auto_port {
            environment.port = Port::Auto;
        }
        environment
    }

    /// The environment of a color as it was before the deploy.
    pub(crate) fn environment_before(&self, color: Color) -> Environment {
        let version = self.versions[domain(color).index()].as_ref();
        self.environment(color, version)
    }

    /// The service in a status.
    pub(crate) fn in_status<'s>(&self, status: &'s Status) -> Option<&'s Service> {
        status.services.iter().find(|service| service.name == self.name)
    }
}

/// Returns true if nothing can reach a color: it is idle and drained.
pub(crate) fn is_safe_to_stop(service: &Service, color: Color) -> bool {
    let ColorStatus { role, drained, .. } = service.colors.of(color);
    service.active != color && *role == Role::Idle && *drained
}

/// The color in the types of the rules.
pub(crate) fn domain(color: Color) -> rules::Color {
    match color {
        Color::Blue => rules::Color::Blue,
        Color::Green => rules::Color::Green,
    }
}

/// The other color.
pub(crate) fn other(color: Color) -> Color {
    match color {
        Color::Blue => Color::Green,
        Color::Green => Color::Blue,
    }
}

/// The runner that the settings of a service name.
pub fn runner_of(settings: &config::Deploy, supervision: &Supervision) -> Box<dyn Runner> {
    let default = Deadlines::default();
    let margin = default.stop / 2;
    let deadlines = Deadlines { stop: default.stop.max(settings.stop_timeout + margin), ..default };
    match settings.runner.clone() {
        config::Runner::Hooks { start, stop, status, logs } => {
            Box::new(Hooks { start, stop, status, logs, deadlines })
        }
        config::Runner::Systemd { unit, user, env_file } => Box::new(Systemd {
            unit,
            user,
            env_file,
            systemctl: "systemctl".into(),
            journalctl: "journalctl".into(),
            deadlines,
        }),
        config::Runner::Docker(container) => {
            let deadlines = Deadlines { start: PULL, ..deadlines };
            let mut docker = docker(*container, settings.stop_timeout, deadlines);
            docker.address = settings.told; // else the targets are in the configuration
            Box::new(docker)
        }
        config::Runner::Command { command, env, cwd, log } => Box::new(Processes {
            supervisor: supervision.supervisor.clone(),
            systemd_run: Path::new(SYSTEMD_RUNS).is_dir().then(|| "systemd-run".into()),
            state_dir: supervision.state_dir.clone(),
            command,
            variables: env,
            directory: Some(cwd),
            log,
            log_bytes: LOG_BYTES,
            stop_timeout: settings.stop_timeout,
            deadlines,
        }),
    }
}

fn docker(container: config::Container, stop_timeout: Duration, deadlines: Deadlines) -> Docker {
    Docker {
        host: std::env::var("DOCKER_HOST").ok(),
        image: container.image,
        container: container.name,
        network: container.network,
        port: container.port,
        address: false,
        env_file: container.env_file,
        env: container.env,
        settle: SETTLE,
        mounts: container.mounts,
        labels: container.labels,
        pull: match container.pull {
            config::Pull::Always => Pull::Always,
            config::Pull::Missing => Pull::Missing,
            config::Pull::Never => Pull::Never,
        },
        command: container.command,
        stop_timeout,
        deadlines,
    }
}

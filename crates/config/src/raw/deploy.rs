//! The keys of a service's deploys.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::Ports;
use crate::key::{At, Key, Time};

/// Deploys of the service by `teal deploy`: how an environment is started and stopped, and what is checked.
/// Only the command line reads this and runs the programs named here, as the user who deploys. The running
/// Teal executes nothing. `{service}`, `{color}`, `{version}` and `{port}` are replaced where a key allows
/// it, and every program gets `TEAL_SERVICE`, `TEAL_COLOR`, `TEAL_VERSION` and `TEAL_PORT`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["runner"]))]
pub(crate) struct Deploy {
    /// The program that starts and stops an environment: `hooks`, executables of yours; `systemd`, a unit for
    /// each color; `docker`, a container for each color; `command`, a program that a supervisor of Teal keeps
    /// running, for machines without a service manager.
    #[schemars(extend("examples" = ["systemd"]))]
    pub(crate) runner: Key<Runner>,
    /// For `hooks`: the executable that starts an environment, relative to this file. It gets a JSON document on
    /// standard input and exits with 0 once the environment is started, or with 75 to be called again.
    #[schemars(extend("x-default" = "none", "examples" = ["deploy/start.sh"]))]
    pub(crate) start: Key<String>,
    /// For `hooks`: the executable that stops an environment. It exits with 0 if the environment is stopped or did
    /// not run.
    #[schemars(extend("x-default" = "none", "examples" = ["deploy/stop.sh"]))]
    pub(crate) stop: Key<String>,
    /// For `hooks`: the executable that exits with 0 if an environment runs, 75 if it is starting and 3 if it is
    /// stopped.
    #[schemars(extend("x-default" = "none", "examples" = ["deploy/status.sh"]))]
    pub(crate) status: Key<String>,
    /// For `hooks`: the executable that prints the last log lines of an environment.
    #[schemars(extend("x-default" = "none", "examples" = ["deploy/logs.sh"]))]
    pub(crate) logs: Key<String>,
    /// For `systemd`: the unit of a color, with `{color}` in its name.
    #[schemars(extend("x-default" = "none", "examples" = ["app@{color}.service"]))]
    pub(crate) unit: Key<String>,
    /// For `systemd`: units of the user who deploys (`systemctl --user`).
    #[schemars(extend("default" = false))]
    pub(crate) user: Key<bool>,
    /// For `systemd`: the file that the unit reads by `EnvironmentFile=`, with `{color}` in its name, relative to
    /// this file. It gets `COLOR`, `VERSION` and `PORT` before each start. For `docker`: a file of variables of the
    /// container, as `docker run --env-file` reads it.
    #[schemars(extend("x-default" = "none", "examples" = ["/run/app/{color}.env"]))]
    pub(crate) env_file: Key<String>,
    /// For `docker`: the image.
    #[schemars(extend("x-default" = "none", "examples" = ["registry.example.com/app:{version}"]))]
    pub(crate) image: Key<String>,
    /// For `docker`: the name of a color's container, with `{color}` in it. A container of this name that no deploy
    /// has made is never touched.
    #[schemars(extend("x-default" = "{service}-{color}", "examples" = ["app-{color}"]))]
    pub(crate) container: Key<String>,
    /// For `docker`: the network of the container.
    #[schemars(extend("x-default" = "Docker's default", "examples" = ["app"]))]
    pub(crate) network: Key<String>,
    /// For `docker`: the port that the program listens on in its container, which it gets as `TEAL_PORT`. Docker passes
    /// connections to `port` on loopback on to it.
    #[schemars(range(min = 1, max = 65535))]
    #[schemars(extend("x-default" = "port", "examples" = [3000]))]
    pub(crate) container_port: Key<u16>,
    /// For `docker`: mounts, as `SRC:DST` or `SRC:DST:ro`. `SRC` is an absolute path that exists, or the name of a
    /// volume.
    #[schemars(extend("x-default" = "none", "examples" = [["/srv/app/uploads:/uploads", "/run/{service}:/run/app"]]))]
    pub(crate) mounts: Key<Vec<At<String>>>,
    /// For `docker`: labels of the container, besides `teal.service`, `teal.color` and `teal.version`.
    #[schemars(extend("x-default" = "none", "examples" = [{ "team": "shop" }]))]
    pub(crate) labels: Key<BTreeMap<String, At<String>>>,
    /// For `docker`: when the image is pulled: `always`; `missing`, if it is not on the machine; `never`. Teal sends no
    /// credentials: an image that needs a login is pulled by a command in `before`.
    #[schemars(extend("x-default" = "missing"))]
    pub(crate) pull: Key<Pull>,
    /// For `command`: the program and its arguments. It must stay in the foreground. For `docker`: the same in the
    /// container, instead of the command of the image.
    #[schemars(extend("x-default" = "none", "examples" = [["./app-{version}", "--port", "{port}"]]))]
    pub(crate) command: Key<Vec<At<String>>>,
    /// For `command`: variables of the program, besides those of the command line that deploys. For `docker`: variables
    /// of the container, besides those of `env_file`.
    #[schemars(extend("x-default" = "none", "examples" = [{ "RUST_LOG": "info" }]))]
    pub(crate) env: Key<BTreeMap<String, At<String>>>,
    /// For `command`: the working directory of the program, relative to this file.
    #[schemars(extend("x-default" = "the directory of this file", "examples" = ["/srv/app"]))]
    pub(crate) cwd: Key<String>,
    /// For `command`: the log file of the program, with `{color}` in its name, relative to this file. It is rotated
    /// at 10 MiB, and one older file is kept.
    #[schemars(extend("x-default" = "a file in state_dir/runner", "examples" = ["/var/log/app/{color}.log"]))]
    pub(crate) log: Key<String>,
    pub(crate) port: Key<Ports>,
    /// The handling of the old environment after a deploy: `until-next`, it stays up and warm until the next
    /// deploy needs its place; `no`, it is stopped as soon as it is drained; a duration, it stays up for that time,
    /// until `teal sweep` stops it or the next deploy needs its place. In a group the longest one counts, if all of its
    /// services have one.
    #[schemars(extend("default" = "until-next"))]
    pub(crate) keep: Key<Keep>,
    /// The time that an environment has to stop before it is killed.
    #[schemars(extend("default" = "30s"))]
    pub(crate) stop_timeout: Key<Time>,
    /// Checks of the new environment before the switch, in this order; the first that fails ends the deploy. Each
    /// is a request to every target of the color (`path`), or a program (`exec`).
    #[schemars(extend("default" = [], "examples" = [[{ "path": "/login", "contains": "Sign in" }]]))]
    pub(crate) smoke: Key<Vec<At<Smoke>>>,
    /// Checks after the switch, through the public listener as clients see it. If one does not pass, traffic is
    /// switched back.
    #[schemars(extend("default" = [], "examples" = [[{ "url": "https://example.com/health" }]]))]
    pub(crate) outside: Key<Vec<At<Outside>>>,
    /// Commands that run before the new environment is started, such as a migration that both versions can run
    /// with. The first that fails ends the deploy. Each is a list: a program and its arguments. They run in the
    /// directory of this file and have 30 minutes each.
    #[schemars(extend("default" = [], "examples" = [[["./migrate.sh", "up"]]]))]
    pub(crate) before: Key<Vec<At<Vec<At<String>>>>>,
    /// Commands that run after the switch, once the old color is drained. One that fails is reported, and changes
    /// nothing.
    #[schemars(extend("default" = [], "examples" = [[["./announce.sh"]]]))]
    pub(crate) after: Key<Vec<At<Vec<At<String>>>>>,
    /// Weekly windows in which `teal deploy` is refused, but for `--emergency`: `DAY HH:MM - DAY HH:MM ZONE`, with
    /// the name of a time zone such as `Europe/Berlin`. Switches are never refused.
    #[schemars(extend("default" = [], "examples" = [["Fri 16:00 - Mon 07:00 Europe/Berlin"]]))]
    pub(crate) freeze: Key<Vec<At<String>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Runner {
    Hooks,
    Systemd,
    Docker,
    Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pull {
    Always,
    Missing,
    Never,
}

/// The ports that environments are told in `TEAL_PORT` and `{port}`. With `docker`, those on loopback that are passed on
/// to the containers; a target that is not on loopback has none. `port = "auto"`, instead of this table: a free port on
/// loopback, which the runner chooses at each start and tells Teal; it needs `targets = "runner"` for both colors. With
/// `docker` and `targets = "runner"`, `container_port` alone means the address of the container in its network.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ColorPorts {
    /// The port of blue.
    #[schemars(range(min = 1, max = 65535))]
    #[schemars(extend("x-default" = "the port of its only target", "examples" = [8081]))]
    pub(crate) blue: Key<u16>,
    /// The port of green.
    #[schemars(range(min = 1, max = 65535))]
    #[schemars(extend("x-default" = "the port of its only target", "examples" = [8082]))]
    pub(crate) green: Key<u16>,
}

/// The keep as written.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Keep(pub(crate) String);

/// A check before the switch: `path` or `exec`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Smoke {
    /// The path to request from each target, with the `Host` and the fields of a health check.
    #[schemars(extend("x-default" = "none", "examples" = ["/login"]))]
    pub(crate) path: Key<String>,
    /// Statuses that pass, as in `health.expect`. Redirects are not followed.
    #[schemars(extend("default" = ["2xx"]))]
    pub(crate) expect: Key<Vec<At<String>>>,
    /// Text that the response body must contain within its first MiB.
    #[schemars(extend("x-default" = "none", "examples" = ["Sign in"]))]
    pub(crate) contains: Key<String>,
    /// A program and its arguments, which passes by exit code 0. It runs in the directory of this file.
    #[schemars(extend("x-default" = "none", "examples" = [["./smoke.sh"]]))]
    pub(crate) exec: Key<Vec<At<String>>>,
    /// The time that a response or the program may take.
    #[schemars(extend("x-default" = "5s for path, 60s for exec", "examples" = ["2s"]))]
    pub(crate) within: Key<Time>,
}

/// A check after the switch.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(crate) struct Outside {
    /// The URL to request, `http` or `https`, as clients write it.
    #[schemars(extend("examples" = ["https://example.com/health"]))]
    pub(crate) url: Key<String>,
    /// Statuses that pass, as in `health.expect`. Redirects are not followed.
    #[schemars(extend("default" = ["2xx"]))]
    pub(crate) expect: Key<Vec<At<String>>>,
    /// Text that the response body must contain within its first MiB.
    #[schemars(extend("x-default" = "none", "examples" = ["Sign in"]))]
    pub(crate) contains: Key<String>,
    /// The time in which it must pass. Until then it is tried again.
    #[schemars(extend("default" = "10s"))]
    pub(crate) within: Key<Time>,
    /// A PEM file with the CA certificates to verify an `https` server against. Relative to this file.
    #[schemars(extend("x-default" = "the system's CAs", "examples" = ["ca.pem"]))]
    pub(crate) ca: Key<String>,
}

// === impl Keep ===

impl JsonSchema for Keep {
    fn schema_name() -> Cow<'static, str> {
        "keep".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "duration, or until-next or no",
            "pattern": "^(until-next|no|([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$",
        })
    }
}

//! The runner of a service: exactly the keys that it takes, and names that differ between the colors.

mod docker;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::{Context, path};
use super::command;
use crate::deploy::Runner;
use crate::key::{At, Key};
use crate::problem::ProblemList;
use crate::raw;

/// The placeholders that a value may have.
const PLACEHOLDERS: [&str; 4] = ["{service}", "{color}", "{version}", "{port}"];

/// The runner; `None` if a key is missing, which is reported.
pub(super) fn runner(
    raw: &raw::Deploy,
    offset: usize,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Option<Runner> {
    let kind = *raw.runner.get()?;
    strangers(raw, kind, found);
    let mut reading = Reading { offset, kind, context, found };
    match kind {
        raw::Runner::Hooks => {
            let start = reading.file(&raw.start, "start", "deploy/start.sh");
            let stop = reading.file(&raw.stop, "stop", "deploy/stop.sh");
            let status = reading.file(&raw.status, "status", "deploy/status.sh");
            let logs =
                raw.logs.at().and_then(|_| reading.file(&raw.logs, "logs", "deploy/logs.sh"));
            Some(Runner::Hooks { start: start?, stop: stop?, status: status?, logs })
        }
        raw::Runner::Systemd => {
            let unit = reading.unit(&raw.unit);
            let env_file = reading.per_color(&raw.env_file, "env_file", "/run/app/{color}.env");
            Some(Runner::Systemd {
                unit: unit?,
                user: raw.user.get().is_some_and(|user| *user),
                env_file,
            })
        }
        raw::Runner::Docker => reading.docker(raw),
        raw::Runner::Command => {
            let command = reading.command(&raw.command);
            let env = variables(&raw.env, reading.found);
            let cwd = match raw.cwd.at() {
                Some(_) => reading.file(&raw.cwd, "cwd", "/srv/app"),
                None => path(".", "service.deploy.cwd", "/srv/app", context).ok(),
            };
            let log = reading.per_color(&raw.log, "log", "/var/log/app/{color}.log");
            Some(Runner::Command { command: command?, env, cwd: cwd?, log })
        }
    }
}

/// Reports keys of the other runners.
fn strangers(raw: &raw::Deploy, kind: raw::Runner, found: &mut ProblemList) {
    use raw::Runner::{Command, Docker, Hooks, Systemd};
    let keys: [(&[raw::Runner], &str, Option<usize>); 18] = [
        (&[Hooks], "start", offset(&raw.start)),
        (&[Hooks], "stop", offset(&raw.stop)),
        (&[Hooks], "status", offset(&raw.status)),
        (&[Hooks], "logs", offset(&raw.logs)),
        (&[Systemd], "unit", offset(&raw.unit)),
        (&[Systemd], "user", offset(&raw.user)),
        (&[Systemd, Docker], "env_file", offset(&raw.env_file)),
        (&[Docker], "image", offset(&raw.image)),
        (&[Docker], "container", offset(&raw.container)),
        (&[Docker], "network", offset(&raw.network)),
        (&[Docker], "container_port", offset(&raw.container_port)),
        (&[Docker], "mounts", offset(&raw.mounts)),
        (&[Docker], "labels", offset(&raw.labels)),
        (&[Docker], "pull", offset(&raw.pull)),
        (&[Docker, Command], "command", offset(&raw.command)),
        (&[Docker, Command], "env", offset(&raw.env)),
        (&[Command], "cwd", offset(&raw.cwd)),
        (&[Command], "log", offset(&raw.log)),
    ];
    for (owners, key, offset) in keys {
        if let Some(offset) = offset.filter(|_| !owners.contains(&kind)) {
            let owners: Vec<String> =
                owners.iter().map(|owner| format!("{:?}", name(*owner))).collect();
            let (owners, kind) = (owners.join(" or "), name(kind));
            let message = format!(
                "service.deploy.{key} is for runner = {owners}, and the runner is {kind:?}; leave it out"
            );
            found.at(offset, message);
        }
    }
}

fn offset<T>(key: &Key<T>) -> Option<usize> {
    key.at().map(|at| at.offset)
}

fn name(runner: raw::Runner) -> &'static str {
    match runner {
        raw::Runner::Hooks => "hooks",
        raw::Runner::Systemd => "systemd",
        raw::Runner::Docker => "docker",
        raw::Runner::Command => "command",
    }
}

/// The context for reading the keys of a runner.
struct Reading<'r> {
    /// The position of the table.
    offset: usize,
    kind: raw::Runner,
    context: &'r Context<'r>,
    found: &'r mut ProblemList,
}

impl Reading<'_> {
    /// A key that the runner needs.
    fn needed<'k, T>(&mut self, key: &'k Key<T>, name: &str, example: &str) -> Option<&'k At<T>> {
        if key.at().is_none() {
            let runner = self::name(self.kind);
            let message = format!(
                "service.deploy needs {name:?} with runner = {runner:?}; write {name} = {example}"
            );
            self.found.at(self.offset, message);
        }
        key.at()
    }

    fn file(&mut self, key: &Key<String>, name: &str, example: &str) -> Option<PathBuf> {
        let At { value, offset } = self.needed(key, name, &format!("{example:?}"))?;
        let path = path(value, &format!("service.deploy.{name}"), example, self.context);
        path.map_err(|message| self.found.at(*offset, message)).ok()
    }

    /// An optional file of each color.
    fn per_color(&mut self, key: &Key<String>, name: &str, example: &str) -> Option<PathBuf> {
        let At { value, offset } = key.at()?;
        if !value.contains("{color}") {
            let message = format!(
                "service.deploy.{name} is {value:?} for both colors; write {{color}} in it, such as \
                 {example:?}"
            );
            self.found.at(*offset, message);
        }
        self.file(key, name, example)
    }

    fn unit(&mut self, key: &Key<String>) -> Option<String> {
        let At { value, offset } = self.needed(key, "unit", "\"app@{color}.service\"")?;
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@{}".contains(&byte);
        let valid = !value.starts_with('-') && value.bytes().all(inside) && value.len() <= 255;
        if !valid {
            let message = format!(
                "service.deploy.unit is {value:?}, which is not a unit; write one such as \
                 \"app@{{color}}.service\""
            );
            self.found.at(*offset, message);
        } else if !value.contains("{color}") {
            let message = format!(
                "service.deploy.unit is {value:?} for both colors; write {{color}} in it, such as \
                 \"app@{{color}}.service\""
            );
            self.found.at(*offset, message);
        }
        Some(value.clone())
    }

    fn command(&mut self, key: &Key<Vec<At<String>>>) -> Option<Vec<String>> {
        let example = "[\"./app\", \"--port\", \"{port}\"]";
        let command = self.needed(key, "command", example)?;
        Some(self.words(command))
    }

    /// A program and its arguments, with placeholders.
    fn words(&mut self, command: &At<Vec<At<String>>>) -> Vec<String> {
        for part in &command.value {
            self.placeholders(part, "command");
        }
        self::command(command, "service.deploy.command", self.found)
    }

    /// Reports a misspelled placeholder.
    fn placeholders(&mut self, At { value, offset }: &At<String>, key: &str) {
        if let Some(misspelled) = misspelled(value) {
            let known = PLACEHOLDERS.join(" ");
            let message = format!(
                "service.deploy.{key} has {misspelled} in {value:?}; the placeholders are {known}"
            );
            self.found.at(*offset, message);
        }
    }
}

/// A word in braces that looks like a placeholder and is none.
fn misspelled(text: &str) -> Option<&str> {
    let is_word = |word: &str| {
        let inside = &word[1..word.len() - 1];
        !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let end = start + rest[start..].find('}')? + 1;
        let (word, shell) = (&rest[start..end], rest[..start].ends_with('$'));
        if is_word(word) && !shell && !PLACEHOLDERS.contains(&word) {
            return Some(word);
        }
        rest = &rest[end..];
    }
    None
}

fn variables(
    key: &Key<BTreeMap<String, At<String>>>,
    found: &mut ProblemList,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (name, At { value, offset }) in key.get().into_iter().flatten() {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let digit = name.starts_with(|first: char| first.is_ascii_digit());
        if name.is_empty() || digit || !name.bytes().all(inside) {
            let message = format!(
                "service.deploy.env: {name:?} is not the name of a variable; use A-Z a-z 0-9 _"
            );
            found.at(*offset, message);
        } else if name.starts_with("TEAL_") {
            let message = format!(
                "service.deploy.env: {name} is set by Teal; use another name, or leave it out"
            );
            found.at(*offset, message);
        } else if value.contains('\0') {
            found.at(*offset, format!("service.deploy.env: {name} has a NUL; leave it out"));
        }
        variables.insert(name.clone(), value.clone());
    }
    variables
}

//! The keys of the runner `docker`.
//!
//! Checks that only Docker can make, such as the existence of an image, belong to the deploy.

use std::collections::BTreeMap;

use super::{Reading, path, variables};
use crate::deploy::{Container, Pull, Runner};
use crate::key::{At, Key};
use crate::raw;

/// The name of a container, if nothing is written.
const CONTAINER: &str = "{service}-{color}";

impl Reading<'_> {
    pub(super) fn docker(&mut self, raw: &raw::Deploy) -> Option<Runner> {
        let image = self.image(&raw.image);
        let container = raw.container.at().map(|written| self.container(written));
        let network = raw.network.at().map(|written| {
            self.plain(written, "network", b"_.-{}", "a network", "\"app\"");
            written.value.clone()
        });
        let env_file = raw.env_file.at().and_then(|written| {
            self.placeholders(written, "env_file");
            let file = path(&written.value, "service.deploy.env_file", "app.env", self.context);
            file.map_err(|message| self.found.at(written.offset, message)).ok()
        });
        let command = raw.command.at().map(|command| self.words(command));
        let mounts = raw.mounts.elements().iter().map(|mount| self.mount(mount)).collect();
        let labels = self.labels(&raw.labels);
        if let Some(At { offset, .. }) = raw.container_port.at().filter(|port| port.value == 0) {
            let message = "service.deploy.container_port is 0; write the port that the program listens \
                           on in its container";
            self.found.at(*offset, message.to_owned());
        }
        Some(Runner::Docker(Box::new(Container {
            image: image?,
            name: container.unwrap_or_else(|| CONTAINER.to_owned()),
            network,
            port: raw.container_port.get().copied(),
            env_file,
            env: variables(&raw.env, self.found),
            mounts,
            labels,
            pull: match raw.pull.get() {
                Some(raw::Pull::Always) => Pull::Always,
                Some(raw::Pull::Missing) | None => Pull::Missing,
                Some(raw::Pull::Never) => Pull::Never,
            },
            command: command.unwrap_or_default(),
        })))
    }

    fn image(&mut self, key: &Key<String>) -> Option<String> {
        let example = "\"registry.example.com/app:{version}\"";
        let image = self.needed(key, "image", example)?;
        self.plain(image, "image", b"._:/@-{}", "an image", example);
        Some(image.value.clone())
    }

    fn container(&mut self, written: &At<String>) -> String {
        let At { value, offset } = written;
        if value.contains("{color}") {
            self.plain(written, "container", b"_.-{}", "a container", "\"{service}-{color}\"");
        } else {
            let message = format!(
                "service.deploy.container is {value:?} for both colors; write {{color}} in it, such as \
                 {CONTAINER:?}"
            );
            self.found.at(*offset, message);
        }
        value.clone()
    }

    /// Reports a name with other characters than letters, digits and these, and misspelled placeholders.
    fn plain(&mut self, written: &At<String>, key: &str, others: &[u8], what: &str, example: &str) {
        let At { value, offset } = written;
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
        let begins = |first: char| first.is_ascii_alphanumeric() || first == '{';
        if value.starts_with(begins) && value.bytes().all(inside) {
            self.placeholders(written, key);
            return;
        }
        let message = format!(
            "service.deploy.{key} is {value:?}, which is not the name of {what}; write one such as \
             {example}"
        );
        self.found.at(*offset, message);
    }

    fn mount(&mut self, written: &At<String>) -> String {
        let At { value, offset } = written;
        let parts: Vec<&str> = value.split(':').collect();
        let is_source = |source: &str| {
            let first = source.chars().next();
            first.is_some_and(|first| first == '/' || first == '{' || first.is_ascii_alphanumeric())
        };
        let valid = match *parts {
            [source, target] | [source, target, "ro" | "rw"] => {
                is_source(source) && target.starts_with('/')
            }
            _ => false,
        };
        if valid {
            self.placeholders(written, "mounts");
        } else {
            let message = format!(
                "service.deploy.mounts: {value:?} is not a mount; write SRC:DST or SRC:DST:ro with an \
                 absolute path or the name of a volume, and an absolute path in the container"
            );
            self.found.at(*offset, message);
        }
        value.clone()
    }

    fn labels(&mut self, key: &Key<BTreeMap<String, At<String>>>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        for (name, value) in key.get().into_iter().flatten() {
            if name.is_empty() || name.starts_with("teal.") {
                let message = format!(
                    "service.deploy.labels: {name:?} is set by Teal; use another name, or leave it out"
                );
                self.found.at(value.offset, message);
            }
            self.placeholders(value, "labels");
            labels.insert(name.clone(), value.value.clone());
        }
        labels
    }
}

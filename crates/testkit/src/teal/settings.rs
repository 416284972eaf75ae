//! The configuration of a Teal under test: short deadlines, port 0, every key replaceable.

use std::collections::BTreeMap;
use std::path::Path;

use crate::target::Target;

const HEALTH: &str = "{ path = \"/health\", interval = \"200ms\", timeout = \"500ms\", \
     rise = 2, fall = 2, fast_interval = \"50ms\" }";

/// A configuration, key by key; `to_toml` writes the file.
#[derive(Clone, Debug)]
pub struct Settings {
    listener: String,
    listener_keys: BTreeMap<String, String>,
    top: BTreeMap<String, String>,
    admin: BTreeMap<String, String>,
    limits: BTreeMap<String, String>,
    service: BTreeMap<String, String>,
    extra: String,
}

impl Settings {
    /// One service `web` with one target per color, fast health checks, two workers.
    pub fn new(blue: &Target, green: &Target) -> Self {
        Settings::of_urls(&[&blue.url()], &[&green.url()])
    }

    /// One service `web` with these targets.
    pub fn of_urls(blue: &[&str], green: &[&str]) -> Self {
        let settings = Settings {
            listener: "127.0.0.1:0".to_owned(),
            listener_keys: BTreeMap::new(),
            top: BTreeMap::new(),
            admin: BTreeMap::new(),
            limits: BTreeMap::new(),
            service: BTreeMap::new(),
            extra: String::new(),
        };
        settings
            .top("workers", "2")
            .admin("listen", r#""127.0.0.1:0""#)
            .service("name", r#""web""#)
            .service("blue", &targets(blue))
            .service("green", &targets(green))
            .service("health", HEALTH)
            .service("drain", r#"{ timeout = "5s" }"#)
    }

    /// Sets the address of the listener, instead of `127.0.0.1:0`.
    #[must_use]
    pub fn listener(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listener);
        self
    }

    /// Sets a key of the listener to a TOML value.
    #[must_use]
    pub fn listener_key(mut self, key: &str, value: &str) -> Self {
        self.listener_keys.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a top-level key to a TOML value.
    #[must_use]
    pub fn top(mut self, key: &str, value: &str) -> Self {
        self.top.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a key of `[admin]` to a TOML value.
    #[must_use]
    pub fn admin(mut self, key: &str, value: &str) -> Self {
        self.admin.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a key of `[limits]` to a TOML value.
    #[must_use]
    pub fn limits(mut self, key: &str, value: &str) -> Self {
        self.limits.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a key of the first `[[service]]` to a TOML value.
    #[must_use]
    pub fn service(mut self, key: &str, value: &str) -> Self {
        self.service.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Appends text to the file.
    #[must_use]
    pub fn extra(mut self, text: &str) -> Self {
        self.extra.push_str(text);
        self.extra.push('\n');
        self
    }

    /// Sets the drain timeout of the service.
    #[must_use]
    pub fn drain(self, timeout: &str) -> Self {
        self.service("drain", &format!("{{ timeout = \"{timeout}\" }}"))
    }

    /// Sets `timeouts` of the service to these `key = value` pairs.
    #[must_use]
    pub fn timeouts(self, pairs: &str) -> Self {
        self.service("timeouts", &format!("{{ {pairs} }}"))
    }

    /// The file's text.
    pub fn to_toml(&self, state_dir: &Path) -> String {
        let mut text = format!("state_dir = {:?}\n", state_dir.display().to_string());
        push(&mut text, &self.top);
        text.push_str("\n[admin]\n");
        push(&mut text, &self.admin);
        text.push_str("\n[limits]\n");
        push(&mut text, &self.limits);
        text.push_str(&format!("\n[[listener]]\naddress = \"{}\"\n", self.listener));
        push(&mut text, &self.listener_keys);
        text.push_str("\n[[service]]\n");
        push(&mut text, &self.service);
        text.push('\n');
        text.push_str(&self.extra);
        text
    }
}

fn targets(urls: &[&str]) -> String {
    format!("{{ targets = {urls:?} }}")
}

fn push(text: &mut String, keys: &BTreeMap<String, String>) {
    for (key, value) in keys {
        text.push_str(&format!("{key} = {value}\n"));
    }
}

//! The configuration of `teal run` without a file.
//!
//! One service named `web` with any host, one target per color, every other setting at
//! its default. The same rules as for a file, the same way of reporting all problems.

use std::path::PathBuf;

use rules::{Limits, ServiceName, ServiceSpec, TargetUrl};

use crate::check::{
    ADMIN, LISTEN, NO_STATE_DIRECTORY, address, admin_address, admin_circle, circle, cores,
    overlaps_admin, same_target,
};
use crate::config::{Admin, Config, Environment, Listener, Upgrade};
use crate::problem::{ProblemList, Problems};

const BLUE: &str = "http://127.0.0.1:8081";
const GREEN: &str = "http://127.0.0.1:8082";

/// The flags of `teal run` as typed; `None`: the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--listen`, by default `127.0.0.1:8080`.
    pub listen: Option<String>,
    /// `--blue`, by default `http://127.0.0.1:8081`.
    pub blue: Option<String>,
    /// `--green`, by default `http://127.0.0.1:8082`.
    pub green: Option<String>,
    /// `--admin`, by default `127.0.0.1:9900`.
    pub admin: Option<String>,
    /// `--state-dir`, by default as for a file; relative to the working directory.
    pub state_dir: Option<PathBuf>,
}

/// Checks the flags of `teal run` without a file.
pub fn from_flags(flags: &Flags, environment: &Environment) -> Result<Config, Problems> {
    let mut found = ProblemList::default();
    let listen = read(flags.listen.as_deref(), "--listen", &mut found, |text| {
        address(text, "127.0.0.1:8080")
    });
    let target = |text: &str| TargetUrl::parse(text).map_err(|invalid| invalid.to_string());
    let blue = read(Some(flags.blue.as_deref().unwrap_or(BLUE)), "--blue", &mut found, target);
    let green = read(Some(flags.green.as_deref().unwrap_or(GREEN)), "--green", &mut found, target);
    let admin = read(flags.admin.as_deref(), "--admin", &mut found, |text: &str| {
        admin_address(text, false)
    });
    let (listen, admin) = (listen.unwrap_or(LISTEN), admin.unwrap_or(ADMIN));
    if overlaps_admin(listen, admin) {
        found.anywhere(format!("--listen: {listen} is taken by --admin; write another port"));
    }
    let state_dir = state_dir(flags, environment, &mut found);
    let socket = state_dir.as_deref().map(|directory| environment.socket(directory));
    for (flag, target) in [("--blue", &blue), ("--green", &green)] {
        let message = target.as_ref().and_then(|target| {
            let admin = || admin_circle(target, admin, socket.as_deref());
            circle(target, listen).or_else(admin)
        });
        if let Some(message) = message {
            found.anywhere(format!("{flag}: {message}"));
        }
    }
    if let Some(message) = green.as_ref().and_then(|green| same_target(green, blue.iter())) {
        found.anywhere(format!("--green: {message}"));
    }
    let config = || {
        Some(Config {
            state_dir: state_dir?,
            workers: cores(),
            admin: Admin {
                listen: admin,
                socket: socket?,
                tls: None,
                tokens: Vec::new(),
                hosts: Vec::new(),
                socket_group: None,
            },
            metrics: None,
            limits: Limits::default(),
            listeners: vec![Listener::plain(listen)],
            certificates: Vec::new(),
            acme: None,
            access_log: None,
            otel: None,
            notify: Vec::new(),
            upgrade: Upgrade::default(),
            groups: Vec::new(),
            deploys: Vec::new(),
            services: vec![ServiceSpec::new(
                ServiceName::new("web").ok()?,
                vec![blue?],
                vec![green?],
            )],
            source: None,
        })
    };
    found.verdict(config(), None, "")
}

fn read<T>(
    text: Option<&str>,
    flag: &str,
    found: &mut ProblemList,
    meaning: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    match meaning(text?) {
        Ok(value) => Some(value),
        Err(message) => {
            found.anywhere(format!("{flag}: {message}"));
            None
        }
    }
}

fn state_dir(flags: &Flags, environment: &Environment, found: &mut ProblemList) -> Option<PathBuf> {
    let Some(written) = &flags.state_dir else {
        let default = environment.state_dir();
        if default.is_none() {
            found.anywhere(format!("{NO_STATE_DIRECTORY}; give --state-dir DIR"));
        }
        return default;
    };
    match std::path::absolute(written) {
        Ok(path) => Some(path),
        Err(error) => {
            found.anywhere(format!("--state-dir: {} is not a path: {error}", written.display()));
            None
        }
    }
}

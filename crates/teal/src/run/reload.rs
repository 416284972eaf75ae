//! Where the configuration comes from, and reading it again.
//!
//! All or nothing: what the controller refuses leaves everything as it is, tokens included.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::{Config, Environment, Flags, Problems};
use control::api::{Live, Token};
use control::{NewConfig, Reloader};
use tokio::sync::watch;

use super::token;
use crate::cli::RunArgs;
use crate::client::reach::state_environment;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    file: Option<PathBuf>,
    flags: Flags,
    environment: Environment,
}

/// What a reload puts in force besides what the controller knows.
#[derive(Clone, Debug)]
pub(super) struct InForce {
    /// The whole configuration, for the next comparison.
    current: Arc<Mutex<Config>>,
    /// What the API lets in.
    pub(super) live: watch::Sender<Live>,
    /// How long requests may take to end when Teal stops.
    pub(super) patience: watch::Sender<Duration>,
}

impl Source {
    pub(super) fn of(args: &RunArgs) -> Self {
        let flags = Flags {
            listen: args.listen.clone(),
            blue: args.blue.clone(),
            green: args.green.clone(),
            admin: args.admin.clone(),
            state_dir: args.state_dir.clone(),
        };
        Self { file: args.config.clone(), flags, environment: state_environment() }
    }

    /// Reads and checks the configuration; starts nothing.
    pub(super) fn read(&self) -> Result<Config, Problems> {
        match &self.file {
            Some(file) => config::load(file, &self.environment),
            None => config::from_flags(&self.flags, &self.environment),
        }
    }

    /// How the controller reads the configuration again.
    pub(super) fn reloader(self, in_force: InForce) -> Reloader {
        Reloader::new(move || {
            let next = self.read().map_err(|problems| lines(&problems.to_string()))?;
            let changes = config::diff(&in_force.current(), &next);
            let changes = changes.map_err(|immovable| {
                immovable.iter().map(ToString::to_string).collect::<Vec<_>>()
            })?;
            let tokens = token::tokens(&next).map_err(|failure| lines(&failure.message))?;
            let others =
                if changes.admin { vec!["admin access changed".to_owned()] } else { Vec::new() };
            let in_force = in_force.clone();
            let (services, limits) = (next.services.clone(), next.limits);
            let accept = Box::new(move || in_force.put(next, tokens));
            Ok(NewConfig { services, limits, others, accept })
        })
    }
}

impl InForce {
    pub(super) fn new(config: &Config, tokens: Vec<Token>, listeners: &[SocketAddr]) -> Self {
        let hosts = config.admin.hosts.clone();
        let live = Live { tokens, hosts, listeners: listeners.to_vec() };
        Self {
            current: Arc::new(Mutex::new(config.clone())),
            live: watch::Sender::new(live),
            patience: watch::Sender::new(patience(config)),
        }
    }

    fn current(&self) -> MutexGuard<'_, Config> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, next: Config, tokens: Vec<Token>) {
        self.patience.send_replace(patience(&next));
        self.live.send_modify(|live| {
            live.tokens = tokens;
            live.hosts.clone_from(&next.admin.hosts);
        });
        *self.current() = next;
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The longest that a request of any service may take to end on a retired color.
fn patience(config: &Config) -> Duration {
    let longest = config.services.iter().map(|service| service.drain.timeout).max();
    longest.unwrap_or_default()
}

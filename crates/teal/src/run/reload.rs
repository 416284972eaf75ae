//! Where the configuration comes from, and reading it again.
//!
//! All or nothing: what the controller refuses leaves everything as it is, tokens included.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use config::{Config, Environment, Flags, Problems};
use control::api::{Live, Token};
use control::{Handle, NewConfig, News, Read, Reloader};
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

/// The configuration in force, and one that was read and waits to be.
#[derive(Debug)]
struct Known {
    current: Config,
    next: Option<Config>,
}

/// Puts into force what only the API needs, once the controller has accepted a reload.
#[derive(Debug)]
pub(super) struct Follow {
    known: Arc<Mutex<Known>>,
    live: watch::Sender<Live>,
}

/// What the API is told now, and again at each reload.
pub(super) fn live(
    config: &Config,
    tokens: Vec<Token>,
    listeners: &[SocketAddr],
) -> watch::Sender<Live> {
    let hosts = config.admin.hosts.clone();
    watch::channel(Live { tokens, hosts, listeners: listeners.to_vec() }).0
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

    /// How the controller reads the configuration again, and what follows if it accepts it.
    pub(super) fn reloader(self, current: Config, live: watch::Sender<Live>) -> (Reloader, Follow) {
        let known = Arc::new(Mutex::new(Known { current, next: None }));
        let follow = Follow { known: known.clone(), live };
        let reloader = Reloader::new(move || {
            let lines = |problems: Problems| -> Vec<String> {
                problems.to_string().lines().map(str::to_owned).collect()
            };
            let next = self.read().map_err(lines)?;
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(immovable) = config::diff(&known.current, &next) {
                return Err(immovable.iter().map(ToString::to_string).collect());
            }
            let new = NewConfig { services: next.services.clone(), limits: next.limits };
            known.next = Some(next);
            Ok(new)
        });
        (reloader, follow)
    }
}

impl Follow {
    /// Waits for accepted reloads for as long as the controller lives.
    pub(super) async fn run(self, handle: Handle) {
        let mut news = handle.news(None);
        loop {
            // What is missed is behind a thousand newer items, and then put in force by the next.
            let Read::Item(item) = news.next().await else { continue };
            if matches!(item.news, News::Reloaded { .. }) {
                self.accepted();
            }
        }
    }

    fn accepted(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = known.next.take() else { return };
        self.live.send_modify(|live| {
            // Without configured tokens the one that Teal has made stays.
            if !next.admin.tokens.is_empty() {
                live.tokens = next.admin.tokens.iter().map(token::configured).collect();
            }
            live.hosts.clone_from(&next.admin.hosts);
        });
        known.current = next;
    }
}

//! The source of the configuration, and reloads.
//!
//! All or nothing: if the controller refuses, everything stays as it is, tokens included.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use admin::{AdminTls, Live};
use certificate::{CertificateStore, Certificates, Challenges, ClientCas};
use config::{Config, Environment, Flags, KeyPositions, Problems};
use connect::{FilesRead, TlsConfigCache};
use control::{NewConfig, Reloader};
use peer::Host;
use preview::PreviewKeyCell;
use proxy::ListenerOptions;
use rules::Token;
use tokio::sync::{Notify, watch};

use super::contents::Contents;
use super::copied::ConfigCopy;
use super::{error_pages, precondition, preview_key, tls, token};
use crate::cli::RunArgs;
use crate::environment::state_environment;
use crate::exit::Failure;

/// The source of the configuration.
#[derive(Clone, Debug)]
pub(super) struct Source {
    file: Option<PathBuf>,
    flags: Flags,
    environment: Environment,
    /// The copy of the file in use, for the Teal after a crash; `None`: there is no file, or no memory.
    copy: Option<Arc<ConfigCopy>>,
}

/// The parts that a reload replaces besides those of the controller.
#[derive(Clone, Debug)]
pub(super) struct InForce {
    /// The whole configuration, for the next comparison.
    current: Arc<Mutex<Config>>,
    /// The TLS files for targets.
    tls_configs: TlsConfigCache,
    /// The key of preview tokens.
    preview_key: PreviewKeyCell,
    /// The certificates of the listeners.
    pub(super) store: Arc<CertificateStore>,
    /// The access to the API.
    pub(super) live: watch::Sender<Live>,
    /// The time that requests have to end when Teal stops.
    pub(super) patience: watch::Sender<Duration>,
    /// Notified at every reload, even if nothing has changed.
    pub(super) reloads: watch::Sender<()>,
    /// True if this Teal decides, and not a newer one.
    pub(super) in_control: watch::Sender<bool>,
    /// Notified when the admin socket is no longer at its path.
    pub(super) socket_gone: Arc<Notify>,
    /// The contents of these files and of error pages, for the Teal after a crash.
    pub(super) contents: Contents,
    /// The reasons why changed files are not in use, by [`Part`].
    problems: Arc<Mutex<[Option<String>; 2]>>,
}

/// The use of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Listeners and the admin API.
    Own,
    /// TLS to targets.
    Targets,
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
        Self { file: args.config.clone(), flags, environment: state_environment(), copy: None }
    }

    /// Adds a copy of the text that was read and is to be used.
    pub(super) fn with_copy(mut self, places: &KeyPositions) -> Self {
        let copy = places
            .text()
            .map(|text| ConfigCopy::of(text.as_bytes()))
            .transpose()
            .inspect_err(warn_of_copy);
        self.copy = copy.ok().flatten().map(Arc::new);
        self
    }

    pub(super) fn copy(&self) -> Option<Arc<ConfigCopy>> {
        self.copy.clone()
    }

    /// Parses a text as if it were in the file; `None` if it is invalid, or there is no file.
    pub(super) fn parse(&self, text: String) -> Option<(Config, KeyPositions)> {
        let file = self.file.as_ref()?;
        let config = config::parse(&text, file, &self.environment).ok()?;
        Some((config, KeyPositions::of_file(file, text)))
    }

    /// Reads and checks the configuration; starts nothing.
    pub(super) fn read(&self) -> Result<(Config, KeyPositions), Problems> {
        if let Some(file) = &self.file {
            return config::load_with_places(file, &self.environment);
        }
        let config = config::from_flags(&self.flags, &self.environment)?;
        Ok((config, KeyPositions::of_flags()))
    }

    /// The function with which the controller reloads the configuration.
    pub(super) fn reloader(self, in_force: InForce) -> Reloader {
        Reloader::new(move || {
            let wrong = |problems: Problems| lines(&problems.to_string());
            let (mut next, places) = self.read().map_err(wrong)?;
            let immovable = config::immovable(&in_force.current(), &next);
            if !immovable.is_empty() {
                return Err(immovable);
            }
            precondition::examine(&next, &places).map_err(wrong)?;
            let tokens = token::tokens(&next).map_err(|failure| lines(&failure.message))?;
            preview_key::put(&next, &in_force.preview_key).map_err(|problem| vec![problem])?;
            let (loaded, files) = read(|| {
                error_pages::fill(&mut next);
                let (certificates, clients) = (in_force.better(&next)?, tls::load_clients(&next)?);
                let admin = tls::load_for_admin(&next)?;
                let fresh = tls::load_for_targets(&next, &in_force.tls_configs)?;
                Ok((certificates, clients, admin, fresh))
            });
            let (certificates, clients, admin, fresh) =
                loaded.map_err(|problem: String| vec![problem])?;
            let mut others = Vec::new();
            let (now, then) = (in_force.current().admin.clone(), &next.admin);
            if now.tokens != then.tokens || now.hosts != then.hosts {
                others.push("admin access changed".to_owned());
            }
            if in_force.current().upgrade != next.upgrade {
                others.push("upgrade changed".to_owned());
            }
            if in_force.current().notify != next.notify {
                others.push("notifications changed".to_owned());
            }
            if in_force.current().acme != next.acme {
                others.push("acme changed".to_owned());
            }
            let renewed = !in_force.tls_configs.is_same(&fresh);
            if renewed {
                others.push("TLS to targets changed".to_owned());
            }
            let tls_configs = renewed.then(|| TlsConfigCache::trial(&fresh));
            if !certificates.is_same(&in_force.store.current()) {
                others.push("certificates changed".to_owned());
            }
            if !clients.is_same(&in_force.store.clients()) {
                others.push("CAs of client_auth changed".to_owned());
            }
            if in_force.is_other_admin(admin.as_ref()) {
                others.push("the certificate of the admin API changed".to_owned());
            }
            in_force.reloads.send_replace(());
            let in_force = in_force.clone();
            let (services, groups) = (next.services.clone(), next.groups.clone());
            let limits = next.limits;
            let copy = self.copy();
            let accept = Box::new(move || {
                if let Some((copy, text)) = copy.zip(places.text()) {
                    let _ = copy.put(text.as_bytes()).inspect_err(warn_of_copy);
                }
                in_force.contents.replace(files);
                in_force.tls_configs.put(fresh);
                in_force.live.send_modify(|live| live.tls = admin);
                in_force.store.replace_clients(clients);
                in_force.put(next, tokens, certificates);
            });
            Ok(NewConfig { services, groups, limits, others, tls_configs, accept })
        })
    }
}

impl InForce {
    pub(super) fn new(
        config: &Config,
        tokens: Vec<Token>,
        listeners: &[SocketAddr],
        (certificates, clients): (Certificates, ClientCas),
        admin: Option<AdminTls>,
        (tls_configs, (challenges, preview_key)): (TlsConfigCache, (Challenges, PreviewKeyCell)),
        files: FilesRead,
    ) -> Self {
        let live = Live {
            tokens,
            hosts: config.admin.hosts.clone(),
            listeners: listeners.to_vec(),
            certificates: tls::shown(&certificates),
            certificate_problem: None,
            orders: Vec::new(),
            tls: admin,
            older_pid: None,
        };
        Self {
            current: Arc::new(Mutex::new(config.clone())),
            tls_configs,
            preview_key,
            store: Arc::new(CertificateStore::new(certificates, clients, challenges)),
            live: watch::Sender::new(live),
            patience: watch::Sender::new(patience(config)),
            reloads: watch::Sender::new(()),
            in_control: watch::Sender::new(true),
            socket_gone: Arc::default(),
            contents: Contents::of(files),
            problems: Arc::default(),
        }
    }

    /// Shows an older Teal as leaving, for as long as it does.
    pub(super) fn follow(&self, older: Host) {
        let live = self.live.clone();
        let mut pid = older.pid();
        live.send_modify(|live| live.older_pid = pid);
        tokio::spawn(async move {
            while pid.is_some() {
                pid = older.pid_other_than(pid).await;
                live.send_modify(|live| live.older_pid = pid);
            }
        });
    }

    /// The settings of each listener's connections.
    pub(super) fn listeners(&self, bound: &[SocketAddr]) -> Result<Vec<ListenerOptions>, Failure> {
        let ports: Vec<u16> = bound.iter().map(SocketAddr::port).collect();
        tls::listeners(&self.current(), &ports, &self.store).map_err(Failure::usage)
    }

    /// Recreates the token of the first start, whose file was removed or could not be written. The old one is
    /// accepted, too, until a reload.
    pub(super) fn make_token_again(&self) {
        match token::tokens(&self.config()) {
            Ok(again) if again.is_empty() => {} // reported there
            Ok(again) => self.live.send_modify(|live| live.tokens.extend(again)),
            Err(failure) => tracing::error!("{}", failure.message),
        }
    }

    /// Returns true if this Teal decides.
    pub(super) fn is_in_control(&self) -> bool {
        *self.in_control.borrow()
    }

    /// The whole configuration, as it is now.
    pub(super) fn config(&self) -> Config {
        self.current().clone()
    }

    /// The endpoints that are notified, as they are now.
    pub(super) fn endpoints(&self) -> Vec<config::Notify> {
        self.current().notify.clone()
    }

    /// The TLS files for targets.
    pub(super) fn tls_configs(&self) -> &TlsConfigCache {
        &self.tls_configs
    }

    /// Uses the current files of listeners and of the admin API, each on its own, or reports why not.
    pub(super) fn renew(&self) {
        let config = self.config();
        let mut problems = Vec::new();
        let (certificates, files) = read(|| self.better(&config));
        match certificates {
            Ok(certificates) if certificates.is_same(&self.store.current()) => {}
            Ok(certificates) => {
                tracing::info!("the certificates have changed and are in use");
                tls::warn(&certificates);
                self.contents.add(files);
                self.shelve(certificates);
            }
            Err(problem) => problems.push(problem),
        }
        let (clients, files) = read(|| tls::load_clients(&config));
        match clients {
            Ok(clients) if clients.is_same(&self.store.clients()) => {}
            Ok(clients) => {
                tracing::info!(
                    "the CAs of client_auth have changed and are in use; connections of clients that \
                     they do not trust are closed"
                );
                self.contents.add(files);
                self.store.replace_clients(clients);
            }
            Err(problem) => problems.push(problem),
        }
        let (admin, files) = read(|| tls::load_for_admin(&config));
        match admin {
            Ok(admin) if self.is_other_admin(admin.as_ref()) => {
                tracing::info!("the certificate of the admin API has changed and is in use");
                self.contents.add(files);
                self.live.send_modify(|live| live.tls = admin);
            }
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        }
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        if let Some(problem) = &problem {
            tracing::error!("changed files are not used, the old ones stay: {problem}");
        }
        self.tell(Part::Own, problem);
    }

    /// Records why changed files are not in use, or that they are.
    pub(super) fn tell(&self, part: Part, problem: Option<String>) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems[part as usize] = problem;
        let all: Vec<&str> = problems.iter().flatten().map(String::as_str).collect();
        let all = (!all.is_empty()).then(|| all.join("; "));
        self.live.send_modify(|live| live.certificate_problem = all);
    }

    fn is_other_admin(&self, admin: Option<&AdminTls>) -> bool {
        match (admin, &self.live.borrow().tls) {
            (None, None) => false,
            (Some(new), Some(old)) => !new.is_same(old),
            _ => true,
        }
    }

    /// Returns the certificates of a configuration, if they may replace those in use.
    fn better(&self, config: &Config) -> Result<Certificates, String> {
        let certificates = tls::load(config)?;
        match tls::worse(&certificates, &self.store.current()) {
            Some(problem) => Err(problem),
            None => Ok(certificates),
        }
    }

    fn shelve(&self, certificates: Certificates) {
        self.live.send_modify(|live| live.certificates = tls::shown(&certificates));
        self.store.replace(certificates);
    }

    fn current(&self) -> MutexGuard<'_, Config> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, next: Config, tokens: Vec<Token>, certificates: Certificates) {
        self.shelve(certificates);
        self.tell(Part::Own, None);
        self.tell(Part::Targets, None);
        self.patience.send_replace(patience(&next));
        self.live.send_modify(|live| {
            live.tokens = tokens;
            live.hosts.clone_from(&next.admin.hosts);
        });
        *self.current() = next;
        self.reloads.send_replace(());
    }
}

/// Reads TLS files and error pages, and also returns their contents.
fn read<T>(load: impl FnOnce() -> T) -> (T, FilesRead) {
    connect::reading(FilesRead::new(), load)
}

fn warn_of_copy(error: &io::Error) {
    tracing::warn!(
        "cannot keep a copy of the configuration: {error}; after a crash Teal would not serve with it"
    );
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The longest drain timeout of any service.
fn patience(config: &Config) -> Duration {
    let longest = config.services.iter().map(|service| service.policy.drain.timeout).max();
    longest.unwrap_or_default()
}

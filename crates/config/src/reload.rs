//! The changes of a reload, and those that it cannot make.
//!
//! A pure comparison of two configurations. Settings that are fixed from the start (state
//! directory, workers, sockets) take an upgrade and are refused by name, all at once;
//! everything else is listed so that the controller can gate, publish and drain.

use std::fmt;

use rules::{Color, Network, ServiceName, ServiceSpec, TargetUrl};

use crate::config::{AccessLog, ClientAuth, Config, Listener, Redirect, Tls};

/// A key that a reload cannot change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Immovable {
    /// The key as in the file.
    pub key: &'static str,
    /// The value in use.
    pub old: String,
    /// The value in the new file.
    pub new: String,
}

/// All differences between two configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New services.
    pub added: Vec<ServiceName>,
    /// Removed services.
    pub removed: Vec<ServiceName>,
    /// Changed services.
    pub changed: Vec<ServiceChange>,
    /// True if `admin.tokens` or `admin.hosts` differ.
    pub admin: bool,
    /// True if groups differ.
    pub groups: bool,
    /// True if `limits` differ.
    pub limits: bool,
    /// True if other certificates are named. Changes of the files are not seen here.
    pub certificates: bool,
}

/// The differences of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceChange {
    /// The service.
    pub name: ServiceName,
    /// True if `hosts` or `path_prefix` differ.
    pub routes: bool,
    /// True if the settings of probes differ, so that evidence from the old ones is void.
    pub health: bool,
    /// True if the policy differs: any other key but `initial`.
    pub settings: bool,
    /// The changes of the targets, in the order of [`Color::index`].
    pub targets: [TargetChange; 2],
}

/// The changes of the targets of one color.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetChange {
    /// New targets.
    pub added: Vec<TargetUrl>,
    /// Removed targets.
    pub removed: Vec<TargetUrl>,
}

/// Compares the configuration in use with that of a file; refused if it takes more than a reload.
pub fn diff(old: &Config, new: &Config) -> Result<Changes, Vec<Immovable>> {
    let immovable = immovable(old, new);
    if !immovable.is_empty() {
        return Err(immovable);
    }
    let mut changes = Changes {
        admin: old.admin.tokens != new.admin.tokens || old.admin.hosts != new.admin.hosts,
        groups: old.groups != new.groups,
        limits: old.limits != new.limits,
        certificates: old.certificates != new.certificates,
        ..Changes::default()
    };
    for service in &new.services {
        match named(old, &service.name) {
            None => changes.added.push(service.name.clone()),
            Some(before) => changes.changed.extend(service_change(before, service)),
        }
    }
    let gone = old.services.iter().filter(|service| named(new, &service.name).is_none());
    changes.removed = gone.map(|service| service.name.clone()).collect();
    Ok(changes)
}

fn immovable(old: &Config, new: &Config) -> Vec<Immovable> {
    let mut immovable = Vec::new();
    let mut hold = |key, old: String, new: String| {
        if old != new {
            immovable.push(Immovable { key, old, new });
        }
    };
    let group = |config: &Config| config.admin.socket_group.clone().unwrap_or("none".to_owned());
    let show = |config: &Config| config.state_dir.display().to_string();
    hold("state_dir", show(old), show(new));
    hold("workers", old.workers.to_string(), new.workers.to_string());
    let secure = |config: &Config| {
        let tls = if config.admin.tls.is_some() { " with TLS" } else { "" };
        format!("{}{tls}", config.admin.listen)
    };
    hold("admin.listen", secure(old), secure(new));
    let metrics =
        |config: &Config| config.metrics.map_or("none".to_owned(), |address| address.to_string());
    hold("metrics.listen", metrics(old), metrics(new));
    hold("admin.socket_group", group(old), group(new));
    hold("access_log", log(old.access_log.as_ref()), log(new.access_log.as_ref()));
    let otel =
        |config: &Config| config.otel.as_ref().map_or("none".to_owned(), ToString::to_string);
    hold("otel.endpoint", otel(old), otel(new));
    hold("listener", addresses(&old.listeners), addresses(&new.listeners));
    let connections = |config: &Config| config.limits.connections.to_string();
    hold("limits.connections", connections(old), connections(new));
    immovable
}

fn addresses(listeners: &[Listener]) -> String {
    let mut listeners: Vec<_> = listeners.iter().collect();
    listeners.sort_unstable_by_key(|listener| listener.address); // their order means nothing
    listeners.into_iter().map(door).collect::<Vec<_>>().join(", ")
}

fn log(log: Option<&AccessLog>) -> String {
    let Some(AccessLog { file, combined }) = log else { return "none".to_owned() };
    let to = file.as_ref().map_or("standard output".to_owned(), |file| file.display().to_string());
    format!("{} to {to}", if *combined { "combined" } else { "json" })
}

/// A listener with all settings that take an upgrade.
fn door(listener: &Listener) -> String {
    let Listener { address, tls, http2, redirect_https, hsts, health, proxy_protocol, trusted } =
        listener;
    let ranges = |word: &str, ranges: &[Network]| match ranges {
        [] => String::new(),
        ranges => {
            let ranges: Vec<_> = ranges.iter().map(ToString::to_string).collect();
            format!(", {word} {}", ranges.join(" "))
        }
    };
    let spoken = if *http2 { " and HTTP/2" } else { "" };
    let sources = ranges("PROXY from", proxy_protocol) + &ranges("trusting", trusted);
    let hsts = hsts.map(|seconds| format!(", HSTS {seconds}")).unwrap_or_default();
    let health = health.as_ref().map(|path| format!(", health at {path}")).unwrap_or_default();
    let hsts = hsts + &health;
    let Some(Tls { only_tls13, client_auth }) = tls else {
        let to = redirect_https.map(|to| match to {
            Redirect::Listener => " redirecting to https".to_owned(),
            Redirect::Port(port) => format!(" redirecting to https at port {port}"),
        });
        let to = to.unwrap_or_default();
        return format!("{address}{spoken}{to}{hsts}{sources}");
    };
    let version = if *only_tls13 { " 1.3" } else { "" };
    let auth = client_auth.as_ref().map(|ClientAuth { ca, required, chain }| {
        let word = if *required { "required" } else { "requested" };
        let chain = if *chain { ", passed on with their chain" } else { "" };
        format!(", client certificates of {} {word}{chain}", ca.display())
    });
    let auth = auth.unwrap_or_default();
    format!("{address} with TLS{version}{spoken}{auth}{hsts}{sources}")
}

fn named<'c>(config: &'c Config, name: &ServiceName) -> Option<&'c ServiceSpec> {
    config.services.iter().find(|service| service.name == *name)
}

fn service_change(old: &ServiceSpec, new: &ServiceSpec) -> Option<ServiceChange> {
    let change = ServiceChange {
        name: new.name.clone(),
        routes: old.hosts != new.hosts || old.path_prefix != new.path_prefix,
        health: old.health != new.health,
        settings: old.policy != new.policy,
        targets: Color::BOTH.map(|color| {
            let (old, new) = (&old.color(color).targets, &new.color(color).targets);
            TargetChange { added: missing_in(old, new), removed: missing_in(new, old) }
        }),
    };
    let targets = change.targets.iter().any(TargetChange::is_any);
    (change.routes || change.health || change.settings || targets).then_some(change)
}

/// The targets of `all` that `known` does not have.
fn missing_in(known: &[TargetUrl], all: &[TargetUrl]) -> Vec<TargetUrl> {
    all.iter().filter(|target| !known.contains(target)).cloned().collect()
}

// === impl Changes, TargetChange, Immovable ===

impl Changes {
    /// Returns true if nothing differs that matters while running; `initial` does not.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl TargetChange {
    /// Returns true if anything differs; the order of targets does not matter.
    pub fn is_any(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }
}

impl ServiceChange {
    /// The changes of the targets of one color.
    pub fn targets_of(&self, color: Color) -> &TargetChange {
        match color {
            Color::Blue => &self.targets[0],
            Color::Green => &self.targets[1],
        }
    }
}

impl fmt::Display for Immovable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, old, new } = self;
        let way = match *key {
            "state_dir" => "stop Teal, move the directory, and start it",
            _ => "use `teal upgrade`, which clients do not notice",
        };
        write!(f, "{key} cannot be changed by a reload (from {old} to {new}); {way}")
    }
}

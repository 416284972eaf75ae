//! The settings that a reload cannot change.
//!
//! A pure comparison of two configurations. Settings that are fixed from the start (state
//! directory, workers, sockets) take an upgrade and are refused by name, all at once;
//! the controller determines what else differs, gates, publishes and drains.

use rules::Network;

use crate::config::{AccessLog, ClientAuth, Config, Listener, Redirect, Tls};

/// Returns a message for each key that differs and needs more than a reload.
pub fn immovable(old: &Config, new: &Config) -> Vec<String> {
    let mut immovable = Vec::new();
    let mut hold = |key, old: String, new: String| {
        if old != new {
            let way = match key {
                "state_dir" => "stop Teal, move the directory, and start it",
                _ => "use `teal upgrade`, which clients do not notice",
            };
            let message =
                format!("{key} cannot be changed by a reload (from {old} to {new}); {way}");
            immovable.push(message);
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
    let listeners = |config: &Config, preview| addresses(&config.listeners, preview);
    hold("listener", listeners(old, false), listeners(new, false));
    hold("preview.listen", listeners(old, true), listeners(new, true));
    let connections = |config: &Config| config.limits.connections.to_string();
    hold("limits.connections", connections(old), connections(new));
    immovable
}

/// Returns the listeners for previews, or all others.
fn addresses(listeners: &[Listener], preview: bool) -> String {
    let mut listeners: Vec<_> = listeners.iter().filter(|one| one.preview == preview).collect();
    if listeners.is_empty() {
        return "none".to_owned();
    }
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
    let Listener {
        address,
        tls,
        http2,
        redirect_https,
        hsts,
        health,
        proxy_protocol,
        trusted,
        preview: _,
    } = listener;
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

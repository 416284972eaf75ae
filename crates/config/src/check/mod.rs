//! Turns the file into its meaning, collecting all problems.
//!
//! Each part takes what `raw` holds, fills in defaults and reports invalid values.
//! A value that was reported is replaced by its default so that checking goes on; the
//! result is then not a configuration, however complete it looks.

mod acme;
mod across;
mod admin;
mod deploy;
mod group;
mod header;
mod listener;
mod notify;
mod preview;
mod probe;
mod rollout;
mod service;
mod targets;
mod text;
mod warmup;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rules::{Limits, TargetUrl};

use crate::config::{AccessLog, Admin, Config, Environment, Upgrade};
use crate::key::{At, Key, Size, Time};
use crate::problem::ProblemList;
use crate::raw::{self, Document};
use crate::unit;

use across::OwnAddresses;
pub(crate) use across::{admin_circle, circle, overlaps_admin, same_target};
pub(crate) use text::{address, admin_address};

/// The default address for clients.
pub(crate) const LISTEN: SocketAddr = loopback(8080);
/// The default address of the admin API.
pub(crate) const ADMIN: SocketAddr = loopback(9900);

/// The context that a meaning depends on besides the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The path of the file.
    pub(crate) path: &'a Path,
    pub(crate) environment: &'a Environment,
}

/// The meaning of a document; `None` if there is any problem.
pub(crate) fn config(
    document: &Document,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Option<Config> {
    let admin = document.admin.get();
    let admin = admin::admin(admin.unwrap_or(&raw::Admin::default()), context, found);
    let metrics = metrics(&document.metrics, found);
    let limits = limits(document.limits.get().unwrap_or(&raw::Limits::default()), found);
    let listeners = listener::listeners(&document.listener, context, found);
    let certificates = listener::certificates(&document.certificate, context, found);
    listener::check(document, &listeners, found);
    let acme = acme::acme(&document.acme, context, found);
    let mut services = service::services(&document.service, context, found);
    let https = listeners
        .iter()
        .all(|At { value, .. }| value.tls.is_some() || value.redirect_https.is_some());
    for service in &mut services {
        service.value.health.https = https;
    }
    if let Some(list) = document.service.at().filter(|list| list.value.is_empty()) {
        found.at(list.offset, "service is empty; write at least one [[service]]");
    }
    let access_log = access_log(&document.access_log, context, found);
    let otel = otel(&document.otel, found);
    let notify = notify::endpoints(&document.notify, context, found);
    let upgrade =
        upgrade(document.upgrade.get().unwrap_or(&raw::Upgrade::default()), context, found);
    acme::check(document, acme.as_ref(), &listeners, &services, found);
    let groups = group::groups(document, found);
    let deploys = deploy::deploys(&document.service, context, found);
    let state_dir = state_dir(&document.state_dir, context, found);
    let socket = state_dir.as_deref().map(|directory| context.environment.socket(directory));
    let previews = preview::listeners(&document.service);
    let own = OwnAddresses {
        listeners: &listeners,
        previews: &previews,
        admin: admin.listen,
        metrics: metrics.as_ref(),
        socket: socket.as_deref(),
    };
    across::check(document, &own, &services, found);
    let workers = document.workers.get().map_or_else(cores, |workers| *workers as usize);
    if !found.is_empty() {
        return None;
    }
    Some(Config {
        state_dir: state_dir?,
        workers,
        admin: Admin { socket: socket?, ..admin },
        metrics: metrics.map(|metrics| metrics.value),
        limits,
        listeners: listeners.into_iter().chain(previews).map(|listener| listener.value).collect(),
        certificates,
        acme,
        access_log,
        otel,
        notify,
        upgrade,
        services: services.into_iter().map(|service| service.value).collect(),
        groups,
        deploys,
        source: Some(context.path.to_owned()),
    })
}

/// The default number of workers: one per core.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The message if the environment names no state directory.
pub(crate) const NO_STATE_DIRECTORY: &str =
    "there is no state directory: STATE_DIRECTORY, XDG_STATE_HOME and HOME are not set";

fn state_dir(key: &Key<String>, context: &Context<'_>, found: &mut ProblemList) -> Option<PathBuf> {
    let Some(At { value, offset }) = key.at() else {
        let default = context.environment.state_dir();
        if default.is_none() {
            let message = format!("{NO_STATE_DIRECTORY}; write state_dir = \"/var/lib/teal\"");
            found.anywhere(message);
        }
        return default;
    };
    path(value, "state_dir", "/var/lib/teal", context)
        .map_err(|message| found.at(*offset, message))
        .ok()
}

fn metrics(key: &Key<raw::Metrics>, found: &mut ProblemList) -> Option<At<SocketAddr>> {
    let At { value, offset } = key.get()?.listen.at()?;
    match address(value, "0.0.0.0:9901") {
        Ok(value) => Some(At { value, offset: *offset }),
        Err(message) => {
            found.at(*offset, format!("metrics.listen: {message}"));
            None
        }
    }
}

fn access_log(
    key: &Key<raw::AccessLog>,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Option<AccessLog> {
    let log = key.get()?;
    let combined = matches!(log.format.get(), Some(raw::LogFormat::Combined));
    let At { value, offset } = log.path.at()?;
    if value == "-" {
        return Some(AccessLog { file: None, combined });
    }
    match path(value, "access_log.path", "/var/log/teal/access.log", context) {
        Ok(file) => Some(AccessLog { file: Some(file), combined }),
        Err(message) => {
            found.at(*offset, message);
            None
        }
    }
}

fn otel(key: &Key<raw::Otel>, found: &mut ProblemList) -> Option<TargetUrl> {
    let At { value, offset } = key.get()?.endpoint.at()?;
    let endpoint = TargetUrl::parse(value).ok().filter(|endpoint| !endpoint.is_http2());
    if endpoint.is_none() {
        let message = format!(
            "otel.endpoint is {value:?}, not the address of a collector; write it without a path, \
             such as \"http://127.0.0.1:4318\""
        );
        found.at(*offset, message);
    }
    endpoint
}

fn upgrade(raw: &raw::Upgrade, context: &Context<'_>, found: &mut ProblemList) -> Upgrade {
    let default = Upgrade::default();
    let binary = raw.binary.at().and_then(|At { value, offset }| {
        path(value, "upgrade.binary", "/usr/local/bin/teal", context)
            .map_err(|message| found.at(*offset, message))
            .ok()
    });
    let drain = time(&raw.drain, "upgrade.drain", found);
    Upgrade { binary, drain: drain.map_or(default.drain, |(drain, _)| drain) }
}

/// Resolves a path, relative to the file.
fn path(value: &str, name: &str, example: &str, context: &Context<'_>) -> Result<PathBuf, String> {
    if value.is_empty() || value.contains('\0') {
        let key = name.rsplit('.').next().unwrap_or(name);
        return Err(format!("{name} is not a path; write {key} = {example:?}"));
    }
    if let Some(credential) = value.strip_prefix("credential:") {
        // As in systemd.exec(5): it must be a valid file name.
        if credential.is_empty() || credential.contains('/') || matches!(credential, "." | "..") {
            return Err(format!(
                "{name}: {value:?} does not name a credential; write credential:NAME with the NAME of \
                 LoadCredential=NAME:PATH in the unit"
            ));
        }
        return Ok(context.environment.credential(credential));
    }
    let beside = context.path.parent().unwrap_or(Path::new("")).join(value);
    std::path::absolute(beside)
        .map_err(|error| format!("{name} is relative to a directory that is gone: {error}"))
}

fn limits(raw: &raw::Limits, found: &mut ProblemList) -> Limits {
    let default = Limits::default();
    let bytes = |key: &Key<Size>, name, (min, max), found: &mut ProblemList| {
        size(key, name, found).filter(|(bytes, offset)| {
            let fits = (min..=max).contains(bytes);
            if !fits {
                found.at(*offset, format!("{name} is {bytes}; write a size from {min} to {max}"));
            }
            fits
        })
    };
    let head = bytes(&raw.head_bytes, "limits.head_bytes", (1024, 1 << 20), found);
    let target = bytes(&raw.uri_bytes, "limits.uri_bytes", (64, 1 << 20), found);
    let head_bytes = head.map_or(default.head_bytes, |(bytes, _)| bytes as usize);
    let uri_bytes = target.map_or(default.uri_bytes.min(head_bytes), |(bytes, _)| bytes as usize);
    if let Some((_, offset)) = target.filter(|_| uri_bytes > head_bytes) {
        found.at(
            offset,
            format!(
                "limits.uri_bytes is {uri_bytes}, more than the whole head may have; \
                 write at most limits.head_bytes ({head_bytes})"
            ),
        );
    }
    Limits {
        head_bytes,
        uri_bytes,
        fields: raw.fields.get().map_or(default.fields, |fields| *fields as usize),
        body_bytes: size(&raw.body_bytes, "limits.body_bytes", found).map(|(bytes, _)| bytes),
        connections: raw.connections.get().map_or(default.connections, |most| *most as usize),
    }
}

/// Reads an optional duration; `None` if it is not written, or was reported.
fn time(key: &Key<Time>, name: &str, found: &mut ProblemList) -> Option<(Duration, usize)> {
    let At { value: Time(text), offset } = key.at()?;
    match unit::duration(text) {
        Ok(duration) => Some((duration, *offset)),
        Err(message) => {
            found.at(*offset, format!("{name}: {message}"));
            None
        }
    }
}

/// Reads an optional size; `None` if it is not written, or was reported.
fn size(key: &Key<Size>, name: &str, found: &mut ProblemList) -> Option<(u64, usize)> {
    let At { value, offset } = key.at()?;
    match value {
        Size::Bytes(bytes) => Some((*bytes, *offset)),
        Size::Text(text) => match unit::size(text) {
            Ok(bytes) => Some((bytes, *offset)),
            Err(message) => {
                found.at(*offset, format!("{name}: {message}"));
                None
            }
        },
    }
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

//! Checks across parts: two services on one route, two listeners on one address,
//! a target that is Teal itself, two colors with the same target.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;

use rules::{Color, ServiceSpec, TargetUrl, leads_to, own_admin, own_listener, shared_target};

use crate::config::Listener;
use crate::key::At;
use crate::problem::ProblemList;
use crate::raw::Document;

/// The addresses of Teal itself.
pub(super) struct OwnAddresses<'a> {
    pub(super) listeners: &'a [At<Listener>],
    /// The listeners for previews.
    pub(super) previews: &'a [At<Listener>],
    pub(super) admin: SocketAddr,
    pub(super) metrics: Option<&'a At<SocketAddr>>,
    /// The path of the admin socket; `None` if it is not known.
    pub(super) socket: Option<&'a Path>,
}

pub(super) fn check(
    document: &Document,
    own: &OwnAddresses<'_>,
    services: &[At<ServiceSpec>],
    found: &mut ProblemList,
) {
    addresses(own, found);
    previews(own, found);
    names(document, found);
    routes(services, found);
    circles(document, own, found);
}

/// Returns true if the two cannot both be bound; port 0 never collides.
pub(crate) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_ip = one.ip().to_canonical() == other.ip().to_canonical()
        || (one.is_ipv4() == other.is_ipv4()
            && (one.ip().is_unspecified() || other.ip().is_unspecified()));
    one.port() != 0 && one.port() == other.port() && same_ip
}

/// Returns true if a listener and the admin API cannot both be bound: `[::]` takes IPv4, too.
pub(crate) fn overlaps_admin(listener: SocketAddr, admin: SocketAddr) -> bool {
    let takes_both = |one: SocketAddr| one.is_ipv6() && one.ip().is_unspecified();
    let both = takes_both(listener) || takes_both(admin);
    overlap(listener, admin) || (both && listener.port() != 0 && listener.port() == admin.port())
}

/// Returns the problem of a target that the other color has too.
pub(crate) fn same_target<'a>(
    target: &TargetUrl,
    mut others: impl Iterator<Item = &'a TargetUrl>,
) -> Option<String> {
    others.any(|other| other.is_at(target)).then(|| shared_target(target, Color::Blue))
}

/// Returns the problem of a target that is one of Teal's own listeners, as far as that can be seen
/// without resolving names.
pub(crate) fn circle(target: &TargetUrl, listener: SocketAddr) -> Option<String> {
    leads_to(target, listener).then(|| own_listener(target))
}

/// Returns the problem of a target that is Teal's admin API, as far as that can be seen without
/// resolving names.
pub(crate) fn admin_circle(
    target: &TargetUrl,
    admin: SocketAddr,
    socket: Option<&Path>,
) -> Option<String> {
    let is_socket = match (target.socket(), socket) {
        (Some(path), Some(socket)) => is_same_file(path, socket),
        _ => false,
    };
    (is_socket || leads_to(target, admin)).then(|| own_admin(target))
}

/// Returns true if two paths are the same file, however they are written.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        // The socket need not be there yet; its directory may be.
        let real = path.parent().and_then(|directory| directory.canonicalize().ok());
        match (real, path.file_name()) {
            (Some(directory), Some(name)) => directory.join(name),
            _ => path.to_owned(),
        }
    };
    one == other || whole(one) == whole(other)
}

fn addresses(own: &OwnAddresses<'_>, found: &mut ProblemList) {
    let OwnAddresses { listeners, admin, .. } = *own;
    if let Some(At { value: metrics, offset }) = own.metrics {
        let public = listeners.iter().map(|other| other.value.address);
        let taken = public.clone().find(|other| overlaps_admin(*other, *metrics));
        let taken = taken.map(|other| format!("the listener {other}"));
        let admin = overlaps_admin(admin, *metrics).then(|| format!("admin.listen ({admin})"));
        if let Some(by) = taken.or(admin) {
            let message = format!("metrics.listen: {metrics} is taken by {by}");
            found.at(*offset, format!("{message}; write another port"));
        }
    }
    for (index, At { value: listener, offset }) in listeners.iter().enumerate() {
        let address = listener.address;
        if overlaps_admin(address, admin) {
            let message = format!("listener.address: {address} is taken by admin.listen ({admin})");
            found.at(*offset, format!("{message}; write another port"));
        }
        let earlier = listeners.iter().take(index).map(|other| other.value.address);
        if let Some(other) = earlier.into_iter().find(|other| overlap(address, *other)) {
            let message = format!("listener.address: {address} is taken by the listener {other}");
            found.at(*offset, format!("{message}; leave one out"));
        }
    }
}

/// Checks the addresses of listeners for previews, which have nothing else.
fn previews(own: &OwnAddresses<'_>, found: &mut ProblemList) {
    for (index, At { value: Listener { address, .. }, offset }) in own.previews.iter().enumerate() {
        let listeners = own.listeners.iter().chain(own.previews.iter().take(index));
        let mut taken = listeners.map(|other| other.value.address);
        let taken = taken.find(|other| overlap(*address, *other));
        let taken = taken.map(|other| format!("the listener {other}"));
        let admin = || {
            let admin = own.admin;
            overlaps_admin(*address, admin).then(|| format!("admin.listen ({admin})"))
        };
        let metrics = || {
            let metrics = own.metrics?.value;
            overlaps_admin(*address, metrics).then(|| format!("metrics.listen ({metrics})"))
        };
        if let Some(by) = taken.or_else(admin).or_else(metrics) {
            let message = format!("service.preview.listen: {address} is taken by {by}");
            found.at(*offset, format!("{message}; write another port"));
        }
    }
}

/// Checks all names that are written, since a service with another problem still has its name.
fn names(document: &Document, found: &mut ProblemList) {
    let mut seen = HashSet::new();
    let named = document.service.elements().iter().filter_map(|service| service.value.name.at());
    for At { value: name, offset } in named {
        if !seen.insert(name) {
            let message = format!("service.name: there are two services named {name:?}");
            found.at(*offset, format!("{message}; rename one"));
        }
    }
}

fn routes(services: &[At<ServiceSpec>], found: &mut ProblemList) {
    let any = ["any host".to_owned()];
    let mut owners: HashMap<(&str, &str), &ServiceSpec> = HashMap::new();
    for At { value: service, offset } in services {
        let hosts = if service.hosts.is_empty() { &any[..] } else { &service.hosts };
        for host in hosts {
            let Some(owner) = owners.insert((host, &service.path_prefix), service) else {
                continue;
            };
            if owner.name == service.name {
                continue; // the same names are reported already
            }
            let (name, other, prefix) = (&service.name, &owner.name, &service.path_prefix);
            found.at(
                *offset,
                format!(
                    "services \"{other}\" and \"{name}\" have the same route ({host}, path prefix \
                     {prefix}); give one of them other hosts or another path_prefix"
                ),
            );
        }
    }
}

fn circles(document: &Document, own: &OwnAddresses<'_>, found: &mut ProblemList) {
    for service in document.service.elements() {
        let colors = [("blue", &service.value.blue), ("green", &service.value.green)];
        for (color, environment) in colors {
            let targets = environment.get().map_or(&[][..], |color| color.targets.elements());
            for At { value, offset } in targets {
                let Ok(target) = TargetUrl::parse(value) else { continue }; // reported already
                let circle = |listener: &At<Listener>| circle(&target, listener.value.address);
                let message = own.listeners.iter().chain(own.previews).find_map(circle);
                let admin = || admin_circle(&target, own.admin, own.socket);
                let metrics = || {
                    let at = own.metrics.filter(|at| leads_to(&target, at.value))?;
                    let what = format!("{target} is Teal's own metrics listener ({})", at.value);
                    Some(format!("{what}; write the address of the application"))
                };
                if let Some(message) = message.or_else(admin).or_else(metrics) {
                    found.at(*offset, format!("service.{color}.targets: {message}"));
                }
            }
        }
    }
}

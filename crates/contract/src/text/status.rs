//! The text of a status.

use std::fmt::Write as _;

use crate::wire::{
    Certificate, CertificateOrder, Color, Maintenance, PendingCall, Reload, Service, Status,
    TargetName,
};

use super::color::{probed, standing};
use super::{TextBuilder, capital, deploying, line, many, notify, rolling_out, seconds};

/// The extent of a status: the services it shows, and how much about each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Everything about each service, however many there are.
    pub whole: bool,
    /// One line for each service, however many there are.
    pub all: bool,
    /// Only problems.
    pub problems: bool,
}

/// Formats where traffic goes now, and what may be stopped.
pub fn status(status: &Status, extent: Extent) -> String {
    let mut lines = TextBuilder::default();
    if extent.problems || extent.all || (status.services.len() > SHOWN && !extent.whole) {
        many::services(&mut lines, status, extent);
    } else {
        services(&mut lines, status);
    }
    of_teal(&mut lines, status);
    lines.0
}

/// The maximum number of services that are shown in full.
const SHOWN: usize = 10;

/// Writes everything about each service.
fn services(lines: &mut TextBuilder, status: &Status) {
    let several = status.total.max(status.services.len()) > 1;
    for (place, service) in status.services.iter().enumerate() {
        if several {
            if place > 0 {
                line!(lines, "");
            }
            line!(lines, "Service: {}", service.name);
        }
        service_status(lines, service);
    }
    if status.services.is_empty() {
        line!(lines, "No service is configured");
    }
}

/// Writes the lines that do not belong to a single service.
fn of_teal(lines: &mut TextBuilder, status: &Status) {
    for group in &status.groups {
        line!(lines, "Group: {} ({})", group.name, group.services.join(", "));
    }
    for certificate in &status.certificates {
        let names = certificate.names.join(" ");
        match &certificate.target {
            None => line!(lines, "Certificate: {names}, {}", until(certificate)),
            // There may be hundreds of them.
            Some(_) if certificate.left_seconds > SOON => {}
            Some(TargetName { service, color, url, address }) => {
                let at = address.as_ref().map(|address| format!(" at {address}"));
                line!(
                    lines,
                    "Certificate of {service} {color} {url}{}: {names}, {}",
                    at.unwrap_or_default(),
                    until(certificate)
                );
            }
        }
    }
    if let Some(problem) = &status.certificate_problem {
        line!(lines, "Certificate: {problem}; the previous files stay in use");
    }
    for CertificateOrder { name, problem, next } in &status.acme {
        let Some(problem) = problem else { continue };
        let next = next.as_deref().unwrap_or("now");
        line!(
            lines,
            "Certificate of {name}: the order failed: {problem}; next attempt {next}, or at a reload"
        );
    }
    for endpoint in &status.notify {
        let Some(problem) = notify::trouble(endpoint) else { continue };
        line!(lines, "Notifications of {}: {problem}; see `teal notify`", endpoint.name);
    }
    if let Some(pid) = status.teal.older_pid {
        line!(
            lines,
            "Upgraded: the older Teal, process {pid}, is still finishing its last requests"
        );
    }
    for deploy in &status.deploys {
        line!(lines, "{}", deploying(deploy));
    }
    for wait in &status.waits {
        line!(lines, "{}", waiting(wait));
    }
    if let Some((reload, problem)) = refused(status.last_reload.as_ref()) {
        let (age, by) = (seconds(reload.age_seconds), &reload.actor);
        line!(
            lines,
            "Reload: refused {age} ago ({}, by {by}), the previous configuration stays in force: {problem}",
            reload.at
        );
    }
    if let Some(generation) = status.publishing {
        line!(lines, "Publishing: generation {generation}, not yet applied by every worker");
    }
    if let Some(reason) = &status.journal {
        line!(lines, "Journal: {reason}; no change is possible, traffic continues");
    }
}

fn service_status(lines: &mut TextBuilder, service: &Service) {
    line!(lines, "Active: {}", service.active);
    line!(lines, "Blue healthy: {}", known(service.colors.blue.healthy));
    line!(lines, "Green healthy: {}", known(service.colors.green.healthy));
    line!(lines, "Generation: {}", service.generation);
    if let Some(held) = &service.held {
        let (waiting, longest) = (held.waiting, seconds(held.max_wait_seconds));
        line!(lines, "Held: {waiting} requests wait, each at most {longest}");
    }
    if let Some(Maintenance { since, actor, message, allow, .. }) = &service.maintenance {
        let message = message.as_ref().map_or_else(String::new, |text| format!(": {text}"));
        line!(lines, "Maintenance: since {since}, by {actor}{message}");
        if !allow.is_empty() {
            line!(lines, "  requests pass from {}", allow.join(", "));
        }
        line!(lines, "  end it with: teal maintenance off --service {}", service.name);
    }
    if let Some(rollout) = &service.rollout {
        line!(lines, "{}", rolling_out(rollout));
    }
    for color in [Color::Blue, Color::Green] {
        let status = service.colors.of(color);
        let version = status.version.as_ref().map_or_else(String::new, |one| format!(" ({one})"));
        line!(lines, "{}{version}: {}", capital(color), standing(color, status));
        for target in &status.targets {
            line!(lines, "  {}", probed(target));
        }
        if let Some(reason) = status.reason.as_ref().filter(|_| status.targets.is_empty()) {
            line!(lines, "  {reason}");
        }
        for name in &status.names {
            if let Some(problem) = &name.problem {
                line!(lines, "  {}: {problem}", name.url);
            }
        }
    }
}

/// Returns the last reload if it was refused, with the reason in one line.
fn refused(reload: Option<&Reload>) -> Option<(&Reload, String)> {
    let reload = reload?;
    let problem = reload.problem.as_ref()?;
    Some((reload, problem.replace(":\n", ": ").replace('\n', "; ")))
}

fn known(healthy: Option<bool>) -> &'static str {
    match healthy {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    }
}

/// Formats a call in progress, in one line.
pub fn waiting(wait: &PendingCall) -> String {
    let head = match (&*wait.stage, wait.dry_run) {
        ("writing", _) => "In progress",
        ("queued", _) => "Queued",
        ("warm-up", _) => "Warming up",
        (_, true) => "Waiting (dry run)",
        (_, false) => "Waiting",
    };
    let mut line = format!("{head}: {}", wait.verb);
    if let Some(to) = wait.to {
        let _never_fails = write!(line, " to {to}");
    }
    if !wait.services.is_empty() {
        let _never_fails = write!(line, " of {}", wait.services.join(", "));
    }
    let _never_fails = write!(line, ", by {}, for {}", wait.actor, seconds(wait.age_seconds));
    if let Some(left) = wait.left_seconds.filter(|_| wait.stage == "gate") {
        let _never_fails = write!(line, ", {} left", seconds(left));
    }
    let why = match &*wait.stage {
        "queued" => Some("waiting for another change"),
        "writing" => Some("decided, now being written to the journal and published"),
        _ => wait.reason.as_deref(),
    };
    why.map_or(line.clone(), |why| format!("{line}: {why}"))
}

const DAY: f64 = 86_400.0;

/// The remaining time, in seconds, below which the certificate of a target gets a line.
const SOON: f64 = 14.0 * DAY;

/// Formats the remaining validity of a certificate.
fn until(certificate: &Certificate) -> String {
    let (end, left) = (&certificate.not_after, certificate.left_seconds);
    match left {
        ..0.0 => format!("expired on {end}: renew it"),
        ..DAY => format!("expires in {} ({end}): renew it", seconds(left)),
        _ => format!("expires in {:.0} days ({end})", (left / DAY).floor()),
    }
}

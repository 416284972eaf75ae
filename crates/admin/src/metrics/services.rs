//! Metrics of services: their routing, and their request counters.

use contract::wire::RolloutState;
use control::{ColorMetrics, ServiceMetrics};
use rules::{Color, DeployResult};
use traffic::{AbortCause, OwnReason, ServiceSum, SwitchEnd};

use super::names;
use super::page::Family;
use super::page::Samples::{Books, Both, Color as OfColor, Service};
use super::page_writer::PageWriter;

pub(super) const FAMILIES: &[Family] = &[
    Family(&names::ACTIVE, Service(active)),
    Family(
        &names::COLOR_HEALTHY,
        OfColor(|labels, color, to| to.sample(&labels, u64::from(color.healthy))),
    ),
    Family(
        &names::RETIRED,
        OfColor(|labels, color, to| to.sample(&labels, u64::from(color.retired))),
    ),
    Family(
        &names::COLOR_INFO,
        OfColor(|[service, name], color, to| {
            if let Some(version) = &color.version {
                to.sample(&[service, name, version.as_str()], 1_u64);
            }
        }),
    ),
    Family(
        &names::SERVICE_GENERATION,
        Service(|service, to| to.sample(&[service.name.as_str()], service.generation.0)),
    ),
    Family(
        &names::HELD,
        Service(|service, to| to.sample(&[service.name.as_str()], u64::from(service.held))),
    ),
    Family(
        &names::MAINTENANCE,
        Service(|service, to| to.sample(&[service.name.as_str()], u64::from(service.maintenance))),
    ),
    Family(&names::WAITING, Service(waiting)),
    Family(&names::SWITCHES, Service(switches)),
    Family(&names::DEPLOYS, Service(deploys)),
    Family(&names::ROLLOUT_STATE, Service(rollout_state)),
    Family(&names::JUDGE, Service(judge)),
    Family(&names::ACCEPTED, Books(|name, sum, to| used(name, sum, sum.accepted, to))),
    Family(&names::ANSWERED, Books(answered)),
    Family(&names::ABORTED, Books(aborted)),
    Family(&names::PREVIEWS, Books(previews)),
    Family(&names::IN_FLIGHT, Both(in_flight, |sum, to| to.sample(&["", ""], sum.in_flight))),
    Family(&names::PARKED, Books(|name, sum, to| to.event(&[name], sum.parked))),
    Family(&names::RETRIES, Books(|name, sum, to| used(name, sum, sum.retries, to))),
    Family(&names::TUNNELS_OPENED, Books(|name, sum, to| to.event(&[name], sum.tunnels_opened))),
    Family(
        &names::TUNNELS_CLOSED,
        Books(|name, sum, to| tunnels(name, sum, sum.tunnels_closed, to)),
    ),
    Family(
        &names::TUNNELS_OPEN,
        Books(|name, sum, to| {
            tunnels(name, sum, sum.tunnels_opened.saturating_sub(sum.tunnels_closed), to);
        }),
    ),
    Family(&names::STREAMS_ENDED, Books(|name, sum, to| to.event(&[name], sum.streams_ended))),
    Family(
        &names::STREAMS_UNANSWERED,
        Books(|name, sum, to| to.event(&[name], sum.streams_unanswered)),
    ),
    Family(
        &names::LEASES,
        OfColor(|labels, color, to| leased(labels, color, color.sum.leases, to)),
    ),
    Family(
        &names::COLOR_CONNECTIONS,
        OfColor(|labels, color, to| leased(labels, color, color.sum.connections, to)),
    ),
    Family(
        &names::OLDEST_LEASE,
        OfColor(|labels, color, to| {
            if color.sum.taken > 0 || color.sum.leases > 0 {
                to.sample(&labels, color.oldest.as_secs_f64());
            }
        }),
    ),
    Family(&names::CUT, OfColor(cut)),
];

fn active(service: &ServiceMetrics, to: &mut PageWriter) {
    for color in Color::BOTH {
        let value = u64::from(service.split.receives(color));
        to.sample(&[service.name.as_str(), color.as_str()], value);
    }
}

fn waiting(service: &ServiceMetrics, to: &mut PageWriter) {
    if service.sum.parked > 0 || service.sum.waiting > 0 {
        to.sample(&[service.name.as_str()], service.sum.waiting);
    }
}

fn switches(service: &ServiceMetrics, to: &mut PageWriter) {
    for (end, count) in SwitchEnd::ALL.iter().zip(service.sum.switches) {
        to.event(&[service.name.as_str(), end.as_str()], count);
    }
}

fn deploys(service: &ServiceMetrics, to: &mut PageWriter) {
    for (result, count) in DeployResult::ALL.iter().zip(service.deploys) {
        to.event(&[service.name.as_str(), result.as_str()], count);
    }
}

/// Writes the state of the newest rollout.
fn rollout_state(service: &ServiceMetrics, to: &mut PageWriter) {
    let Some(rollout) = service.rollout else { return };
    let state = rollout.result.map_or(RolloutState::Baking, RolloutState::from);
    for one in RolloutState::ALL {
        to.sample(&[service.name.as_str(), one.as_str()], u64::from(one == state));
    }
}

/// Writes the evidence against the candidate of the newest rollout.
fn judge(service: &ServiceMetrics, to: &mut PageWriter) {
    if let Some(rollout) = service.rollout {
        to.sample(&[service.name.as_str(), "before_after"], rollout.log10_e);
    }
}

/// Writes a value of a service that has had a request. Requests that reached no service always have one.
fn used(name: &str, sum: &ServiceSum, value: u64, to: &mut PageWriter) {
    if sum.accepted > 0 || name.is_empty() {
        to.sample(&[name], value);
    }
}

/// Writes a value of a service that has had a tunnel.
fn tunnels(name: &str, sum: &ServiceSum, value: u64, to: &mut PageWriter) {
    if sum.tunnels_opened > 0 {
        to.sample(&[name], value);
    }
}

fn answered(name: &str, sum: &ServiceSum, to: &mut PageWriter) {
    for (color, count) in Color::BOTH.iter().zip(sum.colors) {
        to.event(&[name, color.as_str(), ""], count);
    }
    for (reason, count) in OwnReason::ALL.iter().zip(&sum.own) {
        to.event(&[name, "teal", reason.as_str()], *count);
    }
}

fn previews(name: &str, sum: &ServiceSum, to: &mut PageWriter) {
    for (color, counts) in Color::BOTH.iter().zip(sum.previews) {
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx", "failed"].iter().zip(counts) {
            to.event(&[name, color.as_str(), class], count);
        }
    }
}

fn aborted(name: &str, sum: &ServiceSum, to: &mut PageWriter) {
    for (cause, count) in AbortCause::ALL.iter().zip(&sum.aborted) {
        to.event(&[name, cause.as_str()], *count);
    }
}

/// Writes requests by color, such that the sum over a service's colors and "none" equals its requests in
/// flight. Tunnels hold leases but do not count as requests.
fn in_flight(service: &ServiceMetrics, to: &mut PageWriter) {
    let (name, sum) = (service.name.as_str(), &service.sum);
    if sum.accepted == 0 && sum.in_flight == 0 {
        return;
    }
    let mut left = sum.in_flight;
    let mut tunnels = sum.tunnels_opened.saturating_sub(sum.tunnels_closed);
    // The idle color first: its leases are more likely long tunnels from before the switch.
    let stable = service.split.stable();
    for color in [stable.other(), stable] {
        let leases = service.colors[color.index()].sum.leases;
        let of_tunnels = leases.min(tunnels);
        tunnels -= of_tunnels;
        let requests = (leases - of_tunnels).min(left);
        left -= requests;
        to.sample(&[name, color.as_str()], requests);
    }
    to.sample(&[name, ""], left);
}

/// Writes a value of a color that has had a lease.
fn leased(labels: [&str; 2], color: &ColorMetrics, value: u64, to: &mut PageWriter) {
    if color.sum.taken > 0 || value > 0 {
        to.sample(&labels, value);
    }
}

fn cut([service, name]: [&str; 2], color: &ColorMetrics, to: &mut PageWriter) {
    let cut = color.sum.cut;
    to.event(&[service, name, "unanswered"], cut.unanswered);
    to.event(&[service, name, "answering"], cut.answering);
    to.event(&[service, name, "tunnel"], cut.tunnels);
}

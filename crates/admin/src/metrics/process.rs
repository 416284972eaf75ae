//! Metrics of the process.

use std::time::SystemTime;

use rules::Time;
use traffic::{HandshakeFailure, ReloadEnd, UpgradeEnd};

use super::names;
use super::page::Samples::Process;
use super::page::{Exposition, Family};
use super::page_writer::PageWriter;

pub(super) const FAMILIES: &[Family] = &[
    Family(&names::INFO, Process(|all, to| to.sample(&[all.version, &all.instance], 1))),
    Family(&names::UPTIME, Process(|all, to| to.sample(&[], all.uptime.as_secs_f64()))),
    Family(&names::GENERATION, Process(|all, to| to.sample(&[], all.snapshot.generation.0))),
    Family(&names::JOURNAL, Process(|all, to| to.flag(all.snapshot.journal_available))),
    Family(&names::ON_RESERVE, Process(|all, to| to.flag(all.snapshot.journal_on_reserve))),
    Family(&names::DIFFERENCE, Process(|all, to| to.sample(&[], all.snapshot.difference()))),
    Family(
        &names::CONNECTIONS,
        Process(|all, to| to.sample(&[], all.snapshot.connections.accepted)),
    ),
    Family(
        &names::CONNECTIONS_OPEN,
        Process(|all, to| to.sample(&[], all.snapshot.connections.open)),
    ),
    Family(&names::CONNECTIONS_LIMIT, Process(|all, to| to.sample(&[], all.connections_limit))),
    Family(&names::CROWDED, Process(|all, to| to.sample(&[], all.snapshot.connections.crowded))),
    Family(&names::GIVEN_UP, Process(|all, to| to.sample(&[], all.snapshot.connections.given_up))),
    Family(&names::HANDSHAKES, Process(handshakes)),
    Family(&names::RELOADED, Process(|all, to| to.flag(!all.snapshot.config_refused))),
    Family(
        &names::RELOADED_AT,
        Process(|all, to| to.sample(&[], all.snapshot.config_accepted.0 as f64 / 1e3)),
    ),
    Family(&names::RELOADS, Process(reloads)),
    Family(&names::UPGRADES, Process(upgrades)),
    Family(&names::OLDER, Process(|all, to| to.flag(all.older_present))),
    Family(&names::CALLS, Process(|all, to| to.sample(&[], all.snapshot.calls))),
    Family(&names::OLDEST_CALL, Process(oldest_call)),
    Family(
        &names::OWN_LOG_DROPPED,
        Process(|all, to| to.sample(&[], all.snapshot.connections.own_log_dropped)),
    ),
    Family(
        &names::LOG_DROPPED,
        Process(|all, to| to.sample(&[], all.snapshot.connections.log_dropped)),
    ),
    Family(
        &names::SPANS_DROPPED,
        Process(|all, to| to.sample(&[], all.snapshot.connections.spans_dropped)),
    ),
    Family(&names::CERTIFICATE, Process(certificates)),
    Family(&names::CERTIFICATE_PROBLEM, Process(|all, to| to.flag(all.certificate_problem))),
    Family(&names::ACME_PROBLEM, Process(orders)),
    Family(&names::NOTIFICATIONS, Process(notifications)),
    Family(&names::NOTIFICATIONS_PENDING, Process(pending)),
    Family(&names::CPU, Process(|all, to| to.known(all.own.cpu_seconds))),
    Family(&names::RESIDENT, Process(|all, to| to.known(all.own.resident_bytes))),
    Family(&names::VIRTUAL, Process(|all, to| to.known(all.own.virtual_bytes))),
    Family(&names::OPEN_FDS, Process(|all, to| to.known(all.own.open_fds))),
    Family(&names::MAX_FDS, Process(|all, to| to.known(all.own.max_fds))),
    Family(&names::STARTED, Process(|all, to| to.known(all.own.started))),
];

fn handshakes(all: &Exposition, to: &mut PageWriter) {
    for (why, count) in HandshakeFailure::ALL.iter().zip(all.snapshot.connections.handshakes) {
        to.sample(&[why.as_str()], count);
    }
}

fn reloads(all: &Exposition, to: &mut PageWriter) {
    for (end, count) in ReloadEnd::ALL.iter().zip(all.snapshot.connections.reloads) {
        to.sample(&[end.as_str()], count);
    }
}

fn upgrades(all: &Exposition, to: &mut PageWriter) {
    for (end, count) in UpgradeEnd::ALL.iter().zip(all.snapshot.connections.upgrades) {
        to.sample(&[end.as_str()], count);
    }
}

fn oldest_call(all: &Exposition, to: &mut PageWriter) {
    let age = all
        .snapshot
        .oldest_call
        .map_or(0, |since| Time::of(SystemTime::now()).0.saturating_sub(since.0));
    to.sample(&[], age as f64 / 1e3);
}

fn orders(all: &Exposition, to: &mut PageWriter) {
    for order in &all.orders {
        to.sample(&[&order.name], u64::from(order.problem.is_some()));
    }
}

fn notifications(all: &Exposition, to: &mut PageWriter) {
    for one in &all.endpoints {
        to.sample(&[&one.name, "delivered"], one.delivered);
        to.sample(&[&one.name, "expired"], one.expired);
        to.sample(&[&one.name, "dropped"], one.dropped);
        to.sample(&[&one.name, "failed"], one.failed);
    }
}

fn pending(all: &Exposition, to: &mut PageWriter) {
    for one in &all.endpoints {
        to.sample(&[&one.name], one.pending as u64);
    }
}

fn certificates(all: &Exposition, to: &mut PageWriter) {
    for certificate in &all.certificates {
        to.sample(&[&certificate.file.to_string_lossy()], certificate.not_after.0 / 1000);
    }
}

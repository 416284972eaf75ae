//! Reads: status, history and receipts.

use std::sync::Arc;

use rules::{
    Color, Generation, HistoryEntry, Receipt, Refusal, Service, ServiceName, Serving, State,
};
use traffic::{ColorSum, Publisher, ServiceSum};

use super::changes::Changes;
use crate::clock::Clock;
use crate::core::{Core, Inner};
use crate::health::reason;
use crate::inbox::Answer;
use crate::request::Selection;
use crate::swap::{ADDRESSES, ColorSeat, Family, Member, NameSeat, TargetSeat};
use crate::view::{
    ColorStatus, HeldStatus, NameStatus, Role, ServiceStatus, Status, TargetStatus, Usage,
};

/// The number of services read in one go: a change waits no longer than that.
const AT_ONCE: usize = 32;

/// Returns everything that `teal status` needs. With many services, they are read in parts at different
/// instants, and the overall values are of the last one.
pub(super) async fn status(core: Arc<Core>, selection: Selection) -> Answer<Status> {
    let wanted = wanted(&core.lock(), selection)?;
    let total = core.lock().roster.members.len();
    let mut services = Vec::with_capacity(wanted.len());
    let mut parts = wanted.chunks(AT_ONCE).peekable();
    while let Some(part) = parts.next() {
        core.lock().services(&core.publisher, part, &mut services);
        if parts.peek().is_some() {
            tokio::task::yield_now().await;
        }
    }
    let inner = core.lock();
    Ok(Status {
        generation: inner.state.generation(),
        publishing: inner.state.publishing(),
        workers: workers(&core.publisher),
        journal: inner.journal_problem.clone().or_else(|| core.stall()),
        at: Clock::now(),
        total,
        services,
        groups: inner.groups.clone(),
        calls: inner.calls.status(|service, color| inner.why_not(service, color)),
        deploys: inner.state.deploys().open().map(|one| inner.deploy_status(&core, one)).collect(),
        last_reload: inner.last_reload.clone(),
    })
}

/// Returns the indexes of the services that are asked for, with their names.
pub(super) fn wanted(inner: &Inner, selection: Selection) -> Answer<Vec<(usize, ServiceName)>> {
    let all = inner.roster.members.iter().map(|member| member.spec.name.clone()).enumerate();
    let Selection(names) = selection;
    if names.is_empty() {
        return Ok(all.collect());
    }
    for name in &names {
        find(&inner.state, name)?;
    }
    Ok(all.filter(|(_, name)| names.contains(name)).collect())
}

/// Returns the decisions, oldest first.
pub(super) fn history(core: &Core) -> Vec<HistoryEntry> {
    core.lock().state.history().iter().cloned().collect()
}

/// Returns the receipts of a generation, or the newest ones.
pub(super) fn receipts(core: &Core, generation: Option<Generation>) -> Answer<Vec<Receipt>> {
    let inner = core.lock();
    let history = inner.state.history();
    let newest = || history.receipts().next_back().map(|receipt| receipt.generation);
    let generation = generation.or_else(newest).unwrap_or(inner.state.generation());
    let found: Vec<_> = history.receipts_of(generation).cloned().collect();
    if found.is_empty() { Err(Refusal::NoReceipt { generation, service: None }) } else { Ok(found) }
}

/// Finds a service that is configured at present.
pub(super) fn find<'s>(state: &'s State, name: &ServiceName) -> Answer<(&'s Service, &'s Serving)> {
    state.serving(name).ok_or_else(|| Refusal::UnknownService {
        name: name.clone(),
        services: state.serving_names(),
    })
}

/// Returns why a probed color would not pass the gate; `None`: it would, or nothing is known yet.
pub(super) fn is_down(member: &Member, color: Color) -> Option<String> {
    let targets = &member.color(color).targets;
    let is_known =
        targets.is_empty() || targets.iter().any(|target| target.health.last().is_some());
    if is_known { reason(member, color) } else { None }
}

impl Inner {
    /// Adds the status of the services at these indexes, which may have changed since.
    fn services(
        &self,
        publisher: &Publisher,
        wanted: &[(usize, ServiceName)],
        all: &mut Vec<ServiceStatus>,
    ) {
        let changes = Changes::of(&self.state);
        all.extend(wanted.iter().filter_map(|(place, name)| {
            self.service(publisher, self.roster.member_near(*place, name)?, &changes)
        }));
    }

    fn service(
        &self,
        publisher: &Publisher,
        member: &Member,
        changes: &Changes<'_>,
    ) -> Option<ServiceStatus> {
        let name = &member.spec.name;
        let (service, serving) = self.state.serving(name)?;
        let books = ServiceSum::balanced(&member.books);
        let held = serving.held.as_ref().map(|held| HeldStatus {
            since: held.since,
            by: held.by.clone(),
            max_wait: held.max_wait,
            waiting: books.waiting,
        });
        let receives = |color| service.split.receives(color) && held.is_none();
        let colors = Color::BOTH.map(|color| {
            let is_active = service.split.receives(color);
            self.color(publisher, member, color, is_active, receives(color))
        });
        Some(ServiceStatus {
            name: name.clone(),
            split: service.split,
            generation: service.generation,
            can_roll_back: service.left_other.is_some(),
            rollback: changes.rollback(name, service),
            changed: changes.last(name),
            books,
            held,
            maintenance: serving.maintenance.clone(),
            rollout: self.open_rollout(name),
            failover: member.spec.policy.failover,
            colors,
        })
    }

    fn color(
        &self,
        publisher: &Publisher,
        member: &Member,
        color: Color,
        is_active: bool,
        receives: bool,
    ) -> ColorStatus {
        let seat = member.color(color);
        let sum = ColorSum::of(&seat.books);
        let drain = self.drains.status(seat.id);
        let is_empty = sum.leases == 0 && sum.connections == 0;
        let unhealthy_reason = reason(member, color);
        let is_retired = self.state.is_retired(&member.spec.name, color);
        let targets = seat.weighed().map(|(target, left_out)| TargetStatus {
            url: target.url.clone(),
            address: target.address,
            usage: if is_retired { Usage::Retired } else { usage(seat, target, left_out) },
            standing: target.health.standing(),
            in_flight: target.books.iter().map(|cell| cell.leases.value()).sum(),
            in_a_row: (target.health.passes(), target.health.failures()),
            needed: (member.spec.health.rise, member.spec.health.fall),
            turned: target.turned.clone(),
            last_probe: target.health.last().cloned(),
            addresses: target.addresses.clone(),
            certificate: target.certificate.clone(),
        });
        ColorStatus {
            version: self.state.version(&member.spec.name, color),
            retired: is_retired,
            told: member.spec.color(color).told.is_some(),
            role: match (is_active, drain.is_some() || !is_empty) {
                (true, _) => Role::Active,
                (false, true) => Role::Draining,
                (false, false) => Role::Idle,
            },
            healthy: unhealthy_reason.is_none(),
            unhealthy_reason,
            in_flight: sum.leases,
            connections: sum.connections,
            oldest_age: sum.oldest.map(|since| publisher.now().saturating_sub(since)),
            streams: sum.streams,
            tunnels: sum.tunnels,
            oldest_stream_age: sum.oldest_stream.map(|at| publisher.now().saturating_sub(at)),
            drained: !receives && drain.is_none() && is_empty,
            drain,
            targets: targets.collect(),
            names: seat.names.iter().map(|name| name_status(seat, name)).collect(),
        }
    }
}

/// Returns the number of workers, and that of those that have the newest table.
fn workers(publisher: &Publisher) -> (usize, usize) {
    let (total, silent) = (publisher.workers(), publisher.silent(publisher.version()));
    (total, total.saturating_sub(silent.len()))
}

/// Returns how traffic uses a target.
fn usage(seat: &ColorSeat, target: &TargetSeat, left_out: Option<Family>) -> Usage {
    let listed = || {
        let name = seat.name_of(target);
        name.zip(target.address).is_none_or(|(name, address)| name.listed.contains(&address))
    };
    match left_out {
        Some(family) => Usage::LeftOut { family: family.as_str() },
        None if !target.is_reachable() && target.address.is_none() => Usage::Nowhere,
        None if !target.is_reachable() => Usage::Proving,
        None if !listed() => Usage::Unlisted,
        None => Usage::Used,
    }
}

fn name_status(seat: &ColorSeat, name: &NameSeat) -> NameStatus {
    NameStatus {
        url: name.url.clone(),
        addresses: name.found,
        used: seat.of(&name.url).filter(|target| target.is_reachable()).count(),
        most: ADDRESSES,
        unanswered: name.unanswered.clone(),
    }
}

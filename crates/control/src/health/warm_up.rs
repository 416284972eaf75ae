//! A warm-up: requests to the targets of an idle color, over the connector and the parser of traffic, whose
//! answers nobody sees.
//!
//! It takes no lease and is in no book: it ends before any client's request reaches the color. It has one deadline
//! for all targets, and leaves no request behind it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rules::{Color, Expected, Health, ProbeKind, ServiceName, StatusRange, TargetName, WarmUp};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::probe::{Plan, Purpose, probe};
use crate::core::{Core, Inner};
use crate::request::WarmUpResult;
use crate::swap::TargetSeat;

/// The warm-up of one target.
struct Round {
    name: TargetName,
    plan: Plan,
    addresses: Vec<SocketAddr>,
    settings: WarmUp,
    deadline: Instant,
    /// The requests taken so far.
    taken: AtomicU32,
    answered: AtomicU32,
}

/// Requests the paths of the service's warm-up from all targets of a color; `None`: it has no warm-up.
// lossless: L10 - one deadline for all of it.
pub(crate) async fn warm_up(
    core: &Core,
    service: &ServiceName,
    color: Color,
) -> Option<(WarmUpResult, WarmUp)> {
    let began = Instant::now();
    let (settings, rounds) = core.lock().rounds(service, color, began)?;
    let mut requesting = JoinSet::new();
    for round in &rounds {
        for _ in 0..settings.connections.min(settings.requests) {
            requesting.spawn(request_in_turn(round.clone()));
        }
    }
    let mut reason = None;
    while let Some(ended) = requesting.join_next().await {
        reason = reason.or(ended.unwrap_or_else(|error| Some(error.to_string())));
    }
    let requests = rounds.len() as u64 * u64::from(settings.requests);
    let answered = rounds.iter().map(|round| u64::from(round.answered.load(Ordering::Relaxed)));
    let failed = requests - answered.sum::<u64>();
    let took = began.elapsed();
    Some((WarmUpResult { requests, failed, reason, took }, settings))
}

/// Sends requests one after the other until all are taken or the time is up. Returns the first failure.
async fn request_in_turn(round: Arc<Round>) -> Option<String> {
    let WarmUp { requests, timeout, paths, .. } = &round.settings;
    let mut first = None;
    loop {
        let number = round.taken.fetch_add(1, Ordering::Relaxed);
        if number >= *requests {
            return first;
        }
        let left = round.deadline.saturating_duration_since(Instant::now());
        let failure = if left.is_zero() {
            Some(format!(
                "{}: {number} of {requests} requests were sent within {timeout:?}",
                round.name
            ))
        } else {
            let path = paths.get(number as usize % paths.len().max(1)).map_or("/", |path| path);
            request(&round, path, left).await
        };
        match failure {
            None => {
                round.answered.fetch_add(1, Ordering::Relaxed);
            }
            Some(failure) => first = first.or(Some(failure)),
        }
        if left.is_zero() {
            return first;
        }
    }
}

/// Sends one request. Returns why it failed.
async fn request(round: &Round, path: &str, left: Duration) -> Option<String> {
    let mut plan = round.plan.clone();
    path.clone_into(&mut plan.settings.path);
    plan.settings.timeout = left;
    let outcome = probe(&plan, &round.addresses).await.outcome;
    outcome.reason().map(|reason| format!("{}: GET {path}: {reason}", round.name))
}

/// The settings of requests that are no evidence: any answer but a server's error is good.
fn settings(health: &Health) -> Health {
    Health {
        kind: ProbeKind::Http,
        hosts: Vec::new(),
        expect: vec![StatusRange { low: 200, high: 499 }],
        identity: Expected::default(),
        ..health.clone()
    }
}

impl Inner {
    /// Returns the settings of a service's warm-up and a round for each target of a color.
    fn rounds(
        &self,
        service: &ServiceName,
        color: Color,
        began: Instant,
    ) -> Option<(WarmUp, Vec<Arc<Round>>)> {
        let member = self.roster.member(service)?;
        let warm_up = member.spec.warm_up.clone()?;
        let asked = settings(&member.spec.health);
        let round = |target: &TargetSeat| {
            Arc::new(Round {
                name: target.name(),
                plan: Plan { purpose: Purpose::WarmUp, ..self.plan_of(target, &asked) },
                addresses: target.addresses.clone(),
                settings: warm_up.clone(),
                deadline: began + warm_up.timeout,
                taken: AtomicU32::new(0),
                answered: AtomicU32::new(0),
            })
        };
        let rounds = member.color(color).counted().map(round).collect();
        Some((warm_up, rounds))
    }
}

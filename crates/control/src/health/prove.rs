//! Evidence that a color is healthy now. If there is not enough, its targets are probed until there
//! is (L9).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use connect::TlsConfigCache;
use rules::gate::{self, ColorUnproven};
use rules::{
    Color, Health, Limits, ProbeOutcome, Proof, Refusal, ServiceName, Standing, TargetHealth,
    TargetName, TargetUrl, Unproven,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use traffic::TargetId;

use super::probe::{Fault, Plan, Purpose, cannot_dial, dial, nowhere, probe};
use crate::clock::Clock;
use crate::core::{Core, Inner};
use crate::resolve::LookupOutcome;
use crate::swap::{ADDRESSES, ColorSeat, Family, Member, TargetSeat};

/// A configured target that was probed before it is part of any table, with the results.
#[derive(Debug)]
pub(crate) struct ProvenTarget {
    pub(crate) url: TargetUrl,
    /// All the addresses of its name.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The results: for all addresses together, or for each address that is a target by itself.
    pub(crate) found: Vec<(Option<SocketAddr>, TargetHealth)>,
}

/// The result of one check of a color.
enum ColorCheck {
    /// Healthy; with the targets that were not probed since the check was asked for.
    Proven(Vec<Proof>, Vec<ConnectCheck>),
    /// A probe that ended after the check was asked for has failed.
    Failed(String),
    TooLittle,
    Gone,
}

/// A target that is healthy by the evidence, and the addresses to connect to, to see that it is still there.
struct ConnectCheck {
    id: TargetId,
    plan: Plan,
    addresses: Vec<SocketAddr>,
}

/// Returns the evidence that a color is healthy now, and checks that its targets accept connections at
/// this very moment, since evidence may be nearly an interval old. Without enough evidence, its targets are
/// probed back to back, and the first failure refuses; with `wait`, probing continues until they pass or
/// that time is up.
// lossless: L9 L10
pub(crate) async fn prove(
    core: &Core,
    service: &ServiceName,
    color: Color,
    wait: Option<Duration>,
) -> Result<Vec<Proof>, Refusal> {
    let asked = core.clock.moment();
    let limit = Instant::now() + wait.unwrap_or_default().max(core.lock().patience(service));
    let patient_until = wait.map(|wait| Instant::now() + wait);
    let mut probed = core.probed.subscribe();
    let refusal = |reason| Refusal::Unhealthy { service: service.clone(), color, reason };
    core.look_up(service, color, asked).await;
    loop {
        probed.borrow_and_update();
        let check = core.lock().check(service, color, asked, core.clock.moment());
        let mut pause = Duration::ZERO;
        match check {
            ColorCheck::Proven(evidence, checks) => {
                if connect_all(core, checks).await {
                    return Ok(evidence);
                }
                continue;
            }
            ColorCheck::Gone => {
                return Err(refusal("the service is no longer configured".to_owned()));
            }
            ColorCheck::Failed(reason) => {
                if patient_until.is_none_or(|until| Instant::now() >= until) {
                    return Err(refusal(reason));
                }
                let inner = core.lock();
                pause = inner.fast_interval(service);
                inner.hurry_names(service, color);
            }
            ColorCheck::TooLittle => {}
        }
        tokio::select! {
            changed = hurry_and_wait(core, service, color, pause, &mut probed) => changed,
            () = sleep_until(limit) => {
                return Err(refusal(core.lock().last_reason(service, color)));
            }
        }
    }
}

/// Connects to every target and closes the connection. An unreachable one counts as a failed probe.
async fn connect_all(core: &Core, checks: Vec<ConnectCheck>) -> bool {
    let mut tasks = JoinSet::new();
    for ConnectCheck { id, plan, addresses } in checks {
        tasks.spawn(async move {
            let deadline = Instant::now() + plan.settings.timeout;
            let failure = dial(&plan, &addresses, deadline, false).await.err();
            (id, failure.map(|error| cannot_dial(&plan, &error)))
        });
    }
    let mut all_reachable = true;
    while let Some(connected) = tasks.join_next().await {
        let Ok((id, Some(reason))) = connected else { continue };
        all_reachable = false;
        core.record(
            id,
            ProbeOutcome::Failed { status: None, reason: reason.into() },
            Duration::ZERO,
        );
    }
    all_reachable
}

async fn hurry_and_wait(
    core: &Core,
    service: &ServiceName,
    color: Color,
    pause: Duration,
    probed: &mut tokio::sync::watch::Receiver<u64>,
) {
    sleep(pause).await;
    core.lock().hurry_unproven(service, color, core.clock.moment());
    probed.changed().await.expect("the core keeps the sending side");
}

/// Probes targets that are not part of any table yet: `rise` probes of each, back to back, all
/// targets concurrently; the first failure refuses with its reason.
// lossless: L9
pub(crate) async fn prove_targets(
    core: &Arc<Core>,
    targets: &[TargetUrl],
    settings: &Health,
    tls_configs: &TlsConfigCache,
    limits: Limits,
) -> Result<Vec<ProvenTarget>, String> {
    let mut tasks = JoinSet::new();
    for target in targets.iter().cloned() {
        let (settings, tls_configs) = (settings.clone(), tls_configs.clone());
        let history = core.lock().history.clone();
        let plan = Plan {
            target,
            settings,
            tls_configs,
            history,
            head_bytes: limits.head_bytes,
            purpose: Purpose::Probe,
        };
        let core = core.clone();
        tasks.spawn(async move {
            let each = plan.target.is_each_address();
            if each {
                prove_each_address(&core, plan).await
            } else {
                prove_target(&core, plan).await
            }
        });
    }
    let mut proven = Vec::new();
    while let Some(result) = tasks.join_next().await {
        proven.push(result.map_err(|_| "a probe panicked".to_owned())??);
    }
    Ok(proven)
}

async fn prove_target(core: &Core, plan: Plan) -> Result<ProvenTarget, String> {
    let (mut health, mut addresses) = (TargetHealth::default(), None);
    while !health.is_healthy(&plan.settings) {
        let deadline = Instant::now() + plan.settings.timeout;
        let found = match core.resolver.resolve(&plan.target, deadline).await {
            LookupOutcome::Found(found) => found,
            lookup => return Err(format!("{}: {}", plan.target, nowhere(&plan.target, &lookup))),
        };
        // Results at other addresses are not evidence for these.
        if addresses.as_ref().is_some_and(|before| *before != found) {
            health.forget();
        }
        let probed = probe(&plan, &found).await;
        if let Some(reason) = probed.outcome.reason() {
            return Err(format!("{}: {reason}", plan.target));
        }
        let (at, moment) = (Clock::now(), core.clock.moment());
        let (outcome, latency) = (probed.outcome, probed.latency);
        health.record(rules::Probe { at, moment, latency, outcome }, &plan.settings);
        addresses = Some(found);
    }
    let (url, found) = (plan.target, vec![(None, health)]);
    Ok(ProvenTarget { url, found, addresses: addresses.unwrap_or_default() })
}

/// Probes each address of a name separately. An address family over which nothing answers at all need
/// not pass as long as something answers over the other.
// lossless: L9
async fn prove_each_address(core: &Arc<Core>, plan: Plan) -> Result<ProvenTarget, String> {
    let url = plan.target.clone();
    let deadline = Instant::now() + plan.settings.timeout;
    let mut addresses = match core.resolver.resolve(&url, deadline).await {
        LookupOutcome::Found(found) => found,
        lookup => return Err(format!("{url}: {}", nowhere(&url, &lookup))),
    };
    addresses.truncate(ADDRESSES);
    let mut tasks = JoinSet::new();
    for address in addresses.iter().copied() {
        let (core, plan) = (core.clone(), plan.clone());
        tasks.spawn(async move { (address, prove_address(&core, &plan, address).await) });
    }
    let mut all = Vec::new();
    while let Some(proven) = tasks.join_next().await {
        all.push(proven.map_err(|_| "a probe panicked".to_owned())?);
    }
    all.sort_by_key(|(address, _)| *address);
    let left_out = Family::left_out(all.iter().map(|(address, proven)| {
        (Family::of(*address), matches!(proven, Err((Fault::Absent | Fault::Refused, _))))
    }));
    let mut found = Vec::new();
    for (address, proven) in all {
        match proven {
            Ok(health) => found.push((Some(address), health)),
            Err(_) if left_out == Some(Family::of(address)) => {}
            Err((_, reason)) => {
                let name = TargetName { url, address: Some(address) };
                return Err(format!("{name}: {reason}"));
            }
        }
    }
    Ok(ProvenTarget { url, addresses, found })
}

async fn prove_address(
    core: &Core,
    plan: &Plan,
    address: SocketAddr,
) -> Result<TargetHealth, (Fault, String)> {
    let mut health = TargetHealth::default();
    while !health.is_healthy(&plan.settings) {
        let probed = probe(plan, &[address]).await;
        if let Some(reason) = probed.outcome.reason() {
            return Err((probed.fault.unwrap_or(Fault::BadResponse), reason.to_owned()));
        }
        let (at, moment) = (Clock::now(), core.clock.moment());
        let (outcome, latency) = (probed.outcome, probed.latency);
        health.record(rules::Probe { at, moment, latency, outcome }, &plan.settings);
    }
    Ok(health)
}

impl Inner {
    fn check(
        &self,
        service: &ServiceName,
        color: Color,
        asked: Duration,
        now: Duration,
    ) -> ColorCheck {
        let Some(member) = self.roster.member(service) else { return ColorCheck::Gone };
        let seat = member.color(color);
        if let Some(reason) = no_targets(member, color) {
            return ColorCheck::Failed(reason);
        }
        match evidence(member, seat, now) {
            Ok(evidence) => {
                let settings = &member.spec.health;
                let old = |target: &&TargetSeat| {
                    target.health.last().is_none_or(|last| last.moment < asked)
                };
                let checks = seat.counted().filter(old).map(|target| ConnectCheck {
                    id: target.id,
                    plan: self.plan_of(target, settings),
                    addresses: target.addresses.clone(),
                });
                ColorCheck::Proven(evidence, checks.collect())
            }
            Err(ColorUnproven::TooLittle) => ColorCheck::TooLittle,
            Err(ColorUnproven::Failing(_)) => {
                let fresh = seat.counted().find_map(|target| {
                    let last = target.health.last().filter(|last| last.moment >= asked)?;
                    Some(format!("{}: {}", target.name(), last.outcome.reason()?))
                });
                fresh.map_or(ColorCheck::TooLittle, ColorCheck::Failed)
            }
        }
    }

    /// Returns the longest time that `rise` probes back to back can take, plus one that was in progress.
    pub(super) fn patience(&self, service: &ServiceName) -> Duration {
        let settings = self.roster.member(service).map(|member| &member.spec.health);
        // Lookup and probe have a timeout each.
        settings.map_or(Duration::ZERO, |s| s.timeout * 2 * (s.rise.max(1) + 1))
            + Duration::from_secs(1)
    }

    fn fast_interval(&self, service: &ServiceName) -> Duration {
        let member = self.roster.member(service);
        member.map_or(Duration::from_secs(1), |member| member.spec.health.fast_interval)
    }

    fn hurry_unproven(&self, service: &ServiceName, color: Color, now: Duration) {
        let Some(member) = self.roster.member(service) else { return };
        for target in member.color(color).counted() {
            if target.health.proof(&target.name(), &member.spec.health, now).is_err() {
                target.hurry.notify_one();
            }
        }
    }

    /// Returns the evidence that a color is healthy now; `None` if there is not enough.
    pub(super) fn evidence(
        &self,
        service: &ServiceName,
        color: Color,
        now: Duration,
    ) -> Option<Vec<Proof>> {
        let member = self.roster.member(service)?;
        evidence(member, member.color(color), now).ok()
    }

    pub(super) fn last_reason(&self, service: &ServiceName, color: Color) -> String {
        let member = self.roster.member(service);
        let reason = member.and_then(|member| reason(member, color));
        reason.unwrap_or_else(|| "not enough probes have passed yet".to_owned())
    }
}

/// Returns the evidence that a color is healthy now.
fn evidence(member: &Member, seat: &ColorSeat, now: Duration) -> Result<Vec<Proof>, ColorUnproven> {
    let targets = seat.counted().map(|target| (target.name(), &target.health));
    let evidence = gate::evidence(targets, &member.spec.health, now)?;
    // Evidence from an address that traffic no longer uses does not count.
    let reachable = seat.counted().all(TargetSeat::is_reachable);
    if reachable { Ok(evidence) } else { Err(ColorUnproven::TooLittle) }
}

/// Returns why a color would not pass the gate, whatever the age of its probes; `None` if it would.
pub(crate) fn reason(member: &Member, color: Color) -> Option<String> {
    let settings = &member.spec.health;
    let failing = member.color(color).counted().find_map(|target| {
        if target.health.is_healthy(settings) && target.is_reachable() {
            return None;
        }
        // Age does not matter here: only a failure has its own reason.
        let why = match target.health.proof(&target.name(), settings, Duration::ZERO) {
            Err(Unproven::Failing(reason)) => reason.into(),
            _ if target.health.standing() == Standing::Unknown => {
                "not enough probes have passed yet".to_owned()
            }
            _ => "its probes have only just begun to pass again".to_owned(),
        };
        Some(format!("{}: {why}", target.name()))
    });
    failing.or_else(|| no_targets(member, color))
}

/// Returns why a color without targets is not healthy; `None` if it has some.
fn no_targets(member: &Member, color: Color) -> Option<String> {
    let is_empty = member.color(color).targets.is_empty();
    is_empty.then(|| format!("no targets: start it with: teal deploy {}", member.spec.name))
}

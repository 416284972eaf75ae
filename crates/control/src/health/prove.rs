//! Is a color proven healthy now? If too little is known, its targets are probed until it is
//! known (L9).

use std::time::Duration;

use rules::gate::{self, Lack};
use rules::{
    Color, Health, Proof, Refusal, ServiceName, Standing, TargetHealth, TargetUrl, Unproven,
};
use tokio::time::{Instant, sleep, sleep_until};

use super::probe::{Plan, probe};
use super::resolve::resolve;
use crate::clock::Clock;
use crate::core::{Core, Inside};
use crate::swap::{ColorSeat, Member};

/// What one look at a color says.
enum Look {
    Proven(Vec<Proof>),
    /// A probe that ended after the question was asked has failed.
    Failed(String),
    TooLittle,
    Gone,
}

/// The evidence that a color is healthy now. With too little of it, its targets are probed
/// back to back, and the first failure refuses; with `wait`, probing goes on until it passes or
/// that time is over.
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
    loop {
        probed.borrow_and_update();
        let look = core.lock().look(service, color, asked, core.clock.moment());
        let mut pause = Duration::ZERO;
        match look {
            Look::Proven(evidence) => return Ok(evidence),
            Look::Gone => return Err(refusal("the service is no longer configured".to_owned())),
            Look::Failed(reason) => {
                if patient_until.is_none_or(|until| Instant::now() >= until) {
                    return Err(refusal(reason));
                }
                pause = core.lock().fast_interval(service);
            }
            Look::TooLittle => {}
        }
        tokio::select! {
            changed = hurry_and_wait(core, service, color, pause, &mut probed) => changed,
            () = sleep_until(limit) => {
                return Err(refusal(core.lock().last_reason(service, color)));
            }
        }
    }
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

/// Proves targets that are not part of any table yet: `rise` probes of each, back to back, all
/// targets at once; the first failure refuses with its reason.
// lossless: L9
pub(crate) async fn prove_targets(
    targets: &[TargetUrl],
    settings: &Health,
    clock: Clock,
) -> Result<Vec<(TargetUrl, TargetHealth)>, String> {
    let mut tasks = tokio::task::JoinSet::new();
    for target in targets.iter().cloned() {
        let plan = Plan { target, settings: settings.clone() };
        tasks.spawn(async move { prove_target(plan, clock).await });
    }
    let mut proven = Vec::new();
    while let Some(result) = tasks.join_next().await {
        proven.push(result.map_err(|_| "a probe broke down".to_owned())??);
    }
    Ok(proven)
}

async fn prove_target(plan: Plan, clock: Clock) -> Result<(TargetUrl, TargetHealth), String> {
    let mut health = TargetHealth::default();
    while !health.is_healthy(&plan.settings) {
        let addresses = resolve(&plan.target, Instant::now() + plan.settings.timeout).await;
        let (verdict, latency) = probe(&plan, &addresses).await;
        if let Some(reason) = verdict.reason() {
            return Err(format!("{}: {reason}", plan.target));
        }
        let (at, moment) = (Clock::now(), clock.moment());
        health.record(rules::Probe { at, moment, latency, verdict }, &plan.settings);
    }
    Ok((plan.target, health))
}

impl Inside {
    fn look(&self, service: &ServiceName, color: Color, asked: Duration, now: Duration) -> Look {
        let Some(member) = self.roster.member(service) else { return Look::Gone };
        let seat = member.color(color);
        match evidence(member, seat, now) {
            Ok(evidence) => Look::Proven(evidence),
            Err(Lack::TooLittle) => Look::TooLittle,
            Err(Lack::Failing(_)) => {
                let fresh = seat.targets.iter().find_map(|target| {
                    let last = target.health.last().filter(|last| last.moment >= asked)?;
                    Some(format!("{}: {}", target.url, last.verdict.reason()?))
                });
                fresh.map_or(Look::TooLittle, Look::Failed)
            }
        }
    }

    /// The longest that `rise` probes back to back can take, and one more that was under way.
    fn patience(&self, service: &ServiceName) -> Duration {
        let settings = self.roster.member(service).map(|member| &member.spec.health);
        // Resolving and probing have a timeout each.
        settings.map_or(Duration::ZERO, |s| s.timeout * 2 * (s.rise.max(1) + 1))
            + Duration::from_secs(1)
    }

    fn fast_interval(&self, service: &ServiceName) -> Duration {
        let member = self.roster.member(service);
        member.map_or(Duration::from_secs(1), |member| member.spec.health.fast_interval)
    }

    fn hurry_unproven(&self, service: &ServiceName, color: Color, now: Duration) {
        let Some(member) = self.roster.member(service) else { return };
        for target in &member.color(color).targets {
            if target.health.proof(&target.url, &member.spec.health, now).is_err() {
                target.hurry.notify_one();
            }
        }
    }

    fn last_reason(&self, service: &ServiceName, color: Color) -> String {
        let member = self.roster.member(service);
        let reason = member.and_then(|member| reason(member.color(color), &member.spec.health));
        reason.unwrap_or_else(|| "not enough probes have passed yet".to_owned())
    }
}

/// The evidence that a color is healthy now.
fn evidence(member: &Member, seat: &ColorSeat, now: Duration) -> Result<Vec<Proof>, Lack> {
    let targets = seat.targets.iter().map(|target| (&target.url, &target.health));
    gate::evidence(targets, &member.spec.health, now)
}

/// Why a color would not pass the gate, whatever the age of its probes; `None` if it would.
pub(crate) fn reason(seat: &ColorSeat, settings: &Health) -> Option<String> {
    seat.targets.iter().find_map(|target| {
        if target.health.is_healthy(settings) {
            return None;
        }
        // Age does not matter here: only a failure has a reason of its own.
        let why = match target.health.proof(&target.url, settings, Duration::ZERO) {
            Err(Unproven::Failing(reason)) => reason.into(),
            _ if target.health.standing() == Standing::Unknown => {
                "not enough probes have passed yet".to_owned()
            }
            _ => "it has only just begun to pass again".to_owned(),
        };
        Some(format!("{}: {why}", target.url))
    })
}

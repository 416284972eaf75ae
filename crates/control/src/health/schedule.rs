//! The schedule of probes: immediately at the start, then at the interval, faster while the health is in
//! doubt, and immediately when a caller needs to know.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use connect::PeerCertificate;
use rules::{Color, Health, Probe, ProbeOutcome, ServiceName, Standing, TargetName};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use traffic::TargetId;

use super::follow::Round;
use super::probe::{Plan, ProbeResult, Purpose, probe, retry_set_back};
use crate::clock::Clock;
use crate::core::{Core, Inner};
use crate::events::LiveEvent;
use crate::resolve::LookupOutcome;
use crate::swap::TargetSeat;

/// The remaining validity below which a target's certificate is reported.
const ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// The longest pause between two looks at whether a retired target is still configured.
// lossless: L10
const REST: Duration = Duration::from_secs(60);

/// Probes a target until it is removed. A retired one is probed only when a caller needs to know.
pub(crate) async fn watch(core: Arc<Core>, id: TargetId) {
    let mut jitter = Jitter(u64::from(id.0) + 1);
    let mut is_wanted = false;
    loop {
        core.until_in_control().await; // a newer Teal decides by its own probes
        let Some((plan, hurry)) = core.lock().plan(id) else { return };
        let mut unretired = pin!(core.unretired.notified());
        unretired.as_mut().enable(); // before the look, so that none is missed
        if !is_wanted && core.lock().rests(id) {
            tokio::select! {
                () = hurry.notified() => is_wanted = true,
                () = unretired => {}
                () = sleep(REST) => {}
            }
            continue;
        }
        is_wanted = false;
        // Its time begins once it has its permit.
        let Ok(turn) = core.probing.acquire().await else { return };
        let deadline = Instant::now() + plan.settings.timeout;
        let lookup = if plan.target.is_each_address() {
            LookupOutcome::Found(Vec::new()) // its name has its own task
        } else {
            core.resolver.resolve(&plan.target, deadline).await
        };
        let Some(pause) = look(&core, id, &plan, &lookup, &hurry).await else { return };
        drop(turn);
        tokio::select! {
            () = sleep(jitter.shorten(pause)) => {}
            () = hurry.notified() => is_wanted = true,
        }
    }
}

impl Inner {
    fn plan(&self, id: TargetId) -> Option<(Plan, Arc<Notify>)> {
        let (member, _, seat) = self.roster.target(id)?;
        Some((self.plan_of(seat, &member.spec.health), seat.hurry.clone()))
    }

    /// Returns true if the color of a target is retired, so that nothing is sent to it.
    fn rests(&self, id: TargetId) -> bool {
        let found = self.roster.target(id);
        found.is_some_and(|(member, color, _)| self.state.is_retired(&member.spec.name, color))
    }

    /// Returns the settings of a probe of a target.
    pub(super) fn plan_of(&self, seat: &TargetSeat, settings: &Health) -> Plan {
        let (target, settings) = (seat.url.clone(), settings.clone());
        let (tls_configs, history) = (self.tls_configs.clone(), self.history.clone());
        Plan {
            target,
            settings,
            tls_configs,
            history,
            head_bytes: self.limits.head_bytes,
            purpose: Purpose::Probe,
        }
    }
}

/// Probes a target at the addresses that traffic uses, and each other address of its name separately.
/// Returns the pause until the next round; `None` if the target has been removed.
async fn look(
    core: &Arc<Core>,
    id: TargetId,
    plan: &Plan,
    lookup: &LookupOutcome,
    hurry: &Notify,
) -> Option<Duration> {
    let Round { used, candidates } = core.follow(id, lookup)?;
    let mut proving = JoinSet::new();
    for address in candidates.iter().copied() {
        let plan = plan.clone();
        proving.spawn(async move { (address, probe(&plan, &[address]).await) });
    }
    retry_set_back(plan, &used);
    let in_use = !used.is_empty() || plan.target.socket().is_some();
    if in_use {
        let mut found = probe(plan, &used).await;
        let refused = core.with_addresses(id, |seat, _| seat.refused_by_traffic())?;
        if let (Some(reason), true) = (refused, found.outcome.passed()) {
            found = ProbeResult::refused(reason, &found);
        }
        core.found(id, found)?;
    }
    let mut failed = None;
    while !proving.is_empty() {
        tokio::select! {
            Some(Ok((address, found))) = proving.join_next() => {
                if !found.outcome.passed() {
                    failed.get_or_insert_with(|| found.clone());
                }
                core.prove_candidate(id, address, found)?;
            }
            // A caller that needs to know about the target does not wait for an address that may not answer.
            () = hurry.notified(), if in_use => {
                hurry.notify_one();
                break;
            }
            else => break,
        }
    }
    if !in_use {
        let failed = match (lookup, candidates.is_empty()) {
            (_, false) => failed,
            (lookup, true) => Some(ProbeResult::nowhere(&plan.target, lookup)),
        };
        if let Some(failed) = failed.filter(|_| !core.is_proving(id)) {
            core.found(id, failed)?;
        }
    }
    core.pause(id)
}

impl Core {
    /// Applies the addresses that a name resolves to now; returns the addresses to probe.
    fn follow(&self, id: TargetId, lookup: &LookupOutcome) -> Option<Round> {
        self.with_addresses(id, |seat, _| match seat.address {
            Some(address) if seat.url.is_each_address() => {
                Round { used: vec![address], candidates: Vec::new() }
            }
            _ => seat.follow(lookup),
        })
    }

    /// Counts the result of a probe of an address that traffic does not use yet.
    fn prove_candidate(&self, id: TargetId, address: SocketAddr, found: ProbeResult) -> Option<()> {
        let ProbeResult { outcome, latency, .. } = found;
        let probe = Probe { at: Clock::now(), moment: self.clock.moment(), latency, outcome };
        let before = self.lock().roster.target(id)?.2.health.standing();
        let turned = self.with_addresses(id, |seat, settings| {
            seat.count(address, probe, settings);
            seat.promote(settings);
            if seat.health.standing() != before {
                seat.turned = Some((Clock::now(), None));
            }
            (seat.health.standing() != before).then(|| seat.health.standing())
        })?;
        if let Some(standing) = turned {
            self.announce(&self.lock(), id, standing, None);
        }
        self.probed.send_modify(|count| *count += 1);
        Some(())
    }

    /// Counts the result of a probe of the addresses in use, and applies its consequences for them.
    fn found(self: &Arc<Self>, id: TargetId, found: ProbeResult) -> Option<()> {
        let ProbeResult { outcome, latency, fault, certificate } = found;
        self.show(id, certificate);
        self.record(id, outcome, latency)?;
        let (name, spare) = {
            let inner = self.lock();
            let (member, color, seat) = inner.roster.target(id)?;
            let color = member.color(color);
            let mut others = color.of(&seat.url).filter(|other| other.id != id);
            (color.name_of(seat).map(|name| name.id), others.any(TargetSeat::is_good))
        };
        self.with_addresses(id, |seat, settings| seat.judge(fault, settings, spare))?;
        if let Some(name) = name {
            self.settle(&mut self.lock(), name, true);
        }
        Some(())
    }

    /// Notes the certificate that a target presented, and warns once of one that expires soon.
    fn show(&self, id: TargetId, shown: Option<PeerCertificate>) {
        let Some(shown) = shown else { return };
        let mut inner = self.lock();
        let Some((spec, color, mut seat)) = inner.roster.target_mut(id) else { return };
        let left = shown.not_after.duration_since(SystemTime::now()).unwrap_or_default();
        if left < ENDS_SOON && seat.certificate.as_ref() != Some(&shown) {
            tracing::warn!(
                service = %spec.name, %color, target_url = %seat.url, names = shown.names.join(" "),
                "the target's certificate expires in {} days: then the target gets no traffic",
                left.as_secs() / 86_400
            );
        }
        seat.certificate = Some(shown);
    }

    /// Changes the addresses of a target that are used, and notifies the workers if they differ.
    fn with_addresses<T>(
        &self,
        id: TargetId,
        change: impl FnOnce(&mut TargetSeat, &Health) -> T,
    ) -> Option<T> {
        let mut inner = self.lock();
        let (spec, color, mut seat) = inner.roster.target_mut(id)?;
        let before = seat.addresses.clone();
        let result = change(&mut seat, &spec.health);
        if seat.addresses != before {
            let left = before.iter().any(|address| !seat.addresses.contains(address));
            seat.moves = seat.moves.wrapping_add(u32::from(left));
            let (service, addresses) = (&spec.name, &seat.addresses);
            if let Some(address) = seat.address {
                let used =
                    if addresses.is_empty() { "until it passes probes again, no" } else { "now" };
                tracing::info!(
                    %service, %color, target_url = %seat.url, %address,
                    "{used} traffic goes to the address",
                );
            } else if addresses.is_empty() {
                tracing::warn!(
                    %service, %color, target_url = %seat.url, last = ?before,
                    "the name has no usable address any more: the last one must pass probes again",
                );
            } else {
                tracing::info!(
                    %service, %color, target_url = %seat.url, ?addresses,
                    "the addresses have changed",
                );
            }
            self.refresh.notify_one();
        }
        Some(result)
    }

    fn is_proving(&self, id: TargetId) -> bool {
        self.lock().roster.target(id).is_some_and(|(_, _, seat)| seat.is_proving())
    }

    /// Returns the pause until the next round of probes.
    fn pause(&self, id: TargetId) -> Option<Duration> {
        let inner = self.lock();
        let (member, color, seat) = inner.roster.target(id)?;
        let settings = &member.spec.health;
        let fast = settings.fast_interval.min(settings.interval);
        let serving = inner.state.serving(&member.spec.name);
        let mut all = member.color(color).of(&seat.url);
        let missed = serving.is_some_and(|s| s.0.split.receives(color))
            && !all.any(TargetSeat::is_reachable);
        Some(match (seat.health.is_settled(), seat.confirming) {
            _ if seat.is_proving() => Duration::ZERO,
            (false, true) => Duration::ZERO,
            (false, false) => fast,
            (true, _) if missed => fast,
            (true, _) => settings.interval,
        })
    }

    /// Counts the result of a probe, and has a table published if workers should choose differently;
    /// `None` if the target has been removed.
    pub(super) fn record(
        &self,
        id: TargetId,
        outcome: ProbeOutcome,
        latency: Duration,
    ) -> Option<()> {
        let mut inner = self.lock();
        let (spec, color, mut seat) = inner.roster.target_mut(id)?;
        let settings = &spec.health;
        let passed = outcome.passed();
        let reason = outcome.reason().map(ToOwned::to_owned);
        tracing::debug!(
            service = %spec.name, %color, target_url = %seat.url,
            address = seat.address.map(tracing::field::display), passed, status = outcome.status(),
            reason, ?latency, "probe"
        );
        let probe = Probe { at: Clock::now(), moment: self.clock.moment(), latency, outcome };
        let usable = seat.is_usable();
        let at = probe.at;
        let change = seat.health.record(probe, settings);
        if change.is_some() {
            seat.turned = Some((at, reason.clone()));
        }
        let turned = seat.is_usable() != usable;
        let settled = seat.health.is_settled();
        if passed || settled {
            seat.confirming = false;
        }
        drop(seat);
        if let Some(standing) = change {
            self.announce(&inner, id, standing, reason);
        }
        if turned {
            self.refresh.notify_one();
        }
        drop(inner);
        self.probed.send_modify(|count| *count += 1);
        Some(())
    }

    /// Reports a change of health.
    fn announce(&self, inner: &Inner, id: TargetId, standing: Standing, reason: Option<String>) {
        let Some((member, color, seat)) = inner.roster.target(id) else { return };
        let (service, target) = (member.spec.name.clone(), seat.name());
        log(&service, color, &target, standing, reason.as_deref());
        let active = inner.state.active(&service) == Some(color);
        self.emit(LiveEvent::Health { service, color, target, standing, reason, active });
    }
}

fn log(
    service: &ServiceName,
    color: Color,
    target: &TargetName,
    standing: Standing,
    reason: Option<&str>,
) {
    let (url, address) = (&target.url, target.address.map(tracing::field::display));
    match standing {
        Standing::Up | Standing::Unknown => {
            tracing::info!(%service, %color, target_url = %url, address, "the target is up");
        }
        Standing::Down => {
            tracing::warn!(
                %service, %color, target_url = %url, address, reason, "the target is down"
            );
        }
    }
}

/// Spreads probes, so that those of many targets do not stay synchronized.
pub(super) struct Jitter(pub(super) u64);

impl Jitter {
    /// Returns 85 to 100 % of an interval: never longer, so that evidence does not go stale.
    pub(super) fn shorten(&mut self, interval: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let share = 85 + u32::try_from(self.0 % 16).unwrap_or(0);
        interval * share / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_shortened_by_a_varying_part_and_never_lengthened() {
        // L9: evidence must not grow older than an interval.
        let interval = Duration::from_secs(100);
        let mut jitter = Jitter(1);
        let pauses: Vec<_> = (0..200).map(|_| jitter.shorten(interval)).collect();
        assert!(pauses.iter().all(|pause| (85..=100).contains(&pause.as_secs())));
        let (least, most) = (pauses.iter().min(), pauses.iter().max());
        assert!(most > least, "probes of many targets would fall together");
    }
}

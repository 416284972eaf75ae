//! When a target is probed: at once at the start, then at its interval, faster while what is
//! believed is in doubt, at once when somebody needs to know.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rules::{Color, Health, Probe, ServiceName, Standing, TargetUrl, Verdict};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use traffic::TargetId;

use super::probe::{Plan, probe};
use crate::clock::Clock;
use crate::core::{Core, Inside};
use crate::news::News;
use crate::swap::TargetSeat;

/// Probes a target until it is removed.
pub(crate) async fn watch(core: Arc<Core>, id: TargetId) {
    let mut jitter = Jitter(u64::from(id.0) + 1);
    loop {
        core.in_charge().await; // what a newer Teal decides by is found by its own probes
        let Some((plan, hurry)) = core.lock().plan(id) else { return };
        // Its time begins with its turn.
        let Ok(turn) = core.probing.acquire().await else { return };
        let deadline = Instant::now() + plan.settings.timeout;
        let addresses = core.resolver.resolve(&plan.target, deadline).await;
        core.take_addresses(id, &addresses);
        let (verdict, latency) = probe(&plan, &addresses).await;
        drop(turn);
        let Some(pause) = core.record(id, verdict, latency) else { return };
        tokio::select! {
            () = sleep(jitter.shorten(pause)) => {}
            () = hurry.notified() => {}
        }
    }
}

impl Inside {
    fn plan(&self, id: TargetId) -> Option<(Plan, Arc<Notify>)> {
        let (member, _, seat) = self.roster.target(id)?;
        Some((self.plan_of(seat, &member.spec.health), seat.hurry.clone()))
    }

    /// How a target is probed.
    pub(super) fn plan_of(&self, seat: &TargetSeat, settings: &Health) -> Plan {
        let (target, settings) = (seat.url.clone(), settings.clone());
        Plan { target, settings, vault: self.vault.clone() }
    }
}

impl Core {
    /// Takes over what a name resolves to now. If that is nothing, traffic goes on to where the
    /// name led last: a resolver that is down must not take a healthy target with it.
    fn take_addresses(&self, id: TargetId, addresses: &[SocketAddr]) {
        let mut inside = self.lock();
        let Some((_, _, seat)) = inside.roster.target_mut(id) else { return };
        if !addresses.is_empty() && seat.addresses != addresses {
            tracing::info!(target_url = %seat.url, ?addresses, "the addresses have changed");
            seat.addresses = addresses.to_vec();
            self.refresh.notify_one();
        }
    }

    /// Counts what a probe found, has a table published if workers should choose otherwise, and says
    /// how long to wait for the next probe; `None` if the target is gone.
    pub(super) fn record(
        &self,
        id: TargetId,
        verdict: Verdict,
        latency: Duration,
    ) -> Option<Duration> {
        let mut inside = self.lock();
        let (spec, color, seat) = inside.roster.target_mut(id)?;
        let settings = &spec.health;
        let passed = verdict.passed();
        let reason = verdict.reason().map(ToOwned::to_owned);
        let probe = Probe { at: Clock::now(), moment: self.clock.moment(), latency, verdict };
        let usable = seat.is_usable();
        let change = seat.health.record(probe, settings);
        let turned = seat.is_usable() != usable;
        let settled = seat.health.is_settled();
        if passed || settled {
            seat.confirming = false;
        }
        let pause = match (settled, seat.confirming) {
            (true, _) => settings.interval,
            (false, true) => Duration::ZERO,
            (false, false) => settings.fast_interval.min(settings.interval),
        };
        if let Some(standing) = change {
            let (service, target) = (spec.name.clone(), seat.url.clone());
            log(&service, color, &target, standing, reason.as_deref());
            self.print(News::Health { service, color, target, standing, reason });
        }
        if turned {
            self.refresh.notify_one();
        }
        drop(inside);
        self.probed.send_modify(|count| *count += 1);
        Some(pause)
    }
}

fn log(
    service: &ServiceName,
    color: Color,
    target: &TargetUrl,
    standing: Standing,
    reason: Option<&str>,
) {
    match standing {
        Standing::Up | Standing::Unknown => {
            tracing::info!(%service, %color, target_url = %target, "the target is up");
        }
        Standing::Down => {
            tracing::warn!(%service, %color, target_url = %target, reason, "the target is down");
        }
    }
}

/// Spreads probes, so that those of many targets do not fall together for ever.
struct Jitter(u64);

impl Jitter {
    /// 85 to 100 % of an interval: never longer, so that evidence does not go stale.
    fn shorten(&mut self, interval: Duration) -> Duration {
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

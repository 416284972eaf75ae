//! Evidence of the new environment alone.
//!
//! Teal takes a target as healthy by its newest probes. Just after a start these may be probes of what ran at the same
//! address before, up to one interval ago. So the gate begins only once each target has been probed often enough since
//! the start, or was found down since, which voids older evidence.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::wire::{DeployStep, Health, Target};
use tokio::time::{Instant, sleep};

use crate::member::Member;
use crate::run::Run;
use crate::stop::Stop;

/// The probes of a target that were passed since the start, as far as they were seen.
#[derive(Debug, Default)]
struct Passed {
    /// The time of the newest one that was seen.
    newest: String,
    count: u32,
}

/// Waits until no target counts as healthy by probes from before `since`.
// lossless: L9
pub(crate) async fn wait(run: &Run<'_>, since: Instant) -> Result<(), Stop> {
    let mut passed: BTreeMap<String, Passed> = BTreeMap::new();
    let longest = run.plan.members.iter().map(longest).max().unwrap_or_default();
    let deadline = since + longest.max(run.options.wait_healthy);
    loop {
        let asked = since.elapsed();
        let status = run.context.status().await.map_err(|no_reply| {
            Stop::doubt(format!(
                "it is not known whether {} is healthy: {no_reply}",
                run.plan.color
            ))
        })?;
        let mut missing = None;
        for member in &run.plan.members {
            let Some(service) = member.in_status(&status) else { continue };
            for target in &service.colors.of(run.plan.color).targets {
                let address = target.address.as_deref().unwrap_or_default();
                let key = format!("{} {} {address}", member.name, target.url);
                let seen = passed.entry(key).or_default();
                seen.note(target, asked);
                if target.health != Health::Down && seen.count < member.service.health.rise {
                    missing = Some(target.url.clone());
                }
            }
        }
        let Some(url) = missing else { return Ok(()) };
        if Instant::now() >= deadline {
            let time = contract::duration::show(since.elapsed());
            return Err(Stop::failed(format!("{url} was not probed often enough in {time}")));
        }
        run.context.reporter.waiting(DeployStep::Gate, &format!("new probes of {url}"));
        sleep(run.context.pace.glance).await;
    }
}

/// The longest time that enough probes of a healthy color take.
fn longest(member: &Member) -> Duration {
    let health = &member.service.health;
    (health.interval + health.timeout) * (health.rise + 1)
}

impl Passed {
    /// Counts the newest probe of a target if it began in the last `asked`, which is the time since the start.
    fn note(&mut self, target: &Target, asked: Duration) {
        let Some(probe) = &target.last_probe else { return };
        if probe.at == self.newest {
            return;
        }
        let began = probe.age_seconds + probe.latency_ms / 1000.0;
        if began >= asked.as_secs_f64() {
            return;
        }
        self.newest.clone_from(&probe.at);
        self.count = if probe.ok { self.count + 1 } else { 0 };
    }
}

//! The step `drain`: waiting until nothing is left on the color that traffic has left.

use std::time::Duration;

use contract::wire::{Color, DeployStep, Status};
use tokio::time::{Instant, sleep};

use crate::member::other;
use crate::run::Run;
use crate::stop::Stop;

/// The time beyond the drain deadline until a color counts as stuck.
const MARGIN: Duration = Duration::from_secs(30);

/// The end of a drain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drained {
    /// The leases that the deadline has cut.
    pub(crate) cut: u64,
    /// False if something is still left: the color must not be stopped.
    pub(crate) complete: bool,
    pub(crate) text: String,
}

/// Waits until the other color than `to`, which traffic was moved to at a generation, is drained in every member.
pub(crate) async fn run(run: &Run<'_>, to: Color, generation: u64) -> Result<Drained, Stop> {
    let old = other(to);
    let configured = run.plan.members.iter().map(|member| member.service.policy.drain.timeout);
    let longest = run.options.drain.or(configured.max()).unwrap_or_default();
    let deadline = Instant::now() + longest + MARGIN;
    loop {
        let status = run.context.status().await.map_err(|no_reply| {
            Stop::doubt(format!("it is not known whether {old} is drained: {no_reply}"))
        })?;
        let left = left(run, &status, to)?;
        let complete = left == 0;
        if complete || Instant::now() >= deadline {
            let cut = cut(run, generation).await;
            let left = match left {
                0 => String::new(),
                left => format!(", {left} left: do not stop it"),
            };
            let text =
                format!("{old} is {}drained, {cut} cut{left}", if complete { "" } else { "not " });
            return Ok(Drained { cut, complete, text });
        }
        run.context.reporter.waiting(DeployStep::Drain, &format!("{old}: {left} left"));
        sleep(run.context.pace.glance).await;
    }
}

/// Requests, tunnels and connections left on the old color of all members. Stops if another change took over.
fn left(run: &Run<'_>, status: &Status, to: Color) -> Result<u64, Stop> {
    let mut left = 0;
    for member in &run.plan.members {
        let Some(service) = member.in_status(status) else {
            return Err(Stop::doubt(format!("Teal no longer has the service {}", member.name)));
        };
        if service.active != to {
            return Err(Stop::doubt(format!(
                "another change took over: {} is on {} at generation {}",
                member.name, service.active, service.generation
            )));
        }
        let old = service.colors.of(other(to));
        if !old.drained {
            left += old.in_flight.max(old.connections).max(1);
        }
    }
    Ok(left)
}

/// The leases that the deadline has cut, from the receipts.
async fn cut(run: &Run<'_>, generation: u64) -> u64 {
    let mut cut = 0;
    for member in &run.plan.members {
        let receipt = run
            .context
            .persistently(async || run.context.admin.receipt(generation, &member.name).await);
        let drain = receipt.await.ok().and_then(|receipt| receipt.drain);
        cut += drain.and_then(|drain| drain.cut).map_or(0, |cut| cut.total);
    }
    cut
}

//! The step `drain`: waiting until nothing is left on the color that traffic has left.

use std::time::Duration;

use contract::wire::{Actor, Color, DeployStep, Receipt, Service, Status};
use tokio::time::{Instant, sleep};

use crate::member::other;
use crate::run::Run;
use crate::stop::{Problem, Stop};

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
        if let Some(stop) = moved_away(run, &status, to).await {
            return Err(stop);
        }
        let left = left(run, &status, to);
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

/// Requests, tunnels and connections left on the old color of all members.
fn left(run: &Run<'_>, status: &Status, to: Color) -> u64 {
    let services = run.plan.members.iter().filter_map(|member| member.in_status(status));
    let old = services.map(|service| service.colors.of(other(to)));
    let undrained = old.filter(|old| !old.drained);
    undrained.map(|old| old.in_flight.max(old.connections).max(1)).sum()
}

/// Returns why a member is not on a color any more that traffic was moved to; `None`: all are. A rollback by Teal is known
/// by its receipt, and concerns all members or none; after any other change it is not known what runs.
async fn moved_away(run: &Run<'_>, status: &Status, to: Color) -> Option<Stop> {
    let is_on = |service: &Service| service.active == to;
    for member in &run.plan.members {
        let Some(service) = member.in_status(status) else {
            return Some(Stop::doubt(format!("Teal no longer has the service {}", member.name)));
        };
        if is_on(service) {
            continue;
        }
        let Service { active, generation, .. } = *service;
        let call = async || run.context.admin.receipt(generation, &member.name).await;
        let receipt = run.context.persistently(call).await.ok();
        let mut all = run.plan.members.iter().filter_map(|member| member.in_status(status));
        let reason = receipt.and_then(|receipt| taken_back(&receipt));
        let name = &member.name;
        return Some(match reason {
            Some(reason) if !all.any(is_on) => {
                let version = run.plan.new_version();
                let problem = Problem::new(format!("Teal took {version} back: {reason}"));
                Stop::TakenBack(problem, generation)
            }
            _ => Stop::doubt(format!(
                "another change took over: {name} is on {active} at generation {generation}"
            )),
        });
    }
    None
}

/// Returns the reason of a rollback that Teal made because a rollout failed; `None`: it is another switch.
fn taken_back(receipt: &Receipt) -> Option<String> {
    let is_by_teal = receipt.actor == Actor::Teal && receipt.cause == "rollback";
    receipt.reason.clone().filter(|_| is_by_teal)
}

/// Stops if traffic is not on the new color any more; otherwise returns the status.
pub(crate) async fn stays(run: &Run<'_>) -> Result<Status, Stop> {
    let color = run.plan.color;
    let status = run.context.status().await.map_err(|no_reply| {
        Stop::doubt(format!("it is not known whether {color} is active: {no_reply}"))
    })?;
    match moved_away(run, &status, color).await {
        Some(stop) => Err(stop),
        None => Ok(status),
    }
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

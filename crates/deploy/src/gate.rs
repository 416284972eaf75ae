//! The step `gate`: waiting until a switch to the new environment would be allowed.
//!
//! Teal proves health as for a switch, by a dry run. When it records this step it voids the probes of what ran in the
//! color before. Beside it the runner is watched: a program that has ended or was started again ends the wait at once,
//! since it would only be healthy for moments.

use std::time::Duration;

use contract::wire::{DeployStep, SwitchOutcome};
use runner::State;
use tokio::time::{Instant, sleep};

use crate::admin::{NoReply, SwitchOrder};
use crate::explain::explained;
use crate::run::Run;
use crate::stop::Stop;

/// The interval at which the runner and the reason for waiting are looked at.
const GLANCE: Duration = Duration::from_secs(1);

/// Waits until the new environment of every member is proven healthy.
pub(crate) async fn run(run: &Run<'_>) -> Result<String, Stop> {
    let ended = tokio::select! {
        biased;
        stop = crash(run) => Err(stop),
        passed = passed_and_watched(run) => passed,
        stop = reasons(run) => Err(stop),
    };
    match ended {
        Err(Stop::Failed(problem)) => Err(Stop::Failed(explained(run, problem).await)),
        ended => ended,
    }
}

/// Waits for Teal, and then looks at the runner once more: it may not have answered for as long as Teal was asked.
async fn passed_and_watched(run: &Run<'_>) -> Result<String, Stop> {
    let evidence = passed(run).await?;
    watched(run).await?;
    Ok(evidence)
}

async fn passed(run: &Run<'_>) -> Result<String, Stop> {
    let deadline = Instant::now() + run.options.wait_healthy;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let order = SwitchOrder {
            wait_healthy: Some(left.max(Duration::from_millis(1))),
            dry_run: true,
            ..run.order(run.plan.color, run.plan.generation)
        };
        match run.context.admin.switch(&order).await {
            Ok(outcome) => return Ok(evidence(&outcome)),
            Err(no_reply) if no_reply.is_passing() && Instant::now() < deadline => {
                sleep(run.context.pace.glance).await; // Teal is being restarted or replaced
            }
            Err(no_reply @ NoReply::Refused(_)) => return Err(Stop::failed(no_reply.to_string())),
            Err(no_reply) => return Err(Stop::doubt(no_reply.to_string())),
        }
    }
}

/// The probes that were passed, in words.
fn evidence(outcome: &SwitchOutcome) -> String {
    let mut targets: Vec<&str> = Vec::new();
    let mut last = None;
    for probe in outcome.services().iter().flat_map(|service| &service.evidence) {
        if !targets.contains(&probe.target.as_str()) {
            targets.push(&probe.target);
        }
        last = Some(probe);
    }
    let last = last.map(|probe| format!("{} in {:.1} ms, ", probe.status, probe.latency_ms));
    format!("healthy: {}{} of {}", last.unwrap_or_default(), targets.len(), targets.len())
}

/// Ends only if a program has ended, or was started again.
async fn crash(run: &Run<'_>) -> Stop {
    loop {
        if let Err(stop) = watched(run).await {
            return stop;
        }
        sleep(GLANCE).await;
    }
}

/// Looks at the programs once.
///
/// # Errors
/// One has ended, or was started again, or its runner does not answer.
async fn watched(run: &Run<'_>) -> Result<(), Stop> {
    let plan = &run.plan;
    for member in &plan.members {
        let environment = member.environment(plan.color, plan.version.as_ref());
        let told = run.context.answered(async || member.runner.status(&environment).await);
        let status = told.await?;
        let exit = status.exit.map(|exit| format!(" with {exit}")).unwrap_or_default();
        if status.restarts > 0 {
            let times = status.restarts;
            return Err(Stop::failed(format!(
                "{environment} is in a crash loop: it ended{exit} and was started again, {times} \
                 times"
            )));
        }
        if matches!(status.state, State::Failed | State::Stopped) {
            return Err(Stop::failed(format!(
                "{environment} has ended{exit} before it was healthy"
            )));
        }
    }
    Ok(())
}

/// Shows why Teal waits, and never ends.
async fn reasons(run: &Run<'_>) -> Stop {
    let began = Instant::now();
    let names = run.plan.names();
    loop {
        if let Ok(status) = run.context.admin.status().await {
            let ours = |services: &[String]| services.iter().any(|name| names.contains(&&**name));
            let wait = status.waits.iter().find(|wait| wait.dry_run && ours(&wait.services));
            let reason = wait.and_then(|wait| wait.reason.as_deref()).unwrap_or("waiting");
            let waited = contract::duration::show(began.elapsed());
            run.context.reporter.waiting(DeployStep::Gate, &format!("{waited}: {reason}"));
        }
        sleep(GLANCE).await;
    }
}

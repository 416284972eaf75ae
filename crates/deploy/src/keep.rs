//! The step `keep`: the old environment stays up, or is stopped once nothing can reach it; at once, or by a sweep.

use config::Keep;
use contract::wire::{DeployReport, DeployResult, DeployStep};

use crate::member::other;
use crate::run::Run;
use crate::shutdown::stop_environment;
use crate::stop::{Ended, Stop, Verdict};
use crate::undo;

/// Keeps or stops the old environment of each member.
pub(crate) async fn run(run: &Run<'_>, drained: bool) -> Result<String, Stop> {
    let plan = &run.plan;
    let old = other(plan.color);
    let mut said = Vec::new();
    for member in &plan.members {
        let keep = run.options.keep.unwrap_or(member.settings.keep);
        if keep == Keep::No && drained {
            let environment = member.environment_before(old);
            stop_environment(run, member, old, &environment).await.map_err(|stop| {
                stop.after(&format!("{old} of {} could not be stopped", member.name))
            })?;
            said.push(format!("{old} of {} is stopped", member.name));
        } else if keep == Keep::No {
            said.push(format!("{old} of {} is not drained and stays up", member.name));
        } else {
            let stays = member.keeping(plan.color, run.options.keep);
            said.push(format!("{stays}; undo: teal rollback --service {}", member.name));
        }
    }
    run.keep_seconds.set(keep_seconds(run));
    Ok(said.join("\n"))
}

/// The time for which all old environments stay up, in seconds; `None` if one of them stays until the next deploy.
fn keep_seconds(run: &Run<'_>) -> Option<u64> {
    let times = run.plan.members.iter().map(|member| {
        match run.options.keep.unwrap_or(member.settings.keep) {
            Keep::For(time) => Some(time.as_millis().div_ceil(1000)),
            Keep::UntilNext | Keep::No => None,
        }
    });
    let times: Option<Vec<u128>> = times.collect();
    u64::try_from(times?.into_iter().max()?).ok()
}

/// Stops the environments of a sweep, whose time is over, and ends its record.
pub(crate) async fn sweep(run: &Run<'_>) -> Ended {
    let color = run.plan.color;
    let step =
        DeployReport { step: Some(DeployStep::Keep), claim: run.claim, ..DeployReport::default() };
    let stopping = async {
        run.report(&step).await?;
        for member in &run.plan.members {
            let environment = member.environment_before(color);
            run.alive(stop_environment(run, member, color, &environment)).await?;
        }
        Ok(())
    };
    match stopping.await {
        Ok(()) => run.finish(DeployResult::Swept, Verdict::Done, "").await,
        Err(Stop::Replaced(problem)) => undo::replaced(run, &problem),
        Err(stop) => {
            let text = stop.problem().text();
            run.finish(DeployResult::Unknown, Verdict::Unknown, text).await
        }
    }
}

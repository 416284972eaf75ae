//! `--resume ID`: going on with a deploy whose command line is gone, or that was paused.
//!
//! The record says how far it came, the status where traffic is. Steps that can be made twice are made again.

use contract::wire::{Deploy, DeployStep, Status};

use crate::context::{Context, Options};
use crate::lock;
use crate::plan::Plan;
use crate::run::Run;
use crate::stop::{Ended, Verdict};
use crate::{keep, spine, undo};

/// The progress of a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Traffic has not moved; this is the step to go on with.
    Before(DeployStep),
    /// Traffic has moved to the new color at this generation.
    After(DeployStep, u64),
    /// Traffic has moved there, and back again by another command.
    Back,
    /// It is a sweep, which moves no traffic.
    Sweep,
}

/// Goes on with a deploy.
pub(crate) async fn resume(context: &Context<'_>, id: u64, options: &Options) -> Ended {
    let (run, reached) = match taken(context, id, options).await {
        Ok(taken) => taken,
        Err(ended) => return ended,
    };
    match reached {
        Reached::Sweep => keep::sweep(&run).await,
        Reached::Before(step) => spine::walk(&run, step).await,
        Reached::After(step, generation) => spine::after_switch(&run, step, generation).await,
        Reached::Back => {
            let message = format!(
                "deploy {id} was switched back by another command, so it cannot go on; put back the \
                 rest: teal deploy --abandon {id}"
            );
            undo::open(&run, Verdict::Refused, message)
        }
    }
}

/// Takes a deploy over, with its plan.
pub(crate) async fn taken<'r>(
    context: &'r Context<'r>,
    id: u64,
    options: &'r Options,
) -> Result<(Run<'r>, Reached), Ended> {
    let status = context.status().await.map_err(|no_reply| lock::refused(&no_reply))?;
    let known = context.persistently(async || context.admin.deploy(id).await).await;
    let known = known.map_err(|no_reply| lock::refused(&no_reply))?;
    if let Some(result) = known.result {
        return Err(lock::over(id, result));
    }
    // Everything that can be refused is, before the deploy is taken from anyone.
    let plan = Plan::of_record(context, &known, &status).await?;
    let record = lock::take(context, id).await?;
    if !record.sweep {
        context.reporter.planned(&plan.printed(options));
    }
    let text = format!("deploy {id} taken over by {}, at step {}", context.by, record.step);
    context.reporter.note(&text);
    let reached = match reached(&plan, &record, &status) {
        _ if record.sweep => Reached::Sweep,
        // It has passed its checks. The switch proves health once more.
        Reached::Before(_) if known.paused => Reached::Before(DeployStep::Switch),
        reached => reached,
    };
    let started = record.step >= DeployStep::Start;
    Ok((Run::new(context, options, plan, &record, started), reached))
}

/// Finds out how far a deploy has come.
fn reached(plan: &Plan, record: &Deploy, status: &Status) -> Reached {
    let services = plan.members.iter().filter_map(|member| member.in_status(status));
    let mut newest = 0;
    let mut is_active = true;
    for service in services {
        is_active &= service.active == plan.color;
        newest = newest.max(service.generation);
    }
    match record.generation {
        _ if is_active => {
            let generation = record.generation.unwrap_or(newest);
            Reached::After(record.step.max(DeployStep::Drain), generation)
        }
        Some(_) => Reached::Back,
        None => Reached::Before(record.step.max(DeployStep::Before)),
    }
}

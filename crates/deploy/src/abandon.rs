//! `--abandon ID`: putting back a deploy whose command line is gone, or that was paused.
//!
//! If traffic has moved to the new environment, it is switched back first, through the gate as always.

use contract::wire::DeployResult;

use crate::context::{Context, Options};
use crate::member::other;
use crate::resume::{Reached, taken};
use crate::run::Run;
use crate::stop::{Ended, Problem, Stop, Verdict};
use crate::undo;

/// Puts a deploy back.
pub(crate) async fn abandon(context: &Context<'_>, id: u64, options: &Options) -> Ended {
    let (run, reached) = match taken(context, id, options).await {
        Ok(taken) => taken,
        Err(ended) => return ended,
    };
    let abandoned = Problem::new(format!("deploy {id} was abandoned by {}", context.by));
    if reached == Reached::Sweep {
        let message = format!("{}: what was not stopped is left as it is", abandoned.message);
        return run.finish(DeployResult::Abandoned, Verdict::Done, message).await;
    }
    if let Reached::After(_, generation) = reached {
        return match run.alive(check(&run, generation)).await {
            Ok(()) => {
                let (result, verdict) = (DeployResult::Abandoned, Verdict::Done);
                undo::switch_back(&run, &abandoned, generation, result, verdict).await
            }
            Err(stop) => {
                let why = stop.problem().text();
                let message = format!(
                    "deploy {id} cannot be put back, and stays open: {why}\n\
                     {} stays active; finish the deploy: teal deploy --resume {id}",
                    run.plan.color
                );
                undo::open(&run, Verdict::Refused, message)
            }
        };
    }
    match run.alive(undo::stop_new(&run)).await {
        Ok(any) => {
            let stopped = if any { "the new environment was stopped" } else { "nothing of it ran" };
            let message = format!("{}: {stopped}", abandoned.message);
            run.context.reporter.note(&message);
            run.finish(DeployResult::Abandoned, Verdict::Done, message).await
        }
        Err(Stop::Replaced(problem)) => undo::replaced(&run, &problem),
        Err(stop) => {
            let why = stop.problem().text();
            let message = format!("deploy {id} was not put back, and stays open: {why}");
            undo::open(&run, Verdict::Unknown, message)
        }
    }
}

/// Checks that traffic could be switched back.
async fn check(run: &Run<'_>, generation: u64) -> Result<(), Stop> {
    let mut order = run.order(other(run.plan.color), generation);
    order.dry_run = true;
    let checked = run.context.persistently(async || run.context.admin.switch(&order).await).await;
    checked.map(drop).map_err(|no_reply| Stop::failed(no_reply.to_string()))
}

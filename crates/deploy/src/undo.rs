//! The recovery from a failure: the parts that are put back, and those that are left alone.
//!
//! Before the switch the new environment is stopped. After it, traffic is switched back first. Guaranteed: nothing is
//! stopped in doubt.

use contract::wire::DeployResult;

use crate::drain;
use crate::explain::explained;
use crate::member::other;
use crate::run::Run;
use crate::shutdown::stop_environment;
use crate::stop::{Ended, Problem, Stop, Verdict};
use crate::switch::moved;

/// Ends a deploy that stopped before its switch.
pub(crate) async fn before_switch(run: &Run<'_>, stop: Stop) -> Ended {
    let problem = stop.problem();
    match stop {
        Stop::Failed(_) => put_back(run, &problem, Verdict::Refused).await,
        Stop::Interrupted => {
            run.context.reporter.note(
                "interrupted: putting back what was begun; interrupt again to leave everything as it is",
            );
            put_back(run, &problem, Verdict::Interrupted).await
        }
        Stop::Doubt(_) | Stop::TakenBack(..) => unknown(run, &problem).await,
        Stop::Replaced(_) => replaced(run, &problem),
    }
}

/// Stops the new environments and ends the deploy as failed. An interrupt meanwhile leaves everything.
async fn put_back(run: &Run<'_>, problem: &Problem, verdict: Verdict) -> Ended {
    let times = match verdict {
        Verdict::Interrupted => 2,
        _ => *run.context.interrupts.borrow() + 1,
    };
    let stopped = tokio::select! {
        biased;
        () = run.context.interrupted(times) => return left(run),
        stopped = run.alive(stop_new(run)) => stopped,
    };
    let text = problem.text();
    match stopped {
        Ok(any) => {
            let stopped = if any { "; the new environment was stopped" } else { "" };
            let old = other(run.plan.color);
            let message = format!("{text}\nNothing has changed: {old} stays active{stopped}.");
            run.finish(DeployResult::Failed, verdict, message).await
        }
        Err(Stop::Replaced(problem)) => replaced(run, &problem),
        Err(stop) => {
            let why = stop.problem().text();
            let problem =
                Problem::new(format!("{text}\nThe new environment was not stopped: {why}"));
            unknown(run, &problem).await
        }
    }
}

/// Stops the new environment of each member that was started. Returns true if something was stopped.
pub(crate) async fn stop_new(run: &Run<'_>) -> Result<bool, Stop> {
    let mut any = false;
    for (member, started) in run.plan.members.iter().zip(&run.started) {
        if started.get() {
            let environment = member.environment(run.plan.color, run.plan.version.as_ref());
            any |= stop_environment(run, member, run.plan.color, &environment).await?;
            started.set(false);
        }
    }
    Ok(any)
}

/// Switches traffic back to the old color and stops the new environment.
pub(crate) async fn switch_back(
    run: &Run<'_>,
    problem: &Problem,
    generation: u64,
    result: DeployResult,
    verdict: Verdict,
) -> Ended {
    let text = problem.text();
    let old = other(run.plan.color);
    let back = run.alive(async {
        let generation = moved(run, old, generation).await?;
        run.context.reporter.note(&format!("switched back to {old}, generation {generation}"));
        Ok(generation)
    });
    let generation = match back.await {
        Ok(generation) => generation,
        Err(Stop::Replaced(problem)) => return replaced(run, &problem),
        Err(stop) => {
            let why = stop.problem().text();
            let color = run.plan.color;
            let problem = Problem::new(format!(
                "{text}\nTraffic was not switched back to {old}: {why}\n{color} stays active"
            ));
            return unknown(run, &problem).await;
        }
    };
    let text = match verdict {
        Verdict::Reverted => explained(run, problem.clone()).await.text(), // while it still runs
        _ => text,
    };
    let rest = stopped_after(run, generation).await;
    let message =
        format!("{text}\nSwitched back: {old} is active at generation {generation}; {rest}.");
    run.finish(result, verdict, message).await
}

/// Ends a deploy whose version Teal has taken back: traffic is on the old color, so the new environment is stopped.
pub(crate) async fn taken_back(run: &Run<'_>, problem: &Problem, generation: u64) -> Ended {
    let old = other(run.plan.color);
    run.context.reporter.note(&format!("Teal switched back to {old}, generation {generation}"));
    let text = explained(run, problem.clone()).await.text(); // while it still runs
    let rest = stopped_after(run, generation).await;
    let message = format!("{text}\n{old} is active again at generation {generation}; {rest}.");
    run.finish(DeployResult::Reverted, Verdict::Reverted, message).await
}

/// Stops the new environment once it is drained, after a switch back at a generation; returns what was done, in words.
async fn stopped_after(run: &Run<'_>, generation: u64) -> String {
    let stopped = run.alive(async {
        let drained = drain::run(run, other(run.plan.color), generation).await?;
        run.started.iter().for_each(|started| started.set(true));
        if drained.complete { stop_new(run).await } else { Err(Stop::doubt(drained.text)) }
    });
    match stopped.await {
        Ok(_) => "the new environment was stopped".to_owned(),
        Err(stop) => format!("the new environment was left running: {}", stop.problem().text()),
    }
}

/// Ends a deploy of which it is not known what runs.
pub(crate) async fn unknown(run: &Run<'_>, problem: &Problem) -> Ended {
    let message = format!(
        "{}\nNothing more was stopped or switched, because it is not known what runs. See teal status and the \
         runner's own tools before you stop anything.",
        problem.text()
    );
    run.finish(DeployResult::Unknown, Verdict::Unknown, message).await
}

/// Ends this command after another one has taken the deploy over.
pub(crate) fn replaced(run: &Run<'_>, problem: &Problem) -> Ended {
    let message =
        format!("{}\nThis command has stopped and switched nothing more.", problem.text());
    run.ended(Verdict::Unknown, None, message)
}

/// Leaves everything as it is, with the record open.
pub(crate) fn left(run: &Run<'_>) -> Ended {
    let id = run.id;
    let message = format!(
        "interrupted: everything was left as it is, and deploy {id} stays open\n\
         Go on: teal deploy --resume {id}. Put back: teal deploy --abandon {id}"
    );
    run.ended(Verdict::Interrupted, None, message)
}

/// Ends this command with the record open.
pub(crate) fn open(run: &Run<'_>, verdict: Verdict, message: String) -> Ended {
    run.ended(verdict, None, message)
}

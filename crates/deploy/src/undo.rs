//! The recovery from a failure: the parts that are put back, and those that are left alone.
//!
//! Before the switch the new environment is stopped. After it, traffic is switched back first. Guaranteed: an
//! environment is stopped only if Teal says, just before, that its color is idle and drained; and nothing is stopped
//! in doubt.

use contract::wire::{Color, DeployResult};
use runner::{Environment, State};
use tokio::time::{Instant, sleep};

use crate::drain;
use crate::explain::explained;
use crate::member::{Member, is_safe_to_stop, other};
use crate::run::Run;
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
        Stop::Doubt(_) => unknown(run, &problem).await,
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

/// Stops an environment of a member, which is in this color, if nothing can reach it. Returns false if nothing ran.
///
/// # Errors
/// The color is not idle and drained, or the runner has not stopped it.
// lossless: L4 - a color is stopped only once Teal says that it is drained.
pub(crate) async fn stop_environment(
    run: &Run<'_>,
    member: &Member,
    color: Color,
    environment: &Environment,
) -> Result<bool, Stop> {
    let status = member.runner.status(environment).await.map_err(Stop::from)?;
    if status.state == State::Stopped {
        return Ok(false);
    }
    let deadline = Instant::now() + run.context.pace.patience;
    loop {
        let status = run.context.status().await.map_err(|no_reply| {
            Stop::doubt(format!("it is not known whether {environment} may be stopped: {no_reply}"))
        })?;
        match member.in_status(&status) {
            Some(service) if is_safe_to_stop(service, color) => break,
            Some(service) if service.active == color => {
                return Err(Stop::doubt(format!(
                    "{environment} is active, so it was not stopped; see: teal status"
                )));
            }
            Some(_) if Instant::now() < deadline => sleep(run.context.pace.glance).await,
            Some(service) => {
                let words = &service.colors.of(color).words;
                return Err(Stop::doubt(format!(
                    "{environment} was not stopped, since it is not drained: {words}"
                )));
            }
            None => {
                let name = &member.name;
                return Err(Stop::doubt(format!("Teal no longer has the service {name}")));
            }
        }
    }
    member.runner.stop(environment).await.map_err(|failure| {
        Stop::Doubt(Problem::from(&failure)) // something of it may still run
    })?;
    Ok(true)
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
    let stopped = run.alive(async {
        let drained = drain::run(run, old, generation).await?;
        run.started.iter().for_each(|started| started.set(true));
        if drained.complete { stop_new(run).await } else { Err(Stop::doubt(drained.text)) }
    });
    let rest = match stopped.await {
        Ok(_) => "the new environment was stopped".to_owned(),
        Err(stop) => format!("the new environment was left running: {}", stop.problem().text()),
    };
    let message =
        format!("{text}\nSwitched back: {old} is active at generation {generation}; {rest}.");
    run.finish(result, verdict, message).await
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

//! The life of a deploy, step by step. Each step has a module; what follows a failure is in `undo`.

use std::time::Duration;

use contract::duration::show;
use contract::wire::{DeployResult, DeployStep, Rollout, Status};

use crate::drain::Drained;
use crate::run::Run;
use crate::stop::{Ended, Problem, Stop, Verdict};
use crate::{after, before, drain, gate, keep, outside, smoke, start, switch, undo};

/// Walks from a step before the switch to the end.
pub(crate) async fn walk(run: &Run<'_>, from: DeployStep) -> Ended {
    if let Err(stop) = before_switch(run, from).await {
        return undo::before_switch(run, stop).await;
    }
    if run.options.no_switch {
        return pause(run).await;
    }
    let mut generation = 0;
    let switched = run.certain_step(DeployStep::Switch, async {
        generation = switch::run(run).await?;
        Ok(format!("generation {generation}, {} is active", run.plan.color))
    });
    match switched.await {
        Ok(()) => after_switch(run, DeployStep::Drain, generation).await,
        Err(stop) => undo::before_switch(run, stop).await,
    }
}

async fn before_switch(run: &Run<'_>, from: DeployStep) -> Result<(), Stop> {
    let due = |step: DeployStep| step >= from && run.plan.has(step);
    if due(DeployStep::Before) {
        run.step(DeployStep::Before, before::run(run)).await?;
    }
    if due(DeployStep::Start) {
        run.step(DeployStep::Start, start::run(run)).await?;
    }
    if due(DeployStep::Gate) {
        run.step(DeployStep::Gate, gate::run(run)).await?;
    }
    if due(DeployStep::Smoke) {
        run.step(DeployStep::Smoke, smoke::run(run)).await?;
    }
    Ok(())
}

/// Walks from a step after the switch, which was made at a generation, to the end.
pub(crate) async fn after_switch(run: &Run<'_>, from: DeployStep, generation: u64) -> Ended {
    let due = |step: DeployStep| step >= from && run.plan.has(step);
    let mut drained = Drained::default();
    // Also for a later step: what is kept or stopped depends on it, and it has no effect.
    let step = from.max(DeployStep::Drain);
    let drain = async {
        drained = drain::run(run, run.plan.color, generation).await?;
        Ok(drained.text.clone())
    };
    let ended = if step == DeployStep::Drain {
        run.step(DeployStep::Drain, drain).await
    } else {
        run.alive(drain).await.map(drop)
    };
    if let Err(stop) = ended {
        return stopped(run, stop).await;
    }
    if due(DeployStep::Outside) {
        match run.step(DeployStep::Outside, outside::run(run)).await {
            Ok(()) => {}
            Err(Stop::Failed(problem)) => {
                let (result, verdict) = (DeployResult::Reverted, Verdict::Reverted);
                return undo::switch_back(run, &problem, generation, result, verdict).await;
            }
            Err(stop) => return stopped(run, stop).await,
        }
    }
    let mut problems = Vec::new();
    if !drained.complete {
        problems.push(Problem::new(&drained.text));
    }
    if due(DeployStep::After) {
        match run.step(DeployStep::After, after::run(run)).await {
            Ok(()) => {}
            Err(Stop::Failed(problem)) => problems.push(problem),
            Err(stop) => return stopped(run, stop).await,
        }
    }
    // Nothing is kept or stopped for a version that is not active any more.
    if let Err(stop) = run.alive(drain::stays(run)).await {
        return stopped(run, stop).await;
    }
    match run.step(DeployStep::Keep, keep::run(run, drained.complete)).await {
        Ok(()) => {}
        Err(Stop::Failed(problem) | Stop::Doubt(problem)) => problems.push(problem),
        Err(stop) => return stopped(run, stop).await,
    }
    succeeded(run, drained.cut, &problems).await
}

async fn succeeded(run: &Run<'_>, cut: u64, problems: &[Problem]) -> Ended {
    let texts = problems.iter().map(Problem::text).collect::<Vec<_>>().join("\n");
    match run.alive(drain::stays(run)).await {
        Ok(status) => tell_watched(run, &status),
        Err(stop) if texts.is_empty() => return stopped(run, stop).await,
        Err(stop) => return stopped(run, stop.after(&texts)).await,
    }
    let (result, color) = (DeployResult::Succeeded, run.plan.color);
    let version = run.plan.new_version();
    if problems.is_empty() {
        let (verdict, message) = match cut {
            0 => (Verdict::Done, String::new()),
            cut => (
                Verdict::Cut,
                format!("{version} is active, and the drain deadline cut {cut}; see: teal receipt"),
            ),
        };
        return run.finish(result, verdict, message).await;
    }
    let message =
        format!("{texts}\n{version} is active in {color}; the rest of the deploy is done.");
    run.finish(result, Verdict::Failed, message).await
}

/// Says that Teal goes on watching the version, and may take it back after this command has ended.
fn tell_watched(run: &Run<'_>, status: &Status) {
    let mut services = run.plan.members.iter().filter_map(|member| member.in_status(status));
    let Some(rollout) = services.find_map(|service| service.rollout.as_ref()) else {
        return;
    };
    let Rollout { id, left_seconds, takes_back, stable, .. } = rollout;
    let left =
        show(Duration::try_from_secs_f64(left_seconds.unwrap_or_default()).unwrap_or_default());
    let then = if *takes_back {
        format!("if it fails, Teal switches back to {stable} by itself")
    } else {
        "if it fails, Teal tells it".to_owned()
    };
    let version = run.plan.new_version();
    run.context.reporter.note(&format!(
        "{version} is watched for {left} more: {then}; see: teal rollout status {id}"
    ));
}

/// Ends a deploy that stopped after its switch for another reason than a check from outside.
async fn stopped(run: &Run<'_>, stop: Stop) -> Ended {
    let problem = stop.problem();
    match stop {
        Stop::Interrupted => {
            let mut ended = undo::left(run);
            let text = format!("{} is active in {}\n", run.plan.new_version(), run.plan.color);
            ended.message.insert_str(0, &text);
            ended
        }
        Stop::Replaced(_) => undo::replaced(run, &problem),
        Stop::TakenBack(_, generation) => undo::taken_back(run, &problem, generation).await,
        Stop::Failed(_) | Stop::Doubt(_) => undo::unknown(run, &problem).await,
    }
}

async fn pause(run: &Run<'_>) -> Ended {
    match run.pause().await {
        Ok(()) => {
            let id = run.id;
            run.context.reporter.note(&format!(
                "paused before the switch: {} of {} runs {} and has no traffic",
                run.plan.color,
                run.plan.subject(),
                run.plan.new_version()
            ));
            run.context.reporter.note(&format!(
                "go on: teal deploy --resume {id}; put back: teal deploy --abandon {id}"
            ));
            run.ended(Verdict::Done, None, "")
        }
        Err(stop) => undo::before_switch(run, stop).await,
    }
}

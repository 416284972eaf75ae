//! The life of a deploy, step by step. Each step has a module; what follows a failure is in `undo`.

use contract::wire::{DeployResult, DeployStep};

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
    match run.step(DeployStep::Keep, keep::run(run, drained.complete)).await {
        Ok(()) => {}
        Err(Stop::Failed(problem) | Stop::Doubt(problem)) => problems.push(problem),
        Err(stop) => return stopped(run, stop).await,
    }
    succeeded(run, drained.cut, &problems).await
}

async fn succeeded(run: &Run<'_>, cut: u64, problems: &[Problem]) -> Ended {
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
    let texts: Vec<String> = problems.iter().map(Problem::text).collect();
    let message = format!(
        "{}\n{version} is active in {color}; the rest of the deploy is done.",
        texts.join("\n")
    );
    run.finish(result, Verdict::Failed, message).await
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

//! The step `start`: what is left in the color is stopped, and the new environment is started.

use contract::wire::DeployStep;
use runner::FailureKind;

use crate::run::Run;
use crate::stop::{Problem, Stop};
use crate::undo::stop_environment;

/// Starts the new environment of each member, one after the other.
pub(crate) async fn run(run: &Run<'_>) -> Result<String, Stop> {
    let plan = &run.plan;
    let mut said = Vec::new();
    for (member, started) in plan.members.iter().zip(&run.started) {
        run.context.reporter.waiting(DeployStep::Start, &format!("{} {}", member.name, plan.color));
        let before = member.environment_before(plan.color);
        let left = stop_environment(run, member, plan.color, &before).await?;
        let environment = member.environment(plan.color, plan.version.as_ref());
        started.set(true);
        if let Err(failure) = member.runner.start(&environment).await {
            if matches!(failure.kind, FailureKind::Usage | FailureKind::NotStarted) {
                started.set(false);
            }
            let stop = Stop::from(failure);
            return Err(match stop {
                Stop::Failed(problem) if problem.lines.is_empty() && started.get() => {
                    Stop::Failed(with_logs(run, problem).await)
                }
                stop => stop,
            });
        }
        let before = if left { ", after what was left there was stopped" } else { "" };
        said.push(format!("{environment} is up{before}"));
    }
    Ok(said.join("\n"))
}

/// A problem of the new environments, with what their runners know about them.
pub(crate) async fn explained(run: &Run<'_>, mut problem: Problem) -> Problem {
    let plan = &run.plan;
    for member in &plan.members {
        let environment = member.environment(plan.color, plan.version.as_ref());
        let state = match member.runner.status(&environment).await {
            Ok(status) => {
                let restarts = match status.restarts {
                    0 => String::new(),
                    count => format!(", restarted {count} times"),
                };
                let exit = status.exit.map(|exit| format!(", last ended with {exit}"));
                let detail = status.detail.map(|detail| format!(" ({detail})"));
                let more = exit.unwrap_or_default() + &detail.unwrap_or_default();
                format!("{}{restarts}{more}", status.state)
            }
            Err(failure) => format!("unknown: {failure}"),
        };
        problem.message = format!("{}\nrunner: {environment} is {state}", problem.message);
    }
    with_logs(run, problem).await
}

/// The number of log lines shown.
const LINES: usize = 20;

async fn with_logs(run: &Run<'_>, mut problem: Problem) -> Problem {
    let plan = &run.plan;
    for member in &plan.members {
        let environment = member.environment(plan.color, plan.version.as_ref());
        let lines = member.runner.logs(&environment, LINES).await.unwrap_or_default();
        problem = problem.with_lines(format!("last lines of {environment}"), lines);
    }
    problem
}

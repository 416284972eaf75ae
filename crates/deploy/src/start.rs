//! The step `start`: what is left in the color is stopped, and the new environment is started.

use contract::wire::DeployStep;
use runner::FailureKind;

use crate::explain::with_logs;
use crate::run::Run;
use crate::shutdown::stop_environment;
use crate::stop::Stop;
use crate::targets;

/// Starts the new environment of each member, one after the other.
pub(crate) async fn run(run: &Run<'_>) -> Result<String, Stop> {
    let plan = &run.plan;
    let mut said = Vec::new();
    for (member, started) in plan.members.iter().zip(&run.started) {
        run.context.reporter.waiting(DeployStep::Start, &format!("{} {}", member.name, plan.color));
        let before = member.environment_before(plan.color);
        let left = stop_environment(run, member, plan.color, &before).await?;
        let environment = member.environment_to_start(plan.color, plan.version.as_ref());
        started.set(true);
        let up = match member.runner.start(&environment).await {
            Ok(up) => up,
            Err(failure) => {
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
        };
        let place = targets::told(run, member, &environment, up).await?;
        let before = if left { ", after what was left there was stopped" } else { "" };
        said.push(format!("{environment} is up{place}{before}"));
    }
    Ok(said.join("\n"))
}

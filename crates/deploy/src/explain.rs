//! A failure of the new environments in words: what their runners know about them, and their last lines.

use crate::run::Run;
use crate::stop::Problem;

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

/// The same with the last lines of the new environments.
pub(crate) async fn with_logs(run: &Run<'_>, mut problem: Problem) -> Problem {
    let plan = &run.plan;
    for member in &plan.members {
        let environment = member.environment(plan.color, plan.version.as_ref());
        let lines = member.runner.logs(&environment, LINES).await.unwrap_or_default();
        problem = problem.with_lines(format!("last lines of {environment}"), lines);
    }
    problem
}

//! The step `before`: the commands that run before anything is started, such as a migration.

use std::time::Duration;

use crate::member::Member;
use crate::run::Run;
use crate::stop::Stop;

/// The time that each command of `before` and `after` has.
// lossless: L10
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Runs the commands of all members, one after the other.
pub(crate) async fn run(run: &Run<'_>) -> Result<String, Stop> {
    commands(run, |member| &member.settings.before).await
}

/// Runs commands, one after the other. The first that fails ends it.
pub(crate) async fn commands(
    run: &Run<'_>,
    of: impl Fn(&Member) -> &[Vec<String>],
) -> Result<String, Stop> {
    let plan = &run.plan;
    let mut done = Vec::new();
    for member in &plan.members {
        let environment = member.environment(plan.color, plan.version.as_ref());
        for command in of(member) {
            let directory = &member.settings.directory;
            runner::run_once(command, directory, &environment, COMMAND_TIMEOUT)
                .await
                .map_err(|failure| Stop::from(failure).after(&member.name))?;
            done.push(command.first().map_or("", String::as_str));
        }
    }
    Ok(done.join(", "))
}

//! The step `after`: the commands that run once the new version has all traffic and the old color is drained.

use crate::before::commands;
use crate::run::Run;
use crate::stop::Stop;

/// Runs the commands of all members, one after the other.
pub(crate) async fn run(run: &Run<'_>) -> Result<String, Stop> {
    commands(run, |member| &member.settings.after).await
}

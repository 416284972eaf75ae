//! The step `keep`: the old environment stays up, or is stopped once nothing can reach it.

use config::Keep;

use crate::member::other;
use crate::run::Run;
use crate::shutdown::stop_environment;
use crate::stop::Stop;

/// Keeps or stops the old environment of each member.
pub(crate) async fn run(run: &Run<'_>, drained: bool) -> Result<String, Stop> {
    let plan = &run.plan;
    let old = other(plan.color);
    let mut said = Vec::new();
    for member in &plan.members {
        let keep = run.options.keep.unwrap_or(member.settings.keep);
        if keep == Keep::No && drained {
            let environment = member.environment_before(old);
            stop_environment(run, member, old, &environment).await.map_err(|stop| {
                stop.after(&format!("{old} of {} could not be stopped", member.name))
            })?;
            said.push(format!("{old} of {} is stopped", member.name));
        } else if keep == Keep::No {
            said.push(format!("{old} of {} is not drained and stays up", member.name));
        } else {
            let stays = member.keeping(plan.color, run.options.keep);
            said.push(format!("{stays}; undo: teal rollback --service {}", member.name));
        }
    }
    Ok(said.join("\n"))
}

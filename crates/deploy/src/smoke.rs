//! The step `smoke`: checks of the new environment before it gets traffic, as traffic would reach it.

use config::Smoke;
use contract::duration::show;
use tokio::time::Instant;

use crate::explain::explained;
use crate::member::Member;
use crate::request::{Check, addresses, like_traffic};
use crate::run::Run;
use crate::stop::{Problem, Stop};

/// Makes the checks of all members in their order; the first that fails ends it.
pub(crate) async fn run(run: &Run<'_>) -> Result<String, Stop> {
    let mut said = Vec::new();
    for member in &run.plan.members {
        for check in &member.settings.smoke {
            let began = Instant::now();
            match made(run, member, check).await {
                Ok(name) => said.push(format!("{name} {}", show(began.elapsed()))),
                Err(Stop::Failed(problem)) => {
                    return Err(Stop::Failed(explained(run, problem).await));
                }
                Err(stop) => return Err(stop),
            }
        }
    }
    Ok(said.join("\n"))
}

async fn made(run: &Run<'_>, member: &Member, check: &Smoke) -> Result<String, Stop> {
    let plan = &run.plan;
    match check {
        Smoke::Exec { command, within } => {
            let environment = member.environment(plan.color, plan.version.as_ref());
            let directory = &member.settings.directory;
            runner::run_once(command, directory, &environment, *within).await.map_err(
                |failure| {
                    Stop::Failed(Problem::from(&failure)) // it changes nothing, so it leaves no doubt
                },
            )?;
            Ok(format!("{} ok", command.first().map_or("", String::as_str)))
        }
        Smoke::Path { path, expect, within } => {
            let mut status = 0;
            for target in &member.targets(plan.color) {
                let failed = |why: String| {
                    Stop::failed(format!("smoke check {path} of {target} failed: {why}"))
                };
                let (host, fields) = like_traffic(&member.service, target);
                let check = Check { server: target, host, path, fields, ca: None, expect };
                let found = addresses(target, *within).await.map_err(failed)?;
                if target.is_each_address() {
                    for address in found {
                        status = check.pass(&[address], *within).await.map_err(failed)?;
                    }
                } else {
                    status = check.pass(&found, *within).await.map_err(failed)?;
                }
            }
            Ok(format!("{path} {status}"))
        }
    }
}

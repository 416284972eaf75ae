//! `teal sweep`: stopping old environments whose time is over, as recorded when they were replaced.
//!
//! Guaranteed: only an environment is stopped that a deploy has left with a time that is over, whose color is idle and
//! drained, and in which nothing was deployed since. While it is stopped, the record of the sweep locks the service.
//!
//! **Never here:** a decision about an environment that stays until the next deploy.

use config::Config;
use contract::wire::{Color, Deploy, DeployRequest, DeployResult, DeployStep, Status};
use rules::ServiceName;
use rules::near::UnknownName;
use runner::State;

use crate::context::{Context, Options};
use crate::member::{is_safe_to_stop, other};
use crate::plan::Plan;
use crate::report::{Swept, SweptWord};
use crate::run::Run;
use crate::stop::{Ended, Problem, Verdict};
use crate::{keep, lock, resume};

/// The action that is due for the old environment of a service.
enum Due {
    /// Nothing, for this reason.
    Nothing(String),
    /// It stays, for this reason, and until this time if there is one.
    Kept(String, Option<String>),
    /// Its time is over.
    Stop(Box<Plan>, String),
    /// A sweep was interrupted, and is to be gone on with.
    GoOn(u64),
}

/// Stops the old environments whose time is over: of one service, or of all that are deployed.
pub(crate) async fn sweep(
    context: &Context<'_>,
    service: Option<&str>,
    dry_run: bool,
    options: &Options,
) -> Ended {
    let names = match chosen(context.config, service) {
        Ok(names) => names,
        Err(ended) => return ended,
    };
    let mut worst = Ended::before(Verdict::Done, "");
    for name in names {
        if *context.interrupts.borrow() > 0 {
            return Ended::before(Verdict::Interrupted, "interrupted: the rest was not swept");
        }
        let ended = one(context, name, dry_run, options).await;
        if ended.verdict != Verdict::Done {
            context.reporter.swept(&Swept {
                service: name.as_str(),
                color: None,
                word: SweptWord::Failed,
                text: ended.message.lines().next().unwrap_or_default(),
                until: None,
            });
            let before = std::mem::take(&mut worst.message);
            let message = format!("{name}: {}", ended.message);
            let message = if before.is_empty() { message } else { format!("{before}\n{message}") };
            worst = Ended { message, ..ended };
        }
    }
    worst
}

/// The deployed services, or the named one.
fn chosen<'c>(config: &'c Config, named: Option<&str>) -> Result<Vec<&'c ServiceName>, Ended> {
    let deployed = config.deploys.iter().map(|deploy| &deploy.service);
    let Some(name) = named else { return Ok(deployed.collect()) };
    let names: Vec<&ServiceName> = deployed.collect();
    if let Some(found) = names.iter().find(|known| known.as_str() == name) {
        return Ok(vec![found]);
    }
    let names: Vec<&str> = names.into_iter().map(ServiceName::as_str).collect();
    let text = UnknownName { kind: "deployed service", name, names: &names }.to_string();
    Err(Ended::before(Verdict::Usage, text))
}

async fn one(context: &Context<'_>, name: &ServiceName, dry_run: bool, options: &Options) -> Ended {
    let (due, color) = match due(context, name).await {
        Ok(found) => found,
        Err(ended) => return ended,
    };
    let tell = |word: SweptWord, text: &str, until: Option<&str>| {
        let service = name.as_str();
        context.reporter.swept(&Swept { service, color: Some(color), word, text, until });
    };
    match due {
        Due::Nothing(why) => tell(SweptWord::Nothing, &why, None),
        Due::Kept(why, until) => tell(SweptWord::Kept, &why, until.as_deref()),
        Due::Stop(_, why) if dry_run => tell(SweptWord::WouldStop, &why, None),
        Due::GoOn(id) if dry_run => {
            tell(SweptWord::WouldStop, &format!("sweep {id} was interrupted"), None);
        }
        Due::Stop(plan, why) => {
            let request = DeployRequest {
                service: Some(name.to_string()),
                version: plan.version.as_ref().map(ToString::to_string),
                by: Some(context.by.clone()),
                reason: Some(why.clone()),
                sweep: true,
                ..DeployRequest::default()
            };
            let begun = context.admin.begin(&request, plan.generation).await;
            let record = match begun {
                Ok(record) => record,
                Err(no_reply) if no_reply.code() == Some("deploy_in_progress") => {
                    tell(SweptWord::Kept, "a deploy of it has begun", None);
                    return Ended::before(Verdict::Done, "");
                }
                Err(no_reply) => return lock::refused(&no_reply),
            };
            let run = Run::new(context, options, *plan, &record, false);
            let ended = keep::sweep(&run).await;
            if ended.verdict == Verdict::Done {
                tell(SweptWord::Stopped, &why, None);
            }
            return ended;
        }
        Due::GoOn(id) => {
            let ended = Box::pin(resume::resume(context, id, options)).await;
            if ended.verdict == Verdict::Done {
                tell(SweptWord::Stopped, &format!("sweep {id} was interrupted before"), None);
            }
            return ended;
        }
    }
    Ended::before(Verdict::Done, "")
}

/// Finds out what is to be done about the old environment of a service, and its color.
async fn due(context: &Context<'_>, name: &ServiceName) -> Result<(Due, Color), Ended> {
    let status = context.status().await.map_err(|no_reply| lock::refused(&no_reply))?;
    let deploys = context.persistently(async || context.admin.deploys(name.as_str()).await).await;
    let deploys = deploys.map_err(|no_reply| lock::refused(&no_reply))?.deploys;
    let plan = Plan::of_sweep(context, name, &status).await?;
    let color = plan.color;
    if let Some(open) = deploys.iter().find(|deploy| deploy.is_open()) {
        let due = if open.sweep && open.client_gone {
            Due::GoOn(open.id)
        } else {
            Due::Kept(format!("deploy {} is in progress", open.id), None)
        };
        return Ok((due, color));
    }
    let found = deploys.iter().find(|deploy| !deploy.sweep && has_started(deploy));
    let due = match found {
        Some(last) => of_record(plan, last, &status).await?,
        None => Due::Nothing("no deploy has left anything there".to_owned()),
    };
    Ok((due, color))
}

/// Returns true if a deploy has changed what runs in its color.
fn has_started(deploy: &Deploy) -> bool {
    deploy.steps.iter().any(|step| step.step == DeployStep::Start)
}

/// Finds out what is to be done after the last deploy that has started something.
async fn of_record(plan: Plan, last: &Deploy, status: &Status) -> Result<Due, Ended> {
    let (old, id) = (plan.color, last.id);
    let until_next = |why: String| Ok(Due::Kept(why, None));
    let Some(keep) = last.keep_seconds.filter(|_| last.result == Some(DeployResult::Succeeded))
    else {
        return until_next("until the next deploy".to_owned());
    };
    if last.color != other(old) || last.generation != Some(plan.generation) {
        return until_next(format!("traffic has moved since deploy {id}"));
    }
    let Some((member, service)) = plan
        .members
        .first()
        .and_then(|member| member.in_status(status).map(|service| (member, service)))
    else {
        return Ok(Due::Nothing("there is no such service".to_owned()));
    };
    let environment = member.environment_before(old);
    let runs = member
        .runner
        .status(&environment)
        .await
        .map_err(|failure| Ended::before(Verdict::Unknown, Problem::from(&failure).text()))?;
    if runs.state == State::Stopped {
        return Ok(Due::Nothing("nothing runs there".to_owned()));
    }
    if keep > 0 {
        let until = last.keep_until.clone();
        return Ok(Due::Kept(format!("as deploy {id} says"), until));
    }
    if !is_safe_to_stop(service, old) {
        return until_next(format!("in use: {}", service.colors.of(old).words));
    }
    let until = last.keep_until.as_deref().unwrap_or("now");
    Ok(Due::Stop(Box::new(plan), format!("its time was over at {until}, as deploy {id} says")))
}

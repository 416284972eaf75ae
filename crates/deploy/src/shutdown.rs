//! Stopping an environment, as the end of every way in which a deploy stops one.
//!
//! Guaranteed: an environment is stopped only after Teal has said that its color is idle and drained, and has retired
//! it. From then on no switch, rollback or failover goes there while the deploy is open, however long the stop takes.

use contract::wire::Color;
use runner::{Environment, State};
use tokio::time::{Instant, sleep};

use crate::member::{Member, is_safe_to_stop};
use crate::run::Run;
use crate::stop::{Problem, Stop};
use crate::targets;

/// Stops an environment of a member, which is in this color, if nothing can reach it. Returns false if nothing ran.
///
/// # Errors
/// The color is not idle and drained, or the runner has not stopped it.
pub(crate) async fn stop_environment(
    run: &Run<'_>,
    member: &Member,
    color: Color,
    environment: &Environment,
) -> Result<bool, Stop> {
    let context = run.context;
    let status = context.answered(async || member.runner.status(environment).await);
    let status = status.await.map_err(Stop::from)?;
    if status.state == State::Stopped {
        return Ok(false);
    }
    let deadline = Instant::now() + context.pace.patience;
    while let Some(left) = retire(run, member, color, environment).await? {
        if Instant::now() >= deadline {
            return Err(Stop::doubt(format!(
                "{environment} was not stopped, since it is not drained: {left}"
            )));
        }
        sleep(context.pace.glance).await;
    }
    let stopped = context.answered(async || member.runner.stop(environment).await);
    stopped.await.map_err(|failure| {
        Stop::Doubt(Problem::from(&failure)) // something of it may still run
    })?;
    targets::forgotten(run, member, color).await;
    Ok(true)
}

/// Retires a color, unless something is left on it, which is returned in words.
// lossless: L4 - a color is stopped only once Teal says that it is drained, and sends it nothing any more.
async fn retire(
    run: &Run<'_>,
    member: &Member,
    color: Color,
    environment: &Environment,
) -> Result<Option<String>, Stop> {
    let (context, name) = (run.context, &member.name);
    let status = context.status().await.map_err(|no_reply| {
        Stop::doubt(format!("it is not known whether {environment} may be stopped: {no_reply}"))
    })?;
    let Some(service) = member.in_status(&status) else {
        return Err(Stop::doubt(format!("Teal no longer has the service {name}")));
    };
    if service.active == color {
        return Err(Stop::doubt(format!(
            "{environment} is active, so it was not stopped; see: teal status"
        )));
    }
    if !is_safe_to_stop(service, color) {
        return Ok(Some(service.colors.of(color).words.clone()));
    }
    match context.persistently(async || context.admin.retire(name, color).await).await {
        Ok(_) => Ok(None),
        Err(no_reply) if no_reply.code() == Some("color_draining") => {
            Ok(Some(no_reply.to_string()))
        }
        Err(no_reply) => Err(Stop::doubt(format!(
            "{environment} was not stopped, since {color} could not be retired: {no_reply}"
        ))),
    }
}

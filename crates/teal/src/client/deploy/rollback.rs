//! `teal rollback` to a version that was stopped: it is started again, proven and switched to, as a deploy of its own.

use std::path::Path;

use config::Config;
use deploy::{Context, Options, Request};

use super::{CONFIG, carried_out, configuration, finished};
use crate::Outcome;
use crate::cli::RollbackArgs;
use crate::client::reach::Intent;
use crate::exit::Failure;

/// The time for the old version to become healthy again, if none is named.
const WAIT_HEALTHY: std::time::Duration = std::time::Duration::from_secs(120);

/// The reason of such a deploy, if none is given.
const ROLLED_BACK: &str = "rollback to a version that was stopped";

/// Starts the version that the idle color had and goes back to it. `None`: nothing here says how to start it.
///
/// # Errors
/// The configuration is invalid, or Teal cannot be reached.
pub(crate) fn rollback(args: &RollbackArgs) -> Result<Option<Outcome>, Failure> {
    if args.config.is_none() && !Path::new(CONFIG).exists() {
        return Ok(None);
    }
    let config = configuration(args.config.as_deref())?;
    if !is_deployed(&config, args) {
        return Ok(None);
    }
    let how = &args.how;
    let request = Request {
        service: how.service.clone(),
        group: how.group.clone(),
        version: None, // the one that was stopped
        options: Options {
            wait_healthy: how.wait_healthy.as_ref().map_or(WAIT_HEALTHY, |time| time.duration),
            drain: how.drain.as_ref().map(|drain| drain.duration),
            keep: Some(config::Keep::UntilNext), // a second rollback goes forward again at once
            no_switch: false,
        },
        supersede: false,
        emergency: false,
        reason: how.reason.clone().or_else(|| Some(ROLLED_BACK.to_owned())),
        rollback: true,
    };
    let work = async |context: &Context<'_>| {
        if how.dry_run {
            return deploy::dry_run(context, &request).await;
        }
        Box::pin(deploy::deploy(context, &request)).await
    };
    let intent = if how.dry_run { Intent::Read } else { Intent::Change };
    let ended = carried_out(&config, &args.reach, intent, work)?;
    Ok(Some(finished(ended, args.reach.json)))
}

/// Returns true if the configuration says how all that is rolled back is started.
fn is_deployed(config: &Config, args: &RollbackArgs) -> bool {
    let has = |name: &str| config.deploys.iter().any(|deploy| deploy.service.as_str() == name);
    if let Some(name) = &args.how.group {
        let group = config.groups.iter().find(|group| group.name.as_str() == name);
        return group.is_some_and(|group| group.services.iter().all(|one| has(one.as_str())));
    }
    match (&args.how.service, &config.services[..]) {
        (Some(name), _) => has(name),
        (None, [only]) => has(only.name.as_str()),
        (None, _) => false,
    }
}

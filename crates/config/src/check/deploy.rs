//! The deploys of a service.

mod checks;
mod ports;
mod runner;

use std::time::Duration;

use rules::ServiceName;

use super::{Context, time};
use crate::deploy::{Deploy, Keep};
use crate::freeze::Freeze;
use crate::key::{At, Key};
use crate::problem::ProblemList;
use crate::{raw, unit};

/// The time that an environment has to stop, if nothing is written.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// The deploys of all services that have them.
pub(super) fn deploys(
    services: &Key<Vec<At<raw::Service>>>,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Vec<Deploy> {
    let services = services.elements().iter();
    services.filter_map(|service| deploy(&service.value, context, found)).collect()
}

fn deploy(
    service: &raw::Service,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Option<Deploy> {
    let At { value: raw, offset } = service.deploy.at()?;
    let runner = runner::runner(raw, *offset, context, found);
    let stop_timeout = time(&raw.stop_timeout, "service.deploy.stop_timeout", found);
    let ports = ports::ports(service, raw, *offset, found);
    let smoke = checks::smoke(raw, found);
    let outside = checks::outside(raw, context, found);
    let before = commands(&raw.before, "service.deploy.before", found);
    let after = commands(&raw.after, "service.deploy.after", found);
    let keep = keep(&raw.keep, found);
    kept_while_watched(&keep, &raw.keep, service, found);
    let freeze = freeze(&raw.freeze, found);
    // A service without a valid name is reported where its name is checked.
    let service = ServiceName::new(service.name.get()?).ok()?;
    let directory = context.path.parent().unwrap_or(std::path::Path::new(""));
    let directory = std::path::absolute(directory.join(".")).ok()?;
    Some(Deploy {
        service,
        directory,
        runner: runner?,
        ports: ports.each,
        auto_port: ports.auto,
        told: ports.told,
        keep,
        stop_timeout: stop_timeout.map_or(STOP_TIMEOUT, |(time, _)| time),
        smoke,
        outside,
        before,
        after,
        freeze,
    })
}

fn keep(key: &Key<raw::Keep>, found: &mut ProblemList) -> Keep {
    let Some(At { value: raw::Keep(text), offset }) = key.at() else { return Keep::UntilNext };
    match text.as_str() {
        "until-next" => Keep::UntilNext,
        "no" => Keep::No,
        text => match unit::duration(text) {
            Ok(time) => Keep::For(time),
            Err(message) => {
                let message =
                    format!("service.deploy.keep: {message}, or \"until-next\" or \"no\"");
                found.at(*offset, message);
                Keep::UntilNext
            }
        },
    }
}

/// The old environment must be there for as long as Teal may move traffic back to it.
fn kept_while_watched(
    keep: &Keep,
    key: &Key<raw::Keep>,
    service: &raw::Service,
    found: &mut ProblemList,
) {
    let (Some(rollout), Some(At { offset, .. })) = (service.rollout.get(), key.at()) else {
        return;
    };
    let Some(bake) = super::rollout::takes_back_within(rollout) else { return };
    let kept = match keep {
        Keep::UntilNext => return,
        Keep::No => Duration::ZERO,
        Keep::For(time) => *time,
    };
    if kept < bake {
        let seconds = bake.as_secs();
        found.at(
            *offset,
            format!(
                "service.deploy.keep is shorter than service.rollout.bake, so that traffic could not go back; write \
                 \"until-next\" or at least \"{seconds}s\""
            ),
        );
    }
}

fn commands(
    key: &Key<Vec<At<Vec<At<String>>>>>,
    name: &str,
    found: &mut ProblemList,
) -> Vec<Vec<String>> {
    key.elements().iter().map(|command| self::command(command, name, found)).collect()
}

/// A program and its arguments.
fn command(command: &At<Vec<At<String>>>, name: &str, found: &mut ProblemList) -> Vec<String> {
    let At { value, offset } = command;
    let program = value.first().map_or("", |program| &program.value);
    if program.is_empty() {
        let message = format!("{name} has an empty command; write [\"PROGRAM\", \"ARGUMENT\"]");
        found.at(*offset, message);
    }
    for At { value, offset } in value {
        if value.contains('\0') {
            found.at(*offset, format!("{name} has a NUL in {value:?}; leave it out"));
        }
    }
    value.iter().map(|part| part.value.clone()).collect()
}

fn freeze(key: &Key<Vec<At<String>>>, found: &mut ProblemList) -> Vec<Freeze> {
    let mut windows = Vec::new();
    for At { value, offset } in key.elements() {
        match Freeze::parse(value) {
            Ok(window) => windows.push(window),
            Err(message) => found.at(*offset, format!("service.deploy.freeze: {message}")),
        }
    }
    windows
}

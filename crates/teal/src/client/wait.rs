//! `teal wait drained`.

use std::fmt::Write as _;
use std::time::Duration;

use contract::text::standing;
use contract::wire::{Color, ColorStatus, Role, Service, Status};
use rules::near::{NameList, UnknownName};
use serde::Serialize;
use tokio::time::Instant;

use super::progress::{Reporter, WaitProgress};
use super::reach::{Intent, Teal};
use super::{block_on, query, understood};
use crate::Outcome;
use crate::cli::{ColorArg, DrainedArgs};
use crate::exit::{Exit, Failure};
use crate::show;

/// The interval between status requests.
const RHYTHM: Duration = Duration::from_millis(100);

/// The status of a color, as JSON.
#[derive(Debug, Serialize)]
struct ColorState<'s> {
    service: &'s str,
    color: Color,
    #[serde(flatten)]
    status: &'s ColorStatus,
}

/// Waits until nothing is left on a color.
pub(crate) fn drained(args: &DrainedArgs) -> Outcome {
    block_on(wait(args))?
}

async fn wait(args: &DrainedArgs) -> Outcome {
    let color = match args.color {
        ColorArg::Blue => Color::Blue,
        ColorArg::Green => Color::Green,
    };
    let deadline = Instant::now() + args.timeout.duration;
    let teal = Teal::find(&args.reach, Intent::Read).await?;
    let path = query("/admin/status", &[("service", args.service.as_deref())]);
    let mut reporter = Reporter::new(args.reach.json);
    let began = Instant::now();
    loop {
        let answer = teal.get(&path).await?;
        let status: Status = understood(&args.reach, &answer)?;
        let services = chosen(&status, args)?;
        let left = services.iter().filter(|service| !service.colors.of(color).drained);
        let left: Vec<_> = left.map(|service| (*service, color)).collect();
        let in_vain = left.iter().any(|(one, _)| one.colors.of(color).role == Role::Active);
        if left.is_empty() || in_vain || Instant::now() >= deadline {
            reporter.clear();
            return end(args, &services, color);
        }
        let mut progress = WaitProgress::of_drains(&left, began.elapsed());
        let _never_fails = write!(progress.line, " of {}", args.timeout.text);
        reporter.tell(&progress);
        tokio::time::sleep_until(deadline.min(Instant::now() + RHYTHM)).await;
    }
}

/// Reports the outcome: that of the first service that is not drained, if there is one.
fn end(args: &DrainedArgs, services: &[&Service], color: Color) -> Outcome {
    if args.reach.json {
        let left = services.iter().map(|service| ColorState {
            service: &service.name,
            color,
            status: service.colors.of(color),
        });
        let left: Vec<_> = left.collect();
        match (&args.group, &left[..]) {
            (None, [one]) => show::value(one)?,
            (_, all) => show::value(&all)?,
        }
    }
    let failure = |exit, message: String| {
        Err(Failure::new(exit, if args.reach.json { String::new() } else { message }))
    };
    let left = || services.iter().filter(|service| !service.colors.of(color).drained);
    // An active color does not drain at all, so it is reported before one that drains slowly.
    if let Some(service) = left().find(|service| service.colors.of(color).role == Role::Active) {
        let name = &service.name;
        return failure(
            Exit::Refused,
            format!("{color} is the active color of {name} and does not drain; switch first"),
        );
    }
    if let Some(service) = left().next() {
        let (name, time) = (&service.name, &args.timeout.text);
        let standing = standing(color, service.colors.of(color));
        let message = format!("{color} of {name} is not drained after {time}: {standing}");
        return failure(Exit::Failed, message);
    }
    if !args.reach.json {
        show::text(&format!("{color} is drained: safe to stop"));
    }
    Ok(Exit::Done)
}

/// The services to wait for: the one that was asked for, the only one, or those of a group.
fn chosen<'s>(status: &'s Status, args: &DrainedArgs) -> Result<Vec<&'s Service>, Failure> {
    let Some(name) = &args.group else {
        return only(status).map(|service| vec![service]);
    };
    let Some(group) = status.groups.iter().find(|group| group.name == *name) else {
        let names: Vec<&str> = status.groups.iter().map(|group| &*group.name).collect();
        return Err(Failure::usage(UnknownName { kind: "group", name, names: &names }.to_string()));
    };
    Ok(status.services.iter().filter(|one| group.services.contains(&one.name)).collect())
}

/// The only service in the status.
pub(super) fn only(status: &Status) -> Result<&Service, Failure> {
    match &*status.services {
        [one] => Ok(one),
        [] => Err(Failure::failed("no service is configured")),
        all => {
            let names: Vec<&str> = all.iter().map(|service| &*service.name).collect();
            let few = NameList(&names);
            Err(Failure::usage(format!(
                "there are several services, name one with --service: {few}"
            )))
        }
    }
}

//! `teal wait drained`.

use std::time::Duration;

use control::api::text::standing;
use control::api::wire::{Color, ColorStatus, Role, Service, Status};
use serde::Serialize;
use tokio::time::Instant;

use super::reach::{Intent, Teal};
use super::{block_on, understood};
use crate::Outcome;
use crate::cli::{ColorArg, DrainedArgs};
use crate::exit::{Exit, Failure};
use crate::show;

/// How often the status is asked for.
const RHYTHM: Duration = Duration::from_millis(100);

/// What is left, as JSON.
#[derive(Debug, Serialize)]
struct Left<'s> {
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
    let drawn = !args.reach.json && show::is_watched();
    loop {
        let answer = teal.get("/admin/status").await?;
        let status: Status = understood(&args.reach, &answer)?;
        let service = chosen(&status, args.service.as_deref())?;
        let seen = service.colors.of(color);
        if drawn {
            show::progress("");
        }
        let over = Instant::now() >= deadline;
        if seen.drained || seen.role == Role::Active || over {
            return end(args, service, color);
        }
        if drawn {
            show::progress(&format!("{}: {color} is {}", service.name, standing(color, seen)));
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + RHYTHM)).await;
    }
}

fn end(args: &DrainedArgs, service: &Service, color: Color) -> Outcome {
    let status = service.colors.of(color);
    if args.reach.json {
        show::value(&Left { service: &service.name, color, status })?;
    }
    let failure = |exit, message: String| {
        Err(Failure::new(exit, if args.reach.json { String::new() } else { message }))
    };
    if status.drained {
        if !args.reach.json {
            show::text(&format!("{color} is drained: safe to stop"));
        }
        return Ok(Exit::Done);
    }
    let name = &service.name;
    if status.role == Role::Active {
        return failure(
            Exit::Refused,
            format!("{color} is the active color of {name} and does not drain; switch first"),
        );
    }
    let (time, standing) = (&args.timeout.text, standing(color, status));
    failure(Exit::Failed, format!("{color} of {name} is not drained after {time}: {standing}"))
}

fn chosen<'s>(status: &'s Status, name: Option<&str>) -> Result<&'s Service, Failure> {
    let names = || {
        let names: Vec<&str> = status.services.iter().map(|service| &*service.name).collect();
        names.join(", ")
    };
    match (name, &*status.services) {
        (Some(name), services) => services.iter().find(|s| s.name == name).ok_or_else(|| {
            Failure::failed(format!("no service is called {name}; there are: {}", names()))
        }),
        (None, [one]) => Ok(one),
        (None, _) => Err(Failure::usage(format!(
            "there are several services, name one by --service: {}",
            names()
        ))),
    }
}

//! `teal status`, `teal active` and `teal idle`.

use contract::text::{self, Extent};
use contract::wire::{Color, Status};

use super::reach::{Intent, Teal};
use super::{block_on, query, understood, wait};
use crate::Outcome;
use crate::cli::{ColorOfArgs, StatusArgs};
use crate::exit::Exit;
use crate::show;

/// Shows where traffic goes and which color may be stopped.
pub(crate) fn status(args: &StatusArgs) -> Outcome {
    let services = args.service.join(",");
    let flag = |is_set: bool| is_set.then_some("true");
    let path = query(
        "/admin/status",
        &[
            ("service", Some(&*services).filter(|services| !services.is_empty())),
            ("problems", flag(args.problems)),
        ],
    );
    let extent = Extent { whole: !services.is_empty(), all: args.all, problems: args.problems };
    super::read(&args.reach, &path, |status: &Status| text::status(status, extent))
}

/// Prints the active color, as one word.
pub(crate) fn active(args: &ColorOfArgs) -> Outcome {
    color(args, |active| active)
}

/// Prints the color that is not active, as one word.
pub(crate) fn idle(args: &ColorOfArgs) -> Outcome {
    color(args, |active| match active {
        Color::Blue => Color::Green,
        Color::Green => Color::Blue,
    })
}

fn color(args: &ColorOfArgs, of: impl FnOnce(Color) -> Color) -> Outcome {
    let path = query("/admin/status", &[("service", args.service.as_deref())]);
    let answer =
        block_on(async { Teal::find(&args.reach, Intent::Read).await?.get(&path).await })??;
    let status: Status = understood(&args.reach, &answer)?;
    let service = wait::only(&status)?;
    let color = of(service.active);
    if args.reach.json {
        show::value(&serde_json::json!({ "service": service.name, "color": color }))?;
    } else {
        show::text(&color.to_string());
    }
    Ok(Exit::Done)
}

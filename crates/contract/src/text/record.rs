//! The text of the history and of receipts.

use std::fmt::Write as _;

use crate::wire::{
    Change, ColorFigures, DrainState, History, MaintenanceChange, Receipt, TargetsChange,
    WaitChange,
};

use super::change::{drained, many_targets};
use super::{TextBuilder, deploy, line, proofs, running};

/// Formats the decisions, newest first, one line each.
pub fn history(history: &History) -> String {
    let mut lines = TextBuilder::default();
    for change in &history.changes {
        match change {
            Change::Switch(receipt) => line!(lines, "{}", receipt_line(receipt)),
            Change::Reload(reload) => {
                let (at, generation, actor) = (&reload.at, reload.generation, &reload.actor);
                let services = reload.services.join(", ");
                let what = if generation == 0 { "first start with" } else { "reload of" };
                line!(lines, "{at}  {generation:>5}  {what} {services}, by {actor}");
            }
            Change::Hold(hold) => {
                line!(lines, "{}      -  hold of {}, by {}", hold.at, hold.service, hold.actor);
            }
            Change::Resume(resume) => {
                let (at, service, actor) = (&resume.at, &resume.service, &resume.actor);
                line!(lines, "{at}      -  resume of {service}, by {actor}");
            }
            Change::Retire(retire) => {
                let (at, service, actor) = (&retire.at, &retire.service, &retire.actor);
                line!(lines, "{at}      -  {} of {service} retired, by {actor}", retire.color);
            }
            Change::Targets(change) => {
                let TargetsChange { service, color, targets, generation, actor, at } = change;
                let generation = generation.map_or("-".to_owned(), |number| number.to_string());
                let targets = many_targets(targets);
                line!(
                    lines,
                    "{at}  {generation:>5}  {color} of {service} has {targets}, by {actor}"
                );
            }
            Change::Deploy(change) => line!(lines, "{}", deploy::change(change)),
            Change::Maintenance(change) => {
                let MaintenanceChange { on, services, actor, at, message } = change;
                let (word, services) = (if *on { "on" } else { "off" }, services.join(", "));
                let message = message.as_ref().map_or_else(String::new, |text| format!(": {text}"));
                line!(lines, "{at}      -  maintenance {word} of {services}, by {actor}{message}");
            }
            Change::Wait(wait) => line!(lines, "{}", wait_line(wait)),
        }
    }
    if history.changes.is_empty() {
        line!(lines, "No changes yet");
    }
    lines.0
}

fn wait_line(wait: &WaitChange) -> String {
    let WaitChange { at, verb, since, actor, end, .. } = wait;
    let mut what = verb.clone();
    if !wait.services.is_empty() {
        let _never_fails = write!(what, " of {}", wait.services.join(", "));
    }
    if let Some(to) = wait.to {
        let _never_fails = write!(what, " to {to}");
    }
    let by = match (&wait.by, &wait.by_actor) {
        (Some(by), Some(actor)) => format!(" by {by}, by {actor}"),
        _ => " by its caller".to_owned(),
    };
    format!("{at}      -  {what}, by {actor}: waited since {since}, {end}{by}; changed nothing")
}

fn receipt_line(receipt: &Receipt) -> String {
    let Receipt { decided, generation, cause, service, actor, .. } = receipt;
    let (from, to) = sides(receipt);
    let end = match &receipt.drain {
        None => "publishing".to_owned(),
        Some(drain) => match (drain.state, drain.cut, drain.superseded_by) {
            (DrainState::Cut, Some(cut), _) => format!("cut {}", cut.total),
            (DrainState::Superseded, _, Some(by)) => format!("superseded by {by}"),
            (state, ..) => word(state).to_owned(),
        },
    };
    let why = receipt.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    format!(
        "{decided}  {generation:>5}  {cause} of {service} from {from} to {to}, by {actor}{why}: {end}"
    )
}

/// Formats both colors of a receipt with their versions.
fn sides(receipt: &Receipt) -> (String, String) {
    let from = running(receipt.from, receipt.from_version.as_deref());
    (from, running(receipt.to, receipt.version.as_deref()))
}

fn word(state: DrainState) -> &'static str {
    match state {
        DrainState::Draining => "draining",
        DrainState::Drained => "drained",
        DrainState::Cut => "cut",
        DrainState::Stuck => "stuck",
        DrainState::Superseded => "superseded",
        DrainState::Interrupted => "interrupted",
    }
}

/// Formats the receipts of one switch, one block for each service.
pub fn receipts(receipts: &[Receipt]) -> String {
    receipts.iter().map(receipt).collect::<Vec<_>>().join("\n")
}

/// Formats the receipt of one switch of a service.
pub fn receipt(receipt: &Receipt) -> String {
    let mut lines = TextBuilder::default();
    let Receipt { generation, cause, service, from, to, .. } = receipt;
    let (old, new) = sides(receipt);
    line!(lines, "Generation {generation}: {cause} of {service} from {old} to {new}");
    line!(lines, "By: {}", receipt.actor);
    if let Some(reason) = &receipt.reason {
        line!(lines, "Reason: {reason}");
    }
    line!(lines, "Decided: {}", receipt.decided);
    line!(lines, "Published: {}", receipt.published.as_deref().unwrap_or("not yet"));
    line!(lines, "Ended: {}", receipt.ended.as_deref().unwrap_or("not yet"));
    if let Some(drain) = &receipt.drain {
        line!(lines, "Drain: {}", drained(drain));
    }
    proofs(&mut lines, &receipt.evidence);
    if let Some(figures) = &receipt.figures {
        line!(lines, "Last on {from}: {}", figures.last_on_old.as_deref().unwrap_or("none"));
        line!(lines, "First on {to}: {}", figures.first_on_new.as_deref().unwrap_or("none"));
        let (parked, retries, lost) = (figures.parked, figures.retries, figures.stale_lost);
        line!(lines, "Requests parked {parked}, retried {retries}, stale_lost {lost}");
        line!(lines, "Blue: {}", color_figures(&figures.blue));
        line!(lines, "Green: {}", color_figures(&figures.green));
    }
    lines.0
}

fn color_figures(figures: &ColorFigures) -> String {
    let latency = |millis: Option<f64>| millis.map_or("-".to_owned(), |ms| format!("{ms} ms"));
    format!(
        "{} requests, {} errors, p50 {}, p99 {}",
        figures.requests,
        figures.errors,
        latency(figures.p50_ms),
        latency(figures.p99_ms)
    )
}

//! The text of calls that change something.

use crate::wire::{
    Color, Drain, DrainState, GroupAnswer, HoldAnswer, LogLevel, MaintenanceAnswer, Reloaded,
    Resumed, Retired, SwitchAnswer, SwitchOutcome, SwitchResult, TargetsAnswer, Upgraded, WarmUp,
};

use super::{TextBuilder, line, proofs, seconds};

/// Formats the outcome of a switch or a rollback.
pub fn switch(outcome: &SwitchOutcome) -> String {
    let mut lines = TextBuilder::default();
    match outcome {
        SwitchOutcome::Service(answer) => {
            switched(&mut lines, answer.result, answer.from, answer.to);
            notes(&mut lines, answer.result, answer.generation);
            of_service(&mut lines, answer);
        }
        SwitchOutcome::Group(GroupAnswer { result, from, to, generation, services, .. }) => {
            switched(&mut lines, *result, *from, *to);
            notes(&mut lines, *result, *generation);
            for answer in services {
                line!(lines, "");
                line!(lines, "Service: {}", answer.service);
                switched(&mut lines, answer.result, answer.from, answer.to);
                of_service(&mut lines, answer);
            }
        }
    }
    lines.0
}

fn switched(lines: &mut TextBuilder, result: SwitchResult, from: Color, to: Color) {
    match result {
        SwitchResult::Switched => line!(lines, "Switched from {from} to {to}"),
        SwitchResult::Already => line!(lines, "Already on {to}"),
        SwitchResult::WouldSwitch => line!(lines, "Would switch from {from} to {to}"),
    }
}

fn notes(lines: &mut TextBuilder, result: SwitchResult, generation: u64) {
    match result {
        SwitchResult::Switched => line!(lines, "Generation: {generation}"),
        SwitchResult::Already => {}
        SwitchResult::WouldSwitch => {
            line!(lines, "Dry run: the switch would pass the gate; nothing was changed");
        }
    }
}

fn of_service(lines: &mut TextBuilder, answer: &SwitchAnswer) {
    if let Some(reason) = &answer.unhealthy {
        line!(lines, "Warning: {} is not healthy: {reason}", answer.to);
    }
    proofs(lines, &answer.evidence);
    for sentence in &answer.sentences {
        line!(lines, "{sentence}");
    }
    if let Some(warm_up) = &answer.warm_up {
        line!(lines, "{}", warmed_up(warm_up));
    }
    if let Some(drain) = &answer.drain {
        line!(lines, "{}", drained(drain));
    }
}

/// Formats the result of a warm-up, in one line.
pub fn warmed_up(WarmUp { requests, failed, reason, seconds: took }: &WarmUp) -> String {
    let took = seconds(*took);
    match reason {
        None => format!("Warm-up: {requests} requests in {took}"),
        Some(reason) => {
            format!("Warm-up: {failed} of {requests} requests failed in {took}, first {reason}")
        }
    }
}

/// Formats the state of a color's drain, in one line.
pub fn drained(drain: &Drain) -> String {
    let color = drain.color;
    match drain.state {
        DrainState::Draining => format!("{color} is still draining: do not stop {color}"),
        DrainState::Drained => format!("{color} is drained: safe to stop"),
        DrainState::Cut => {
            let what = drain.cut.map_or_else(String::new, |cut| {
                format!(
                    " {} ({} without an answer, {} while answering, {} tunnels)",
                    cut.total, cut.unanswered, cut.answering, cut.tunnels
                )
            });
            format!("{color} is drained: the deadline cut{what}; safe to stop")
        }
        DrainState::Stuck => {
            let left = drain.left.map_or_else(String::new, |left| {
                format!(": {} leases and {} connections are left", left.leases, left.connections)
            });
            format!(
                "{color} is not drained: a worker has not closed everything the deadline cut{left}; \
                 do not stop {color}; see teal status and Teal's log"
            )
        }
        DrainState::Superseded => {
            let by = drain.superseded_by.map_or_else(String::new, |by| format!(" {by}"));
            format!("The drain of {color} was superseded by generation{by}: do not stop {color}")
        }
        DrainState::Interrupted => {
            format!("The drain of {color} was interrupted: do not stop {color}")
        }
    }
}

/// Formats the outcome of a hold.
pub fn hold(answer: &HoldAnswer) -> String {
    let mut lines = TextBuilder::default();
    line!(lines, "Held: new requests wait, each at most {}", seconds(answer.max_wait_seconds));
    let color = answer.color;
    match answer.drain.state {
        DrainState::Drained => line!(lines, "No request is on {color}"),
        DrainState::Draining => line!(lines, "Requests are still on {color}"),
        _ => line!(lines, "{}", drained(&answer.drain)),
    }
    lines.0
}

/// Formats the outcome of a resume.
pub fn resume(answer: &Resumed) -> String {
    format!("Resumed: {} waiting requests go to {}\n", answer.waiting, answer.color)
}

/// Formats the outcome of a call about a maintenance.
pub fn maintenance(answer: &MaintenanceAnswer) -> String {
    let mut lines = TextBuilder::default();
    let services = answer.services.join(", ");
    if answer.on {
        line!(lines, "Maintenance of {services}: new requests are answered 503");
        if !answer.allow.is_empty() {
            line!(lines, "Requests pass from {}", answer.allow.join(", "));
        }
        line!(lines, "End it with: teal maintenance off");
    } else {
        line!(lines, "Maintenance of {services} ended: new requests go to the active color");
    }
    lines.0
}

/// Formats the targets that a color has now.
pub fn targets(answer: &TargetsAnswer) -> String {
    let TargetsAnswer { service, color, targets, generation } = answer;
    let mut lines = TextBuilder::default();
    line!(lines, "{color} of {service} has {}", many_targets(targets));
    if let Some(generation) = generation {
        line!(lines, "Generation: {generation}");
    }
    lines.0
}

/// Formats a list of targets.
pub(super) fn many_targets(targets: &[String]) -> String {
    match targets {
        [] => "no targets".to_owned(),
        [one] => format!("the target {one}"),
        several => format!("the targets {}", several.join(", ")),
    }
}

/// Formats the outcome of a retirement.
pub fn retired(answer: &Retired) -> String {
    let color = answer.color;
    format!(
        "{color} is retired: safe to stop for good\nA switch or a deploy to {color} ends this\n"
    )
}

/// Formats the outcome of a reload.
pub fn reload(answer: &Reloaded) -> String {
    let mut lines = TextBuilder::default();
    match (answer.changes.len(), answer.generation) {
        (0, _) => line!(lines, "Reloaded: nothing changed"),
        (_, Some(generation)) => line!(lines, "Reloaded: generation {generation}"),
        (_, None) => line!(lines, "Reloaded"),
    }
    for change in &answer.changes {
        line!(lines, "  {change}");
    }
    lines.0
}

/// Formats the log levels.
pub fn log_level(answer: &LogLevel) -> String {
    format!("Log level: {}\n", answer.level)
}

/// Formats the outcome of an upgrade.
pub fn upgrade(answer: &Upgraded) -> String {
    let Upgraded { pid, version } = answer;
    format!(
        "Upgraded: Teal {version} serves as process {pid}\nThe older Teal exits when its last request has ended\n"
    )
}

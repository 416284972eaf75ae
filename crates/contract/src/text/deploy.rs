//! The text of deploys.

use std::fmt::Write as _;

use crate::wire::{Deploy, DeployChange, DeployResult, Deploys};

use super::{TextBuilder, line, seconds};

/// Formats the deploys as a table, newest first.
pub fn deploys(deploys: &Deploys) -> String {
    let mut rows =
        vec![["ID", "VERSION", "SERVICE", "COLOR", "STATE", "BY", "BEGAN"].map(str::to_owned)];
    rows.extend(deploys.deploys.iter().map(|deploy| {
        [
            deploy.id.to_string(),
            deploy.version.clone().unwrap_or_else(|| "-".to_owned()),
            deploy.group.clone().unwrap_or_else(|| deploy.services.join(",")),
            deploy.color.to_string(),
            state(deploy),
            by(deploy),
            deploy.started.clone(),
        ]
    }));
    if rows.len() == 1 {
        return "No deploys yet\n".to_owned();
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = std::array::from_fn::<_, 7, _>(|column| width(column).unwrap_or_default());
    let mut lines = TextBuilder::default();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        line!(lines, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    lines.0
}

/// Formats one deploy.
pub fn deploy(deploy: &Deploy) -> String {
    let mut lines = TextBuilder::default();
    let Deploy { id, services, color, started, .. } = deploy;
    let version =
        deploy.version.as_ref().map_or_else(String::new, |version| format!(" of {version}"));
    let (sweep, to) = if deploy.sweep { (" (sweep)", "in") } else { ("", "to") };
    line!(lines, "Deploy {id}{sweep}{version}: {} {to} {color}", services.join(", "));
    if let Some(group) = &deploy.group {
        line!(lines, "Group: {group}");
    }
    if let Some(from) = &deploy.from_version {
        line!(lines, "From version: {from}");
    }
    let actor = deploy.by.as_ref().map_or_else(String::new, |_| format!(" ({})", deploy.actor));
    line!(lines, "By: {}{actor}", by(deploy));
    if let Some(reason) = &deploy.reason {
        line!(lines, "Reason: {reason}");
    }
    if deploy.emergency {
        line!(lines, "Emergency: begun inside a freeze window");
    }
    line!(lines, "Began: {started}");
    for step in &deploy.steps {
        line!(lines, "  {}  {}", step.at, step.step);
    }
    if let Some(generation) = deploy.generation {
        line!(lines, "Generation: {generation}");
    }
    if let Some(ended) = &deploy.ended {
        line!(lines, "Ended: {ended}");
    }
    if let Some(until) = &deploy.keep_until {
        line!(lines, "Old environment kept until: {until}");
    }
    let detail = deploy.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    let next = if deploy.is_open() { next(deploy) } else { String::new() };
    line!(lines, "State: {}{detail}{next}", state(deploy));
    lines.0
}

/// Formats an open deploy in one line, for the status.
pub fn deploying(deploy: &Deploy) -> String {
    let Deploy { id, services, color, step, .. } = deploy;
    let version =
        deploy.version.as_ref().map_or_else(String::new, |version| format!(" of {version}"));
    let services = deploy.group.clone().unwrap_or_else(|| services.join(", "));
    let (sweep, to) = if deploy.sweep { (" (sweep)", "in") } else { ("", "to") };
    let mut line =
        format!("Deploy {id}{sweep}{version} by {}: {services} {to} {color}, ", by(deploy));
    let age = deploy.step_seconds.map_or_else(String::new, |age| format!(" for {}", whole(age)));
    let paused = if deploy.paused { "paused after " } else { "" };
    let _never_fails = write!(line, "{paused}step {step}{age}{}", next(deploy));
    line
}

/// Formats the begin or the end of a deploy in one line.
pub(super) fn change(change: &DeployChange) -> String {
    let DeployChange { id, services, color, at, actor, .. } = change;
    let version =
        change.version.as_ref().map_or_else(String::new, |version| format!(" of {version}"));
    let what = match change.result {
        None => "began".to_owned(),
        Some(result) => result.to_string(),
    };
    let detail = change.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    let by = change.by.clone().unwrap_or_else(|| actor.to_string());
    let services = services.join(", ");
    let to = if change.result == Some(DeployResult::Swept) { "in" } else { "to" };
    format!("{at}      -  deploy {id}{version} of {services} {to} {color}, by {by}: {what}{detail}")
}

/// Returns the commands that continue or undo a deploy whose command line is gone or has paused it.
fn next(deploy: &Deploy) -> String {
    let id = deploy.id;
    let how = || format!(": teal deploy --resume {id}, or teal deploy --abandon {id}");
    match deploy.silent_seconds {
        _ if deploy.paused => how(),
        Some(silent) if deploy.client_gone => {
            format!(", client gone for {}{}", whole(silent), how())
        }
        _ => String::new(),
    }
}

fn state(deploy: &Deploy) -> String {
    match deploy.result {
        Some(result) => result.to_string(),
        None if deploy.paused => format!("paused after step {}", deploy.step),
        None => format!("step {}", deploy.step),
    }
}

fn by(deploy: &Deploy) -> String {
    deploy.by.clone().unwrap_or_else(|| deploy.actor.to_string())
}

fn whole(number: u64) -> String {
    seconds(number as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Actor, Color, DeployStep, DeployStepRecord};

    fn open() -> Deploy {
        let started = "2026-11-23T15:04:05.678Z".to_owned();
        Deploy {
            id: 7,
            services: vec!["web".to_owned()],
            group: None,
            color: Color::Green,
            version: Some("v42".to_owned()),
            from_version: None,
            actor: Actor::Token("ci".to_owned()),
            by: Some("ci@host".to_owned()),
            reason: None,
            emergency: false,
            sweep: false,
            claim: 1,
            step: DeployStep::Gate,
            step_seconds: Some(12),
            paused: false,
            steps: vec![DeployStepRecord { step: DeployStep::Lock, at: started.clone() }],
            started,
            silent_seconds: Some(2),
            client_gone: false,
            generation: None,
            result: None,
            ended: None,
            detail: None,
            keep_until: None,
            keep_seconds: None,
        }
    }

    #[test]
    fn an_open_deploy_says_its_step_and_what_to_do_when_its_command_line_has_gone() {
        assert_eq!(
            deploying(&open()),
            "Deploy 7 of v42 by ci@host: web to green, step gate for 12s"
        );
        let gone = Deploy { silent_seconds: Some(90), client_gone: true, ..open() };
        let how = ": teal deploy --resume 7, or teal deploy --abandon 7";
        assert_eq!(
            deploying(&gone),
            format!(
                "Deploy 7 of v42 by ci@host: web to green, step gate for 12s, client gone for 90s{how}"
            )
        );
        let paused = Deploy { paused: true, silent_seconds: None, version: None, ..open() };
        assert_eq!(
            deploying(&paused),
            format!("Deploy 7 by ci@host: web to green, paused after step gate for 12s{how}")
        );
    }

    #[test]
    fn deploys_are_a_table_and_one_is_told_in_full() {
        assert_eq!(deploys(&Deploys { deploys: Vec::new() }), "No deploys yet\n");
        let ended = Deploy {
            id: 6,
            result: Some(DeployResult::Failed),
            detail: Some("the gate was not passed".to_owned()),
            by: None,
            version: None,
            ..open()
        };
        let table = deploys(&Deploys { deploys: vec![open(), ended.clone()] });
        assert_eq!(
            table,
            "ID  VERSION  SERVICE  COLOR  STATE      BY        BEGAN\n\
             7   v42      web      green  step gate  ci@host   2026-11-23T15:04:05.678Z\n\
             6   -        web      green  failed     token ci  2026-11-23T15:04:05.678Z\n"
        );
        assert!(deploy(&open()).contains("By: ci@host (token ci)\n"), "{}", deploy(&open()));
        assert!(deploy(&ended).ends_with("State: failed: the gate was not passed\n"));
    }
}

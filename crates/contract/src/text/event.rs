//! The text of an event: one sentence, as a person is notified of it.

use crate::wire::{Color, Cut, DeployResult, Event, Health, RolloutState};

use super::seconds;

/// Formats an event as one sentence without a period.
pub fn event(event: &Event) -> String {
    let by = event.actor.as_ref().map_or_else(String::new, |actor| format!(", by {actor}"));
    let about = about(event);
    let color = event.color.map_or_else(String::new, |color| format!(" {color}"));
    let sentence = match &*event.kind {
        "switch" | "rollback" | "failover" => moved(event, &about),
        "refused" => {
            let reason = one_line(event.reason.as_deref().unwrap_or("no reason was given"));
            let code = event.code.as_deref().unwrap_or_default();
            format!("{about}: a call was refused ({code}): {reason}")
        }
        "drained" => {
            let color =
                event.drain.as_ref().map_or_else(String::new, |one| format!(" {}", one.color));
            let Cut { total, .. } = event.drain.as_ref().and_then(|one| one.cut).unwrap_or(NOTHING);
            let generation = event.generation.unwrap_or_default();
            format!(
                "{about}: the drain of{color} (generation {generation}) has ended at its deadline, {total} requests \
                 were cut"
            )
        }
        "health" => health(event, &about),
        "hold" => format!("{about}: new requests are held"),
        "resume" => format!("{about}: held requests were released"),
        "maintenance_on" => format!("{about}: maintenance is on, new requests get 503"),
        "maintenance_off" => format!("{about}: maintenance is off"),
        "deploy" => deploy(event, &about),
        "rollout" => rollout(event, &about),
        "shorten" => {
            let left = seconds(event.deadline_seconds.unwrap_or_default());
            format!("{about}:{color} has at most {left} left to drain")
        }
        "retire" => format!("{about}:{color} is retired"),
        "targets" => format!("{about}:{color} has the targets {}", event.targets.join(", ")),
        "preview_made" => format!("{about}: a preview of{color} was made"),
        "previews_revoked" => format!("{about}: the preview tokens were revoked"),
        "reload" => format!("the configuration was reloaded: {}", changes(event)),
        other => format!("{about}: {other}"),
    };
    let why = event.reason.as_deref().filter(|_| MOVES.contains(&&*event.kind));
    sentence + &by + &why.map_or_else(String::new, |why| format!(": {}", one_line(why)))
}

/// The events that move a service; the reason of one was given by its caller.
const MOVES: [&str; 3] = ["switch", "rollback", "failover"];

const NOTHING: Cut = Cut { total: 0, unanswered: 0, answering: 0, tunnels: 0 };

/// The service or the group.
fn about(event: &Event) -> String {
    match (&event.service, &event.group) {
        (Some(service), _) => service.clone(),
        (None, Some(group)) => format!("group {group}"),
        (None, None) => "Teal".to_owned(),
    }
}

fn moved(event: &Event, about: &str) -> String {
    let color = |color: Option<Color>| color.map_or_else(String::new, |color| color.to_string());
    let version = event.version.as_ref().map_or_else(String::new, |one| format!(" with {one}"));
    let (from, to) = (color(event.from), color(event.to) + &version);
    let generation = event.generation.unwrap_or_default();
    match &*event.kind {
        "failover" => format!(
            "{about}: failed over from {from} to {to} (generation {generation}), since every target of {from} was down"
        ),
        "rollback" => format!("{about}: rolled back from {from} to {to} (generation {generation})"),
        _ => format!("{about}: switched from {from} to {to} (generation {generation})"),
    }
}

fn health(event: &Event, about: &str) -> String {
    let target = event.target.as_deref().unwrap_or_default();
    let target = super::located(target, event.address.as_deref());
    let color = event.color.map_or_else(String::new, |color| format!("{color} "));
    let reason =
        event.reason.as_ref().map_or_else(String::new, |why| format!(": {}", one_line(why)));
    let is = match event.health {
        Some(Health::Up) => "is up",
        Some(Health::Down) => "is down",
        Some(Health::Unknown) | None => "has an unknown health",
    };
    format!("{about}: the {color}target {target} {is}{reason}")
}

fn deploy(event: &Event, about: &str) -> String {
    let id = event.deploy.unwrap_or_default();
    let version = event.version.as_ref().map_or_else(String::new, |one| format!(" of {one}"));
    let color = event.color.map_or_else(String::new, |color| format!(" to {color}"));
    let reason =
        event.reason.as_ref().map_or_else(String::new, |why| format!(": {}", one_line(why)));
    let did = match event.result {
        None if event.paused => "waits before its switch",
        None => "has begun",
        Some(DeployResult::Succeeded) => "has succeeded",
        Some(DeployResult::Failed) => "has failed, and nothing was changed",
        Some(DeployResult::Reverted) => "has failed, and traffic was switched back",
        Some(DeployResult::Unknown) => "has failed, and it is not known what runs",
        Some(DeployResult::Abandoned) => "was abandoned",
        Some(DeployResult::Swept) => "has stopped the old environment",
    };
    format!("{about}: deploy {id}{version}{color} {did}{reason}")
}

fn rollout(event: &Event, about: &str) -> String {
    let id = event.rollout.unwrap_or_default();
    let version = event.version.as_ref().map_or_else(String::new, |one| format!(" of {one}"));
    let color = event.color.map_or_else(String::new, |color| format!(" to {color}"));
    let reason =
        event.reason.as_ref().map_or_else(String::new, |why| format!(": {}", one_line(why)));
    let did = match event.rollout_state {
        None | Some(RolloutState::Baking) => "is being watched",
        Some(RolloutState::Done) => "is done",
        Some(RolloutState::Aborted) => "was aborted",
        Some(RolloutState::RolledBack) => "has failed, and Teal moved traffic back",
        Some(RolloutState::Stuck) => "has failed, and nothing was moved: a person must look",
    };
    format!("{about}: rollout {id}{version}{color} {did}{reason}")
}

fn changes(event: &Event) -> String {
    match &event.changes[..] {
        [] => "nothing has changed".to_owned(),
        changes => changes.join("; "),
    }
}

fn one_line(text: &str) -> String {
    text.replace(":\n", ": ").replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Actor, Drain, DrainState};

    fn of(kind: &str) -> Event {
        Event {
            kind: kind.to_owned(),
            service: Some("web".to_owned()),
            generation: Some(7),
            from: Some(Color::Blue),
            to: Some(Color::Green),
            color: Some(Color::Green),
            ..Event::default()
        }
    }

    #[test]
    fn each_event_is_one_sentence() {
        let actor = Some(Actor::Token("ci".to_owned()));
        let (version, reason) = (Some("v42".to_owned()), Some("release".to_owned()));
        let switch = Event { actor: actor.clone(), version, reason, ..of("switch") };
        let said = "web: switched from blue to green with v42 (generation 7), by token ci: release";
        assert_eq!(event(&switch), said);
        let failover = Event { actor: Some(Actor::Teal), ..of("failover") };
        let said = "web: failed over from blue to green (generation 7), since every target of blue was down, by teal";
        assert_eq!(event(&failover), said);
        let refused = Event {
            code: Some("unhealthy".to_owned()),
            reason: Some("Target green is not healthy:\nanswered 500".to_owned()),
            ..of("refused")
        };
        let said = "web: a call was refused (unhealthy): Target green is not healthy: answered 500";
        assert_eq!(event(&refused), said);
        let cut = Some(Cut { total: 3, ..NOTHING });
        let drain = Drain {
            color: Color::Blue,
            state: DrainState::Cut,
            cut,
            superseded_by: None,
            left: None,
        };
        let drained = Event { drain: Some(drain), ..of("drained") };
        let said =
            "web: the drain of blue (generation 7) has ended at its deadline, 3 requests were cut";
        assert_eq!(event(&drained), said);
        let health = Event {
            target: Some("http://10.0.0.1:81".to_owned()),
            health: Some(Health::Down),
            reason: Some("connection refused".to_owned()),
            ..of("health")
        };
        let said = "web: the green target http://10.0.0.1:81 is down: connection refused";
        assert_eq!(event(&health), said);
        let deploy = Event {
            deploy: Some(4),
            version: Some("v42".to_owned()),
            result: Some(DeployResult::Reverted),
            ..of("deploy")
        };
        let said = "web: deploy 4 of v42 to green has failed, and traffic was switched back";
        assert_eq!(event(&deploy), said);
        assert_eq!(event(&of("retire")), "web: green is retired");
        assert_eq!(event(&of("hold")), "web: new requests are held");
        let reload = Event { changes: vec!["service web changed".to_owned()], ..of("reload") };
        assert_eq!(event(&reload), "the configuration was reloaded: service web changed");
    }
}

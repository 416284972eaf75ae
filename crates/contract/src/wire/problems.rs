//! What somebody should look at in a service: found once, and told in the same words by texts, JSON and the
//! page. An idle color that is down is none, since that is what it is after it was stopped.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Color, Health, Service};

/// Something that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceProblem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in words.
    #[schema(example = "the active color blue is down: http://127.0.0.1:8081: connection refused")]
    pub text: String,
}

/// How bad a problem is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Requests fail.
    Outage,
    /// Less is there than should be.
    Degraded,
    /// It is not known yet.
    Unknown,
    /// Something was done that somebody may have forgotten, or would not work.
    Notice,
}

impl ServiceProblem {
    /// Those of a service, the most severe first; its words must be there.
    pub fn of(service: &Service) -> Vec<Self> {
        let mut found = Vec::new();
        let mut add = |severity, text| found.push(Self { severity, text });
        let name = service.active;
        let active = service.colors.of(name);
        let reason = active.reason.as_deref().unwrap_or("for no known reason");
        let none_is_up = active.targets.iter().all(|target| target.health == Health::Down);
        match active.healthy {
            Some(true) => {}
            Some(false) if none_is_up => {
                add(Severity::Outage, format!("the active color {name} is down: {reason}"));
            }
            Some(false) => {
                add(
                    Severity::Degraded,
                    format!("the active color {name} is not healthy: {reason}"),
                );
            }
            None => add(
                Severity::Unknown,
                format!("the active color {name} is not known to be healthy: {reason}"),
            ),
        }
        for problem in active.names.iter().filter_map(|one| one.problem.as_ref()) {
            add(Severity::Degraded, format!("the active color {name}: {problem}"));
        }
        let other = if name == Color::Blue { Color::Green } else { Color::Blue };
        let idle = service.colors.of(other);
        if idle.cutting {
            add(Severity::Degraded, format!("{other} is {}", idle.words));
        }
        if let Some(held) = &service.held {
            let waiting = held.waiting;
            add(Severity::Notice, format!("held since {}, {waiting} requests wait", held.since));
        }
        if service.failover == "auto" && idle.healthy == Some(false) {
            let reason = idle.reason.as_deref().unwrap_or_default();
            add(
                Severity::Notice,
                format!("no failover is possible, {other} is not healthy: {reason}"),
            );
        }
        found.sort_by_key(|problem| problem.severity);
        found
    }
}

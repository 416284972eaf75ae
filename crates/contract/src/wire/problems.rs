//! Problems of a service that need attention: found in one place, and described in the same words by texts,
//! JSON and the page. An idle color that is down is not a problem: after a deployment it has been stopped.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Color, Health, Maintenance, Service};

/// A problem that needs attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceProblem {
    /// The severity.
    pub severity: Severity,
    /// A description of the problem.
    #[schema(example = "the active color blue is down: http://127.0.0.1:8081: connection refused")]
    pub text: String,
}

/// The severity of a problem, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Requests fail.
    Outage,
    /// The service works, but with less capacity or redundancy than configured.
    Degraded,
    /// The state is not known yet.
    Unknown,
    /// A state that is easily forgotten, or an action that would fail now.
    Notice,
}

impl ServiceProblem {
    /// Returns the problems of a service, the most severe first; its `words` must be filled in.
    pub fn of(service: &Service) -> Vec<Self> {
        let mut found = Vec::new();
        let mut add = |severity, text| found.push(Self { severity, text });
        let name = service.active;
        let active = service.colors.of(name);
        let reason = active.reason.as_deref().unwrap_or("reason unknown");
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
        if let Some(Maintenance { since, actor, .. }) = &service.maintenance {
            let end = format!("end it with teal maintenance off --service {}", service.name);
            add(Severity::Notice, format!("in maintenance since {since}, by {actor}; {end}"));
        }
        if service.failover == "auto" && idle.retired {
            add(Severity::Notice, format!("failover is not possible: {other} is retired"));
        } else if service.failover == "auto" && idle.healthy == Some(false) {
            let reason = idle.reason.as_deref().unwrap_or_default();
            add(
                Severity::Notice,
                format!("failover is not possible: {other} is not healthy: {reason}"),
            );
        }
        found.sort_by_key(|problem| problem.severity);
        found
    }
}

//! A color and its targets in words.

use crate::wire::{Color, ColorStatus, Health, Role, Target};

use super::{located, seconds};

/// Formats the health of a color.
pub fn health(status: &ColorStatus) -> String {
    let reason = status.reason.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    match status.healthy {
        Some(true) => "healthy".to_owned(),
        Some(false) => format!("not healthy{reason}"),
        None => format!("not known to be healthy{reason}"),
    }
}

/// Formats a color with the version that runs in it, if known: `green (v42)`.
pub fn running(color: Color, version: Option<&str>) -> String {
    version.map_or_else(|| color.to_string(), |version| format!("{color} ({version})"))
}

/// Formats the role of a color and whether it may be stopped.
pub fn standing(color: Color, status: &ColorStatus) -> String {
    let oldest = status
        .oldest_age_seconds
        .map(|age| format!(", oldest {}", seconds(age)))
        .unwrap_or_default();
    let streams = match (status.streams, status.oldest_stream_age_seconds) {
        (0, _) => String::new(),
        (count, None) => format!(" (streams: {count})"),
        (count, Some(age)) => format!(" (streams: {count}, oldest {})", seconds(age)),
    };
    match status.role {
        Role::Active => {
            // A hold gives the active color a deadline.
            let deadline = status
                .deadline_seconds
                .map_or_else(String::new, |left| format!(", {} to the deadline", seconds(left)));
            format!("active, {} in flight{streams}{oldest}{deadline}", status.in_flight)
        }
        _ if status.retired => "retired: stopped or about to be".to_owned(),
        _ if status.drained => "drained: safe to stop".to_owned(),
        Role::Draining | Role::Idle => {
            let deadline = match status.deadline_seconds {
                _ if status.cutting => ", cutting the rest".to_owned(),
                Some(left) => format!(", {} to the deadline", seconds(left)),
                None => String::new(),
            };
            // Without a drain it has requests of testers, by a preview.
            let what = match status.role {
                Role::Idle => format!("idle, {} in flight", status.in_flight),
                _ => format!("draining {}", status.in_flight),
            };
            format!("{what}{streams}{oldest}{deadline}: do not stop {color}")
        }
    }
}

/// Formats a target, its health and its newest probe.
pub fn probed(target: &Target) -> String {
    let health = match target.health {
        Health::Unknown => "unknown",
        Health::Up => "up",
        Health::Down => "down",
    };
    let name = located(&target.url, target.address.as_deref());
    let note = target.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
    let Some(probe) = &target.last_probe else {
        return format!("{name} {health}{note}, not probed yet");
    };
    let found = match (&probe.reason, probe.status) {
        (Some(reason), _) => reason.clone(),
        (None, Some(status)) => format!("{status} in {} ms", probe.latency_ms),
        (None, None) => format!("passed in {} ms", probe.latency_ms),
    };
    format!("{name} {health}{note}, probed {} ago: {found}", seconds(probe.age_seconds))
}

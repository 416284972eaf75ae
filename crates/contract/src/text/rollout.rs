//! The text of rollouts.

use crate::wire::{Rollout, RolloutState, Rollouts};

use super::{TextBuilder, line, seconds};

/// Formats the rollouts, newest first.
pub fn rollouts(rollouts: &Rollouts) -> String {
    let mut lines = TextBuilder::default();
    for one in &rollouts.rollouts {
        line!(lines, "{}", rolling_out(one));
    }
    if rollouts.rollouts.is_empty() {
        line!(lines, "No rollouts yet; a service with a `rollout` table has one after each switch");
    }
    lines.0
}

/// Formats one rollout.
pub fn rollout(rollout: &Rollout) -> String {
    let mut lines = TextBuilder::default();
    let Rollout { id, services, candidate, stable, actor, generation, began, .. } = rollout;
    line!(
        lines,
        "Rollout {id}{}: {} from {stable} to {candidate}",
        version(rollout),
        services.join(", ")
    );
    line!(lines, "By: {actor}");
    line!(lines, "Began: {began}, generation {generation}");
    for one in &rollout.evidence {
        line!(
            lines,
            "Evidence: {} has {} failed of {} requests on {candidate}, and had {} of {} on {stable} before",
            one.service,
            one.failed,
            one.requests,
            one.stable_failed,
            one.stable_requests
        );
    }
    if let Some(verdict) = &rollout.verdict {
        line!(lines, "Verdict: {verdict}");
    }
    if let Some(ended) = &rollout.ended {
        line!(lines, "Ended: {ended}");
    }
    line!(lines, "State: {}{}", rollout.state, next(rollout));
    lines.0
}

/// Formats a rollout in one line.
pub fn rolling_out(rollout: &Rollout) -> String {
    let Rollout { id, services, candidate, state, .. } = rollout;
    let verdict = rollout.verdict.as_ref().map(|verdict| format!("; {verdict}"));
    format!(
        "Rollout {id}{} of {} to {candidate}: {state}{}{}",
        version(rollout),
        services.join(", "),
        left(rollout),
        verdict.unwrap_or_default()
    )
}

fn version(rollout: &Rollout) -> String {
    rollout.version.as_ref().map(|version| format!(" of {version}")).unwrap_or_default()
}

fn left(rollout: &Rollout) -> String {
    let left = rollout.left_seconds.map(|left| format!(", {} left", seconds(left.round())));
    left.unwrap_or_default()
}

/// Returns what happens next, or what to do.
fn next(rollout: &Rollout) -> String {
    let Rollout { stable, candidate, .. } = rollout;
    match rollout.state {
        RolloutState::Baking if rollout.takes_back => {
            format!("{}; back to {stable} by itself if {candidate} fails", left(rollout))
        }
        RolloutState::Baking => {
            format!("{}; if {candidate} fails, that is told and traffic stays", left(rollout))
        }
        RolloutState::Stuck => {
            format!(": traffic is still on {candidate}; once {stable} is well: teal rollback")
        }
        RolloutState::Done | RolloutState::Aborted | RolloutState::RolledBack => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Actor, Color};

    fn baking() -> Rollout {
        Rollout {
            id: 3,
            services: vec!["web".to_owned()],
            candidate: Color::Green,
            stable: Color::Blue,
            version: Some("v42".to_owned()),
            actor: Actor::Token("ci".to_owned()),
            generation: 7,
            state: RolloutState::Baking,
            began: "2026-11-23T15:04:05.678Z".to_owned(),
            bake_seconds: 600.0,
            left_seconds: Some(432.4),
            takes_back: true,
            evidence: Vec::new(),
            verdict: Some(
                "web: 1240 requests, 3 failed; at most 1.1 % with 95 % confidence".to_owned(),
            ),
            ended: None,
        }
    }

    #[test]
    fn an_open_rollout_says_what_is_known_and_what_follows() {
        assert_eq!(
            rolling_out(&baking()),
            "Rollout 3 of v42 of web to green: baking, 7m12s left; web: 1240 requests, 3 failed; at most 1.1 % with 95 % \
             confidence"
        );
        let text = rollout(&baking());
        assert!(
            text.ends_with("State: baking, 7m12s left; back to blue by itself if green fails\n"),
            "{text}"
        );
        let stuck = Rollout { state: RolloutState::Stuck, left_seconds: None, ..baking() };
        assert!(
            rollout(&stuck).contains("once blue is well: teal rollback"),
            "{}",
            rollout(&stuck)
        );
    }
}

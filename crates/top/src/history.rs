//! The newest decisions about a service, one line each, in the words of `teal history`.

use contract::text;
use contract::wire::{Change, History};

use crate::words::clean;

/// A past decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastChange {
    /// The services that it concerns; empty: all.
    services: Vec<String>,
    /// Month, day and time, UTC.
    pub(crate) at: String,
    /// The sentence.
    pub(crate) text: String,
}

impl PastChange {
    /// The decisions, newest first.
    pub(crate) fn all(history: History) -> Vec<Self> {
        history.changes.into_iter().filter_map(Self::of).collect()
    }

    fn of(change: Change) -> Option<Self> {
        let services = services(&change);
        let line = text::history(&History { changes: vec![change] });
        // `2026-11-23T15:04:05.678Z      7  switch of …`: time, generation, sentence.
        let (at, rest) = line.split_once(' ')?;
        let (_generation, text) = rest.trim_start().split_once("  ")?;
        let at = at.get(5..19)?.replace('T', " ");
        Some(Self { services, at, text: clean(text) })
    }

    /// Returns true if it concerns a service.
    pub(crate) fn concerns(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|one| one == service)
    }
}

fn services(change: &Change) -> Vec<String> {
    match change {
        Change::Switch(receipt) => vec![receipt.service.clone()],
        Change::Reload(change) => change.services.clone(),
        Change::Hold(change) => vec![change.service.clone()],
        Change::Resume(change) => vec![change.service.clone()],
        Change::Retire(change) => vec![change.service.clone()],
        Change::Targets(change) => vec![change.service.clone()],
        Change::Deploy(change) => change.services.clone(),
        Change::Maintenance(change) => change.services.clone(),
        Change::Wait(change) => change.services.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_a_time_and_a_sentence() {
        let history = serde_json::from_value(serde_json::json!({ "changes": [
            { "kind": "hold", "service": "web", "actor": { "uid": 0 }, "max_wait_seconds": 30.0,
              "at": "2026-11-23T15:04:05.678Z" },
            { "kind": "reload", "generation": 12, "services": ["api", "web"], "actor": "teal",
              "at": "2026-11-23T15:04:05.678Z" },
        ] }));
        let all = PastChange::all(history.expect("a history"));
        let texts: Vec<_> = all.iter().map(|one| (&*one.at, &*one.text)).collect();
        assert_eq!(
            texts,
            [
                ("11-23 15:04:05", "hold of web, by uid 0"),
                ("11-23 15:04:05", "reload of api, web, by teal"),
            ]
        );
        assert!(all[0].concerns("web") && !all[0].concerns("api") && all[1].concerns("api"));
    }
}

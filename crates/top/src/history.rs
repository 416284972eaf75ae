//! The newest decisions about a service, one line each, in the words of `teal history`; between them what no
//! history keeps: changes of health, and refusals.

use contract::text;
use contract::wire::{Change, Event, History};

use crate::words::{clean, when};

/// A past decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastChange {
    /// The services that it concerns; empty: all.
    services: Vec<String>,
    /// The time as the API gives it, which also orders.
    at: String,
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
        Some(Self { services, at: at.to_owned(), text: clean(text) })
    }

    /// An event that is in no history; `None`: it is, or it need not be told.
    pub(crate) fn seen(event: &Event) -> Option<Self> {
        let services = event.service.iter().cloned().collect();
        let is_told = matches!(&*event.kind, "health" | "refused");
        is_told.then(|| Self { services, at: event.at.clone(), text: clean(&text::event(event)) })
    }

    /// Puts changes in order, the newest first.
    pub(crate) fn sort(changes: &mut [&Self]) {
        changes.sort_by(|one, other| other.at.cmp(&one.at));
    }

    /// Month, day and time, UTC.
    pub(crate) fn when(&self) -> String {
        when(&self.at)
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
        let texts: Vec<_> = all.iter().map(|one| (one.when(), &*one.text)).collect();
        assert_eq!(
            texts,
            [
                ("11-23 15:04:05".to_owned(), "hold of web, by uid 0"),
                ("11-23 15:04:05".to_owned(), "reload of api, web, by teal"),
            ]
        );
        assert!(all[0].concerns("web") && !all[0].concerns("api") && all[1].concerns("api"));
    }
}

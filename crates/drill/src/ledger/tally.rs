//! The figures by protocol: HTTP/1.1 or HTTP/2, with TLS or without.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::client::{ClientLedger, Outcome};
use super::timeline::Timeline;
use super::verdict::Seen;
use crate::endpoint::Protocol;

/// The outcomes of the requests over one protocol.
/// `sent = answered + lost + cut_by_faults + wrong_echo + in_flight`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests that were begun.
    pub sent: u64,
    /// Correct answers.
    pub answered: u64,
    /// Requests without a complete answer from a target.
    pub lost: u64,
    /// Requests without a complete answer that were in flight when the drill killed a process they needed.
    pub cut_by_faults: u64,
    /// Requests with the complete answer to another request.
    pub wrong_echo: u64,
    /// Requests without an outcome.
    pub in_flight: u64,
    /// Non-idempotent requests that were seen more than once.
    pub doubled: u64,
    /// Idempotent requests that were seen more than once.
    pub replayed: u64,
    /// Requests seen by a color that was not active any more, or not yet.
    pub late: u64,
    /// The times that the server reported a request as not processed, and it was sent again.
    pub moved: u64,
}

impl Tally {
    /// Adds the targets' sightings of one request.
    pub(super) fn see(&mut self, one: &Seen) {
        self.doubled += one.doubled;
        self.replayed += one.replayed;
        self.late += one.late;
    }
}

/// The client's figures; `timeline` has the outages that excuse a loss.
pub(super) fn of_client(
    client: &ClientLedger,
    timeline: Option<&Timeline>,
) -> BTreeMap<Protocol, Tally> {
    let excused = timeline.map(|timeline| excused(client, timeline)).unwrap_or_default();
    let mut all: BTreeMap<Protocol, Tally> = BTreeMap::new();
    for (number, entry) in (0..).zip(&client.entries) {
        let tally = all.entry(entry.over).or_default();
        let column = match entry.outcome {
            Outcome::NotAccepted => continue,
            Outcome::Open => &mut tally.in_flight,
            Outcome::Answered(_) => &mut tally.answered,
            Outcome::Wrong => &mut tally.wrong_echo,
            Outcome::Lost if excused.contains(&number) => &mut tally.cut_by_faults,
            Outcome::Lost => &mut tally.lost,
        };
        *column += 1;
        tally.sent += 1;
    }
    for (over, moved) in &client.moved {
        all.entry(*over).or_default().moved = *moved;
    }
    all
}

/// The numbers of the lost requests that an outage explains.
fn excused(client: &ClientLedger, timeline: &Timeline) -> BTreeSet<u64> {
    let excused = client.failures.iter().filter(|(number, failed)| {
        let entry = client.entries.get(*number as usize);
        let span = entry.and_then(|entry| entry.span(client.started));
        timeline.excuses(span.map_or(*failed, |(sent, _)| sent), *failed)
    });
    excused.map(|(number, _)| *number).collect()
}

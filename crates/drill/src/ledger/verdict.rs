//! The join of all ledgers, as figures.

use std::collections::BTreeMap;

use serde::Serialize;

use super::books::Books;
use super::client::{ClientLedger, Entry, Outcome};
use super::loss::{Loss, LossNote};
use super::tally::{self, Tally};
use super::target::TargetLedger;
use super::timeline::Timeline;
use crate::endpoint::Protocol;

/// The results of a run. `sent = answered + lost + cut_by_faults + wrong_echo + in_flight`.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Requests that were begun.
    pub sent: u64,
    /// Correct answers by server: the color if known, else the name in the answer.
    pub answered: BTreeMap<String, u64>,
    /// Requests without a complete answer from a target.
    pub lost: u64,
    /// Requests in flight while the drill had killed the active color or Teal itself, without a
    /// complete answer: no proxy could have saved them.
    pub cut_by_faults: u64,
    /// Both by reason; those cut during the answer are under `cut`.
    pub losses: BTreeMap<Loss, u64>,
    /// Requests with the complete answer to another request.
    pub wrong_echo: u64,
    /// Requests without an outcome when the ledger was closed.
    pub in_flight: u64,
    /// The same by protocol.
    pub over: BTreeMap<Protocol, Tally>,
    /// The targets' sightings; none without their ledgers.
    pub seen: Option<Seen>,
    /// Teal's own counts, at rest; none if it was not asked.
    pub books: Option<Books>,
    /// The 95 % upper bound on the share of lost requests; none after a loss.
    pub loss_bound: Option<f64>,
    /// Switches that took place.
    pub switches: u64,
    /// Idle connections that the server closed in order.
    pub idle_closed: u64,
    /// Requests pipelined after an answer that closed the connection: not processed, and sent again.
    pub turned_away: u64,
    /// HTTP/2 requests that the server reported as not processed (REFUSED_STREAM, or beyond its GOAWAY):
    /// sent again, on another connection.
    pub moved: u64,
    /// HTTP/2 connections that got a GOAWAY.
    pub told_to_go: u64,
    /// Idle connections that the server reset.
    pub idle_reset: u64,
    /// The duration of the load.
    pub seconds: f64,
    /// Requests per second over the whole run.
    pub requests_per_second: f64,
    /// The median answer time in microseconds.
    pub p50_micros: u32,
    /// The 99th percentile of answer times in microseconds.
    pub p99_micros: u32,
    /// The first failed requests, with details.
    pub notes: Vec<LossNote>,
}

/// The targets' sightings of the requests of this run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Non-idempotent requests that were seen more than once.
    pub doubled: u64,
    /// Idempotent requests that were seen more than once.
    pub replayed: u64,
    /// Requests seen by a color that was not active any more when they were sent,
    /// or not yet when they were answered (L2).
    pub late: u64,
    /// Answers signed by a target in whose ledger the request is missing.
    pub unaccounted: u64,
    /// Requests of this run in a target's ledger that were never sent.
    pub unknown: u64,
}

/// The sightings of one request: how often, and by which targets.
#[derive(Debug, Clone, Copy, Default)]
struct Sightings {
    count: u8,
    /// One bit per target.
    targets: u32,
}

impl Verdict {
    /// Judges a run without the targets' ledgers.
    pub fn of_client(client: &ClientLedger) -> Self {
        Self::new(client, &[], 0, tally::of_client(client, None), None)
    }

    /// Joins the client's ledger with those of all targets.
    ///
    /// At most 32 targets; `timeline` is keyed by the targets' names.
    pub fn join(client: &ClientLedger, targets: &[TargetLedger], timeline: &Timeline) -> Self {
        let mut over = tally::of_client(client, Some(timeline));
        let seen = join(client, targets, timeline, &mut over);
        Self::new(client, targets, timeline.switches(), over, Some(seen))
    }

    /// Returns true if nothing was lost, cut, doubled, late or misrouted, and the books balance.
    pub fn is_lossless(&self) -> bool {
        let seen = self.seen.clone().unwrap_or_default();
        let clean = Seen { replayed: seen.replayed, ..Seen::default() };
        let balanced = self.books.as_ref().is_none_or(Books::balance);
        self.lost == 0 && self.wrong_echo == 0 && self.in_flight == 0 && seen == clean && balanced
    }

    fn new(
        client: &ClientLedger,
        targets: &[TargetLedger],
        switches: u64,
        over: BTreeMap<Protocol, Tally>,
        seen: Option<Seen>,
    ) -> Self {
        let mut answered = BTreeMap::new();
        for target in targets {
            answered.insert(target.name.clone(), 0);
        }
        for (version, count) in client.names.iter().zip(&client.answered) {
            let target = targets.iter().find(|target| target.version == *version);
            let name = target.map_or(version, |target| &target.name);
            *answered.entry(name.clone()).or_insert(0) += count;
        }
        let sent = client.sent();
        let open = client.entries.iter().filter(|entry| entry.outcome == Outcome::Open).count();
        let cut_by_faults = over.values().map(|tally| tally.cut_by_faults).sum();
        let lost = over.values().map(|tally| tally.lost).sum();
        let seconds = client.lasted.as_secs_f64();
        Self {
            sent,
            answered,
            lost,
            cut_by_faults,
            losses: client.losses.clone(),
            wrong_echo: client.wrong,
            in_flight: open as u64,
            over,
            seen,
            books: None,
            // Zero failures in n trials: the rule of three.
            loss_bound: (lost == 0 && sent >= 3).then(|| 3.0 / sent as f64),
            switches,
            idle_closed: client.idle_closed,
            turned_away: client.turned_away,
            moved: client.moved.values().sum(),
            told_to_go: client.told_to_go,
            idle_reset: client.idle_reset,
            seconds,
            requests_per_second: if seconds > 0.0 { sent as f64 / seconds } else { 0.0 },
            p50_micros: client.latency.quantile(500),
            p99_micros: client.latency.quantile(990),
            notes: client.notes.clone(),
        }
    }
}

/// Joins request by request; also counts the sightings by protocol.
fn join(
    client: &ClientLedger,
    targets: &[TargetLedger],
    timeline: &Timeline,
    over: &mut BTreeMap<Protocol, Tally>,
) -> Seen {
    let mut sightings = vec![Sightings::default(); client.entries.len()];
    let mut seen = Seen::default();
    for (bit, target) in (0_u32..).zip(targets) {
        for id in &target.seen {
            let Some(number) = client.run.number(id) else { continue }; // another run's
            let Some(sighting) = sightings.get_mut(number as usize) else {
                seen.unknown += 1;
                continue;
            };
            sighting.count = sighting.count.saturating_add(1);
            sighting.targets |= 1 << bit.min(31);
        }
    }
    for (entry, sighting) in client.entries.iter().zip(&sightings) {
        let one = sighting.judge(entry, client, targets, timeline);
        seen.add(&one);
        over.entry(entry.over).or_default().see(&one);
    }
    seen
}

// === impl Sightings ===

impl Sightings {
    /// Counts the violations in these sightings of one request.
    fn judge(
        self,
        entry: &Entry,
        client: &ClientLedger,
        targets: &[TargetLedger],
        timeline: &Timeline,
    ) -> Seen {
        let mut seen = Seen::default();
        if self.count > 1 {
            if entry.kind.idempotent() {
                seen.replayed += 1;
            } else {
                seen.doubled += 1;
            }
        }
        let saw = |bit: u32| self.targets & (1 << bit.min(31)) != 0;
        if let Outcome::Answered(name) = entry.outcome {
            let name = client.names.get(usize::from(name));
            let known = (0_u32..).zip(targets).find(|(_, target)| Some(&target.version) == name);
            if !known.is_some_and(|(bit, _)| saw(bit)) {
                seen.unaccounted += 1;
            }
        }
        if let Some((sent, settled)) = entry.span(client.started) {
            let mut viewers = (0_u32..).zip(targets).filter(|(bit, _)| saw(*bit));
            if viewers.any(|(_, target)| !timeline.allows(&target.name, sent, settled)) {
                seen.late += 1;
            }
        } else if self.count > 0 {
            seen.unknown += 1;
        }
        seen
    }
}

// === impl Seen ===

impl Seen {
    fn add(&mut self, other: &Self) {
        self.doubled += other.doubled;
        self.replayed += other.replayed;
        self.late += other.late;
        self.unaccounted += other.unaccounted;
        self.unknown += other.unknown;
    }
}

//! The client's side of the ledger: 24 bytes per request, in order of number.
//!
//! Every request gets its number here, and every change of its outcome goes
//! through one function, so the columns always add up to what was begun.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::latency::Latency;
use super::loss::{Fault, Loss, LossNote};
use crate::endpoint::Protocol;
use crate::kind::Kind;
use crate::protocol::RunName;

/// The most failed requests that are kept with details; all are counted.
const NOTES_MAX: usize = 100;

/// The name for a server that does not name itself.
const UNNAMED: &str = "the server";

/// Marks a request whose first byte has not been sent.
const UNSENT: u64 = u64::MAX;

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Still in flight.
    Open,
    /// Answered correctly by the server with this index in the names.
    Answered(u8),
    /// No complete answer from a target.
    Lost,
    /// Answered, but not with the answer to this request.
    Wrong,
    /// Never accepted by a server that was expected to end: as if it had not been sent.
    NotAccepted,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Nanoseconds from the start of the run to just before the first byte, or [`UNSENT`].
    sent_nanos: u64,
    /// Microseconds from there to the outcome, rounded up.
    took_micros: u32,
    /// Microseconds from when the request was due to the first byte; only in an open loop.
    behind_micros: u32,
    pub(super) kind: Kind,
    pub(super) over: Protocol,
    pub(super) outcome: Outcome,
}

/// The client's ledger of one run.
#[derive(Debug)]
pub struct ClientLedger {
    pub(super) run: RunName,
    pub(super) started: Instant,
    pub(super) entries: Vec<Entry>,
    /// Servers by the index in [`Outcome::Answered`].
    pub(super) names: Vec<String>,
    /// Correct answers, by the same index.
    pub(super) answered: Vec<u64>,
    pub(super) losses: BTreeMap<Loss, u64>,
    /// The numbers of lost requests, and when each was given up.
    pub(super) failures: Vec<(u64, Instant)>,
    pub(super) wrong: u64,
    pub(super) not_accepted: u64,
    pub(super) notes: Vec<LossNote>,
    pub(super) idle_closed: u64,
    pub(super) turned_away: u64,
    /// HTTP/2 requests that the server reported as not processed, each as often as it was reported.
    pub(super) moved: BTreeMap<Protocol, u64>,
    pub(super) told_to_go: u64,
    pub(super) idle_reset: u64,
    pub(super) latency: Latency,
    /// From the start to the end of the load.
    pub(super) lasted: Duration,
}

/// The figures at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Requests begun so far.
    pub sent: u64,
    /// Requests begun and not yet answered or lost.
    pub in_flight: u64,
    /// Requests without a complete answer from a target.
    pub lost: u64,
    /// Requests answered with something else.
    pub wrong: u64,
    /// Correct answers by the servers' names for themselves.
    pub answered: Vec<(String, u64)>,
    /// The 99th percentile of answer times, in microseconds.
    pub p99_micros: u32,
}

/// The open ledger of a running load; every loop writes into it.
#[derive(Debug)]
pub struct Recorder(Mutex<ClientLedger>);

// === impl Recorder ===

impl Recorder {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        Ok(Self(Mutex::new(ClientLedger::new(RunName::random()?))))
    }

    /// The current figures.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().snapshot()
    }

    /// Gives the next request its number.
    pub(crate) fn begin(&self, over: Protocol, kind: impl FnOnce(u64) -> Kind) -> u64 {
        let mut ledger = self.lock();
        let number = ledger.entries.len() as u64;
        let kind = kind(number);
        let outcome = Outcome::Open;
        ledger.entries.push(Entry {
            sent_nanos: UNSENT,
            took_micros: 0,
            behind_micros: 0,
            kind,
            over,
            outcome,
        });
        number
    }

    /// The text that carries this number.
    pub(crate) fn id(&self, number: u64) -> String {
        self.lock().run.id(number)
    }

    /// The kind that the request was given at its start.
    pub(crate) fn kind(&self, number: u64) -> Kind {
        self.lock().entries.get(number as usize).map_or(Kind::Get, |entry| entry.kind)
    }

    /// Call this just before the first byte is written; `due`: when that should have been.
    pub(crate) fn sent(&self, number: u64, due: Option<Instant>) {
        let mut ledger = self.lock();
        ledger.departed(number, Instant::now(), due);
    }

    /// The same for a request whose first byte was written just after this instant.
    pub(crate) fn departed(&self, number: u64, at: Instant, due: Option<Instant>) {
        self.lock().departed(number, at, due);
    }

    pub(crate) fn answered(&self, number: u64, version: Option<&str>) {
        let mut ledger = self.lock();
        let name = ledger.name(version.unwrap_or(UNNAMED));
        ledger.settle(number, Outcome::Answered(name));
    }

    /// Also for a request whose answer turned out to be wrong later.
    pub(crate) fn failed(&self, number: u64, fault: Fault) {
        let mut ledger = self.lock();
        let (outcome, loss, why) = match fault {
            Fault::Lost(loss, why) => (Outcome::Lost, Some(loss), why),
            Fault::Wrong(why) => (Outcome::Wrong, None, why),
            Fault::NotAccepted(why) => (Outcome::NotAccepted, None, why),
        };
        if !ledger.settle(number, outcome) || outcome == Outcome::NotAccepted {
            return;
        }
        if let Some(loss) = loss {
            *ledger.losses.entry(loss).or_default() += 1;
            ledger.failures.push((number, Instant::now()));
        }
        ledger.note(number, loss, why);
    }

    /// Pipelined requests that were not processed, as an answer showed.
    pub(crate) fn turned_away(&self, count: usize) {
        self.lock().turned_away += count as u64;
    }

    /// A request that was sent and not processed, as the server reported (RFC 9113 section 8.7).
    pub(crate) fn moved(&self, over: Protocol) {
        *self.lock().moved.entry(over).or_default() += 1;
    }

    /// A connection that accepts no more requests, as the server reported.
    pub(crate) fn told_to_go(&self) {
        self.lock().told_to_go += 1;
    }

    pub(crate) fn idle_closed(&self) {
        self.lock().idle_closed += 1;
    }

    pub(crate) fn idle_reset(&self) {
        self.lock().idle_reset += 1;
    }

    /// Takes the ledger; anything recorded later is discarded.
    pub(crate) fn take(&self) -> ClientLedger {
        let mut ledger = self.lock();
        let empty = ClientLedger::new(ledger.run.clone());
        let mut taken = std::mem::replace(&mut *ledger, empty);
        taken.lasted = taken.started.elapsed();
        taken
    }

    fn lock(&self) -> MutexGuard<'_, ClientLedger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl ClientLedger ===

impl ClientLedger {
    fn new(run: RunName) -> Self {
        Self {
            run,
            started: Instant::now(),
            entries: Vec::new(),
            names: Vec::new(),
            answered: Vec::new(),
            losses: BTreeMap::new(),
            failures: Vec::new(),
            wrong: 0,
            not_accepted: 0,
            notes: Vec::new(),
            idle_closed: 0,
            turned_away: 0,
            moved: BTreeMap::new(),
            told_to_go: 0,
            idle_reset: 0,
            latency: Latency::new(),
            lasted: Duration::ZERO,
        }
    }

    /// Records the instant before the first byte. For a request that was moved, the last one counts: it is
    /// the one that was answered, and a sighting of an earlier one is one too many.
    fn departed(&mut self, number: u64, at: Instant, due: Option<Instant>) {
        let nanos = nanos(at.saturating_duration_since(self.started));
        let behind = due.map_or(Duration::ZERO, |due| at.saturating_duration_since(due));
        if let Some(entry) = self.entries.get_mut(number as usize) {
            entry.sent_nanos = nanos;
            entry.behind_micros = u32::try_from(behind.as_micros()).unwrap_or(u32::MAX);
        }
    }

    /// The one place where an outcome changes; false: it has failed already, and fails once.
    fn settle(&mut self, number: u64, outcome: Outcome) -> bool {
        let now = nanos(self.started.elapsed());
        let Some(entry) = self.entries.get_mut(number as usize) else { return false };
        match entry.outcome {
            Outcome::Open => {
                let took = now.saturating_sub(entry.sent_nanos).div_ceil(1_000);
                entry.took_micros = u32::try_from(took).unwrap_or(u32::MAX);
            }
            Outcome::Answered(name) => {
                if let Some(count) = self.answered.get_mut(usize::from(name)) {
                    *count -= 1;
                }
            }
            Outcome::Lost | Outcome::Wrong | Outcome::NotAccepted => return false,
        }
        entry.outcome = outcome;
        let took = entry.took_micros.saturating_add(entry.behind_micros);
        match outcome {
            Outcome::Answered(name) => {
                if let Some(count) = self.answered.get_mut(usize::from(name)) {
                    *count += 1;
                }
                self.latency.add(took);
            }
            Outcome::Wrong => self.wrong += 1,
            Outcome::NotAccepted => self.not_accepted += 1,
            Outcome::Lost | Outcome::Open => {}
        }
        true
    }

    /// The time when a request's first byte went out.
    #[cfg(test)]
    pub(crate) fn departure(&self, number: u64) -> Option<Instant> {
        let entry = self.entries.get(number as usize)?;
        entry.span(self.started).map(|(sent, _)| sent)
    }

    /// The index of a server's name.
    fn name(&mut self, name: &str) -> u8 {
        let known = self.names.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            if self.names.len() < usize::from(u8::MAX) {
                self.names.push(name.to_owned());
                self.answered.push(0);
            }
            self.names.len() - 1
        });
        u8::try_from(index).unwrap_or(u8::MAX)
    }

    fn note(&mut self, number: u64, loss: Option<Loss>, why: String) {
        if self.notes.len() == NOTES_MAX {
            return;
        }
        let Some(entry) = self.entries.get(number as usize) else { return };
        let sent = (entry.sent_nanos != UNSENT).then_some(entry.sent_nanos);
        self.notes.push(LossNote {
            id: self.run.id(number),
            kind: format!("{:?}", entry.kind).to_lowercase(),
            over: entry.over,
            sent_after_seconds: sent.map(|nanos| Duration::from_nanos(nanos).as_secs_f64()),
            loss,
            why,
        });
    }

    /// The number of requests, without those that a server at its end never accepted.
    pub(super) fn sent(&self) -> u64 {
        self.entries.len() as u64 - self.not_accepted
    }

    fn snapshot(&self) -> Snapshot {
        let sent = self.sent();
        let lost = self.losses.values().sum();
        let answered: u64 = self.answered.iter().sum();
        Snapshot {
            sent,
            in_flight: sent - answered - lost - self.wrong,
            lost,
            wrong: self.wrong,
            answered: self.names.iter().cloned().zip(self.answered.iter().copied()).collect(),
            p99_micros: self.latency.quantile(990),
        }
    }
}

// === impl Entry ===

impl Entry {
    /// From just before the first byte to the outcome; none if nothing was sent.
    ///
    /// A request without an outcome, or with one that took longer than can be
    /// stored, has no end.
    pub(super) fn span(&self, started: Instant) -> Option<(Instant, Option<Instant>)> {
        if self.sent_nanos == UNSENT {
            return None;
        }
        let sent = started + Duration::from_nanos(self.sent_nanos);
        let has_end = self.outcome != Outcome::Open && self.took_micros != u32::MAX;
        let end = has_end.then(|| sent + Duration::from_micros(self.took_micros.into()));
        Some((sent, end))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX - 1)
}

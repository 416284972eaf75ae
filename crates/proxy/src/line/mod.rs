//! The hold queues, in which requests wait while their service is held: one per service over all workers, in
//! order of arrival, within caps, and released at a pace that the targets can handle.
//!
//! Shared and locked, so it is kept off the path of a request that does not wait: that one reads a single
//! number, which changes only when a queue begins or ends.

mod failover;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rules::{Hold, ServiceName};
use traffic::{Held, Table};

use crate::deadline::SWEEP_EVERY;

pub(crate) use failover::FailoverQueue;

/// The queues of all services.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    services: Mutex<BTreeMap<ServiceName, Line>>,
    /// The number of queues.
    open: AtomicUsize,
}

/// The waiting requests of one service, by the number of their arrival.
#[derive(Debug, Default)]
struct Line {
    places: BTreeMap<u64, Arc<Place>>,
    arrived: u64,
    bytes: u64,
    held: bool,
    /// The longest wait under the last hold; it also applies to those released after it.
    max_wait: Duration,
    /// Requests that may be released, in fractions that the pace adds up.
    may_go: f64,
    per_second: f64,
    paced: Option<Instant>,
}

/// One waiting request.
#[derive(Debug, Default)]
pub(crate) struct Place {
    turn: Mutex<Turn>,
}

#[derive(Debug, Default)]
struct Turn {
    go: bool,
    waker: Option<Waker>,
}

/// A request's place in a queue.
#[derive(Debug)]
pub(crate) struct Spot {
    pub(crate) place: Arc<Place>,
    /// Its arrival number. A request that has to wait once more gets the same place.
    pub(crate) number: u64,
    pub(crate) max_wait: Duration,
}

/// A request that checks whether it has to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) service: &'a ServiceName,
    pub(crate) held: Option<Held>,
    pub(crate) caps: &'a Hold,
    /// The memory that it holds.
    pub(crate) bytes: u64,
    /// The number of its place, if it had its turn before.
    pub(crate) before: Option<u64>,
}

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

// === impl Lines ===

impl Lines {
    /// Returns a place in the queue of the service, if there is one; a request that had its turn waits only if
    /// the service is held.
    pub(crate) fn enter(&self, arrival: &Arrival<'_>) -> Result<Option<Spot>, Full> {
        let Arrival { service, held, caps, bytes, before } = *arrival;
        if held.is_none() && (before.is_some() || self.open.load(Ordering::Relaxed) == 0) {
            return Ok(None);
        }
        let mut services = self.lock();
        if held.is_none() && !services.contains_key(service) {
            return Ok(None);
        }
        let line = services.entry(service.clone()).or_default();
        let spot = line.enter(held, caps, bytes, before);
        self.open.store(services.len(), Ordering::Relaxed);
        spot.map(Some)
    }

    /// Leaves the queue, whether or not it was its turn.
    pub(crate) fn leave(&self, service: &ServiceName, number: u64, bytes: u64) {
        if let Some(line) = self.lock().get_mut(service) {
            line.bytes = line.bytes.saturating_sub(bytes);
            line.places.remove(&number);
        }
    }

    /// Takes from a new table which services are held.
    pub(crate) fn adopted(&self, table: &Table, now: Instant) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        for (name, line) in self.lock().iter_mut() {
            let service = table.place(name).and_then(|place| table.services.get(place));
            line.held = service.is_some_and(|service| service.held.is_some());
        }
        self.pace(now);
    }

    /// Releases as many as the time since the last call allows.
    pub(crate) fn pace(&self, now: Instant) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut services = self.lock();
        services.values_mut().for_each(|line| line.pace(now));
        services.retain(|_, line| line.held || !line.places.is_empty());
        self.open.store(services.len(), Ordering::Relaxed);
    }

    /// Wakes all, so that each checks its state again.
    pub(crate) fn wake_all(&self) {
        self.lock().values().flat_map(|line| line.places.values()).for_each(|place| place.wake());
    }

    // A poisoned lock is ignored: only plain assignments happen under it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceName, Line>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Line ===

impl Line {
    fn enter(
        &mut self,
        held: Option<Held>,
        caps: &Hold,
        bytes: u64,
        before: Option<u64>,
    ) -> Result<Spot, Full> {
        if let Some(held) = held {
            self.held = true;
            self.max_wait = held.max_wait;
        }
        self.per_second = f64::from(caps.release_per_second);
        if self.places.len() as u64 >= caps.requests || self.bytes + bytes > caps.bytes {
            return Err(Full);
        }
        self.bytes += bytes;
        let number = before.unwrap_or(self.arrived);
        self.arrived = self.arrived.max(number + 1);
        let place = Arc::new(Place::default());
        self.places.insert(number, place.clone());
        Ok(Spot { place, number, max_wait: self.max_wait })
    }

    fn pace(&mut self, now: Instant) {
        if self.held {
            self.paced = None;
            return;
        }
        let since = self.paced.map_or(SWEEP_EVERY, |last| now.saturating_duration_since(last));
        self.paced = Some(now);
        // Unused pace is not saved up: there are no bursts.
        self.may_go = (self.may_go.fract() + since.as_secs_f64() * self.per_second).max(0.0);
        while self.may_go >= 1.0 {
            let Some((_, place)) = self.places.pop_first() else { break };
            self.may_go -= 1.0;
            place.go();
        }
    }
}

// === impl Place ===

impl Place {
    pub(crate) fn go(&self) {
        self.lock().go = true;
        self.wake();
    }

    pub(crate) fn wake(&self) {
        let waker = self.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut turn = self.lock();
        if turn.go {
            return Poll::Ready(());
        }
        turn.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(service: &ServiceName, before: Option<u64>) -> Arrival<'_> {
        const CAPS: Hold = Hold { requests: 3, bytes: 100, release_per_second: 10 };
        let held = Some(Held { max_wait: Duration::from_secs(1) });
        Arrival { service, held, caps: &CAPS, bytes: 1, before }
    }

    #[test]
    fn who_waits_once_more_stands_where_it_stood() {
        let (lines, web) = (Lines::default(), ServiceName::new("web").unwrap());
        let enter = |before| lines.enter(&arrival(&web, before)).unwrap().unwrap();
        let (first, second) = (enter(None), enter(None));
        lines.leave(&web, first.number, 1);
        let again = enter(Some(first.number));
        let ready = |spot: &Spot| spot.place.poll(&mut Context::from_waker(Waker::noop()));
        lines.adopted(&Table::empty(rules::Limits::default()), Instant::now());
        lines.pace(Instant::now() + Duration::from_millis(110));
        assert!(ready(&again).is_ready() && ready(&second).is_pending());
    }

    #[test]
    fn a_line_is_full_at_its_caps_and_gone_when_nobody_waits() {
        let (lines, web) = (Lines::default(), ServiceName::new("web").unwrap());
        let enter = |before| lines.enter(&arrival(&web, before));
        let spots: Vec<_> = (0..3).map(|_| enter(None).unwrap().unwrap()).collect();
        assert_eq!(enter(None).err(), Some(Full));
        lines.adopted(&Table::empty(rules::Limits::default()), Instant::now());
        let free = Arrival { held: None, ..arrival(&web, None) };
        assert_eq!(lines.enter(&free).err(), Some(Full), "it queues behind those that wait");
        for spot in &spots {
            lines.leave(&web, spot.number, 1);
        }
        lines.pace(Instant::now());
        assert!(lines.enter(&free).unwrap().is_none());
    }
}

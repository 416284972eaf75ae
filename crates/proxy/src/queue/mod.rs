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
pub(crate) struct HoldQueues {
    services: Mutex<BTreeMap<ServiceName, HoldQueue>>,
    /// The number of queues.
    open: AtomicUsize,
}

/// The waiting requests of one service, by the number of their arrival.
#[derive(Debug, Default)]
struct HoldQueue {
    waiters: BTreeMap<u64, Arc<Waiter>>,
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
pub(crate) struct Waiter {
    state: Mutex<WaiterState>,
}

/// The turn of a waiter: whether it has come, and how to wake it.
#[derive(Debug, Default)]
struct WaiterState {
    go: bool,
    waker: Option<Waker>,
}

/// A request's position in a queue.
#[derive(Debug)]
pub(crate) struct Position {
    pub(crate) waiter: Arc<Waiter>,
    /// Its arrival number. A request that has to wait once more gets the same position.
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
    /// The number of its position, if it had its turn before.
    pub(crate) before: Option<u64>,
}

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

// === impl HoldQueues ===

impl HoldQueues {
    /// Returns a position in the queue of the service, if there is one; a request that had its turn waits only if
    /// the service is held.
    pub(crate) fn enter(&self, arrival: &Arrival<'_>) -> Result<Option<Position>, Full> {
        let Arrival { service, held, caps, bytes, before } = *arrival;
        if held.is_none() && (before.is_some() || self.open.load(Ordering::Relaxed) == 0) {
            return Ok(None);
        }
        let mut services = self.lock();
        if held.is_none() && !services.contains_key(service) {
            return Ok(None);
        }
        let queue = services.entry(service.clone()).or_default();
        let position = queue.enter(held, caps, bytes, before);
        self.open.store(services.len(), Ordering::Relaxed);
        position.map(Some)
    }

    /// Leaves the queue, whether or not it was its turn.
    pub(crate) fn leave(&self, service: &ServiceName, number: u64, bytes: u64) {
        if let Some(queue) = self.lock().get_mut(service) {
            queue.bytes = queue.bytes.saturating_sub(bytes);
            queue.waiters.remove(&number);
        }
    }

    /// Takes from a new table which services are held, or in maintenance.
    pub(crate) fn adopted(&self, table: &Table, now: Instant) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        for (name, queue) in self.lock().iter_mut() {
            let service = table.index_of(name).and_then(|place| table.services.get(place));
            queue.held = service.is_some_and(|service| service.held.is_some());
            if service.is_some_and(|service| service.maintenance.is_some()) {
                queue.turn_away();
            }
        }
        self.pace(now);
    }

    /// Releases as many as the time since the last call allows.
    pub(crate) fn pace(&self, now: Instant) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut services = self.lock();
        services.values_mut().for_each(|queue| queue.pace(now));
        services.retain(|_, queue| queue.held || !queue.waiters.is_empty());
        self.open.store(services.len(), Ordering::Relaxed);
    }

    /// Wakes all, so that each checks its state again.
    pub(crate) fn wake_all(&self) {
        self.lock()
            .values()
            .flat_map(|queue| queue.waiters.values())
            .for_each(|waiter| waiter.wake());
    }

    // A poisoned lock is ignored: only plain assignments happen under it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceName, HoldQueue>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl HoldQueue ===

impl HoldQueue {
    fn enter(
        &mut self,
        held: Option<Held>,
        caps: &Hold,
        bytes: u64,
        before: Option<u64>,
    ) -> Result<Position, Full> {
        if let Some(held) = held {
            self.held = true;
            self.max_wait = held.max_wait;
        }
        self.per_second = f64::from(caps.release_per_second);
        if self.waiters.len() as u64 >= caps.requests || self.bytes + bytes > caps.bytes {
            return Err(Full);
        }
        self.bytes += bytes;
        let number = before.unwrap_or(self.arrived);
        self.arrived = self.arrived.max(number + 1);
        let waiter = Arc::new(Waiter::default());
        self.waiters.insert(number, waiter.clone());
        Ok(Position { waiter, number, max_wait: self.max_wait })
    }

    /// Releases all at once: Teal answers them, so no target has to handle them.
    fn turn_away(&mut self) {
        while let Some((_, waiter)) = self.waiters.pop_first() {
            waiter.go();
        }
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
            let Some((_, waiter)) = self.waiters.pop_first() else { break };
            self.may_go -= 1.0;
            waiter.go();
        }
    }
}

// === impl Waiter ===

impl Waiter {
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
        let mut state = self.lock();
        if state.go {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, WaiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn a_request_that_waits_again_keeps_its_place() {
        let (queues, web) = (HoldQueues::default(), ServiceName::new("web").unwrap());
        let enter = |before| queues.enter(&arrival(&web, before)).unwrap().unwrap();
        let (first, second) = (enter(None), enter(None));
        queues.leave(&web, first.number, 1);
        let again = enter(Some(first.number));
        let ready =
            |position: &Position| position.waiter.poll(&mut Context::from_waker(Waker::noop()));
        queues.adopted(&Table::empty(rules::Limits::default()), Instant::now());
        queues.pace(Instant::now() + Duration::from_millis(110));
        assert!(ready(&again).is_ready() && ready(&second).is_pending());
    }

    #[test]
    fn a_queue_is_full_at_its_caps_and_gone_when_nobody_waits() {
        let (queues, web) = (HoldQueues::default(), ServiceName::new("web").unwrap());
        let enter = |before| queues.enter(&arrival(&web, before));
        let positions: Vec<_> = (0..3).map(|_| enter(None).unwrap().unwrap()).collect();
        assert_eq!(enter(None).err(), Some(Full));
        queues.adopted(&Table::empty(rules::Limits::default()), Instant::now());
        let free = Arrival { held: None, ..arrival(&web, None) };
        assert_eq!(queues.enter(&free).err(), Some(Full), "it queues behind those that wait");
        for position in &positions {
            queues.leave(&web, position.number, 1);
        }
        queues.pace(Instant::now());
        assert!(queues.enter(&free).unwrap().is_none());
    }
}

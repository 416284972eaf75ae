//! The limit of client connections, over all workers. When it is reached, connections without a request are
//! closed, those idle longest first. Looked at per connection and per tick, not per request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::deadline::{Deadlines, Early};

/// The connections of all workers.
#[derive(Clone, Debug)]
pub(crate) struct Capacity {
    limit: usize,
    shared: Arc<Shared>,
}

/// One connection's share of the capacity.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    open: AtomicUsize,
    /// Idle connections still to be closed, by any worker.
    wanted: AtomicUsize,
    /// Of those last asked for, the number of places that have not become free.
    asked: AtomicUsize,
    /// The time of that, in milliseconds since `began`.
    asked_at: AtomicU64,
    began: Instant,
}

/// One in this many connections is closed at a time.
const PART: usize = 32;

/// The most that are closed at a time.
const MOST: usize = 256;

/// The time allowed for these to close before more are asked for: they linger.
const LINGER: Duration = Duration::from_secs(3);

impl Capacity {
    pub(crate) fn new(limit: usize) -> Self {
        let (open, wanted, asked) = Default::default();
        let asked_at = AtomicU64::default();
        let began = Instant::now();
        Self { limit, shared: Arc::new(Shared { open, wanted, asked, asked_at, began }) }
    }

    pub(crate) fn permit(&self) -> Option<Permit> {
        let shared = &self.shared;
        let more = |open: usize| (open < self.limit).then_some(open + 1);
        shared.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        if shared.wanted.load(Ordering::Relaxed) > 0 {
            shared.wanted.store(0, Ordering::Relaxed); // there is room
        }
        Some(Permit(shared.clone()))
    }

    pub(crate) fn permit_beyond_limit(&self) -> Permit {
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        Permit(self.shared.clone())
    }

    /// Asks the workers to close idle connections, as a client waits and the limit is reached, unless they have
    /// just been asked. Returns true if they were asked now.
    pub(crate) fn ask(&self) -> bool {
        let shared = &self.shared;
        let now = u64::try_from(shared.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let since = now.saturating_sub(shared.asked_at.load(Ordering::Relaxed));
        let ending = shared.asked.load(Ordering::Relaxed) > 0;
        if ending && u128::from(since) < LINGER.as_millis() {
            return false;
        }
        let count = (self.limit / PART).clamp(1, MOST);
        shared.asked_at.store(now, Ordering::Relaxed);
        shared.asked.store(count, Ordering::Relaxed);
        shared.wanted.store(count, Ordering::Relaxed);
        true
    }

    /// Closes idle connections of one worker, if some were asked for. They end as after `idle`: with a FIN, or
    /// a GOAWAY, and a lingering close. Returns how many.
    // lossless: L7
    pub(crate) fn give_up(&self, deadlines: &Deadlines) -> usize {
        let wanted = &self.shared.wanted;
        if wanted.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let count = wanted.swap(0, Ordering::Relaxed);
        let left = count - deadlines.pass_early(Early::Idle, count);
        if left > 0 {
            wanted.fetch_add(left, Ordering::Relaxed); // for another worker, or the next tick
        }
        count - left
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self(shared) = self;
        shared.open.fetch_sub(1, Ordering::Relaxed);
        if shared.asked.load(Ordering::Relaxed) > 0 {
            let less = |asked: usize| asked.checked_sub(1);
            // Ignored: the count was 0.
            let _ = shared.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connections_are_closed_while_clients_wait_and_no_more_than_that() {
        let capacity = Capacity::new(64);
        let mut permits = (0..64).map(|_| capacity.permit().unwrap()).collect::<Vec<_>>();
        assert!(capacity.permit().is_none());
        let deadlines = Deadlines::new();
        let due = Instant::now() + Duration::from_secs(9);
        let idle = (0..8).map(|_| deadlines.add(due)).collect::<Vec<_>>();
        for deadline in &idle {
            deadline.set_early(Early::Idle, due);
        }
        capacity.give_up(&deadlines);
        let left = || deadlines.pass_early(Early::Idle, 0);
        assert_eq!(left(), 0, "no client waits");
        assert!(capacity.ask() && !capacity.ask(), "once for one");
        capacity.give_up(&deadlines);
        capacity.give_up(&deadlines);
        assert!(!capacity.ask(), "they are ending");
        permits.pop();
        assert!(!capacity.ask(), "one of two has ended");
        permits.pop();
        permits.push(capacity.permit().unwrap());
        permits.push(capacity.permit().unwrap());
        assert!(capacity.ask(), "the next ones");
        capacity.give_up(&deadlines);
        assert_eq!(deadlines.pass_early(Early::Idle, 9), 4, "two times two of eight are gone");
        capacity.shared.wanted.store(2, Ordering::Relaxed);
        capacity.give_up(&deadlines);
        assert_eq!(capacity.shared.wanted.load(Ordering::Relaxed), 2, "no connection is idle");
        permits.pop();
        permits.push(capacity.permit().unwrap());
        assert_eq!(capacity.shared.wanted.load(Ordering::Relaxed), 0, "no client waits any more");
    }
}

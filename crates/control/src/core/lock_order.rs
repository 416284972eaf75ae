//! The order in which the locks of the controller are taken, in one place.
//!
//! | rank | lock | held |
//! |---|---|---|
//! | 1 | `Core::turn` | from the decision of a change of routing until it is published |
//! | 2 | `Core::journal` | from a decision until it is durable and applied; a note, until it is written |
//! | 3 | `Core::inner` | briefly, by [`Core::lock`](super::Core::lock); never across an await, enforced by the lint `await_holding_lock` |
//!
//! A task that holds one takes only locks of a higher rank, so there is no deadlock. A service with a
//! change in progress ([`Core::begin_change`](super::Core::begin_change)) is not a lock: nothing waits for it,
//! a second change is refused. [`Core::suspend_control`](super::Core::suspend_control) takes all three in this order and
//! relies on it: while it holds all of them, nothing is between its decision and its publish.
//!
//! With debug assertions, and in unit tests, asking for a lock of a lower rank while holding one of a higher
//! rank panics before anything waits.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

/// A lock that may be held across an await, by its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LockRank {
    /// The lock of changes of routing.
    Turn,
    /// The lock of the journal.
    Journal,
}

/// A held lock.
#[derive(Debug)]
pub(crate) struct RankedGuard<T> {
    guard: OwnedMutexGuard<T>,
    held: Held,
}

/// Takes a lock in its turn.
pub(super) async fn take<T>(rank: LockRank, lock: &Arc<Mutex<T>>) -> RankedGuard<T> {
    let held = Held::by_this_task(rank);
    RankedGuard { guard: lock.clone().lock_owned().await, held }
}

// === impl RankedGuard ===

impl<T> RankedGuard<T> {
    /// Hands the lock over to another task.
    pub(super) fn handed_on(mut self) -> Self {
        self.held = Held::default();
        self
    }
}

impl<T> Deref for RankedGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for RankedGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// A record that a task holds a lock; empty if nothing is checked.
#[derive(Debug, Default)]
struct Held {
    #[cfg(any(test, debug_assertions))]
    _note: Option<checked::Note>,
}

impl Held {
    #[cfg(any(test, debug_assertions))]
    fn by_this_task(rank: LockRank) -> Self {
        Self { _note: Some(checked::Note::new(rank)) }
    }

    #[cfg(not(any(test, debug_assertions)))]
    fn by_this_task(_: LockRank) -> Self {
        Self {}
    }
}

#[cfg(any(test, debug_assertions))]
mod checked {
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::thread::{self, ThreadId};

    use tokio::task;

    use super::LockRank;

    /// A task; outside of all tasks, a thread.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Holder {
        Task(task::Id),
        Thread(ThreadId),
    }

    #[derive(Debug)]
    pub(super) struct Note(Holder, LockRank);

    static HELD: Mutex<Vec<(Holder, LockRank)>> = Mutex::new(Vec::new());

    fn held() -> MutexGuard<'static, Vec<(Holder, LockRank)>> {
        HELD.lock().unwrap_or_else(PoisonError::into_inner)
    }

    impl Note {
        pub(super) fn new(rank: LockRank) -> Self {
            let holder =
                task::try_id().map_or_else(|| Holder::Thread(thread::current().id()), Holder::Task);
            let mut held = held();
            let higher = held.iter().find(|(other, has)| *other == holder && *has >= rank).copied();
            assert!(higher.is_none(), "{rank:?} is asked for by {higher:?}");
            held.push((holder, rank));
            Self(holder, rank)
        }
    }

    impl Drop for Note {
        fn drop(&mut self) {
            let mut held = held();
            let place = held.iter().position(|held| *held == (self.0, self.1));
            place.map(|place| held.swap_remove(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_journal_is_taken_after_the_turn() {
        let (turn, journal) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        for _ in 0..2 {
            let _turn = take(LockRank::Turn, &turn).await;
            let _journal = take(LockRank::Journal, &journal).await;
        }
        // A lock that another task holds from here on does not interfere.
        let handed = take(LockRank::Journal, &journal).await.handed_on();
        drop(take(LockRank::Turn, &turn).await);
        drop(handed);
    }

    #[tokio::test]
    #[should_panic(expected = "Turn is asked for")]
    async fn a_task_that_holds_the_journal_never_waits_for_the_turn() {
        let (turn, journal) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let _journal = take(LockRank::Journal, &journal).await;
        take(LockRank::Turn, &turn).await;
    }
}

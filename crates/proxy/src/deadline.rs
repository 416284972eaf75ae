//! The deadline of every connection (promise L10).
//!
//! A connection always has exactly one: it can be moved, never cleared. Moving it is a plain store, since a
//! sweep over all of them a few times per tenth of a second finds those that have passed; a timer per wait
//! would cost a request more than its parsing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// The interval of the sweep: a wait may last this much longer than asked.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_millis(20);

/// The interval while there are none, for other periodic work.
pub(crate) const REST_EVERY: Duration = Duration::from_secs(1);

/// All deadlines of one worker.
#[derive(Debug)]
pub(crate) struct Deadlines {
    inner: RefCell<Inner>,
}

/// The deadline of one connection.
#[derive(Debug)]
pub(crate) struct Deadline {
    all: Rc<Deadlines>,
    at: usize,
    due: Cell<Option<Due>>,
}

/// A kind of wait that may be ended early, earliest deadline first, when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Early {
    /// A connection without a request.
    Idle,
    /// A head that has begun and not ended.
    Head,
}

// Two arrays, so that the sweep runs over plain times.
#[derive(Debug, Default)]
struct Inner {
    due: Vec<Due>,
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
    /// The task that sweeps, while there is nothing to sweep.
    resting: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    At(Instant),
    Early(Early, Instant),
    Passed,
    Free,
}

// === impl Deadlines ===

impl Deadlines {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { inner: RefCell::default() })
    }

    /// Makes a new deadline.
    pub(crate) fn add(self: &Rc<Self>, due: Instant) -> Deadline {
        let mut inner = self.inner.borrow_mut();
        if let Some(sweeper) = inner.resting.take() {
            sweeper.wake();
        }
        let at = inner.free.pop().unwrap_or_else(|| {
            inner.due.push(Due::Free);
            inner.wakers.push(None);
            inner.due.len() - 1
        });
        drop(inner);
        let deadline = Deadline { all: self.clone(), at, due: Cell::new(None) };
        deadline.set(due);
        deadline
    }

    /// Wakes every task whose deadline has passed.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut inner = self.inner.borrow_mut();
        let Inner { due, wakers, .. } = &mut *inner;
        for (due, waker) in due.iter_mut().zip(wakers) {
            if matches!(*due, Due::At(at) | Due::Early(_, at) if at <= now) {
                *due = Due::Passed;
                if let Some(waker) = waker.take() {
                    waker.wake();
                }
            }
        }
    }

    /// Returns true if there are none.
    pub(crate) fn is_empty(&self) -> bool {
        let inner = self.inner.borrow();
        inner.free.len() == inner.due.len()
    }

    /// Wakes this task when there is a deadline again.
    // lossless: L10
    pub(crate) fn wake_at_next(&self, sweeper: &Waker) {
        self.inner.borrow_mut().resting = Some(sweeper.clone());
    }

    /// Lets this many of a kind pass now, earliest first; returns how many did. Looks at all deadlines: for use
    /// when a resource runs out, not in every turn.
    pub(crate) fn pass_early(&self, kind: Early, most: usize) -> usize {
        let mut inner = self.inner.borrow_mut();
        let Inner { due, wakers, .. } = &mut *inner;
        let of_kind = due.iter().enumerate().filter_map(|(place, due)| match due {
            Due::Early(this, at) if *this == kind => Some((*at, place)),
            _ => None,
        });
        let mut found = of_kind.collect::<Vec<_>>();
        let count = most.min(found.len());
        if count < found.len() {
            found.select_nth_unstable(count);
        }
        for (_, place) in found.iter().take(count) {
            due[*place] = Due::Passed;
            if let Some(waker) = wakers[*place].take() {
                waker.wake();
            }
        }
        count
    }

    /// Wakes every task, so that each checks its state again.
    pub(crate) fn wake_all(&self) {
        for waker in self.inner.borrow_mut().wakers.iter_mut().filter_map(Option::take) {
            waker.wake();
        }
    }
}

// === impl Deadline ===

impl Deadline {
    /// Moves the deadline. Moving it to where it already is changes nothing, so a task that is woken for other
    /// reasons may set one that has passed again and again.
    pub(crate) fn set(&self, due: Instant) {
        self.place(Due::At(due));
    }

    /// Moves it likewise, for a wait that may be ended early.
    pub(crate) fn set_early(&self, kind: Early, due: Instant) {
        self.place(Due::Early(kind, due));
    }

    fn place(&self, due: Due) {
        if self.due.replace(Some(due)) == Some(due) {
            return;
        }
        self.all.inner.borrow_mut().due[self.at] = due;
    }

    /// Ready once the deadline has passed; else the task is woken when it does, and by
    /// [`Deadlines::wake_all`].
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.all.inner.borrow_mut();
        if inner.due[self.at] == Due::Passed {
            return Poll::Ready(());
        }
        match &mut inner.wakers[self.at] {
            Some(known) if known.will_wake(cx.waker()) => {}
            place => *place = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let mut inner = self.all.inner.borrow_mut();
        inner.due[self.at] = Due::Free;
        inner.wakers[self.at] = None;
        inner.free.push(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;

    #[test]
    fn a_passed_deadline_stays_passed_until_it_is_moved() {
        // L10
        let all = Deadlines::new();
        let now = Instant::now();
        let (one, other) = (all.add(now), all.add(now + Duration::from_secs(1)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(one.poll(&mut cx).is_pending(), "no sweep yet");
        all.sweep(now + Duration::from_millis(1));
        assert!(one.poll(&mut cx).is_ready() && one.poll(&mut cx).is_ready());
        assert!(other.poll(&mut cx).is_pending());
        one.set(now);
        assert!(one.poll(&mut cx).is_ready(), "set to where it is");
        one.set(now + Duration::from_secs(2));
        assert!(one.poll(&mut cx).is_pending());
        all.sweep(now + Duration::from_secs(3));
        assert!(one.poll(&mut cx).is_ready() && other.poll(&mut cx).is_ready());
    }

    #[test]
    fn those_of_a_kind_pass_early_and_the_first_due_before_the_others() {
        let all = Deadlines::new();
        let now = Instant::now();
        let made = (0..10).map(|n| (n, all.add(now + Duration::from_secs(1))));
        let made = made.collect::<Vec<_>>();
        for (n, deadline) in &made {
            let due = now + Duration::from_secs(20 - n);
            match n % 3 {
                0 => deadline.set(due),
                1 => deadline.set_early(Early::Idle, due),
                _ => deadline.set_early(Early::Head, due),
            }
        }
        let mut cx = Context::from_waker(Waker::noop());
        let mut passed = || {
            let passed = made.iter().filter(|(_, deadline)| deadline.poll(&mut cx).is_ready());
            passed.map(|(n, _)| *n).collect::<Vec<_>>()
        };
        assert_eq!((all.pass_early(Early::Idle, 2), passed()), (2, vec![4, 7]));
        assert_eq!((all.pass_early(Early::Idle, 2), passed()), (1, vec![1, 4, 7]));
        assert_eq!((all.pass_early(Early::Idle, 2), passed()), (0, vec![1, 4, 7]));
        made[7].1.set_early(Early::Idle, now + Duration::from_secs(13));
        assert_eq!(passed(), [1, 4, 7], "set to where it is");
        assert_eq!(all.pass_early(Early::Head, 0), 0);
        made[7].1.set(now + Duration::from_secs(13));
        assert_eq!(passed(), [1, 4], "no longer idle");
    }

    #[test]
    fn a_resting_sweeper_is_woken_by_the_next_deadline() {
        // L10
        let all = Deadlines::new();
        assert!(all.is_empty());
        let rung = Arc::new(Rung::default());
        all.wake_at_next(&rung.clone().into());
        let first = all.add(Instant::now());
        assert!(!all.is_empty() && rung.0.load(Ordering::Relaxed), "the sweep was not woken");
        drop(first);
        assert!(all.is_empty());
    }

    #[derive(Debug, Default)]
    struct Rung(AtomicBool);

    impl Wake for Rung {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_place_is_used_again() {
        let all = Deadlines::new();
        drop(all.add(Instant::now()));
        drop(all.add(Instant::now()));
        assert_eq!(all.inner.borrow().due.len(), 1);
    }
}

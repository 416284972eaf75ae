//! The deadline of every connection (promise L10).
//!
//! A connection always has exactly one: it can be moved, never cleared. Moving it is a plain
//! store, since a sweep over all of them a few times per tenth of a second finds those that
//! have passed; a timer per wait would cost a request more than its parsing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How often deadlines are looked at: by so much a wait may last longer than asked.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_millis(20);

/// All deadlines of one worker.
#[derive(Debug)]
pub(crate) struct Deadlines {
    inside: RefCell<Inside>,
}

/// The deadline of one connection.
#[derive(Debug)]
pub(crate) struct Deadline {
    all: Rc<Deadlines>,
    at: usize,
    due: Cell<Option<Instant>>,
}

// Two arrays, so that the sweep runs over plain times.
#[derive(Debug, Default)]
struct Inside {
    due: Vec<Due>,
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    At(Instant),
    Passed,
    Free,
}

// === impl Deadlines ===

impl Deadlines {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { inside: RefCell::default() })
    }

    /// A new deadline.
    pub(crate) fn add(self: &Rc<Self>, due: Instant) -> Deadline {
        let mut inside = self.inside.borrow_mut();
        let at = inside.free.pop().unwrap_or_else(|| {
            inside.due.push(Due::Free);
            inside.wakers.push(None);
            inside.due.len() - 1
        });
        drop(inside);
        let deadline = Deadline { all: self.clone(), at, due: Cell::new(None) };
        deadline.set(due);
        deadline
    }

    /// Wakes every task whose deadline has passed.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut inside = self.inside.borrow_mut();
        let Inside { due, wakers, .. } = &mut *inside;
        for (due, waker) in due.iter_mut().zip(wakers) {
            if matches!(*due, Due::At(at) if at <= now) {
                *due = Due::Passed;
                if let Some(waker) = waker.take() {
                    waker.wake();
                }
            }
        }
    }

    /// Wakes every task, so that each looks at the world again.
    pub(crate) fn wake_all(&self) {
        for waker in self.inside.borrow_mut().wakers.iter_mut().filter_map(Option::take) {
            waker.wake();
        }
    }
}

// === impl Deadline ===

impl Deadline {
    /// Moves the deadline. Moving it to where it is changes nothing, so that one that has
    /// passed can be set again and again by a task that is woken for other reasons.
    pub(crate) fn set(&self, due: Instant) {
        if self.due.replace(Some(due)) == Some(due) {
            return;
        }
        self.all.inside.borrow_mut().due[self.at] = Due::At(due);
    }

    /// Ready once the deadline has passed; else the task is woken when it does, and by
    /// [`Deadlines::wake_all`].
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inside = self.all.inside.borrow_mut();
        if inside.due[self.at] == Due::Passed {
            return Poll::Ready(());
        }
        match &mut inside.wakers[self.at] {
            Some(known) if known.will_wake(cx.waker()) => {}
            place => *place = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let mut inside = self.all.inside.borrow_mut();
        inside.due[self.at] = Due::Free;
        inside.wakers[self.at] = None;
        inside.free.push(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_deadline_stays_passed_until_it_is_moved() {
        // L10
        let all = Deadlines::new();
        let now = Instant::now();
        let (one, other) = (all.add(now), all.add(now + Duration::from_secs(1)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(one.poll(&mut cx).is_pending(), "nobody has looked yet");
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
    fn a_place_is_used_again() {
        let all = Deadlines::new();
        drop(all.add(Instant::now()));
        drop(all.add(Instant::now()));
        assert_eq!(all.inside.borrow().due.len(), 1);
    }
}

//! The tasks that serve streams, each one stream after the other: the state of a request is allocated once, and
//! a stream costs little more than a further request on a connection.
//!
//! Guarantees: a stream is counted for its connection until it has been released. Never: a stream that waits
//! for another to end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The most waiting tasks; beyond it, tasks end at once.
const KEEP: usize = 256;

/// The tasks of a worker that wait for a stream, the one that has waited longest first.
#[derive(Debug)]
pub(crate) struct Tasks<J> {
    waiting: RefCell<Vec<Rc<TaskSlot<J>>>>,
    /// The fewest that have waited since the last sweep: these were not needed.
    spare: Cell<usize>,
}

/// The slot in which a task waits for its next stream.
#[derive(Debug)]
pub(crate) struct TaskSlot<J> {
    job: RefCell<Option<J>>,
    waker: RefCell<Option<Waker>>,
    dismissed: Cell<bool>,
}

/// The streams of one connection.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: Cell<usize>,
    /// One has ended since the last check.
    ended: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// One stream in the count of its connection.
#[derive(Debug)]
pub(crate) struct OpenStream {
    streams: Rc<Streams>,
}

// === impl Tasks ===

impl<J> Tasks<J> {
    /// Gives a stream to a waiting task; returns it if there is none, for a new task to begin with.
    pub(crate) fn give(&self, job: J) -> Option<J> {
        let Some(slot) = self.next() else { return Some(job) };
        slot.job.replace(Some(job));
        slot.wake();
        None
    }

    /// Ends those that were not needed since the last call.
    pub(crate) fn sweep(&self) {
        let mut waiting = self.waiting.borrow_mut();
        let spare = self.spare.get().min(waiting.len());
        for slot in waiting.drain(..spare) {
            slot.dismissed.set(true);
            slot.wake();
        }
        self.spare.set(waiting.len());
    }

    /// Returns the task that has waited the shortest: its memory is still in the processor's cache.
    fn next(&self) -> Option<Rc<TaskSlot<J>>> {
        let mut waiting = self.waiting.borrow_mut();
        let next = waiting.pop();
        self.spare.set(self.spare.get().min(waiting.len()));
        next
    }

    /// Lets a task wait; returns false if there are enough.
    pub(crate) fn wait(&self, slot: &Rc<TaskSlot<J>>) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let few = waiting.len() < KEEP;
        if few {
            waiting.push(slot.clone());
        }
        few
    }
}

impl<J> Default for Tasks<J> {
    fn default() -> Self {
        Self { waiting: RefCell::default(), spare: Cell::default() }
    }
}

// === impl TaskSlot ===

impl<J> TaskSlot<J> {
    /// Makes the slot of a task that begins with this stream.
    pub(crate) fn new(first: Option<J>) -> Rc<Self> {
        let (waker, dismissed) = Default::default();
        Rc::new(Self { job: RefCell::new(first), waker, dismissed })
    }

    /// Returns the next stream; `None` if the task is to end.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<J>> {
        if let Some(job) = self.job.take() {
            return Poll::Ready(Some(job));
        }
        if self.dismissed.get() {
            return Poll::Ready(None);
        }
        note(&self.waker, cx);
        Poll::Pending
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// Keeps the waker of the running task.
fn note(slot: &RefCell<Option<Waker>>, cx: &Context<'_>) {
    match &mut *slot.borrow_mut() {
        Some(known) if known.will_wake(cx.waker()) => {}
        other => *other = Some(cx.waker().clone()),
    }
}

// === impl Streams ===

impl Streams {
    /// Counts a stream in, until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> OpenStream {
        self.open.set(self.open.get() + 1);
        OpenStream { streams: self.clone() }
    }

    /// Returns how many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.get()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns true if one has ended since the last call. The caller is woken when the last one ends.
    pub(crate) fn has_ended(&self, cx: &Context<'_>) -> bool {
        note(&self.waker, cx);
        self.ended.take()
    }

    /// Ready when all have ended.
    pub(crate) fn poll_empty(&self, cx: &Context<'_>) -> Poll<()> {
        note(&self.waker, cx);
        if self.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let Streams { open, ended, waker } = &*self.streams;
        open.set(open.get() - 1);
        ended.set(true);
        if open.get() == 0
            && let Some(waker) = &*waker.borrow()
        {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(tasks: &Tasks<()>) -> usize {
        tasks.waiting.borrow().len()
    }

    #[test]
    fn unneeded_tasks_end() {
        let tasks = Tasks::<()>::default();
        let slots: Vec<_> = (0..3).map(|_| TaskSlot::new(None)).collect();
        assert!(slots.iter().all(|slot| tasks.wait(slot)));
        tasks.sweep();
        assert_eq!(waiting(&tasks), 3, "they have only just begun to wait");
        // One is needed and comes back: the others were not.
        let busy = tasks.next().unwrap();
        assert!(Rc::ptr_eq(&busy, &slots[2]), "the one whose memory is still near");
        assert!(tasks.wait(&busy));
        tasks.sweep();
        assert_eq!(waiting(&tasks), 1);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(slots[0].poll_next(&mut cx), Poll::Ready(None)), "it ends");
        assert!(slots[2].poll_next(&mut cx).is_pending());
    }

    #[test]
    fn no_more_tasks_wait_than_are_worth_it() {
        let tasks = Tasks::<()>::default();
        let waited = (0..=KEEP).filter(|_| tasks.wait(&TaskSlot::new(None))).count();
        assert_eq!(waited, KEEP);
    }

    #[test]
    fn streams_are_counted_until_the_last_has_ended() {
        // L8
        let streams = Rc::<Streams>::default();
        let cx = Context::from_waker(Waker::noop());
        let (one, other) = (streams.enter(), streams.enter());
        drop(one);
        assert!(streams.has_ended(&cx) && !streams.has_ended(&cx));
        assert!(streams.poll_empty(&cx).is_pending());
        drop(other);
        assert!(streams.poll_empty(&cx).is_ready());
    }
}

//! The hold of one request or tunnel, or of one connection, on a color and one of its targets.
//!
//! Both count up when made and down when dropped, whatever happens in between: there is no manual decrement.
//! They can't leave their worker's thread.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use rules::{Color, Generation};

use crate::books::{ColorBooks, ColorCell, CutKind, TargetCell};
use crate::publish::TableChannel;
use crate::sync::Arc;
use crate::table::{Draining, TargetEntry, TargetId};

/// One request's or tunnel's hold on a color and a target of it.
#[must_use = "dropping a lease ends it"]
#[derive(Debug)]
pub struct Lease {
    color: Rc<LocalColor>,
    target: Rc<LocalTarget>,
    slot: usize,
    channel: Arc<TableChannel>,
}

/// A connection's hold on a color and a target of it: from before it is made until it is closed.
#[must_use = "dropping the hold marks the connection as closed"]
#[derive(Debug)]
pub struct ConnectionHold {
    color: Rc<LocalColor>,
    target: Rc<LocalTarget>,
    channel: Arc<TableChannel>,
}

/// The time when a lease is taken, and the generation of its service at that time; `None`: it is one of a preview,
/// which is not noted as the first or the last one on its color.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) since: Duration,
    pub(crate) generation: Option<Generation>,
}

/// One worker's state of one color.
#[derive(Debug)]
pub(crate) struct LocalColor {
    color: Color,
    books: Arc<ColorBooks>,
    worker: usize,
    drain: LocalDrain,
    slots: RefCell<Slots>,
}

/// One worker's state of one target: a table's entry, and the drain, which outlives the table.
#[derive(Debug)]
pub(crate) struct LocalTarget {
    entry: Arc<TargetEntry>,
    worker: usize,
    drain: Rc<LocalDrain>,
    /// The time of the last connect that it refused to this worker, since the table was adopted.
    refused: Cell<Option<Instant>>,
}

/// The time for which a worker prefers other targets to one that has refused a connect. Within it probes find out
/// about the target, even if they get no answer at first; the next table ends it.
const REFUSED: Duration = Duration::from_secs(1);

/// The changes that a table announces for the first time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Onset {
    pub(crate) drain: bool,
    pub(crate) cut: bool,
}

/// One worker's state of the drain of one color or target.
#[derive(Debug, Default)]
pub(crate) struct LocalDrain {
    draining: Cell<bool>,
    cut: Cell<bool>,
    close_within: Cell<Duration>,
}

/// The leases of one color on one worker: when each began, and the waker for a cut. Slots are reused, so that a
/// steady load allocates nothing.
#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

#[derive(Debug)]
enum Slot {
    Free,
    Taken { since: Duration, waker: Option<Waker>, stream: Option<StreamKind> },
}

/// The kind of a long stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// An answer that is an event stream.
    Events,
    /// A WebSocket or another tunnel.
    Tunnel,
}

// === impl Lease ===

impl Lease {
    pub(crate) fn take(
        color: Rc<LocalColor>,
        target: Rc<LocalTarget>,
        channel: Arc<TableChannel>,
        claim: Claim,
    ) -> Self {
        let slot = color.enter(claim);
        target.cell().leases.rise();
        Self { color, target, slot, channel }
    }

    /// Returns the color it is on.
    pub fn color(&self) -> Color {
        self.color.color
    }

    /// Returns the target it is on.
    pub fn target(&self) -> &TargetEntry {
        &self.target.entry
    }

    /// Records that the target has refused a connect: for a moment, this worker takes others if it can.
    pub fn target_refused(&self, now: Instant) {
        self.target.refused.set(Some(now));
    }

    /// Returns this worker's books of the target.
    pub fn target_books(&self) -> &TargetCell {
        self.target.cell()
    }

    /// Returns true if the color or the target is being drained: the connection must be closed, not kept.
    pub fn is_draining(&self) -> bool {
        is_draining(&self.color, &self.target)
    }

    /// Returns the time after the beginning of its drain within which a long stream is asked to end; `None`:
    /// neither the color nor the target is being drained.
    pub fn close_within(&self) -> Option<Duration> {
        let drains = [&self.color.drain, &self.target.drain];
        drains.iter().find(|drain| drain.draining.get()).map(|drain| drain.close_within.get())
    }

    /// Returns true if the drain deadline has passed: this lease must end now (L3).
    pub fn is_cut(&self) -> bool {
        self.color.drain.cut.get() || self.target.drain.cut.get()
    }

    /// Marks the lease as that of a long stream: it is counted as such, and is woken when a drain begins.
    pub fn mark_stream(&self, kind: StreamKind) {
        self.color.mark_stream(self.slot, kind);
    }

    /// Counts, on the color and on the target, that this lease ended because it was cut.
    // lossless: L3
    pub fn count_cut(&self, kind: CutKind) {
        self.color.cell().cut.add(kind);
        self.target.cell().cut.add(kind);
    }

    /// Counts, on the color, that the request of the client with this hash failed.
    pub fn count_failure(&self, client: u8) {
        self.color.cell().failures.add(client);
    }

    /// Wakes this task when the lease is cut. To be called before each wait.
    pub fn watch_cut(&self, cx: &Context<'_>) {
        self.color.watch(self.slot, cx.waker());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.target.cell().leases.fall();
        self.color.leave(self.slot);
        ring_if_draining(&self.color, &self.target, &self.channel);
    }
}

// === impl ConnectionHold ===

impl ConnectionHold {
    pub(crate) fn take(lease: &Lease, channel: Arc<TableChannel>) -> Self {
        let (color, target) = (lease.color.clone(), lease.target.clone());
        color.cell().connections.rise();
        target.cell().connections.rise();
        Self { color, target, channel }
    }

    /// Returns true if the color or the target is being drained: the connection must not be kept.
    pub fn is_draining(&self) -> bool {
        is_draining(&self.color, &self.target)
    }
}

impl Drop for ConnectionHold {
    fn drop(&mut self) {
        self.target.cell().connections.fall();
        self.color.cell().connections.fall();
        ring_if_draining(&self.color, &self.target, &self.channel);
    }
}

fn is_draining(color: &LocalColor, target: &LocalTarget) -> bool {
    color.drain.draining.get() || target.drain.draining.get()
}

// lossless: L4 - announced after it was taken away.
fn ring_if_draining(color: &LocalColor, target: &LocalTarget, channel: &TableChannel) {
    if is_draining(color, target) {
        channel.drain.ring();
    }
}

// === impl LocalColor ===

impl LocalColor {
    pub(crate) fn new(color: Color, books: Arc<ColorBooks>, worker: usize) -> Self {
        Self { color, books, worker, drain: LocalDrain::default(), slots: RefCell::default() }
    }

    /// Takes the drain state of this color from a table. Returns the change.
    pub(crate) fn drain(&self, draining: Option<Draining>) -> Onset {
        self.drain.update(draining)
    }

    /// Wakes all its leases, which check whether they are cut.
    pub(crate) fn wake_all(&self) {
        self.slots.borrow_mut().wake(|_| true);
    }

    /// Wakes its long streams, which check whether they have to end.
    pub(crate) fn wake_streams(&self) {
        self.slots.borrow_mut().wake(|stream| stream);
    }

    pub(crate) fn survey(&self) {
        let slots = self.slots.borrow();
        self.cell().oldest.set(slots.oldest(|_| true).map_or(0, nanos));
        self.cell().oldest_stream.set(slots.oldest(|stream| stream).map_or(0, nanos));
    }

    fn mark_stream(&self, slot: usize, kind: StreamKind) {
        if self.slots.borrow_mut().mark_stream(slot, kind) {
            self.cell().streams.rise();
            if kind == StreamKind::Tunnel {
                self.cell().tunnels.rise();
            }
        }
    }

    fn cell(&self) -> &ColorCell {
        self.books.cell(self.worker)
    }

    fn enter(&self, claim: Claim) -> usize {
        let cell = self.cell();
        let at = nanos(claim.since);
        cell.leases.rise();
        cell.taken.add(1);
        if let Some(generation) = claim.generation {
            cell.last_claim.set(at);
            if cell.claimed_under.value() != generation.0 || cell.first_claim.value() == 0 {
                cell.claimed_under.set(generation.0);
                cell.first_claim.set(at);
            }
        }
        self.slots.borrow_mut().take(claim.since)
    }

    fn leave(&self, slot: usize) {
        if let Some(kind) = self.slots.borrow_mut().give_back(slot) {
            if kind == StreamKind::Tunnel {
                self.cell().tunnels.fall();
            }
            self.cell().streams.fall();
        }
        self.cell().leases.fall();
    }

    fn watch(&self, slot: usize, waker: &Waker) {
        self.slots.borrow_mut().watch(slot, waker);
    }
}

// === impl LocalDrain ===

impl LocalDrain {
    /// Takes the drain state from a table. Returns the change.
    pub(crate) fn update(&self, draining: Option<Draining>) -> Onset {
        let cut = draining.is_some_and(|draining| draining.cut);
        let drained_before = self.draining.replace(draining.is_some());
        let cut_before = self.cut.replace(cut);
        self.close_within.set(draining.map_or(Duration::ZERO, |draining| draining.close_within));
        Onset { drain: draining.is_some() && !drained_before, cut: cut && !cut_before }
    }
}

// === impl LocalTarget ===

impl LocalTarget {
    pub(crate) fn new(entry: Arc<TargetEntry>, worker: usize, drain: Rc<LocalDrain>) -> Self {
        Self { entry, worker, drain, refused: Cell::default() }
    }

    /// Returns true if it has just refused a connect.
    pub(crate) fn has_refused(&self, now: Instant) -> bool {
        self.refused.get().is_some_and(|at| now.saturating_duration_since(at) < REFUSED)
    }

    pub(crate) fn leases(&self) -> u64 {
        self.cell().leases.value()
    }

    fn cell(&self) -> &TargetCell {
        self.entry.books.cell(self.worker)
    }
}

impl Deref for LocalTarget {
    type Target = TargetEntry;

    fn deref(&self) -> &TargetEntry {
        &self.entry
    }
}

// === impl Slots ===

impl Slots {
    fn take(&mut self, since: Duration) -> usize {
        let taken = Slot::Taken { since, waker: None, stream: None };
        if let Some(at) = self.free.pop() {
            self.slots[at] = taken;
            return at;
        }
        self.slots.push(taken);
        self.slots.len() - 1
    }

    /// Returns the kind of stream that it was; `None`: it was none.
    fn give_back(&mut self, at: usize) -> Option<StreamKind> {
        let was = std::mem::replace(&mut self.slots[at], Slot::Free);
        self.free.push(at);
        match was {
            Slot::Taken { stream, .. } => stream,
            Slot::Free => None,
        }
    }

    /// Returns true if it was not one before.
    fn mark_stream(&mut self, at: usize, kind: StreamKind) -> bool {
        match &mut self.slots[at] {
            Slot::Taken { stream: stream @ None, .. } => {
                *stream = Some(kind);
                true
            }
            Slot::Taken { .. } | Slot::Free => false,
        }
    }

    fn watch(&mut self, at: usize, new: &Waker) {
        if let Slot::Taken { waker, .. } = &mut self.slots[at] {
            match waker {
                Some(known) if known.will_wake(new) => {}
                _ => *waker = Some(new.clone()),
            }
        }
    }

    fn wake(&mut self, which: impl Fn(bool) -> bool) {
        for slot in &mut self.slots {
            if let Slot::Taken { waker, stream, .. } = slot
                && which(stream.is_some())
                && let Some(waker) = waker.take()
            {
                waker.wake();
            }
        }
    }

    fn oldest(&self, which: impl Fn(bool) -> bool) -> Option<Duration> {
        let taken = self.slots.iter().filter_map(|slot| match slot {
            Slot::Taken { since, stream, .. } => which(stream.is_some()).then_some(*since),
            Slot::Free => None,
        });
        taken.min()
    }
}

/// Converts to nanoseconds as in the books: never 0, which means none.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// Returns the identity of the target of a lease, for [`crate::Reader::claim`]'s `avoid`.
impl From<&Lease> for TargetId {
    fn from(lease: &Lease) -> Self {
        lease.target.id
    }
}

//! Requests that wait because their service is held: per worker in order of arrival, within
//! caps, each with its own deadline, and let go at a pace that the targets can take.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rules::ServiceName;
use traffic::{OwnReason, Table};

use super::follow;
use crate::client::Client;
use crate::deadline::SWEEP_EVERY;
use crate::failure::Failure;
use crate::route::Ask;
use crate::worker::Worker;

/// The requests of one worker that wait.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    services: RefCell<BTreeMap<ServiceName, Line>>,
}

/// The waiting requests of one service.
#[derive(Debug, Default)]
struct Line {
    places: VecDeque<Rc<Place>>,
    bytes: u64,
    held: bool,
    /// The longest wait under the last hold; it goes on to count for those let go after it.
    max_wait: Duration,
    /// How many may go, in fractions that the pace adds up.
    may_go: f64,
    per_second: f64,
    paced: Option<Instant>,
}

/// One waiting request.
#[derive(Debug, Default)]
pub(super) struct Place {
    go: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// Waits while the service of the request is held. Comes back at once if it is not.
///
/// # Errors
/// Held beyond the caps, or for longer than the longest wait.
pub(crate) async fn wait(
    worker: &Rc<Worker>,
    client: &mut Client,
    ask: &mut Ask,
) -> Result<(), Wait> {
    let mut parked = false;
    // Again if it was held once more between its turn and now.
    while let Some((place, max_wait)) = worker.queue.enter(worker, client, ask, parked)? {
        if !parked {
            ask.service.cell().parked.add(1);
            parked = true;
        }
        client.rx.strip(&worker.buffers);
        let waited = stand(worker, client, ask, &place, client.active + max_wait).await;
        client.rx.equip(&worker.buffers);
        worker.queue.leave(client, ask, &place);
        waited?;
        follow(worker, ask).ok_or(Wait::Own(OwnReason::NoRoute))?;
    }
    Ok(())
}

/// Why a wait ended without its turn.
#[derive(Debug)]
pub(crate) enum Wait {
    /// Teal answers.
    Own(OwnReason),
    /// As any other failure.
    Failed(Failure),
}

/// Waits for its turn; an error of its own when `due` has passed.
// lossless: L10
pub(super) async fn stand(
    worker: &Rc<Worker>,
    client: &mut Client,
    ask: &Ask,
    place: &Place,
    due: Instant,
) -> Result<(), Wait> {
    let cell = ask.service.cell();
    cell.waiting.rise();
    client.deadline.set(due);
    client.watch();
    let waited = poll_fn(|cx| {
        if place.poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if worker.stop.is_cut() {
            return Poll::Ready(Err(Wait::Failed(Failure::Stopping)));
        }
        if client.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Wait::Failed(Failure::ClientGone)));
        }
        client.deadline.poll(cx).map(|()| Err(Wait::Own(OwnReason::HeldTooLong)))
    })
    .await;
    cell.waiting.fall();
    waited
}

// === impl Queue ===

impl Queue {
    /// Joins the line of the service if there is one; who had a turn only if it is held.
    fn enter(
        &self,
        worker: &Worker,
        client: &Client,
        ask: &Ask,
        had_turn: bool,
    ) -> Result<Option<(Rc<Place>, Duration)>, Wait> {
        let mut services = self.services.borrow_mut();
        let held = ask.service.held.is_some();
        if !held && (had_turn || !services.contains_key(&ask.service.name)) {
            return Ok(None);
        }
        let line = services.entry(ask.service.name.clone()).or_default();
        if let Some(held) = ask.service.held {
            line.held = true;
            line.max_wait = held.max_wait;
        }
        // The caps and the pace are those of all workers together.
        let caps = &ask.service.hold;
        let waiting: u64 = ask.service.books.iter().map(|cell| cell.waiting.value()).sum();
        let bytes: u64 = ask.service.books.iter().map(|cell| cell.waiting_bytes.value()).sum();
        if waiting >= caps.requests || bytes + weight(client, ask) > caps.bytes {
            return Err(Wait::Own(OwnReason::HoldFull));
        }
        line.weigh(ask, line.bytes + weight(client, ask));
        line.per_second = f64::from(caps.release_per_second) / worker.reader.workers() as f64;
        let place = Rc::new(Place::default());
        line.places.push_back(place.clone());
        Ok(Some((place, line.max_wait)))
    }

    fn leave(&self, client: &Client, ask: &Ask, place: &Rc<Place>) {
        let mut services = self.services.borrow_mut();
        let Some(line) = services.get_mut(&ask.service.name) else { return };
        line.weigh(ask, line.bytes.saturating_sub(weight(client, ask)));
        if let Some(at) = line.places.iter().position(|other| Rc::ptr_eq(other, place)) {
            line.places.remove(at);
        }
    }

    /// Takes over from a new table which services are held, and lets parked requests look.
    pub(crate) fn adopted(&self, table: &Table, now: Instant) {
        for (name, line) in self.services.borrow_mut().iter_mut() {
            let service = table.place(name).and_then(|place| table.services.get(place));
            line.held = service.is_some_and(|service| service.held.is_some());
        }
        self.pace(now);
    }

    /// Lets go as many as the time since the last call allows.
    pub(crate) fn pace(&self, now: Instant) {
        let mut services = self.services.borrow_mut();
        for line in services.values_mut() {
            line.pace(now);
        }
        services.retain(|_, line| line.held || !line.places.is_empty());
    }

    /// Wakes everyone, so that each looks at the world again.
    pub(crate) fn wake_all(&self) {
        for line in self.services.borrow().values() {
            line.places.iter().for_each(|place| place.wake());
        }
    }
}

// === impl Line ===

impl Line {
    fn weigh(&mut self, ask: &Ask, bytes: u64) {
        self.bytes = bytes;
        ask.service.cell().waiting_bytes.set(bytes);
    }

    fn pace(&mut self, now: Instant) {
        if self.held {
            self.paced = None;
            return;
        }
        let since = self.paced.map_or(SWEEP_EVERY, |last| now.saturating_duration_since(last));
        self.paced = Some(now);
        // What was not used is not saved up: the pace has no bursts.
        self.may_go = (self.may_go.fract() + since.as_secs_f64() * self.per_second).max(0.0);
        while self.may_go >= 1.0 {
            let Some(place) = self.places.pop_front() else { break };
            self.may_go -= 1.0;
            place.go();
        }
    }
}

// === impl Place ===

impl Place {
    pub(super) fn go(&self) {
        self.go.set(true);
        self.wake();
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.go.get() {
            return Poll::Ready(());
        }
        *self.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The memory that a waiting request keeps.
fn weight(client: &Client, ask: &Ask) -> u64 {
    (client.rx.filled().len() + ask.upload.bytes()) as u64
}

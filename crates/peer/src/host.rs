//! The newer Teal's side: the older Teals that are leaving, each in its own place among the workers.
//!
//! An older Teal may itself host an even older one, and sends the counts of both. If it ends first, the
//! other gets a place here ([`Host::attach_orphan`]), and its requests are counted without a gap.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};
use traffic::Guest;

use crate::connection::PeerConnection;
use crate::series::SeriesMailbox;
use crate::slot::{Orphan, QueuedMessage, SlotOwner, SlotTask, keep_free};
use crate::wire::ToOlder;

/// A handle to the older Teals that are leaving: one after an upgrade; after a crash, each whose newer
/// Teal has died.
#[derive(Clone, Debug)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    slots: Mutex<Slots>,
    /// The number of Teals leaving at each place: its owner, and those that leave through it.
    /// 0: it is free, or its owner has gone.
    leaving: Arc<watch::Sender<Vec<usize>>>,
    series: SeriesMailbox,
}

#[derive(Debug)]
struct Slots {
    taken: Vec<TakenSlot>,
    free: Vec<(usize, oneshot::Sender<SlotOwner>)>,
    /// The number of Teals that were there at the start, the oldest first. All others are older.
    first: usize,
}

/// A place that is, or was, taken.
#[derive(Debug)]
struct TakenSlot {
    number: usize,
    pid: u32,
    messages: mpsc::UnboundedSender<QueuedMessage>,
    /// The channel for the Teals that leave through it, once it has ended; `None` once all of them are known.
    orphans: Option<mpsc::UnboundedSender<Orphan>>,
}

/// Gives older Teals their places among the workers: each by its link and its process id, the oldest first.
/// `free` are places for the Teals that leave through them.
/// Their recent traffic is put into `series`.
pub fn host(
    older: Vec<(Guest, PeerConnection, u32)>,
    free: Vec<Guest>,
    series: SeriesMailbox,
) -> Host {
    let mut counts = vec![1; older.len()];
    counts.resize(older.len() + free.len(), 0);
    let leaving = Arc::new(watch::Sender::new(counts));
    let first = older.len();
    let mut taken = Vec::new();
    for (number, (guest, connection, pid)) in older.into_iter().enumerate() {
        let (slot, owner) = TakenSlot::new(number, pid, connection, series.clone());
        tokio::spawn(SlotTask::new(guest, (number, leaving.clone()), owner).run());
        taken.push(slot);
    }
    let keep = |(slot, guest)| {
        let number = first + slot;
        let (give, owner) = oneshot::channel();
        tokio::spawn(keep_free(guest, (number, leaving.clone()), owner));
        (number, give)
    };
    let free = free.into_iter().enumerate().map(keep).collect();
    Host(Arc::new(Inner { slots: Mutex::new(Slots { taken, free, first }), leaving, series }))
}

// === impl Host ===

impl Host {
    /// Tells the older Teals that this one serves now: they stop accepting.
    pub fn say_serving(&self) {
        self.say(|| ToOlder::Serving);
    }

    /// Tells the older Teals that a third one takes over from this one, so that they are not needed again.
    pub fn say_confirmed(&self) {
        self.say(|| ToOlder::Confirmed);
    }

    /// Tells the older Teals that this one does not serve, and why. It must then exit.
    pub async fn say_failed(&self, reason: &str) {
        let mut said = Vec::new();
        for taken in &self.slots().taken {
            let (tell, told) = oneshot::channel();
            let message = ToOlder::Failed { reason: reason.to_owned() };
            let _ = taken.messages.send((message, Some(tell))); // it may have gone
            said.push(told);
        }
        for told in said {
            let _ = told.await; // an error says it, too
        }
    }

    fn say(&self, message: impl Fn() -> ToOlder) {
        let slots = self.slots();
        slots.taken.iter().for_each(|taken| drop(taken.messages.send((message(), None)))); // it may have gone
    }

    /// Gives a place to a Teal that has left through process `was`, which has ended.
    // lossless: L4
    pub fn attach_orphan(&self, (connection, pid): (PeerConnection, u32), was: u32) {
        let mut slots = self.slots();
        let Some((number, give)) = slots.free.pop() else {
            tracing::error!(
                pid,
                "no place is left for an older Teal: its requests are not counted"
            );
            return;
        };
        let series = self.0.series.clone();
        let (taken, mut owner) = TakenSlot::new(number, pid, connection, series);
        let orphans = slots.taken.iter().rev().find(|taken| taken.pid == was);
        if let Some(orphans) = orphans.and_then(|taken| taken.orphans.as_ref()) {
            let (orphan, reporter) = Orphan::new();
            owner.reporter = Some(reporter);
            let _ = orphans.send(orphan); // its counts are closed already
        }
        // Counted here before it counts as gone there.
        self.0.leaving.send_modify(|leaving| leaving[number] = 1);
        let _ = give.send(owner); // the task lives as long as the runtime
        slots.taken.push(taken);
    }

    /// Notes that all Teals that have left through this process, which has ended, are known.
    pub fn no_more_orphans(&self, was: u32) {
        for taken in self.slots().taken.iter_mut().filter(|taken| taken.pid == was) {
            taken.orphans = None;
        }
    }

    /// Waits until all of them have gone.
    pub async fn gone(&self) {
        let mut leaving = self.0.leaving.subscribe();
        let _ = leaving.wait_for(|leaving| sum(leaving) == 0).await; // its sender is here
    }

    /// Returns the process id of the newest one that has not gone.
    pub fn pid(&self) -> Option<u32> {
        let slots = self.slots();
        let leaving = self.0.leaving.borrow();
        let (first, later) = slots.taken.split_at(slots.first);
        let mut newest_first = first.iter().rev().chain(later);
        let is_there =
            |taken: &&TakenSlot| leaving.get(taken.number).is_some_and(|count| *count > 0);
        newest_first.find(is_there).map(|taken| taken.pid)
    }

    /// Waits until that differs from `known`.
    pub async fn pid_other_than(&self, known: Option<u32>) -> Option<u32> {
        let mut leaving = self.0.leaving.subscribe();
        loop {
            let pid = self.pid();
            if pid != known {
                return pid;
            }
            let _ = leaving.changed().await; // its sender is here
        }
    }

    /// Returns the number of Teals that are leaving, including those that leave through others.
    pub fn leaving(&self) -> usize {
        sum(&self.0.leaving.borrow())
    }

    /// Waits until that number differs from `known`.
    pub async fn leaving_other_than(&self, known: usize) -> usize {
        let mut leaving = self.0.leaving.subscribe();
        let other = leaving.wait_for(|leaving| sum(leaving) != known).await;
        other.map_or(0, |leaving| sum(&leaving)) // its sender is here
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sum(leaving: &[usize]) -> usize {
    leaving.iter().sum()
}

// === impl TakenSlot ===

impl TakenSlot {
    fn new(
        number: usize,
        pid: u32,
        connection: PeerConnection,
        series: SeriesMailbox,
    ) -> (Self, SlotOwner) {
        let (messages, to_say) = mpsc::unbounded_channel();
        let (give, orphans) = mpsc::unbounded_channel();
        let taken = Self { number, pid, messages, orphans: Some(give) };
        let reporter = None;
        (taken, SlotOwner { connection, pid, messages: to_say, orphans, reporter, series })
    }
}

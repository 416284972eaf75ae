//! The newer Teal's end: the older ones that are leaving, each in a place of its own among the workers.
//!
//! An older one may itself have the place of one that is older still, and tells what both have. If it
//! ends first, the other gets a place here ([`Host::inherit`]), and what it has is counted without a gap.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};
use traffic::Guest;

use crate::hosting::{Arriving, Heir, Hosting, Word, keep_free};
use crate::link::Link;
use crate::wire::ToOlder;

/// A handle to the older Teals that are leaving: one after an upgrade; after a crash, each whose newer
/// Teal has died.
#[derive(Clone, Debug)]
pub struct Host(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    places: Mutex<Places>,
    /// For each place how many are leaving there: the one that has it, and those that leave through it.
    /// 0: it is free, or that one has gone.
    leaving: Arc<watch::Sender<Vec<usize>>>,
}

#[derive(Debug)]
struct Places {
    taken: Vec<Taken>,
    free: Vec<(usize, oneshot::Sender<Arriving>)>,
    /// The number of those that were there at the start, the oldest first. All others are older.
    first: usize,
}

/// A place that is taken, or was.
#[derive(Debug)]
struct Taken {
    number: usize,
    pid: u32,
    words: mpsc::UnboundedSender<Word>,
    /// For those that leave through it, when it has ended; none once all of them are known.
    heirs: Option<mpsc::UnboundedSender<Heir>>,
}

/// Gives older Teals their places among the workers: each by the way to it and its process, the oldest
/// first. `free` are the places of those that leave through them.
pub fn host(older: Vec<(Guest, Link, u32)>, free: Vec<Guest>) -> Host {
    let mut counts = vec![1; older.len()];
    counts.resize(older.len() + free.len(), 0);
    let leaving = Arc::new(watch::Sender::new(counts));
    let first = older.len();
    let mut taken = Vec::new();
    for (number, (guest, link, pid)) in older.into_iter().enumerate() {
        let (place, arriving) = Taken::new(number, pid, link);
        tokio::spawn(Hosting::new(guest, (number, leaving.clone()), arriving).run());
        taken.push(place);
    }
    let keep = |(place, guest)| {
        let number = first + place;
        let (give, arriving) = oneshot::channel();
        tokio::spawn(keep_free(guest, (number, leaving.clone()), arriving));
        (number, give)
    };
    let free = free.into_iter().enumerate().map(keep).collect();
    Host(Arc::new(Inside { places: Mutex::new(Places { taken, free, first }), leaving }))
}

// === impl Host ===

impl Host {
    /// Says that this Teal serves now: the older one stops accepting.
    pub fn say_serving(&self) {
        self.say(|| ToOlder::Serving);
    }

    /// Says that a third Teal takes over from this one, so the older one is not needed again.
    pub fn say_confirmed(&self) {
        self.say(|| ToOlder::Confirmed);
    }

    /// Says that this Teal does not serve, and why. To be followed by its end.
    pub async fn say_failed(&self, reason: &str) {
        let mut said = Vec::new();
        for taken in &self.places().taken {
            let (tell, told) = oneshot::channel();
            let word = ToOlder::Failed { reason: reason.to_owned() };
            let _ = taken.words.send((word, Some(tell))); // it may have gone
            said.push(told);
        }
        for told in said {
            let _ = told.await; // an error says it, too
        }
    }

    fn say(&self, word: impl Fn() -> ToOlder) {
        let places = self.places();
        places.taken.iter().for_each(|taken| drop(taken.words.send((word(), None)))); // it may have gone
    }

    /// Gives a place to one that has left through process `was`, which has ended.
    // lossless: L4
    pub fn inherit(&self, (link, pid): (Link, u32), was: u32) {
        let mut places = self.places();
        let Some((number, give)) = places.free.pop() else {
            tracing::error!(pid, "no place is left for an older Teal: what it has is not counted");
            return;
        };
        let (taken, mut arriving) = Taken::new(number, pid, link);
        let heirs = places.taken.iter().rev().find(|taken| taken.pid == was);
        if let Some(heirs) = heirs.and_then(|taken| taken.heirs.as_ref()) {
            let (heir, will) = Heir::new();
            arriving.will = Some(will);
            let _ = heirs.send(heir); // it is settled already
        }
        // Here before it counts as gone there.
        self.0.leaving.send_modify(|leaving| leaving[number] = 1);
        let _ = give.send(arriving); // the task lives as long as the runtime
        places.taken.push(taken);
    }

    /// Says that all are known that have left through this process, which has ended.
    pub fn all_have_inherited(&self, was: u32) {
        for taken in self.places().taken.iter_mut().filter(|taken| taken.pid == was) {
            taken.heirs = None;
        }
    }

    /// Waits until all of them have gone.
    pub async fn gone(&self) {
        let mut leaving = self.0.leaving.subscribe();
        let _ = leaving.wait_for(|leaving| sum(leaving) == 0).await; // its sender is here
    }

    /// The process of the newest that has not gone.
    pub fn pid(&self) -> Option<u32> {
        let places = self.places();
        let leaving = self.0.leaving.borrow();
        let (first, later) = places.taken.split_at(places.first);
        let mut newest_first = first.iter().rev().chain(later);
        let is_there = |taken: &&Taken| leaving.get(taken.number).is_some_and(|count| *count > 0);
        newest_first.find(is_there).map(|taken| taken.pid)
    }

    /// Waits until that is another one than this.
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

    /// The number of Teals that are leaving, including those that leave through these.
    pub fn leaving(&self) -> usize {
        sum(&self.0.leaving.borrow())
    }

    /// Waits until that is another number than this.
    pub async fn leaving_other_than(&self, known: usize) -> usize {
        let mut leaving = self.0.leaving.subscribe();
        let other = leaving.wait_for(|leaving| sum(leaving) != known).await;
        other.map_or(0, |leaving| sum(&leaving)) // its sender is here
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sum(leaving: &[usize]) -> usize {
    leaving.iter().sum()
}

// === impl Taken ===

impl Taken {
    fn new(number: usize, pid: u32, link: Link) -> (Self, Arriving) {
        let (words, to_say) = mpsc::unbounded_channel();
        let (give, heirs) = mpsc::unbounded_channel();
        let taken = Self { number, pid, words, heirs: Some(give) };
        (taken, Arriving { link, pid, words: to_say, heirs, will: None })
    }
}

//! The newer Teal's side: the older Teals that are leaving, each in its own place among the workers.
//!
//! An older Teal may itself host an even older one, and sends the counts of both. If it ends first, the
//! other gets a place here ([`Host::inherit`]), and its requests are counted without a gap.

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
    /// The number of Teals leaving at each place: its owner, and those that leave through it.
    /// 0: it is free, or its owner has gone.
    leaving: Arc<watch::Sender<Vec<usize>>>,
}

#[derive(Debug)]
struct Places {
    taken: Vec<Taken>,
    free: Vec<(usize, oneshot::Sender<Arriving>)>,
    /// The number of Teals that were there at the start, the oldest first. All others are older.
    first: usize,
}

/// A place that is, or was, taken.
#[derive(Debug)]
struct Taken {
    number: usize,
    pid: u32,
    words: mpsc::UnboundedSender<Word>,
    /// The channel for the Teals that leave through it, once it has ended; `None` once all of them are known.
    heirs: Option<mpsc::UnboundedSender<Heir>>,
}

/// Gives older Teals their places among the workers: each by its link and its process id, the oldest first.
/// `free` are places for the Teals that leave through them.
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

    /// Gives a place to a Teal that has left through process `was`, which has ended.
    // lossless: L4
    pub fn inherit(&self, (link, pid): (Link, u32), was: u32) {
        let mut places = self.places();
        let Some((number, give)) = places.free.pop() else {
            tracing::error!(
                pid,
                "no place is left for an older Teal: its requests are not counted"
            );
            return;
        };
        let (taken, mut arriving) = Taken::new(number, pid, link);
        let heirs = places.taken.iter().rev().find(|taken| taken.pid == was);
        if let Some(heirs) = heirs.and_then(|taken| taken.heirs.as_ref()) {
            let (heir, will) = Heir::new();
            arriving.will = Some(will);
            let _ = heirs.send(heir); // its counts are closed already
        }
        // Counted here before it counts as gone there.
        self.0.leaving.send_modify(|leaving| leaving[number] = 1);
        let _ = give.send(arriving); // the task lives as long as the runtime
        places.taken.push(taken);
    }

    /// Notes that all Teals that have left through this process, which has ended, are known.
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

    /// Returns the process id of the newest one that has not gone.
    pub fn pid(&self) -> Option<u32> {
        let places = self.places();
        let leaving = self.0.leaving.borrow();
        let (first, later) = places.taken.split_at(places.first);
        let mut newest_first = first.iter().rev().chain(later);
        let is_there = |taken: &&Taken| leaving.get(taken.number).is_some_and(|count| *count > 0);
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

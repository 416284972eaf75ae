//! Memory of connects to names with several addresses: which address accepted last, and which did not.
//!
//! Shared by all workers and all probes, so that none waits for what another has already found out. Used
//! only for names with several addresses.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most addresses that are remembered; beyond it all are forgotten, and learned again.
const MOST: usize = 4096;

/// Outcomes of earlier connects, by address. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct AddressHistory(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// True if there is anything to look up.
    any: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    addresses: HashMap<SocketAddr, Entry>,
    /// A counter that orders the outcomes in time.
    moment: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    outcome: Outcome,
    moment: u64,
    /// True while it is being retried.
    retried: bool,
}

/// The last outcome at an address, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It accepted when another address had not.
    Worked,
    /// No failure is known.
    Unknown,
    /// It failed at once: trying it costs no time.
    Failed,
    /// It did not answer in time: trying it costs a wait.
    Silent,
}

/// One address of a name, with its last outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) address: SocketAddr,
    pub(crate) outcome: Outcome,
}

/// A demoted address that is being retried, by one caller at a time: until this is dropped.
#[derive(Debug)]
pub struct Retry {
    history: AddressHistory,
    address: SocketAddr,
}

// === impl AddressHistory ===

impl AddressHistory {
    /// The addresses in the order in which they are tried: the one that worked last, unknown ones with
    /// their families interleaved (RFC 8305 section 4), and last those that failed.
    pub(crate) fn order(&self, addresses: &[SocketAddr]) -> Vec<Candidate> {
        let outcome = Outcome::Unknown;
        let mut order: Vec<_> =
            interleaved(addresses).map(|address| Candidate { address, outcome }).collect();
        if self.0.any.load(Ordering::Relaxed) {
            let known = self.lock();
            let entry = |candidate: &Candidate| known.addresses.get(&candidate.address).copied();
            for candidate in &mut order {
                candidate.outcome = entry(candidate).map_or(outcome, |entry| entry.outcome);
            }
            order.sort_by_key(|candidate| {
                let moment = entry(candidate).map_or(0, |entry| entry.moment);
                // Of two that worked the latest first, of two that failed the one that failed longer ago.
                let newest = Reverse(if candidate.outcome == Outcome::Worked { moment } else { 0 });
                (candidate.outcome, newest, moment)
            });
        }
        order
    }

    /// Records the outcome of a connect.
    pub(crate) fn note(&self, address: SocketAddr, outcome: Outcome) {
        let mut known = self.lock();
        if known.addresses.len() >= MOST && !known.addresses.contains_key(&address) {
            known.addresses.clear();
        }
        known.moment += 1;
        let moment = known.moment;
        let entry =
            known.addresses.entry(address).or_insert(Entry { outcome, moment, retried: false });
        (entry.outcome, entry.moment) = (outcome, moment);
        self.0.any.store(true, Ordering::Relaxed);
    }

    /// The demoted ones among these addresses that are not being retried.
    pub fn retries(&self, addresses: &[SocketAddr]) -> Vec<Retry> {
        if !self.0.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut known = self.lock();
        let due = addresses.iter().filter_map(|address| {
            let entry = known.addresses.get_mut(address)?;
            let set_back = matches!(entry.outcome, Outcome::Failed | Outcome::Silent);
            if !set_back || std::mem::replace(&mut entry.retried, true) {
                return None;
            }
            Some(Retry { history: self.clone(), address: *address })
        });
        due.collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The addresses with their families alternating while both last; the first one stays first.
fn interleaved(addresses: &[SocketAddr]) -> impl Iterator<Item = SocketAddr> {
    let first_is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let of = move |ipv4| addresses.iter().copied().filter(move |at| at.is_ipv4() == ipv4);
    let (mut one, mut other) = (of(first_is_ipv4), of(!first_is_ipv4));
    let mut turn = false;
    std::iter::from_fn(move || {
        turn = !turn;
        if turn { one.next().or_else(|| other.next()) } else { other.next().or_else(|| one.next()) }
    })
}

// === impl Retry ===

impl Retry {
    /// The address to retry.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Records that it accepts connections again.
    pub fn worked(self) {
        self.history.lock().addresses.remove(&self.address);
    }
}

impl Drop for Retry {
    fn drop(&mut self) {
        if let Some(entry) = self.history.lock().addresses.get_mut(&self.address) {
            entry.retried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 80))
    }

    fn six(last: u16) -> SocketAddr {
        SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, last], 80))
    }

    fn order(history: &AddressHistory, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        history.order(addresses).iter().map(|candidate| candidate.address).collect()
    }

    #[test]
    fn families_take_turns_when_nothing_is_known() {
        let history = AddressHistory::default();
        let addresses = [at(1), at(2), at(3), six(1), six(2)];
        assert_eq!(order(&history, &addresses), [at(1), six(1), at(2), six(2), at(3)]);
        let addresses = [six(1), six(2), at(1)];
        assert_eq!(order(&history, &addresses), [six(1), at(1), six(2)]);
        assert_eq!(order(&history, &[at(2), at(1)]), [at(2), at(1)]);
        assert_eq!(order(&history, &[]), []);
    }

    #[test]
    fn addresses_that_worked_come_first_and_failed_ones_last_the_silent_behind_the_quick() {
        let history = AddressHistory::default();
        let all = [at(1), at(2), at(3), at(4), at(5), at(6)];
        history.note(at(1), Outcome::Silent);
        history.note(at(2), Outcome::Failed);
        history.note(at(3), Outcome::Silent);
        history.note(at(6), Outcome::Worked);
        history.note(at(5), Outcome::Worked);
        assert_eq!(order(&history, &all), [at(5), at(6), at(4), at(2), at(1), at(3)]);
        history.note(at(1), Outcome::Silent);
        assert_eq!(order(&history, &[at(1), at(3)]), [at(3), at(1)], "the older failure first");
    }

    #[test]
    fn a_demoted_address_is_tried_again_by_one_at_a_time_until_it_works() {
        let history = AddressHistory::default();
        let all = [at(1), at(2), at(3)];
        assert!(history.retries(&all).is_empty());
        history.note(at(1), Outcome::Silent);
        history.note(at(2), Outcome::Worked);
        history.note(at(3), Outcome::Failed);
        let mut first = history.retries(&all);
        assert_eq!(first.iter().map(Retry::address).collect::<Vec<_>>(), [at(1), at(3)]);
        assert!(history.retries(&all).is_empty(), "both are being tried");
        drop(first.pop());
        assert_eq!(history.retries(&all).len(), 1, "it failed again, and is tried again");
        first.pop().expect("one is left").worked();
        assert_eq!(order(&history, &all), [at(2), at(1), at(3)]);
    }

    #[test]
    fn the_history_is_bounded() {
        let history = AddressHistory::default();
        for number in 0..10_000_u32 {
            let address = SocketAddr::from((number.to_be_bytes(), 80));
            history.note(address, Outcome::Silent);
        }
        assert!(history.lock().addresses.len() <= MOST);
    }
}

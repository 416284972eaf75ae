//! Rate limit for wrong tokens: after ten in a minute, further wrong ones of that peer are answered 429
//! until the minute is over. A valid token is accepted at any time: it is compared first.
//!
//! Counts per peer address, or per user id on the socket. The table is bounded: an attacker
//! with many addresses evicts the oldest entries but cannot exhaust memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const FAILURES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
const PEERS_MAX: usize = 4096;

/// The source of failures, which are counted per source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A caller on the network.
    Address(IpAddr),
    /// A caller on the socket.
    Uid(u32),
}

/// The failures of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Lockout {
    sources: HashMap<Source, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    since: Instant,
    count: u32,
}

impl Lockout {
    /// Returns the time for which wrong tokens of this source are still answered 429; `None`: they are not.
    pub(crate) fn remaining(&self, source: Source, now: Instant) -> Option<Duration> {
        let failures = self.sources.get(&source)?;
        let left = WINDOW.checked_sub(now.saturating_duration_since(failures.since))?;
        (failures.count >= FAILURES_MAX && !left.is_zero()).then_some(left)
    }

    /// Counts a wrong token; returns true if it was the one that locks the source out.
    pub(crate) fn failed(&mut self, source: Source, now: Instant) -> bool {
        let over = |failures: &Failures| now.saturating_duration_since(failures.since) >= WINDOW;
        if self.sources.len() >= PEERS_MAX && !self.sources.contains_key(&source) {
            self.sources.retain(|_, failures| !over(failures));
            let oldest = self.sources.iter().min_by_key(|(_, failures)| failures.since);
            if let Some(oldest) = oldest.map(|(source, _)| *source)
                && self.sources.len() >= PEERS_MAX
            {
                self.sources.remove(&oldest);
            }
        }
        let fresh = Failures { since: now, count: 0 };
        let failures = self.sources.entry(source).or_insert(fresh);
        if over(failures) {
            *failures = fresh;
        }
        failures.count = failures.count.saturating_add(1);
        failures.count == FAILURES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A5
    #[test]
    fn ten_failures_in_a_minute_lock_one_source_out_until_the_minute_is_over() {
        let mut lockout = Lockout::default();
        let start = Instant::now();
        let attacker = Source::Uid(7);
        for n in 0..9 {
            assert!(!lockout.failed(attacker, start), "failure {n}");
        }
        assert_eq!(lockout.remaining(attacker, start), None);
        assert!(lockout.failed(attacker, start + Duration::from_secs(20)));
        let left = lockout.remaining(attacker, start + Duration::from_secs(20));
        assert_eq!(left, Some(Duration::from_secs(40)));
        assert_eq!(lockout.remaining(Source::Uid(8), start), None);
        assert_eq!(lockout.remaining(attacker, start + WINDOW), None);
        assert!(!lockout.failed(attacker, start + WINDOW));
        assert_eq!(lockout.remaining(attacker, start + WINDOW), None);
        let again = (0..9).filter(|_| lockout.failed(attacker, start + WINDOW)).count();
        assert_eq!(again, 1, "the next minute counts its own ten");
        assert_eq!(lockout.remaining(attacker, start + WINDOW), Some(WINDOW));
    }

    // A5
    #[test]
    fn many_sources_do_not_grow_the_table_without_bound() {
        let mut lockout = Lockout::default();
        let start = Instant::now();
        for n in 0..3 * PEERS_MAX as u32 {
            lockout.failed(Source::Uid(n), start + Duration::from_micros(u64::from(n)));
        }
        assert_eq!(lockout.sources.len(), PEERS_MAX);
        let kept = |n| lockout.sources.contains_key(&Source::Uid(3 * PEERS_MAX as u32 - n));
        assert!(kept(1) && kept(2), "the oldest is forgotten first");
    }
}

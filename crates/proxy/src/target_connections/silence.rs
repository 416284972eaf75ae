//! Detecting a silent target: requests that can't be sent twice wait for it, and none has been answered for
//! much longer than usual. Its process may be stalled, and close its idle connections unread when it resumes;
//! on a new connection a request would wait until it is accepted (L5).
//!
//! Never: a verdict about health. A target that is only slow costs new connections for a while.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The requests that wait for one target, and its last answer.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    waiting: Cell<usize>,
    /// The time when one of them was last answered, or the first of them began to wait.
    heard: Cell<Option<Instant>>,
    /// The average time until an answer begins.
    usual: Cell<Duration>,
}

/// A request that waits for its answer to begin.
#[derive(Debug)]
pub(crate) struct Waiting {
    silence: Rc<Silence>,
    since: Instant,
}

/// The silence that is tolerated: this much, and this many times the average.
const PAUSE: Duration = Duration::from_millis(20);
const TIMES: u32 = 4;

/// The newest answer weighs one in this many in the average.
const WEIGHT: u32 = 8;

// === impl Silence, Waiting ===

impl Silence {
    /// A request that can't be sent twice begins to wait.
    pub(crate) fn wait(self: &Rc<Self>, now: Instant) -> Waiting {
        if self.waiting.get() == 0 {
            self.heard.set(Some(now));
        }
        self.waiting.set(self.waiting.get() + 1);
        Waiting { silence: self.clone(), since: now }
    }

    /// Returns true if no idle connection may be trusted now.
    // lossless: L5
    pub(crate) fn has_fallen(&self, now: Instant) -> bool {
        let heard = self.heard.get().filter(|_| self.waiting.get() > 0);
        heard.is_some_and(|heard| {
            now.saturating_duration_since(heard) > PAUSE + self.usual.get() * TIMES
        })
    }
}

impl Waiting {
    /// Its answer has begun.
    pub(crate) fn answered(self, now: Instant) {
        let Self { silence, since } = &self;
        let took = now.saturating_duration_since(*since);
        silence.heard.set(Some(now));
        silence.usual.set((silence.usual.get() * (WEIGHT - 1) + took) / WEIGHT);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.silence.waiting.set(self.silence.waiting.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_target_is_silent_when_a_request_waits_longer_than_usual() {
        // L5
        let (begun, silence) = (Instant::now(), Rc::new(Silence::default()));
        assert!(!silence.has_fallen(begun + ms(5000)), "no request waits");
        let (first, second) = (silence.wait(begun), silence.wait(begun + ms(15)));
        assert!(!silence.has_fallen(begun + ms(20)));
        assert!(silence.has_fallen(begun + ms(21)));
        second.answered(begun + ms(23)); // after 8 ms, of which the average is 1
        assert!(!silence.has_fallen(begun + ms(23 + 24)));
        assert!(silence.has_fallen(begun + ms(23 + 25)), "the first waits still");
        drop(first);
        assert!(!silence.has_fallen(begun + ms(5000)), "given up");
    }

    #[test]
    fn a_target_that_is_slow_as_always_is_not_silent() {
        // L5
        let (begun, silence) = (Instant::now(), Rc::new(Silence::default()));
        (0..64).for_each(|_| silence.wait(begun).answered(begun + ms(300)));
        let _one = silence.wait(begun);
        assert!(!silence.has_fallen(begun + ms(1200)));
        assert!(silence.has_fallen(begun + ms(1221)));
    }
}

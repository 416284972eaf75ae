//! Ending a WebSocket in a pause: new messages of the client are no longer passed on, the last ones are
//! answered first, and only then both sides are sent a Close frame. So a client that sends ids knows that a
//! message without an answer has not reached the target.

use std::time::{Duration, Instant};

/// The rules for when a tunnel that is asked to end may end.
#[derive(Debug)]
pub(crate) struct QuietClose {
    began: Instant,
    /// The longest wait for an answer to the client's last message.
    patience: Duration,
}

/// The time when each direction last moved; `None`: never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moves {
    pub(crate) up: Move,
    pub(crate) down: Move,
}

/// The bytes of one direction when it was last looked at, and the time when they changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Move {
    count: u64,
    at: Option<Instant>,
}

/// The decision whether a tunnel ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseDecision {
    /// It ends, and nothing more is expected.
    Now,
    /// It ends, although the last message has no answer, or a direction is in the middle of a message.
    Forced,
    /// It does not end before this time.
    Later(Instant),
}

/// The pause required after an answer.
const QUIET: Duration = Duration::from_millis(250);

impl Moves {
    /// Returns the time when either direction last moved.
    pub(crate) fn last(self) -> Option<Instant> {
        self.up.at.max(self.down.at)
    }
}

impl Move {
    /// Records the bytes moved until now.
    pub(crate) fn look(&mut self, count: u64, now: Instant) {
        if count != self.count {
            *self = Self { count, at: Some(now) };
        }
    }
}

impl QuietClose {
    /// Begins: from here on, new messages of the client are not passed on.
    pub(crate) fn begin(now: Instant, patience: Duration) -> Self {
        Self { began: now, patience }
    }

    /// Decides whether to end. `rests`: both directions are at a place where they can be ended.
    pub(crate) fn decide(&self, moves: Moves, rests: bool, now: Instant) -> CloseDecision {
        let Moves { up, down } = moves;
        let last = self.began + self.patience;
        // A message sent long ago without an answer is not going to get one.
        let asked = up.at.filter(|up| *up + self.patience > self.began);
        let awaited = asked.filter(|asked| down.at.is_none_or(|down| down <= *asked));
        let due = match (awaited, up.at.max(down.at)) {
            (Some(_), _) => last,
            (None, moved) => moved.map_or(now, |moved| moved + QUIET).min(last),
        };
        match (rests, due <= now) {
            (true, true) if awaited.is_none() => CloseDecision::Now,
            (_, _) if last <= now => CloseDecision::Forced,
            (true, _) => CloseDecision::Later(due.max(now)),
            (false, _) => CloseDecision::Later(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn an_answer_is_waited_for_and_then_a_pause() {
        // L3
        let start = Instant::now();
        let at = |up: Option<u64>, down: Option<u64>| Moves {
            up: Move { count: 1, at: up.map(|up| start + ms(up)) },
            down: Move { count: 1, at: down.map(|down| start + ms(down)) },
        };
        let quiet = QuietClose::begin(start + ms(5000), ms(2000));
        let asked = |moves, rests, now| quiet.decide(moves, rests, start + ms(now));
        // No messages for a while.
        assert_eq!(asked(at(None, None), true, 5000), CloseDecision::Now);
        assert_eq!(asked(at(Some(10), Some(11)), true, 5000), CloseDecision::Now);
        assert_eq!(
            asked(at(Some(10), None), true, 5000),
            CloseDecision::Now,
            "no answer for a long time"
        );
        // An answer has just arrived, or arrives later.
        assert_eq!(
            asked(at(Some(4990), Some(4995)), true, 5000),
            CloseDecision::Later(start + ms(5245))
        );
        assert_eq!(asked(at(Some(4990), Some(4995)), true, 5245), CloseDecision::Now);
        assert_eq!(asked(at(Some(4990), None), true, 5245), CloseDecision::Later(start + ms(7000)));
        assert_eq!(asked(at(Some(4990), Some(6000)), true, 6250), CloseDecision::Now);
        // It does not arrive, or there is no place to end.
        assert_eq!(asked(at(Some(4990), None), true, 7000), CloseDecision::Forced);
        assert_eq!(
            asked(at(Some(4990), Some(4995)), false, 6000),
            CloseDecision::Later(start + ms(7000))
        );
        assert_eq!(asked(at(Some(4990), Some(4995)), false, 7000), CloseDecision::Forced);
        assert_eq!(
            asked(at(None, Some(6990)), true, 7000),
            CloseDecision::Now,
            "it sends all the time"
        );
    }
}

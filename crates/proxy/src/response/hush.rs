//! The farewell of a WebSocket falls into a pause: nothing more of its client's is passed on, what was
//! is answered first, and only then both are sent a Close frame. So whoever sends ids knows that what
//! was not answered has not reached the target.

use std::time::{Duration, Instant};

/// When a tunnel that is asked to end may end.
#[derive(Debug)]
pub(crate) struct Hush {
    began: Instant,
    /// For as long, an answer to the client's last message is waited for.
    patience: Duration,
}

/// When each direction has last moved; none: never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moves {
    pub(crate) up: Move,
    pub(crate) down: Move,
}

/// What one direction has moved, as it was last looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Move {
    count: u64,
    at: Option<Instant>,
}

/// Whether a tunnel is to end now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// It is, and all that is known to be expected has come.
    Here,
    /// It is, though the last message has no answer, or one of the two has not come to rest.
    Forced,
    /// Not before then.
    Later(Instant),
}

/// After an answer, as long must nothing follow.
const QUIET: Duration = Duration::from_millis(250);

impl Moves {
    /// When anything has last moved.
    pub(crate) fn last(self) -> Option<Instant> {
        self.up.at.max(self.down.at)
    }
}

impl Move {
    /// Takes over what has moved until now.
    pub(crate) fn look(&mut self, count: u64, now: Instant) {
        if count != self.count {
            *self = Self { count, at: Some(now) };
        }
    }
}

impl Hush {
    /// Begins: from here on, nothing new of the client's is passed on.
    pub(crate) fn begin(now: Instant, patience: Duration) -> Self {
        Self { began: now, patience }
    }

    /// `rests`: both directions have come to a place at which they can be ended.
    pub(crate) fn pause(&self, moves: Moves, rests: bool, now: Instant) -> Pause {
        let Moves { up, down } = moves;
        let last = self.began + self.patience;
        // What was asked long ago and has no answer is not going to have one.
        let asked = up.at.filter(|up| *up + self.patience > self.began);
        let awaited = asked.filter(|asked| down.at.is_none_or(|down| down <= *asked));
        let due = match (awaited, up.at.max(down.at)) {
            (Some(_), _) => last,
            (None, moved) => moved.map_or(now, |moved| moved + QUIET).min(last),
        };
        match (rests, due <= now) {
            (true, true) if awaited.is_none() => Pause::Here,
            (_, _) if last <= now => Pause::Forced,
            (true, _) => Pause::Later(due.max(now)),
            (false, _) => Pause::Later(last),
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
        let hush = Hush::begin(start + ms(5000), ms(2000));
        let asked = |moves, rests, now| hush.pause(moves, rests, start + ms(now));
        // Nobody has said anything lately.
        assert_eq!(asked(at(None, None), true, 5000), Pause::Here);
        assert_eq!(asked(at(Some(10), Some(11)), true, 5000), Pause::Here);
        assert_eq!(asked(at(Some(10), None), true, 5000), Pause::Here, "no answer for long");
        // An answer has just come, or comes later.
        assert_eq!(asked(at(Some(4990), Some(4995)), true, 5000), Pause::Later(start + ms(5245)));
        assert_eq!(asked(at(Some(4990), Some(4995)), true, 5245), Pause::Here);
        assert_eq!(asked(at(Some(4990), None), true, 5245), Pause::Later(start + ms(7000)));
        assert_eq!(asked(at(Some(4990), Some(6000)), true, 6250), Pause::Here);
        // It does not come, or there is no end.
        assert_eq!(asked(at(Some(4990), None), true, 7000), Pause::Forced);
        assert_eq!(asked(at(Some(4990), Some(4995)), false, 6000), Pause::Later(start + ms(7000)));
        assert_eq!(asked(at(Some(4990), Some(4995)), false, 7000), Pause::Forced);
        assert_eq!(asked(at(None, Some(6990)), true, 7000), Pause::Here, "it sends all the time");
    }
}

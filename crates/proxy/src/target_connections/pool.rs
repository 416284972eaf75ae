//! Idle connections to targets, per worker. The one used last is used first, so that few stay in use and the
//! others time out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use connect::{DialError, PeekState, Stream};
use traffic::{ConnectionHold, TargetId};

use super::bound::Bound;
use super::connection::{Destination, Hold, Reuse, TargetConnection};
use super::silence::{Silence, Waiting};
use crate::buffer::{Buffer, Buffers};
use crate::deadline::SWEEP_EVERY;

/// The idle connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    targets: RefCell<BTreeMap<Destination, Target>>,
}

#[derive(Debug, Default)]
struct Target {
    idle: Vec<Idle>,
    bound: Bound,
    silence: Rc<Silence>,
}

#[derive(Debug)]
struct Idle {
    stream: Stream,
    hold: ConnectionHold, // dropped after the stream
    since: Instant,
    until: Instant,
}

/// The most idle connections to one target that a worker keeps.
const KEEP: usize = 1024;

impl Pool {
    /// Returns a connection to the target that is believed good.
    ///
    /// For a request that may be sent again, the runtime's view is enough. For another, the connection must
    /// have been idle for less than the learned bound, the kernel must report neither end nor stray bytes, and
    /// the target must not have fallen silent.
    // lossless: L5
    pub(crate) fn take(
        &self,
        target: Destination,
        reuse: Reuse,
        now: Instant,
    ) -> Option<TargetConnection> {
        if reuse == Reuse::Never {
            return None;
        }
        let mut targets = self.targets.borrow_mut();
        let known = targets.get_mut(&target)?;
        if reuse == Reuse::Trusted && known.silence.has_fallen(now) {
            return None;
        }
        while let Some(idle) = known.idle.pop() {
            let idled = now.saturating_duration_since(idle.since);
            if reuse == Reuse::Trusted && idled > known.bound.trusted_idle() {
                known.idle.push(idle);
                return None;
            }
            let state = match reuse {
                Reuse::Any => idle.stream.known(),
                Reuse::Trusted | Reuse::Never => idle.stream.peek(),
            };
            match state {
                PeekState::Quiet if now < idle.until => {
                    let Idle { stream, hold, .. } = idle;
                    let rx = Buffer::default();
                    let hold = Hold::Own(hold);
                    return Some(TargetConnection {
                        stream,
                        hold,
                        rx,
                        target,
                        idled: Some(idled),
                        pinned: false,
                    });
                }
                PeekState::Ended | PeekState::Broken => known.bound.closed(idled),
                _ => {} // too old, or with unasked bytes
            }
        }
        None
    }

    /// Keeps a connection whose answer was read to its end at `since`.
    pub(crate) fn put(
        &self,
        connection: TargetConnection,
        advertised: Option<Duration>,
        longest: Duration,
        since: Instant,
    ) {
        let mut targets = self.targets.borrow_mut();
        let known = targets.entry(connection.target).or_default();
        if let Some(timeout) = advertised {
            known.bound.advertise(timeout);
        }
        let stay = known.bound.advertised().map_or(longest, |timeout| timeout.min(longest));
        let TargetConnection { stream, hold: Hold::Own(hold), .. } = connection else { return };
        if known.idle.len() < KEEP && !hold.is_draining() {
            known.idle.push(Idle { stream, hold, since, until: since + stay });
        }
        if connection.target.name != 0 {
            bound_names(&mut targets, connection.target);
        }
    }

    /// Closes the idle connections of a server name that was forgotten.
    pub(crate) fn give_up(&self, target: TargetId, name: u64) {
        let of_name = |at: &Destination| at.target == target && at.name == name;
        self.targets.borrow_mut().retain(|at, _| !of_name(at));
    }

    /// A request that can't be sent twice begins to wait for the target.
    pub(crate) fn wait(&self, target: Destination, now: Instant) -> Waiting {
        self.targets.borrow_mut().entry(target).or_default().silence.wait(now)
    }

    /// Returns how long a connection to the target may have been idle and still be trusted with a request that
    /// can't be sent twice (L5).
    pub(crate) fn trusted_idle(&self, target: Destination) -> Duration {
        let targets = self.targets.borrow();
        targets.get(&target).map_or_else(Bound::default, |known| known.bound).trusted_idle()
    }

    /// A connection that had been idle for this long brought an answer.
    pub(crate) fn survived(&self, target: Destination, idled: Duration) {
        self.targets.borrow_mut().entry(target).or_default().bound.survived(idled);
    }

    /// A connection that had been idle for this long was closed by the target.
    pub(crate) fn closed(&self, target: Destination, idled: Duration) {
        self.targets.borrow_mut().entry(target).or_default().bound.closed(idled);
    }

    /// The target does not listen: the next process there may have other timeouts, and old connections are useless.
    pub(crate) fn forget(&self, target: Destination, error: &DialError) {
        if matches!(error, DialError::Refused) {
            let any_name = |at: &Destination| Destination { name: target.name, ..*at };
            self.targets.borrow_mut().retain(|at, _| any_name(at) != target);
        }
    }

    /// Closes all idle connections to draining targets.
    // lossless: L4
    pub(crate) fn retire(&self) {
        for target in self.targets.borrow_mut().values_mut() {
            target.idle.retain(|idle| !idle.hold.is_draining());
        }
    }

    /// Drops connections that ended or are too old, and wakes the task when one ends.
    pub(crate) fn watch_idle(&self, now: Instant, cx: &mut Context<'_>) {
        self.targets.borrow_mut().retain(|at, target| {
            let Target { idle, bound, silence } = target;
            idle.retain_mut(|idle| {
                let idled = now.saturating_duration_since(idle.since);
                if idled < SWEEP_EVERY {
                    return true; // in use, more or less: not worth a check
                }
                match idle.stream.poll_peek(cx) {
                    Poll::Pending | Poll::Ready(PeekState::Quiet) => {
                        bound.survived(idled);
                        now < idle.until
                    }
                    Poll::Ready(PeekState::Ended | PeekState::Broken) => {
                        bound.closed(idled);
                        false
                    }
                    Poll::Ready(PeekState::Data) => false,
                }
            });
            // There may be many names, most of them used once.
            at.name == 0 || !idle.is_empty() || Rc::strong_count(silence) > 1
        });
    }

    /// Forgets targets that are in no table any more, once no connection to them is left: a name may change its
    /// addresses for months. `is_there` is asked for each target and its number of moves. Returns true if some of
    /// them are still in use.
    pub(crate) fn forget_gone(&self, is_there: impl Fn(TargetId, u32) -> bool) -> bool {
        let mut some_stay = false;
        self.targets.borrow_mut().retain(|at, target| {
            let in_use = !target.idle.is_empty() || Rc::strong_count(&target.silence) > 1;
            let there = is_there(at.target, at.moves);
            some_stay |= in_use && !there;
            in_use || there
        });
        some_stay
    }

    /// Returns true if no connection is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.targets.borrow().values().all(|target| target.idle.is_empty())
    }

    /// Closes all connections.
    pub(crate) fn clear(&self) {
        self.targets.borrow_mut().clear();
    }
}

/// Closes the oldest: all names of a target together keep as many idle connections as a target without names.
fn bound_names(targets: &mut BTreeMap<Destination, Target>, of: Destination) {
    let kept = || {
        let from = targets.range(Destination { moves: 0, name: 0, ..of }..);
        from.take_while(|(at, _)| at.target == of.target).filter(|(at, _)| at.name != 0)
    };
    if kept().map(|(_, known)| known.idle.len()).sum::<usize>() <= KEEP {
        return;
    }
    let oldest = kept().filter_map(|(at, known)| Some((known.idle.first()?.since, *at))).min();
    if let Some(known) = oldest.and_then(|(_, at)| targets.get_mut(&at)) {
        known.idle.remove(0);
    }
}

impl TargetConnection {
    /// Gives the read buffer back.
    pub(crate) fn strip(&mut self, buffers: &Buffers) {
        self.rx.clear();
        self.rx.strip(buffers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(target: u32, moves: u32) -> Destination {
        Destination { target: TargetId(target), moves, name: 0 }
    }

    #[test]
    fn r67_a_target_that_no_table_has_is_forgotten_and_one_in_use_is_not() {
        let (pool, idled) = (Pool::default(), Duration::from_secs(4));
        for target in 0..1000 {
            pool.survived(at(target, 0), idled);
        }
        pool.survived(at(7, 1), idled);
        let waiting = pool.wait(at(9, 0), Instant::now());
        assert!(pool.forget_gone(|target, moves| (target.0, moves) == (7, 1)), "one is in use");
        let known: Vec<_> = pool.targets.borrow().keys().copied().collect();
        assert_eq!(known, [at(7, 1), at(9, 0)], "what is there, and what a request waits for");
        assert_eq!(
            pool.trusted_idle(at(7, 1)),
            Duration::from_secs(1),
            "with what it was found to be"
        );
        drop(waiting);
        assert!(!pool.forget_gone(|_, _| false), "nothing is left to be forgotten");
        assert!(pool.targets.borrow().is_empty());
    }
}

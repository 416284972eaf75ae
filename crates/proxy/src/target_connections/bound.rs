//! The longest idle time after which a target connection is still trusted with a request that can't be sent
//! twice (L5). Learned per target, since every server closes idle connections after its own timeout, and few
//! announce it.

use std::time::Duration;

/// The knowledge about one target.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound {
    advertised: Option<Duration>,
    shortest_closed: Option<Duration>,
    longest_survived: Duration,
}

/// The bound while nothing is known.
const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(1);

/// The share of the known timeout that is trusted: the target's clock starts at another moment than ours, and
/// its load varies.
const SHARE: u32 = 4;

impl Bound {
    /// Returns the bound: a connection idle for less than this is very likely alive.
    pub(crate) fn trusted_idle(&self) -> Duration {
        let survived = self.longest_survived.max(FIRST * SHARE);
        let known = [self.advertised, self.shortest_closed, Some(survived)];
        let shortest = known.into_iter().flatten().min().unwrap_or(survived);
        (shortest / SHARE).min(LONGEST)
    }

    /// Returns how long the target says that it keeps an idle connection.
    pub(crate) fn advertised(&self) -> Option<Duration> {
        self.advertised
    }

    /// The target announced how long it keeps idle connections.
    pub(crate) fn advertise(&mut self, timeout: Duration) {
        self.advertised = Some(timeout);
    }

    /// A connection was still alive after idling for this long.
    pub(crate) fn survived(&mut self, idle: Duration) {
        self.longest_survived = self.longest_survived.max(idle);
        // One that closed much sooner did not close because it was idle: its process ended, say.
        if self.shortest_closed.is_some_and(|closed| idle > closed * 2) {
            self.shortest_closed = None;
        }
    }

    /// The target closed a connection after it had idled for this long.
    pub(crate) fn closed(&mut self, idle: Duration) {
        let shortest = self.shortest_closed.map_or(idle, |known| known.min(idle));
        self.shortest_closed = Some(shortest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_bound_begins_at_five_milliseconds_and_grows_with_what_survives() {
        // L5
        let mut bound = Bound::default();
        assert_eq!(bound.trusted_idle(), ms(5));
        bound.survived(ms(8));
        assert_eq!(bound.trusted_idle(), ms(5));
        bound.survived(ms(400));
        assert_eq!(bound.trusted_idle(), ms(100));
        bound.survived(ms(60_000));
        assert_eq!(bound.trusted_idle(), ms(1000));
    }

    #[test]
    fn the_bound_is_a_quarter_of_the_shortest_that_is_known() {
        // L5
        let mut bound = Bound::default();
        bound.survived(ms(3000));
        bound.closed(ms(2000));
        assert_eq!(bound.trusted_idle(), ms(500));
        bound.advertise(ms(800));
        assert_eq!(bound.trusted_idle(), ms(200));
        bound.closed(ms(50));
        assert_eq!(bound.trusted_idle(), Duration::from_micros(12_500));
        bound.closed(ms(60));
        assert_eq!(bound.trusted_idle(), Duration::from_micros(12_500), "the shortest counts");
    }

    #[test]
    fn a_close_that_was_not_for_idling_is_forgotten_once_a_connection_outlives_it() {
        // L5
        let mut bound = Bound::default();
        bound.closed(ms(1));
        assert_eq!(bound.trusted_idle(), Duration::from_micros(250));
        bound.survived(ms(2));
        assert_eq!(bound.trusted_idle(), Duration::from_micros(250));
        bound.survived(ms(400));
        assert_eq!(bound.trusted_idle(), ms(100));
    }
}

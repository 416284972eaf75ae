//! The restart policy for a serving Teal that has died.

use std::time::Duration;

/// The time after which a serving Teal counts as working: its death then starts a new count.
const LIVED: Duration = Duration::from_secs(10);

/// The number of deaths in a row, all before [`LIVED`], at which the parent gives up.
const DEATHS: u32 = 8;

/// The delay of the second restart in a row; the first has none, and each further one doubles it.
const DELAY: Duration = Duration::from_millis(100);

/// The number of deaths in a row.
#[derive(Debug, Default)]
pub(crate) struct Revival(pub(crate) u32);

impl Revival {
    /// The delay before the next start, after a death that followed this much service; `None`: give up.
    pub(crate) fn after(&mut self, lived: Duration) -> Option<Duration> {
        self.0 = if lived >= LIVED { 1 } else { self.0 + 1 };
        match self.0 {
            DEATHS.. => None,
            1 => Some(Duration::ZERO),
            deaths => Some(DELAY * 2_u32.pow(deaths - 2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_is_at_once_the_next_ones_wait_and_after_the_last_there_is_none() {
        let mut revival = Revival::default();
        let delays: Vec<_> = (0..8).map(|_| revival.after(Duration::ZERO)).collect();
        let millis = delays.iter().map(|delay| delay.map(|delay| delay.as_millis()));
        let expected = [0, 100, 200, 400, 800, 1_600, 3_200].map(Some);
        assert_eq!(millis.collect::<Vec<_>>(), [&expected[..], &[None]].concat());
    }

    #[test]
    fn one_that_has_served_for_a_while_is_started_again_at_once() {
        let mut revival = Revival::default();
        for _ in 0..100 {
            assert_eq!(revival.after(LIVED), Some(Duration::ZERO));
        }
        assert_eq!(revival.after(Duration::ZERO), Some(DELAY));
    }
}

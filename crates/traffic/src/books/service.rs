//! The requests of one service.

use rules::Color;

use super::{AbortCause, AnsweredBy, OwnReason, ServiceBooks, SwitchEnd, add_all, set_all};
use crate::cell::{Count, Gauge};

/// One worker's part of a service's books.
#[derive(Debug, Default)]
pub struct ServiceCell {
    /// Requests whose head was taken from a client.
    pub accepted: Count,
    /// Requests not yet ended.
    pub in_flight: Gauge,
    /// Requests sent to a target again (L5).
    pub retries: Count,
    /// Requests that had to wait: held, or parked for a failover.
    pub parked: Count,
    /// Requests waiting now.
    pub waiting: Gauge,
    /// Tunnels opened by a 101.
    pub tunnels_opened: Count,
    /// Tunnels ended.
    pub tunnels_closed: Count,
    /// Long streams that were asked to end because their color was drained.
    pub streams_ended: Count,
    /// Long streams among them that ended without a pause, perhaps before an answer.
    pub streams_unanswered: Count,
    switches: [Count; SwitchEnd::COUNT],
    colors: [Count; 2],
    own: [Count; OwnReason::COUNT],
    aborted: [Count; AbortCause::COUNT],
    previews: [[Count; CLASSES]; 2],
}

/// The classes of previews: answers 1xx to 5xx, and requests that got no complete answer.
pub const CLASSES: usize = 6;

/// A service's books at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceSum {
    /// Requests whose head was taken from a client.
    pub accepted: u64,
    /// Requests not yet ended.
    pub in_flight: u64,
    /// Requests answered by blue and by green.
    pub colors: [u64; 2],
    /// Requests answered by Teal, in the order of [`OwnReason::ALL`].
    pub own: Vec<u64>,
    /// Requests aborted, in the order of [`AbortCause::ALL`].
    pub aborted: Vec<u64>,
    /// Requests sent to a target again.
    pub retries: u64,
    /// Requests that had to wait.
    pub parked: u64,
    /// Requests waiting now.
    pub waiting: u64,
    /// Tunnels opened.
    pub tunnels_opened: u64,
    /// Tunnels ended.
    pub tunnels_closed: u64,
    /// Long streams that were asked to end.
    pub streams_ended: u64,
    /// Long streams among them that ended without a pause.
    pub streams_unanswered: u64,
    /// Switches, in the order of [`SwitchEnd::ALL`].
    pub switches: [u64; SwitchEnd::COUNT],
    /// Previews that have ended, of those counted above, by color and class: 1xx to 5xx, or no complete answer.
    pub previews: [[u64; CLASSES]; 2],
}

// === impl ServiceCell, ServiceSum ===

impl ServiceCell {
    /// Counts a complete answer.
    pub fn answered(&self, by: AnsweredBy) {
        match by {
            AnsweredBy::Color(color) => self.colors[color.index()].add(1),
            AnsweredBy::Teal(reason) => self.own[reason as usize].add(1),
        }
    }

    /// Counts a preview of a color that has ended with this status; `None`: without a complete answer.
    pub fn previewed(&self, color: Color, status: Option<u16>) {
        let class = |status: u16| usize::from(status / 100).clamp(1, CLASSES - 1) - 1;
        self.previews[color.index()][status.map_or(CLASSES - 1, class)].add(1);
    }

    /// Replaces the values with those of another process; from the owning worker only.
    pub fn set(&self, sum: &ServiceSum) {
        self.accepted.set(sum.accepted);
        self.in_flight.set(sum.in_flight);
        self.retries.set(sum.retries);
        self.parked.set(sum.parked);
        self.waiting.set(sum.waiting);
        self.tunnels_opened.set(sum.tunnels_opened);
        self.tunnels_closed.set(sum.tunnels_closed);
        self.streams_ended.set(sum.streams_ended);
        self.streams_unanswered.set(sum.streams_unanswered);
        set_all(&self.switches, &sum.switches);
        set_all(&self.colors, &sum.colors);
        set_all(&self.own, &sum.own);
        set_all(&self.aborted, &sum.aborted);
        for (cells, counts) in self.previews.iter().zip(&sum.previews) {
            set_all(cells, counts);
        }
    }

    /// Counts the outcome of a switch; in the cell of the first worker, from the control plane only.
    pub fn switched(&self, end: SwitchEnd) {
        self.switches[end as usize].add(1);
    }

    /// Counts a request that ended without a complete answer.
    pub fn aborted(&self, cause: AbortCause) {
        self.aborted[cause as usize].add(1);
    }
}

impl ServiceSum {
    /// Sums the cells. Ends are read before accepted requests, so that a request that passes meanwhile can't
    /// make the books look worse than they are.
    pub fn of(books: &ServiceBooks) -> Self {
        Self::sum(books.iter())
    }

    /// Sums the cells such that they balance also while requests come and end: accepted = ended + in flight + lost.
    /// A request that does either while this is read counts as in flight.
    // lossless: L8
    pub fn balanced(books: &ServiceBooks) -> Self {
        let mut sum = Self::of(books);
        let ended = sum.ended().saturating_add(lost(books));
        sum.in_flight = sum.accepted.saturating_sub(ended);
        sum
    }

    /// Returns the values of one worker.
    pub fn of_cell(cell: &ServiceCell) -> Self {
        Self::sum(std::iter::once(cell))
    }

    fn sum<'c>(cells: impl Iterator<Item = &'c ServiceCell>) -> Self {
        let mut sum = Self {
            own: vec![0; OwnReason::COUNT],
            aborted: vec![0; AbortCause::COUNT],
            ..Self::default()
        };
        for cell in cells {
            add_all(&mut sum.switches, &cell.switches);
            add_all(&mut sum.colors, &cell.colors);
            add_all(&mut sum.own, &cell.own);
            add_all(&mut sum.aborted, &cell.aborted);
            for (counts, cells) in sum.previews.iter_mut().zip(&cell.previews) {
                add_all(counts, cells);
            }
            sum.tunnels_closed += cell.tunnels_closed.value();
            sum.streams_ended += cell.streams_ended.value();
            sum.streams_unanswered += cell.streams_unanswered.value();
            sum.in_flight += cell.in_flight.value();
            sum.accepted += cell.accepted.value();
            sum.retries += cell.retries.value();
            sum.parked += cell.parked.value();
            sum.waiting += cell.waiting.value();
            sum.tunnels_opened += cell.tunnels_opened.value();
        }
        sum
    }

    /// Returns the rest without a part that is counted elsewhere and read a little later: nothing falls below 0.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        let each = |all: &[u64], part: &[u64]| -> Vec<u64> {
            all.iter().zip(part).map(|(all, part)| all.saturating_sub(*part)).collect()
        };
        let [blue, green] = self.colors;
        Self {
            accepted: self.accepted.saturating_sub(part.accepted),
            in_flight: self.in_flight.saturating_sub(part.in_flight),
            colors: [blue.saturating_sub(part.colors[0]), green.saturating_sub(part.colors[1])],
            own: each(&self.own, &part.own),
            aborted: each(&self.aborted, &part.aborted),
            retries: self.retries.saturating_sub(part.retries),
            parked: self.parked.saturating_sub(part.parked),
            waiting: self.waiting.saturating_sub(part.waiting),
            tunnels_opened: self.tunnels_opened.saturating_sub(part.tunnels_opened),
            tunnels_closed: self.tunnels_closed.saturating_sub(part.tunnels_closed),
            streams_ended: self.streams_ended.saturating_sub(part.streams_ended),
            streams_unanswered: self.streams_unanswered.saturating_sub(part.streams_unanswered),
            switches: std::array::from_fn(|place| {
                self.switches[place].saturating_sub(part.switches[place])
            }),
            previews: std::array::from_fn(|color| {
                std::array::from_fn(|class| {
                    self.previews[color][class].saturating_sub(part.previews[color][class])
                })
            }),
        }
    }

    /// Counts requests in flight as aborted, and makes the books balance: the process that counted here has ended.
    // lossless: L8
    pub fn cut(&mut self, cause: AbortCause) {
        if let Some(aborted) = self.aborted.get_mut(cause as usize) {
            *aborted += self.in_flight;
        }
        self.in_flight = 0;
        self.waiting = 0;
        self.tunnels_closed = self.tunnels_opened;
        self.accepted = self.ended();
    }

    /// Returns the requests that are neither ended nor in flight: 0 unless one was lost, in sums that balance.
    pub fn lost(&self) -> u64 {
        u64::try_from(self.difference()).unwrap_or_default()
    }

    fn ended(&self) -> u64 {
        self.colors.iter().chain(&self.own).chain(&self.aborted).sum()
    }

    /// Returns accepted − answered − aborted − in flight: 0 at rest (L8).
    pub fn difference(&self) -> i128 {
        i128::from(self.accepted) - i128::from(self.ended()) - i128::from(self.in_flight)
    }
}

/// The number of times that books are read before a request counts as lost.
const READINGS: usize = 16;

/// Returns the accepted requests that are neither ended nor in flight. Within a cell accepted requests are read first and
/// ends last: one that comes or ends meanwhile is found twice rather than never. What is lost stays so, so the least
/// of several readings counts.
fn lost(books: &ServiceBooks) -> u64 {
    let reading = || -> i128 { books.iter().map(missing).sum() };
    let mut least = i128::MAX;
    for _ in 0..READINGS {
        least = least.min(reading());
        if least <= 0 {
            return 0;
        }
        std::hint::spin_loop();
    }
    u64::try_from(least).unwrap_or_default()
}

fn missing(cell: &ServiceCell) -> i128 {
    let accepted = cell.accepted.value();
    let in_flight = cell.in_flight.value();
    let ends = cell.colors.iter().chain(&cell.own).chain(&cell.aborted);
    let ended: u64 = ends.map(Count::value).sum();
    i128::from(accepted) - i128::from(in_flight) - i128::from(ended)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    // L8
    #[test]
    fn books_balance_at_every_instant_and_show_what_is_lost() {
        let books = ServiceBooks::new(2);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for worker in 0..2 {
                let (books, stop) = (&books, &stop);
                scope.spawn(move || {
                    let cell = books.cell(worker);
                    while !stop.load(Ordering::Relaxed) {
                        cell.in_flight.rise();
                        cell.accepted.add(1);
                        cell.answered(AnsweredBy::Color(Color::Green));
                        cell.in_flight.fall();
                    }
                });
            }
            for _ in 0..20_000 {
                let sum = ServiceSum::balanced(&books);
                assert_eq!((sum.lost(), sum.difference()), (0, 0), "{sum:?}");
            }
            stop.store(true, Ordering::Relaxed);
        });
        books.cell(1).accepted.add(2);
        assert_eq!(ServiceSum::balanced(&books).lost(), 2);
    }
}

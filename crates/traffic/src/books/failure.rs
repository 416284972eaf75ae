//! Failed requests of one color by client, as evidence: so that one client that tries again and again is not taken for
//! many.

use super::ColorBooks;
use crate::cell::Count;
use crate::sync::OnceLock;

/// The number of places of clients. Several may share one, so that there were at least as many clients as there are
/// places that are used.
const CLIENTS: usize = 64;

/// One worker's failed requests of a color.
#[derive(Debug, Default)]
pub struct FailureCell {
    /// Made with the first failure.
    clients: OnceLock<Box<[Count; CLIENTS]>>,
}

/// The failed requests of a color at one instant, by client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureSum {
    clients: [u64; CLIENTS],
}

// === impl FailureCell ===

impl FailureCell {
    /// Counts a failed request of the client with this hash; from the owning worker only.
    pub fn add(&self, client: u8) {
        let clients =
            self.clients.get_or_init(|| Box::new(std::array::from_fn(|_| Count::default())));
        if let Some(count) = clients.get(usize::from(client) % CLIENTS) {
            count.add(1);
        }
    }
}

// === impl FailureSum ===

impl Default for FailureSum {
    fn default() -> Self {
        Self { clients: [0; CLIENTS] }
    }
}

impl FailureSum {
    /// Sums the cells.
    pub fn of(books: &ColorBooks) -> Self {
        let mut sum = Self::default();
        for cell in books.iter().filter_map(|cell| cell.failures.clients.get()) {
            for (sum, count) in sum.clients.iter_mut().zip(cell.iter()) {
                *sum += count.value();
            }
        }
        sum
    }

    /// Returns the failures since an earlier sum.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (count, before) in since.clients.iter_mut().zip(&earlier.clients) {
            *count = count.saturating_sub(*before);
        }
        since
    }

    /// Returns the number of failures.
    pub fn total(&self) -> u64 {
        self.clients.iter().sum()
    }

    /// Returns the number of clients, at least.
    pub fn clients(&self) -> u32 {
        let used = self.clients.iter().filter(|count| **count > 0).count();
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    /// Returns the number of failures without what a few clients have beyond the others: none contributes more than one
    /// of `shares` equal parts, so that it is 0 if there are fewer clients than parts.
    pub fn balanced(&self, shares: u64) -> u64 {
        let of = |part: u64| self.clients.iter().map(|count| (*count).min(part)).sum::<u64>();
        // The more each may contribute, the fewer clients do.
        let (mut low, mut high) = (0, self.clients.iter().copied().max().unwrap_or_default());
        while low < high {
            let part = high - (high - low) / 2;
            let is_part = of(part) >= part.saturating_mul(shares);
            (low, high) = if is_part { (part, high) } else { (low, part - 1) };
        }
        of(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[u64]) -> FailureSum {
        let mut sum = FailureSum::default();
        for (place, count) in sum.clients.iter_mut().zip(counts) {
            *place = *count;
        }
        sum
    }

    #[test]
    fn no_client_counts_for_more_than_its_part() {
        assert_eq!(of(&[]).balanced(3), 0);
        assert_eq!(of(&[500]).balanced(3), 0, "one client");
        assert_eq!(of(&[500, 500]).balanced(3), 0, "two clients");
        assert_eq!(of(&[500, 1, 1]).balanced(3), 3);
        assert_eq!(of(&[500, 20, 20]).balanced(3), 60);
        assert_eq!(of(&[20, 20, 20]).balanced(3), 60);
        assert_eq!(of(&[1; 64]).balanced(3), 64);
        assert_eq!(of(&[7, 9]).balanced(1), 16, "clients are not told apart");
    }

    #[test]
    fn failures_since_a_moment_are_without_those_before() {
        let since = of(&[5, 3, 9]).since(&of(&[5, 1, 0]));
        assert_eq!((since.clients(), since.total(), since.balanced(1)), (2, 11, 11));
    }
}

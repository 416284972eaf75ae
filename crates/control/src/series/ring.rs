//! The newest points of a service, at most a fixed number of them.

use super::point::SeriesPoint;

/// Points of equal steps, without gaps.
#[derive(Debug)]
pub(super) struct Ring {
    points: Vec<SeriesPoint>,
    /// The place of the oldest point, once the ring is full.
    oldest: usize,
    most: usize,
}

/// The number of points for which room is made first.
const FIRST: usize = 15;

impl Ring {
    /// Creates an empty ring for at most this many points, which uses memory only for those that it has.
    pub(super) fn new(most: usize) -> Self {
        Self { points: Vec::new(), oldest: 0, most }
    }

    /// Adds the newest point; the oldest one goes if there are too many.
    pub(super) fn push(&mut self, point: SeriesPoint) {
        if self.points.len() < self.most {
            if self.points.len() == self.points.capacity() {
                // Doubled, but never beyond the maximum.
                let more = self.points.len().max(FIRST).min(self.most - self.points.len());
                self.points.reserve_exact(more);
            }
            self.points.push(point);
        } else if let Some(place) = self.points.get_mut(self.oldest) {
            *place = point;
            self.oldest = (self.oldest + 1) % self.most;
        }
    }

    /// Returns the newest point.
    pub(super) fn newest(&self) -> Option<&SeriesPoint> {
        self.back(0)
    }

    /// Returns the point that is this many steps older than the newest one.
    pub(super) fn back(&self, steps: usize) -> Option<&SeriesPoint> {
        let place = self.points.len().checked_sub(steps + 1)?;
        self.points.get((self.oldest + place) % self.points.len())
    }

    /// Returns the number of points.
    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    /// Returns the memory of the points, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.points.capacity() * size_of::<SeriesPoint>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::point::Counts;

    #[test]
    fn a_ring_keeps_the_newest_points_in_their_order() {
        let point = |number: u64| {
            let mut counts = Counts { teal: number, ..Counts::default() };
            SeriesPoint::take(&mut counts, Default::default())
        };
        let mut ring = Ring::new(100);
        for number in 0..350 {
            assert_eq!(ring.len() as u64, number.min(100));
            ring.push(point(number));
            for back in 0..=number.min(99) {
                let found = ring.back(back as usize).map(SeriesPoint::teal);
                assert_eq!(found, Some(number - back));
            }
            assert_eq!(ring.back(number.min(99) as usize + 1), None);
        }
        assert_eq!(ring.bytes(), 100 * 46);
    }
}

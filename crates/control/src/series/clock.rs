//! The seconds by which points are numbered: whole seconds of the wall clock, the same for all services.

use std::ops::Range;

use rules::Time;

use super::{SECONDS, SeriesPoint, SeriesStep, TENS};

/// A clock that is set back by more than this begins the series anew, in seconds.
const SET_BACK: u64 = 2;

/// The clock of all series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeriesClock {
    /// The newest second for which all services have a point.
    end: u64,
    /// The second before the first point.
    began: u64,
    /// Changes when the clock was set back: older points are void.
    era: u32,
}

/// The instant at which points are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    /// The second that ends.
    pub(crate) second: u64,
    pub(super) era: u32,
}

/// The steps that an answer has: the numbers of their ends, in steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    steps: Range<u64>,
    pub(super) step: SeriesStep,
    pub(super) era: u32,
}

// === impl SeriesClock ===

impl SeriesClock {
    /// Starts at this time.
    pub(crate) fn start(now: Time) -> Self {
        let second = now.0 / 1000;
        Self { end: second, began: second, era: 0 }
    }

    /// Returns the second for which points are to be taken now; `None`: it has been taken already.
    pub(crate) fn tick(&mut self, now: Time) -> Option<Beat> {
        let second = now.0 / 1000;
        if second + SET_BACK < self.end {
            *self = Self { end: second, began: second, era: self.era.wrapping_add(1) };
        }
        (second > self.end).then_some(Beat { second, era: self.era })
    }

    /// Notes that all services have their points.
    pub(crate) fn taken(&mut self, beat: Beat) {
        if beat.era == self.era {
            self.end = beat.second;
        }
    }

    /// Returns the newest second for which all services have a point.
    pub(crate) fn newest(&self) -> Beat {
        Beat { second: self.end, era: self.era }
    }

    /// Returns the second before the first point.
    pub(crate) fn began(&self) -> u64 {
        self.began
    }

    /// Continues a series that began before.
    pub(crate) fn extend_to(&mut self, began: u64) {
        self.began = self.began.min(began);
    }

    /// Returns the steps of an answer: at most `last` of them, and only those that end after second `after`. One
    /// that is later than the newest step, because the clock was set back, counts as none.
    pub(crate) fn span(&self, step: SeriesStep, last: Option<u64>, after: Option<u64>) -> Span {
        let (length, most) = (step.seconds(), step.most());
        let (end, began) = (self.end / length, self.began / length);
        let last = last.map_or(most, |last| last.div_ceil(length).min(most));
        let after = after.filter(|after| *after <= end * length).unwrap_or_default() / length;
        let before = began.max(after).max(end.saturating_sub(last)).min(end);
        Span { steps: before + 1..end + 1, step, era: self.era }
    }
}

// === impl Span ===

impl Span {
    /// Keeps at most this many of the newest steps.
    pub(crate) fn at_most(&mut self, steps: u64) {
        self.steps.start = self.steps.start.max(self.steps.end.saturating_sub(steps));
    }

    /// Returns the numbers of the steps, oldest first.
    pub(super) fn steps(&self) -> Range<u64> {
        self.steps.clone()
    }

    /// Returns the number of steps.
    #[cfg(test)]
    fn len(&self) -> u64 {
        self.steps.end - self.steps.start
    }

    /// Returns the points of a service that has none.
    pub(crate) fn empty(&self) -> Vec<SeriesPoint> {
        self.steps().map(|_| SeriesPoint::default()).collect()
    }

    /// Returns the second at which the newest step of the series ends.
    pub(crate) fn end(&self) -> u64 {
        (self.steps.end - 1) * self.step.seconds()
    }
}

// === impl SeriesStep ===

impl SeriesStep {
    /// Returns the length of a step, in seconds.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::TenSeconds => 10,
        }
    }

    /// Returns the maximum number of steps that are kept.
    pub fn most(self) -> u64 {
        let most = match self {
            Self::Second => SECONDS,
            Self::TenSeconds => TENS,
        };
        most as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Time {
        Time(second * 1000 + 7)
    }

    #[test]
    fn a_span_ends_with_the_newest_step_and_begins_after_what_the_client_has() {
        let mut clock = SeriesClock::start(at(1003));
        assert_eq!(clock.span(SeriesStep::Second, None, None).len(), 0);
        assert_eq!(clock.tick(at(1003)), None);
        for second in 1004..=1025 {
            let beat = clock.tick(at(second)).expect("a new second");
            assert_eq!(clock.end, second - 1, "not before all have it");
            clock.taken(beat);
        }
        let seconds = |last, after| clock.span(SeriesStep::Second, last, after).steps;
        assert_eq!(seconds(None, None), 1004..1026);
        assert_eq!(seconds(Some(3), None), 1023..1026);
        assert_eq!(seconds(None, Some(1023)), 1024..1026);
        assert_eq!(seconds(Some(1), Some(1023)), 1025..1026);
        assert_eq!(seconds(None, Some(1025)), 1026..1026);
        assert_eq!(seconds(None, Some(9999)), 1004..1026, "from before the clock was set back");
        let tens = |last, after| clock.span(SeriesStep::TenSeconds, last, after);
        assert_eq!(tens(None, None).steps, 101..103, "the first one is shorter");
        assert_eq!((tens(None, None).end(), tens(None, Some(1020)).len()), (1020, 0));
        assert_eq!((tens(Some(1), None).len(), tens(None, Some(1010)).len()), (1, 1));
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_waits_and_one_set_back_far_begins_anew() {
        let mut clock = SeriesClock::start(at(1000));
        let beat = clock.tick(at(1010)).expect("a new second");
        clock.taken(beat);
        assert_eq!(clock.tick(at(1008)), None);
        assert_eq!(clock.span(SeriesStep::Second, None, None).len(), 10);
        assert_eq!(clock.tick(at(500)), None);
        assert_eq!(clock.span(SeriesStep::Second, None, None).len(), 0);
        assert_ne!(clock.tick(at(501)).expect("a new second").era, beat.era);
        clock.taken(beat);
        assert_eq!(clock.end, 500, "a beat of the old time");
    }
}

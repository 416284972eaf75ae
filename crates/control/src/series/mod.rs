//! The recent traffic of each service: the last 15 minutes by second, and the last hour by ten seconds.
//!
//! Guaranteed: what a service's counters have grown by is in its points exactly once, whatever the ticks. A second in
//! which no point could be taken (the thread was stalled, the machine suspended) has a point without requests, and
//! what happened in it is in the next point. Memory is bounded for each service, and one without traffic has no points.
//! Never here: averages of quantiles. Those of ten seconds come from the histogram of ten seconds.

mod clock;
mod inherited;
mod point;
mod ring;

pub(crate) use clock::{Beat, SeriesClock, Span};
pub(crate) use inherited::{Inherited, Recorded};
pub(crate) use point::{ColorCounts, Counts, Gauges};
pub use point::{ColorPoint, SeriesPoint};

use peer::{PointValues, ServicePoints, ServiceStart};
use ring::Ring;

/// The number of points of a second that are kept: 15 minutes.
const SECONDS: usize = 900;

/// The number of points of ten seconds that are kept: one hour.
const TENS: usize = 360;

/// The length of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeriesStep {
    /// One second; 15 minutes of them are kept.
    #[default]
    Second,
    /// Ten seconds; one hour of them is kept.
    TenSeconds,
}

/// The recent traffic of one service.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// The sums of the counters up to which everything is in the points; `None`: zero.
    base: Option<Box<Counts>>,
    /// `None`: there was no traffic yet.
    points: Option<Box<Points>>,
    /// Counts that an older Teal has handed over: those that are not in its points, and those of its points since the
    /// last multiple of ten seconds.
    handed: Option<Box<(Counts, Counts)>>,
}

/// The points of one service.
#[derive(Debug)]
struct Points {
    era: u32,
    /// The second of the newest point.
    end: u64,
    seconds: Ring,
    tens: Ring,
    /// Counts since the last multiple of ten seconds.
    open: Counts,
    /// Counts that did not fit into the newest point.
    left: Option<Box<Counts>>,
}

// === impl Series ===

impl Series {
    /// Creates the series of a service whose counters are not at zero.
    pub(crate) fn beginning_at(sums: Counts) -> Self {
        let base = (sums != Counts::default()).then(|| Box::new(sums));
        Self { base, ..Self::default() }
    }

    /// Returns true if it needs a point, whatever its counters are.
    pub(crate) fn has_points(&self) -> bool {
        self.points.is_some() || self.handed.is_some()
    }

    /// Adds the point of a second. `sums` are the sums of the counters; `None`: they are as at the last point.
    pub(crate) fn record(&mut self, beat: Beat, sums: Option<&Counts>, gauges: [Gauges; 2]) {
        let mut counts = Counts::default();
        if let Some(sums) = sums {
            counts.add_since(self.base.get_or_insert_default(), sums);
        }
        let (pending, open) = self.handed.take().map(|handed| *handed).unwrap_or_default();
        counts.add(&pending);
        if self.points.as_ref().is_some_and(|points| points.era != beat.era) {
            self.points = None;
        }
        let none = Counts::default();
        let is_quiet = || counts == none && open == none && gauges == [Gauges::default(); 2];
        if self.points.is_none() && is_quiet() {
            return;
        }
        let points = self.points.get_or_insert_with(|| Box::new(Points::new(beat)));
        if beat.second <= points.end {
            self.handed = Some(Box::new((counts, open))); // a reload has moved the service meanwhile
            return;
        }
        points.open.add(&open);
        points.advance(beat.second);
        points.push(counts, gauges);
    }

    /// Starts to count at these sums, whatever was before.
    fn start_at(&mut self, sums: Counts) {
        self.base = Some(Box::new(sums));
    }

    /// Continues the series of another Teal, whose counters are among these from now on.
    fn continue_from(&mut self, reported: &Counts, handed: Option<(Counts, Counts)>) {
        self.base.get_or_insert_default().add(reported);
        self.handed = handed.map(Box::new).or(self.handed.take());
    }

    /// Returns where another Teal, which gets the counts `reported` of those that make up `sums`, has to start; `None`:
    /// there was no traffic.
    pub(crate) fn start_of(
        &self,
        name: &str,
        reported: &Counts,
        sums: &Counts,
    ) -> Option<ServiceStart> {
        if *sums == Counts::default() {
            return None;
        }
        let points = self.points.as_ref();
        let mut pending = match &self.base {
            Some(base) => sums.since(base),
            None => sums.clone(),
        };
        let mut open = points.map(|points| points.open.clone()).unwrap_or_default();
        if let Some((later, since)) = self.handed.as_deref() {
            pending.add(later);
            open.add(since);
        }
        let left = points.and_then(|points| points.left.as_ref());
        if let Some(left) = left {
            pending.add(left);
        }
        Some(ServiceStart {
            name: name.to_owned(),
            reported: reported.into(),
            pending: (&pending).into(),
            open: (&open).into(),
        })
    }

    /// Returns its points up to a second, for another Teal; `None`: it has none.
    pub(crate) fn points_until(&self, name: &str, newest: Beat) -> Option<ServicePoints> {
        let points = self.points.as_ref().filter(|points| points.era == newest.era)?;
        let until = |length: SeriesStep, ring: &Ring| {
            let end = newest.second.min(points.end) / length.seconds();
            let first = (points.end / length.seconds() + 1).saturating_sub(ring.len() as u64);
            let steps = (first..=end).filter_map(|step| points.at(length, step));
            steps.map(SeriesPoint::values).collect()
        };
        Some(ServicePoints {
            name: name.to_owned(),
            end: newest.second.min(points.end),
            seconds: until(SeriesStep::Second, &points.seconds),
            tens: until(SeriesStep::TenSeconds, &points.tens),
        })
    }

    /// Adds the points of another Teal to those of the same steps, or before them.
    fn add_earlier(&mut self, earlier: &ServicePoints, newest: Beat) {
        let next = Beat { second: newest.second + 1, ..newest };
        let points = self.points.get_or_insert_with(|| Box::new(Points::new(next)));
        let merged = |length: SeriesStep, ring: &Ring, values: &[PointValues]| {
            let end = points.end / length.seconds();
            let newest = earlier.end / length.seconds();
            let oldest = (newest + 1).saturating_sub(values.len() as u64);
            let first = oldest.min((end + 1).saturating_sub(ring.len() as u64));
            let mut merged = Ring::new(usize::try_from(length.most()).unwrap_or_default());
            for step in first.max((end + 1).saturating_sub(length.most()))..=end {
                let own = points.at(length, step).copied();
                let place = step.checked_sub(oldest).and_then(|place| usize::try_from(place).ok());
                let before = place.and_then(|place| values.get(place)).map(SeriesPoint::of_values);
                merged.push(match (own, before) {
                    (Some(own), Some(before)) => own.with_earlier(&before),
                    (own, before) => own.or(before).unwrap_or_default(),
                });
            }
            merged
        };
        let seconds = merged(SeriesStep::Second, &points.seconds, &earlier.seconds);
        let tens = merged(SeriesStep::TenSeconds, &points.tens, &earlier.tens);
        (points.seconds, points.tens) = (seconds, tens);
    }

    /// Returns the points of these steps, oldest first.
    pub(crate) fn read(&self, span: &Span) -> Vec<SeriesPoint> {
        let points = self.points.as_ref().filter(|points| points.era == span.era);
        let point = |step: u64| points.and_then(|points| points.at(span.step, step)).copied();
        span.steps().map(|step| point(step).unwrap_or_default()).collect()
    }

    /// Returns the memory that it uses, in bytes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let of =
            |points: &Points| size_of::<Points>() + points.seconds.bytes() + points.tens.bytes();
        let points = self.points.as_ref().map_or(0, |points| of(points));
        size_of::<Self>() + self.base.as_ref().map_or(0, |_| size_of::<Counts>()) + points
    }
}

// === impl Points ===

impl Points {
    /// Creates the points of a service that had no traffic before this second.
    fn new(beat: Beat) -> Self {
        Self {
            era: beat.era,
            end: beat.second.saturating_sub(1),
            seconds: Ring::new(SECONDS),
            tens: Ring::new(TENS),
            open: Counts::default(),
            left: None,
        }
    }

    /// Adds the points that were not taken, up to the second before this one.
    fn advance(&mut self, second: u64) {
        let kept = SeriesStep::TenSeconds.most() * SeriesStep::TenSeconds.seconds();
        self.end = self.end.max(second.saturating_sub(kept + 1)); // older ones would go anyway
        let gauges = self.seconds.newest().map(SeriesPoint::gauges).unwrap_or_default();
        while self.end + 1 < second {
            self.push(Counts::default(), gauges);
        }
    }

    /// Adds the point of the second after the newest one.
    fn push(&mut self, mut counts: Counts, gauges: [Gauges; 2]) {
        self.end += 1;
        self.open.add(&counts);
        if let Some(left) = self.left.take() {
            counts.add(&left);
        }
        self.seconds.push(SeriesPoint::take(&mut counts, gauges));
        self.left = (counts != Counts::default()).then(|| Box::new(counts));
        if self.end.is_multiple_of(SeriesStep::TenSeconds.seconds()) {
            self.tens.push(SeriesPoint::take(&mut self.open, gauges));
        }
    }

    /// Returns the point of the step with this number.
    fn at(&self, length: SeriesStep, step: u64) -> Option<&SeriesPoint> {
        let back = (self.end / length.seconds()).checked_sub(step)?;
        let ring = match length {
            SeriesStep::Second => &self.seconds,
            SeriesStep::TenSeconds => &self.tens,
        };
        ring.back(usize::try_from(back).ok()?)
    }
}

#[cfg(test)]
mod memory;
#[cfg(test)]
mod tests;

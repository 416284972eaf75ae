//! The series that an older Teal hands over: taken from the mailbox before the counters are read, so that what it has
//! counted before is not taken for traffic of now.

use std::collections::HashMap;

use peer::{SeriesMailbox, SeriesStart, SeriesUpdate, ServicePoints};

use super::{Counts, Series, SeriesClock};

/// The parts that have been handed over so far.
#[derive(Debug)]
pub(crate) struct Inherited {
    mailbox: SeriesMailbox,
    /// The place of the Teal whose series is continued: the first one that hands over its own.
    from: Option<usize>,
    /// Its points that end after the newest point here.
    waiting: Vec<ServicePoints>,
}

/// A service that can be asked for its counters and its series.
pub(crate) trait Recorded {
    /// Returns the name.
    fn name(&self) -> &str;
    /// Returns the sums of its counters now.
    fn sums(&self) -> Counts;
    /// Returns its series.
    fn series(&mut self) -> &mut Series;
}

impl Inherited {
    pub(crate) fn new(mailbox: SeriesMailbox) -> Self {
        Self { mailbox, from: None, waiting: Vec::new() }
    }

    /// Applies what older Teals have told since the last call.
    pub(crate) fn apply<S: Recorded>(&mut self, clock: &mut SeriesClock, services: &mut [S]) {
        for update in self.mailbox.take() {
            match update {
                SeriesUpdate::Start(place, start) => self.start(place, &start, clock, services),
                SeriesUpdate::Anew => {
                    for service in &mut *services {
                        let sums = service.sums();
                        service.series().start_at(sums);
                    }
                }
                SeriesUpdate::Points(place, points) if self.from == Some(place) => {
                    self.waiting.extend(points);
                }
                SeriesUpdate::Points(..) => {}
            }
        }
    }

    fn start<S: Recorded>(
        &mut self,
        place: usize,
        start: &SeriesStart,
        clock: &mut SeriesClock,
        services: &mut [S],
    ) {
        let is_first = *self.from.get_or_insert(place) == place;
        if is_first {
            clock.extend_to(start.began);
        }
        let mut starts: HashMap<_, _> =
            start.services.iter().map(|service| (service.name.as_str(), service)).collect();
        for service in services {
            let Some(start) = starts.remove(service.name()) else { continue };
            let handed = (Counts::from(&start.pending), Counts::from(&start.open));
            let handed = is_first.then_some(handed);
            service.series().continue_from(&Counts::from(&start.reported), handed);
        }
    }

    /// Adds the points for which there is a newer one here.
    pub(crate) fn add_points<S: Recorded>(&mut self, clock: &SeriesClock, services: &mut [S]) {
        let newest = clock.newest();
        let is_over = |points: &mut ServicePoints| points.end <= newest.second;
        let over: Vec<_> = self.waiting.extract_if(.., is_over).collect();
        if over.is_empty() {
            return;
        }
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for points in &over {
            by_name.entry(points.name.as_str()).or_default().push(points);
        }
        for service in services {
            for points in by_name.remove(service.name()).unwrap_or_default() {
                service.series().add_earlier(points, newest);
            }
        }
    }

    /// Returns the points that are not in the series yet, for another Teal that continues them.
    pub(crate) fn waiting(&self) -> &[ServicePoints] {
        &self.waiting
    }
}

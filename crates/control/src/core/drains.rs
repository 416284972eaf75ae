//! The drains under way.
//!
//! A drain exists from the table that lists its color on. Its clock starts when that table is
//! acknowledged. It ends once: drained, cut, or told from outside that something newer took
//! over; then it cuts nothing.

use std::sync::Arc;
use std::time::Duration;

use rules::{Color, DrainEnd, ServiceName};
use tokio::time::Instant;
use traffic::{ColorBooks, ColorId, Draining};

use crate::ask::{DrainTeller, DrainWatch, Stuck};
use crate::view::DrainStatus;

/// All drains under way.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    under_way: Vec<Drain>,
}

/// One drain under way.
#[derive(Debug)]
pub(crate) struct Drain {
    color: ColorId,
    deadline: Instant,
    cut: bool,
    teller: DrainTeller,
    watch: DrainWatch,
}

/// A color to be drained.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) service: ServiceName,
    pub(crate) color: Color,
    pub(crate) id: ColorId,
    pub(crate) books: Arc<ColorBooks>,
    pub(crate) timeout: Duration,
}

// === impl Drains ===

impl Drains {
    /// Lists a color as draining from the next table on. A drain of the same color that is
    /// under way ends as superseded by this one's cause, `end`.
    pub(crate) fn begin(&mut self, subject: &Subject, end: DrainEnd) -> DrainWatch {
        self.end(subject.id, end);
        let (teller, watch) = DrainWatch::pair();
        let deadline = Instant::now() + subject.timeout;
        let drain = Drain { color: subject.id, deadline, cut: false, teller, watch: watch.clone() };
        self.under_way.push(drain);
        watch
    }

    /// Ends the drain of a color, if there is one, and tells those who watch how.
    pub(crate) fn end(&mut self, color: ColorId, end: DrainEnd) {
        if let Some(place) = self.under_way.iter().position(|drain| drain.color == color) {
            self.under_way.swap_remove(place).teller.tell(end);
        }
    }

    /// Tells those who watch the drain of a color that it does not end.
    pub(crate) fn tell_stuck(&self, color: ColorId, stuck: Stuck) {
        if let Some(drain) = self.find(color) {
            drain.teller.tell_stuck(stuck);
        }
    }

    /// The view of the drain of a color, if there is one.
    pub(crate) fn watch(&self, color: ColorId) -> Option<DrainWatch> {
        Some(self.find(color)?.watch.clone())
    }

    /// How far the drain of a color is, if there is one.
    pub(crate) fn status(&self, color: ColorId) -> Option<DrainStatus> {
        let drain = self.find(color)?;
        let left = drain.deadline.saturating_duration_since(Instant::now());
        Some(DrainStatus { left, cutting: drain.cut })
    }

    /// What a table says of drains.
    pub(crate) fn listed(&self) -> Vec<Draining> {
        let listed = |drain: &Drain| Draining { color: drain.color, cut: drain.cut };
        self.under_way.iter().map(listed).collect()
    }

    /// Starts the clock.
    pub(crate) fn set_deadline(&mut self, color: ColorId, deadline: Instant) {
        if let Some(drain) = self.find_mut(color) {
            drain.deadline = deadline;
        }
    }

    /// Marks a color as to be cut.
    pub(crate) fn cut(&mut self, color: ColorId) {
        if let Some(drain) = self.find_mut(color) {
            drain.cut = true;
        }
    }

    fn find(&self, color: ColorId) -> Option<&Drain> {
        self.under_way.iter().find(|drain| drain.color == color)
    }

    fn find_mut(&mut self, color: ColorId) -> Option<&mut Drain> {
        self.under_way.iter_mut().find(|drain| drain.color == color)
    }
}

//! The drains in progress.
//!
//! A drain concerns a color, or one target of a color that keeps others. It exists from the table
//! that lists it on. Its clock starts when that table is acknowledged. It ends once: drained, cut,
//! or superseded by a newer change, in which case it cuts nothing. Its deadline may be made shorter meanwhile, never longer.

use std::time::Duration;

use rules::DrainEnd;
use tokio::sync::watch;
use tokio::time::Instant;
use traffic::{Draining, Leaving};

use crate::request::{DrainReporter, DrainWatch, Stuck};
use crate::swap::Subject;
use crate::view::DrainStatus;

/// All drains in progress.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    under_way: Vec<Drain>,
}

/// A drain in progress.
#[derive(Debug)]
pub(crate) struct Drain {
    what: Leaving,
    deadline: watch::Sender<Instant>,
    cut: bool,
    /// True if its deadline was brought closer.
    shortened: bool,
    /// True for an address that its name no longer has.
    of_name: bool,
    /// Half of the time to the deadline; streams that are asked to end have the other half.
    close_within: Duration,
    reporter: DrainReporter,
    watch: DrainWatch,
}

// === impl Drains ===

impl Drains {
    /// Lists a subject as draining from the next table on. A drain of the same subject that is in
    /// progress ends with `end`, superseded by this one.
    pub(crate) fn begin(&mut self, subject: &Subject, end: DrainEnd) -> DrainWatch {
        self.end(subject.id, end);
        let (reporter, watch) = DrainWatch::pair();
        self.under_way.push(Drain {
            what: subject.id,
            deadline: watch::Sender::new(Instant::now() + subject.timeout),
            cut: false,
            shortened: false,
            of_name: subject.of_name,
            close_within: subject.timeout / 2,
            reporter,
            watch: watch.clone(),
        });
        watch
    }

    /// Ends a drain, if there is one, and notifies its watchers.
    pub(crate) fn end(&mut self, what: impl Into<Leaving>, end: DrainEnd) {
        let what = what.into();
        if let Some(place) = self.under_way.iter().position(|drain| drain.what == what) {
            self.under_way.swap_remove(place).reporter.report_end(end);
        }
    }

    /// Notifies the watchers of a drain of its end, before it is recorded.
    pub(crate) fn report_end(&self, what: impl Into<Leaving>, end: DrainEnd) {
        if let Some(drain) = self.find(what) {
            drain.reporter.report_end(end);
        }
    }

    /// Notifies the watchers of a drain that it is stuck.
    pub(crate) fn report_stuck(&self, what: impl Into<Leaving>, stuck: Stuck) {
        if let Some(drain) = self.find(what) {
            drain.reporter.report_stuck(stuck);
        }
    }

    /// Returns a view of a drain, if there is one.
    pub(crate) fn watch(&self, what: impl Into<Leaving>) -> Option<DrainWatch> {
        Some(self.find(what)?.watch.clone())
    }

    /// Returns the progress of a drain, if there is one.
    pub(crate) fn status(&self, what: impl Into<Leaving>) -> Option<DrainStatus> {
        let drain = self.find(what)?;
        let left = drain.deadline.borrow().saturating_duration_since(Instant::now());
        Some(DrainStatus { left, cutting: drain.cut })
    }

    /// Returns one of the drains in progress that follow from a decision. Those of addresses that a name
    /// no longer has do not: they begin at any time, and continue in an older Teal (L4).
    pub(crate) fn decided(&self) -> Option<DrainWatch> {
        let decided = self.under_way.iter().find(|drain| !drain.of_name)?;
        Some(decided.watch.clone())
    }

    /// Returns the drains to list in a table.
    pub(crate) fn listed(&self) -> Vec<Draining> {
        let listed = |drain: &Drain| {
            let Drain { what, cut, close_within, .. } = *drain;
            Draining { what, cut, close_within }
        };
        self.under_way.iter().map(listed).collect()
    }

    /// Starts the clock; returns the deadline, which may come closer. `None`: the drain has ended.
    pub(crate) fn set_deadline(
        &mut self,
        what: impl Into<Leaving>,
        deadline: Instant,
    ) -> Option<watch::Receiver<Instant>> {
        let drain = self.find(what)?;
        if !drain.shortened {
            drain.deadline.send_replace(deadline);
        }
        Some(drain.deadline.subscribe())
    }

    /// Brings the deadline of a drain closer; false: there is no drain, it is being cut, or its deadline is closer already.
    pub(crate) fn shorten(&mut self, what: impl Into<Leaving>, deadline: Instant) -> bool {
        let Some(drain) = self.find_mut(what).filter(|drain| !drain.cut) else { return false };
        let is_closer = drain.deadline.send_if_modified(|set| {
            let is_closer = deadline < *set;
            if is_closer {
                *set = deadline;
            }
            is_closer
        });
        drain.shortened |= is_closer;
        is_closer
    }

    /// Marks it to be cut.
    pub(crate) fn cut(&mut self, what: impl Into<Leaving>) {
        if let Some(drain) = self.find_mut(what) {
            drain.cut = true;
        }
    }

    fn find(&self, what: impl Into<Leaving>) -> Option<&Drain> {
        let what = what.into();
        self.under_way.iter().find(|drain| drain.what == what)
    }

    fn find_mut(&mut self, what: impl Into<Leaving>) -> Option<&mut Drain> {
        let what = what.into();
        self.under_way.iter_mut().find(|drain| drain.what == what)
    }
}

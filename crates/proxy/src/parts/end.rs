//! The end of a request: exactly one per request, from the parser to its end (promise L8).

use std::rc::Rc;
use std::time::Instant;

use rules::Color;
use traffic::{
    AbortCause, AnsweredBy, Lease, LocalService, PreviewClaim, ServiceCell, TargetEntry,
};

use super::Marks;
use crate::observe::AccessRecord;
use crate::observe::follow::{Step, Steps};
use crate::worker::Worker;

/// A request in the books. It is counted in when this is made, and counted out when it is consumed. If it is
/// dropped instead, because its task was aborted, it counts as cut by the stop.
// lossless: L8
#[must_use = "a request must be ended in the books"]
#[derive(Debug)]
pub(crate) struct RequestEnd {
    worker: Rc<Worker>,
    service: Option<Rc<LocalService>>, // none: it was not routed to a service
    /// The record reported at its end; `None` if nothing reports it.
    record: Option<Box<AccessRecord>>,
    /// The steps reported to followers; `None` if nothing follows it.
    steps: Option<Box<Steps>>,
    /// The marks of a preview; `None`: nothing of previews concerns it.
    marks: Option<Box<Marks>>,
    ended: bool,
}

impl RequestEnd {
    /// Counts in a request that was routed to this service.
    pub(crate) fn of_service(
        worker: &Rc<Worker>,
        service: &Rc<LocalService>,
        record: Option<Box<AccessRecord>>,
    ) -> Self {
        Self::enter(worker, Some(service.clone()), record)
    }

    /// Counts in a request that was not routed to a service.
    pub(crate) fn unrouted(worker: &Rc<Worker>, record: Option<Box<AccessRecord>>) -> Self {
        Self::enter(worker, None, record)
    }

    /// The service that it was routed to.
    pub(crate) fn service(&self) -> Option<&LocalService> {
        self.service.as_deref()
    }

    /// Marks it for a preview, or for the end of one.
    pub(crate) fn marked(mut self, marks: Option<Box<Marks>>) -> Self {
        self.marks = marks;
        self
    }

    /// Returns its marks.
    #[inline]
    pub(crate) fn marks(&self) -> Option<&Marks> {
        self.marks.as_deref()
    }

    /// Returns the lease that it asks for as a preview; `None`: it is none.
    #[inline]
    pub(crate) fn preview(&self) -> Option<PreviewClaim> {
        self.marks.as_ref()?.claim
    }

    /// Reports its steps from now on.
    pub(crate) fn followed(mut self, steps: Option<Box<Steps>>) -> Self {
        self.steps = steps;
        self
    }

    /// Reports a step to its followers.
    #[inline]
    pub(crate) fn step(&self, step: impl FnOnce() -> Step) {
        if let Some(steps) = &self.steps {
            steps.tell(&step());
        }
    }

    /// Begins an attempt.
    #[inline]
    pub(crate) fn leased(&mut self, lease: &Lease) {
        if let Some(steps) = &mut self.steps {
            let target = lease.target();
            steps.leased(&Step::Leased {
                color: lease.color(),
                target: target.url.to_string(),
                address: target.address.filter(|_| target.url.is_each_address()),
            });
        }
    }

    /// It was sent whole to a target, with this many bytes of body.
    #[inline]
    pub(crate) fn whole(&mut self, bytes: impl FnOnce() -> u64) {
        if let Some(steps) = &mut self.steps {
            steps.sent(bytes());
        }
    }

    /// This many bytes of its body were taken from the client.
    pub(crate) fn sent(&mut self, bytes: u64) {
        if let Some(record) = &mut self.record {
            record.sent(bytes);
        }
    }

    /// The head of an answer arrived, to an attempt that began at this time.
    pub(crate) fn headed(&mut self, began: Instant) {
        if let Some(record) = &mut self.record {
            record.headed(began);
        }
    }

    /// The answer that the client was sent; without a target, Teal's own.
    pub(crate) fn responded(
        &mut self,
        status: u16,
        bytes: u64,
        target: Option<(Color, &TargetEntry)>,
    ) {
        if let Some(record) = &mut self.record {
            record.responded(status, bytes, target);
        }
        if let Some(steps) = &mut self.steps {
            steps.answered(status, bytes);
        }
        if let Some(marks) = &mut self.marks {
            marks.status = Some(status);
        }
    }

    /// It was answered in full.
    pub(crate) fn answered(mut self, by: AnsweredBy) {
        self.cell().answered(by);
        self.previewed(|marks| marks.status);
        self.ended = true;
        if let Some(steps) = self.steps.take() {
            steps.end(true, by.reason());
        }
        self.report(|record| record.answered(by));
    }

    /// It ended without a whole answer.
    pub(crate) fn aborted(mut self, cause: AbortCause) {
        self.abort(cause);
    }

    fn abort(&mut self, cause: AbortCause) {
        self.cell().aborted(cause);
        self.previewed(|_| None);
        self.ended = true;
        if let Some(steps) = self.steps.take() {
            steps.end(false, cause.as_str());
        }
        self.report(|record| record.aborted(cause));
    }

    /// Counts the end of a preview, with this status.
    #[inline]
    fn previewed(&self, status: impl FnOnce(&Marks) -> Option<u16>) {
        if let Some(marks) = &self.marks
            && let Some(color) = marks.color()
        {
            self.cell().previewed(color, status(marks));
        }
    }

    fn report(&mut self, end: impl FnOnce(&mut AccessRecord)) {
        let Some(mut record) = self.record.take() else { return };
        end(&mut record);
        let (listening, books) = (&self.worker.listening, self.worker.reader.connections());
        if let Some(tracer) = &listening.tracer
            && record.trace.is_some()
            && !tracer.send(record.clone())
        {
            books.spans_dropped.add(1);
        }
        if let Some(log) = &listening.access
            && !log.send(record)
        {
            books.log_dropped.add(1);
        }
    }

    fn enter(
        worker: &Rc<Worker>,
        service: Option<Rc<LocalService>>,
        record: Option<Box<AccessRecord>>,
    ) -> Self {
        let end = Self {
            worker: worker.clone(),
            service,
            record,
            steps: None,
            marks: None,
            ended: false,
        };
        // In this order, so that it is in flight for each reader that finds it accepted (L8).
        end.cell().in_flight.rise();
        end.cell().accepted.add(1);
        end
    }

    fn cell(&self) -> &ServiceCell {
        match &self.service {
            Some(service) => service.cell(),
            None => self.worker.reader.unrouted(),
        }
    }
}

impl Drop for RequestEnd {
    fn drop(&mut self) {
        if !self.ended {
            self.abort(AbortCause::Shutdown);
        }
        self.cell().in_flight.fall();
    }
}

#[cfg(test)]
mod tests {
    use rules::Limits;
    use traffic::{Table, table_channel};

    use super::*;

    #[test]
    fn a_request_whose_task_is_dropped_is_in_the_books_as_cut_by_the_stop() {
        // L8
        let (publisher, mut subscriptions) = table_channel(1, Table::empty(Limits::default()));
        let reader = subscriptions.pop().unwrap().into_reader();
        let worker = Rc::new(Worker::alone(reader));
        let books = || traffic::ServiceSum::of(publisher.unrouted());
        let end = RequestEnd::unrouted(&worker, None);
        assert_eq!((books().accepted, books().in_flight), (1, 1));
        drop(end);
        let aborted = books().aborted[AbortCause::Shutdown as usize];
        assert_eq!((aborted, books().in_flight), (1, 0));
        RequestEnd::unrouted(&worker, None).aborted(AbortCause::Client);
        let sum: u64 = books().aborted.iter().sum();
        assert_eq!((books().accepted, sum, books().in_flight), (2, 2, 0));
    }
}

//! Exactly one per request, from the parser to its end (promise L8).

use std::rc::Rc;

use traffic::{AbortCause, AnsweredBy, LocalService, Reader, ServiceCell};

/// A request in the books. It is counted in when this is made, and counted out when it is
/// consumed. Dropped without that, because its task was ended, it counts as cut by the stop.
// lossless: L8
#[must_use = "a request has to end in the books"]
#[derive(Debug)]
pub(crate) struct RequestEnd {
    place: Place,
    ended: bool,
}

#[derive(Debug)]
enum Place {
    Service(Rc<LocalService>),
    Unrouted(Reader),
}

impl RequestEnd {
    /// Counts a request in that reached this service.
    pub(crate) fn of_service(service: &Rc<LocalService>) -> Self {
        Self::enter(Place::Service(service.clone()))
    }

    /// Counts a request in that reached no service.
    pub(crate) fn unrouted(reader: &Reader) -> Self {
        Self::enter(Place::Unrouted(reader.clone()))
    }

    /// It was answered in full.
    pub(crate) fn answered(mut self, by: AnsweredBy) {
        self.cell().answered(by);
        self.ended = true;
    }

    /// It ended without a whole answer.
    pub(crate) fn aborted(mut self, cause: AbortCause) {
        self.cell().aborted(cause);
        self.ended = true;
    }

    fn enter(place: Place) -> Self {
        let end = Self { place, ended: false };
        end.cell().accepted.add(1);
        end.cell().in_flight.rise();
        end
    }

    fn cell(&self) -> &ServiceCell {
        match &self.place {
            Place::Service(service) => service.cell(),
            Place::Unrouted(reader) => reader.unrouted(),
        }
    }
}

impl Drop for RequestEnd {
    fn drop(&mut self) {
        if !self.ended {
            self.cell().aborted(AbortCause::Shutdown);
        }
        self.cell().in_flight.fall();
    }
}

#[cfg(test)]
mod tests {
    use rules::Limits;
    use traffic::{Table, exchange};

    use super::*;

    #[test]
    fn a_request_whose_task_is_dropped_is_in_the_books_as_cut_by_the_stop() {
        // L8
        let (publisher, mut seats) = exchange(1, Table::empty(Limits::default()));
        let reader = seats.pop().unwrap().sit();
        let books = || traffic::ServiceSum::of(publisher.unrouted());
        let end = RequestEnd::unrouted(&reader);
        assert_eq!((books().accepted, books().in_flight), (1, 1));
        drop(end);
        let aborted = books().aborted[AbortCause::Shutdown as usize];
        assert_eq!((aborted, books().in_flight), (1, 0));
        RequestEnd::unrouted(&reader).aborted(AbortCause::Client);
        let sum: u64 = books().aborted.iter().sum();
        assert_eq!((books().accepted, sum, books().in_flight), (2, 2, 0));
    }
}

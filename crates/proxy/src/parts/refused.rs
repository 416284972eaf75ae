//! A request that Teal answers by itself, and why.

use std::rc::Rc;

use http1::Reject;
use traffic::OwnReason;

use super::{Facts, RequestEnd};
use crate::client::Client;
use crate::worker::Worker;

/// A request that ends here with an answer of our own.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) end: RequestEnd,
    pub(crate) facts: Facts,
    pub(crate) why: Why,
}

/// Why a request is answered by Teal.
#[derive(Clone, Debug)]
pub(crate) enum Why {
    /// It could not be understood.
    Reject(Reject),
    /// It belongs at this address, under `https`.
    Moved(String),
    /// An authority of certificates asks whether a name is ours, and this is the proof.
    Challenge(String),
    /// Nobody but its sender can do something about it, and needs this sentence to know what.
    Explained(OwnReason, String),
    /// A load balancer asks whether this Teal serves, and it does, or stops.
    Health(bool),
    /// Anything else.
    Own(OwnReason),
}

// === impl Refused ===

impl Refused {
    pub(crate) fn malformed(worker: &Rc<Worker>, client: &Client, reject: Reject) -> Self {
        let end = RequestEnd::unrouted(worker, worker.story(&client.entrance))
            .followed(worker.listening.followers.begin(&client.entrance, None));
        Self { end, facts: Facts::UNKNOWN, why: Why::Reject(reject) }
    }
}

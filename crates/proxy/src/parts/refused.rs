//! A request that Teal answers by itself, and the reason.

use std::rc::Rc;
use std::sync::Arc;

use http1::Reject;
use rules::Notice;
use traffic::OwnReason;

use super::{Facts, RequestEnd};
use crate::client::Client;
use crate::worker::Worker;

/// A request that ends here with Teal's own answer.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) end: RequestEnd,
    pub(crate) facts: Facts,
    pub(crate) why: Why,
}

/// The reason why Teal answers a request itself.
#[derive(Clone, Debug)]
pub(crate) enum Why {
    /// It could not be parsed.
    Reject(Reject),
    /// The resource is at this address, under `https`.
    Moved(String),
    /// A CA validates a domain, and this is the response to its challenge.
    Challenge(String),
    /// Only its sender can fix it, and needs this sentence to do so.
    Explained(OwnReason, String),
    /// Its service is in maintenance, with this answer for clients.
    Maintenance(Arc<Notice>),
    /// A link with a preview token begins a preview.
    PreviewBegins(Box<PreviewLink>),
    /// A load balancer checks whether this Teal serves: it does, or is stopping.
    Health(bool),
    /// Any other reason.
    Own(OwnReason),
}

/// A link with a valid preview token.
#[derive(Clone, Debug)]
pub(crate) struct PreviewLink {
    /// The same address without the token.
    pub(crate) location: String,
    /// The cookie that holds the token from now on.
    pub(crate) cookie: String,
}

// === impl Refused ===

impl Refused {
    pub(crate) fn malformed(worker: &Rc<Worker>, client: &Client, reject: Reject) -> Self {
        let end = RequestEnd::unrouted(worker, worker.access_record(&client.info))
            .followed(worker.listening.followers.begin(&client.info, None));
        Self { end, facts: Facts::UNKNOWN, why: Why::Reject(reject) }
    }
}

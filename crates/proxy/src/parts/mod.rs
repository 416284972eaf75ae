//! The parts of a request that its steps hand on to each other: the kept part of its head, its two directions,
//! its entry in the books, and the outcome for its connection.
//!
//! Guarantees: whatever a request takes from its worker is given back with the part that holds it. Never: the
//! order of the steps, which is in `request`; a step imports these, and they import no step.

mod accept;
mod ask;
mod download;
mod end;
mod marks;
mod refused;
mod upload;

use crate::http::Unread;

pub(crate) use accept::Accept;
pub(crate) use ask::{Ask, Facts, RequestId};
pub(crate) use download::{Download, HeadKind};
pub(crate) use end::RequestEnd;
pub(crate) use marks::Marks;
pub(crate) use refused::{PreviewLink, Refused, Why};
pub(crate) use upload::Upload;

/// The future of the client's connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It carries the next request.
    Next,
    /// It ends, as announced to the client: a lingering close.
    Close(Unread),
    /// It is closed at once, without another word.
    Drop,
}

/// The two directions of a request. They stay in place from request to request, since moving their state would
/// cost more than parsing a head.
#[derive(Debug)]
pub(crate) struct Flows {
    pub(crate) upload: Upload,
    pub(crate) download: Download,
}

impl Flows {
    pub(crate) fn new() -> Self {
        Self { upload: Upload::new(), download: Download::new() }
    }
}

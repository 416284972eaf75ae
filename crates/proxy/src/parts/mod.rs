//! What the steps of a request hand on to each other: what is kept of its head, its two directions, its entry
//! in the books, and what becomes of its connection.
//!
//! Guaranteed: whatever a request takes from its worker ends with the part that holds it. Never: the order
//! of the steps, which is that of `request`; a step imports these, and they import none.

mod accept;
mod ask;
mod download;
mod end;
mod refused;
mod upload;

use crate::http::Unread;

pub(crate) use accept::Accept;
pub(crate) use ask::{Ask, Facts, RequestId};
pub(crate) use download::{Download, Step};
pub(crate) use end::RequestEnd;
pub(crate) use refused::{Refused, Why};
pub(crate) use upload::Upload;

/// What becomes of the client's connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The next request.
    Next,
    /// It was told that this is the end: a close that lingers.
    Close(Unread),
    /// There is nothing more to say: closed at once.
    Drop,
}

/// The two directions of a request. They stay where they are from request to request, since moving
/// their state would cost more than parsing a head.
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

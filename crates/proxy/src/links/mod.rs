//! The connections of one worker to targets: those that are in use, those that are kept for the next request,
//! those that carry many, and those on which a client has logged in. Without the steps of a request: which
//! connection it takes is `upstream`'s.
//!
//! Guaranteed: a connection is counted for its color until it is closed (L4).

mod bound;
pub(crate) mod carrier;
pub(crate) mod link;
pub(crate) mod names;
pub(crate) mod pinned;
pub(crate) mod pool;
mod silence;

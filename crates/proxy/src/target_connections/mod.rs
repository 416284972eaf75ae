//! The connections of one worker to targets: in use, idle in the pool, shared by many requests, and bound by a
//! client's login. Without the steps of a request: `upstream` decides which connection it takes.
//!
//! Guarantees: a connection is counted for its color until it is closed (L4).

mod bound;
pub(crate) mod carrier;
pub(crate) mod connection;
pub(crate) mod names;
pub(crate) mod pinned;
pub(crate) mod pool;
mod silence;

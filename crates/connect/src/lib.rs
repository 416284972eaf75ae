//! How a target is reached: address, TCP or Unix socket, deadline. Requests and probes go the same
//! way, so that a probe proves what traffic will meet (promise L9).
//!
//! It never chooses a target and never resolves a name; every wait here has a deadline.

#![forbid(unsafe_code)]

mod dial;
mod stream;

pub use dial::{DialError, Way, dial};
pub use stream::{PeekState, Stream};

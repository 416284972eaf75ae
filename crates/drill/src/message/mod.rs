//! A strict reader of HTTP/1.1 messages, without sockets (RFC 9112): heads, lengths, chunks, trailers.
//!
//! Anything that is not framed exactly is an error, and nothing is repaired. The load reads every answer with it,
//! and so do the clients and targets of Teal's own tests. It shares no code with Teal's HTTP engine, so that one
//! mistake cannot hide on both sides. It never waits: its callers do, each with a deadline.

mod body;
mod fields;
mod head;

pub use body::{Body, Part};
pub use fields::{Fields, Framing};
pub use head::Head;

/// The most fields in a head or a trailer section.
pub const FIELDS_MAX: usize = 300;

/// The part of HTTP/1.1 that a reader accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// All that RFC 9112 allows.
    Full,
    /// Only what Teal sends: no chunk extensions, and no length where there can be no body.
    Plain,
}

/// The bytes are not exactly framed HTTP/1.1; the problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

/// The error for this problem.
fn malformed<T>(problem: impl Into<String>) -> Result<T, Malformed> {
    Err(Malformed(problem.into()))
}

//! The HTTP/1.1 engine: bytes to heads and bodies and back, without sockets.
//!
//! Guarantees: a message is either understood in exactly one way or refused. Everything forwarded is written
//! anew from what was understood, with our own framing; a received framing line (`Content-Length`,
//! `Transfer-Encoding`, `Connection`, `Upgrade`, `Host`) is never forwarded as it was.
//!
//! Never: I/O, clocks, routing, allocation per field. Heads borrow the caller's read buffer, bodies are decoded
//! in place, and output goes into vectors that the caller keeps.
//!
//! The path of a message: [`HeadScan`] finds the end of the head, [`Request::parse`] or [`Response::parse`]
//! parses it, [`write_request`] or [`write_response`] writes it for the other side, and a [`BodyReader`]
//! decodes what follows.

#![forbid(unsafe_code)]

mod body;
mod connection;
mod cookie;
mod date;
mod field;
mod framing;
mod hops;
mod limits;
mod login;
mod method;
mod reject;
mod request;
mod response;
mod scan;
mod status;
mod token;
mod upgrade;
mod write;

pub use body::{BodyError, BodyReader, Decoded};
pub use date::http_date;
pub use field::FieldSlots;
pub use framing::BodyLength;
pub use hops::HopAddress;
pub use limits::{Limits, MAX_FIELDS, MAX_INTERIM};
pub use method::Method;
pub use reject::{BadResponse, Reject};
pub use request::Request;
pub use response::{RequestContext, Response};
pub use scan::HeadScan;
pub use status::reason_phrase;
pub use write::{
    CHUNK_END, Forwarding, ToClient, Trace, chunk_head, write_informational, write_last_chunk,
    write_own, write_request, write_response,
};

/// The protocol version of a message. Other versions are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: no chunked coding, no 1xx, closes unless asked not to.
    Http10,
    /// HTTP/1.1.
    Http11,
}

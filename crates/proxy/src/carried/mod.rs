//! Many requests on one connection, whatever its protocol: shared by HTTP/2 today and HTTP/3 in future. To the
//! rest of Teal each stream is a sequence of HTTP/1.1 bytes, so that every promise about requests holds for
//! streams.
//!
//! Heads are translated (`head` and `response` for clients, `request` for targets), bodies are taken out of their
//! framing and put into it (`sink`, `source`), the bytes that all streams of a connection have handed over are
//! bounded (`outflow`), and streams are served by reusable tasks (`tasks`). A protocol provides its streams
//! ([`Incoming`], [`Outgoing`]), implements [`connect::MultiplexedStream`] for each, and has the loop of its
//! connection in `connection`.
//!
//! Never: a library of one protocol, a connection.

mod head;
mod head_lines;
mod outflow;
mod protocol;
mod request;
mod response;
mod sink;
mod source;
mod stream;
mod tasks;

pub(crate) use head::{Http1Head, translate, translate_open};
pub(crate) use head_lines::HeadBuffer;
pub(crate) use outflow::Outflow;
pub(crate) use protocol::Protocol;
pub(crate) use request::request_head;
pub(crate) use response::{ResponseHead, response_head};
pub(crate) use sink::Sink;
pub(crate) use source::{Framing, Source};
pub(crate) use stream::{Incoming, Outgoing};
pub(crate) use tasks::{OpenStream, Streams, TaskSlot, Tasks};

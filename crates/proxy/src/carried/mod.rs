//! Many requests on one connection, whatever its protocol: shared by HTTP/2 today and HTTP/3 in future. To the
//! rest of Teal each stream is a sequence of HTTP/1.1 bytes, so that every promise about requests holds for
//! streams.
//!
//! Heads are translated (`head` and `answer` for clients, `ask` for targets), bodies are taken out of their
//! framing and put into it (`sink`, `source`), the bytes that all streams of a connection have handed over are
//! bounded (`outflow`), and streams are served by reusable tasks (`tasks`). A protocol provides its streams
//! ([`Incoming`], [`Outgoing`]), implements [`connect::MultiplexedStream`] for each, and has the loop of its connection
//! in `connection`.
//!
//! Never: a library of one protocol, a connection.

mod answer;
mod ask;
mod head;
mod lines;
mod outflow;
mod protocol;
mod sink;
mod source;
mod stream;
mod tasks;

pub(crate) use answer::{Told, answer};
pub(crate) use ask::ask;
pub(crate) use head::{Head, translate, translate_open};
pub(crate) use lines::Gathered;
pub(crate) use outflow::Outflow;
pub(crate) use protocol::Protocol;
pub(crate) use sink::Sink;
pub(crate) use source::{Framing, Source};
pub(crate) use stream::{Incoming, Outgoing};
pub(crate) use tasks::{OpenStream, Place, Streams, Tasks};

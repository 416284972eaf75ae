//! Requests that are many on one connection, whatever its protocol: what HTTP/2 has today and HTTP/3 will
//! need. To the rest of Teal each of their streams is the bytes of HTTP/1.1, so that all that is promised of
//! requests is promised of streams.
//!
//! Heads are translated (`head` and `answer` for clients, `ask` for targets), bodies are taken out of their
//! framing and put into it (`sink`, `source`), what all streams of a connection have handed over is bounded
//! (`outflow`), and they are served by tasks that are used again (`tasks`). A protocol brings its streams
//! ([`Incoming`], [`Outgoing`]), makes of each what [`connect::Exchange`] asks for, and has the loop of its
//! connection in `connection`.
//!
//! Never: a library of one protocol, a connection.

mod answer;
mod ask;
mod head;
mod lines;
mod outflow;
mod sink;
mod source;
mod stream;
mod tasks;

pub(crate) use answer::{Told, answer};
pub(crate) use ask::ask;
pub(crate) use head::{Head, translate, translate_open};
pub(crate) use lines::Gathered;
pub(crate) use outflow::Outflow;
pub(crate) use sink::Sink;
pub(crate) use source::{Framing, Source};
pub(crate) use stream::{Incoming, Outgoing};
pub(crate) use tasks::{OpenStream, Place, Streams, Tasks};

//! The receiving side of a stream, as HTTP/1.1 bytes: a head that was written for it, then its body in the
//! framing that this head names.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use connect::http2::trailer_lines;
use http::HeaderMap;
use http1::CHUNK_END;
use tokio::io::ReadBuf;
use tokio::time::{Sleep, sleep};

use super::head::is_padded;
use super::stream::Incoming;

/// A message that is being read.
#[derive(Debug)]
pub(crate) struct Source<S> {
    /// Bytes of our own that come next: the head, the frame of a chunk, the end of the body.
    own: Vec<u8>,
    taken: usize,
    /// The rest of the piece that arrived last.
    data: Bytes,
    body: S,
    framing: Framing,
    /// Malformed trailers end the message as an error; otherwise the bad fields are dropped.
    strict: bool,
    /// It is not known yet whether there is a body.
    undecided: Option<Box<Undecided>>,
}

/// The two heads of a message, without a body and with one, and the wait for its end.
#[derive(Debug)]
struct Undecided {
    plain: Vec<u8>,
    chunked: Vec<u8>,
    wait: Pin<Box<Sleep>>,
}

/// The longest time after its head in which the end of a request without a body may arrive.
// lossless: L10
const END_WITHIN: Duration = Duration::from_millis(200);

/// The framing of the body for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Unchanged: the head names its length, or it has none, or it is a tunnel.
    Plain,
    /// In chunks.
    Chunked,
    /// The end was reached, and reported.
    Ended,
    /// The trailers are malformed: there is no proper end.
    Malformed,
}

impl<S: Incoming> Source<S> {
    /// Makes a message with this head.
    pub(crate) fn new(head: Vec<u8>, body: S, framing: Framing) -> Self {
        Self {
            own: head,
            taken: 0,
            data: Bytes::new(),
            body,
            framing,
            strict: false,
            undecided: None,
        }
    }

    /// Makes a client's message of which only the head has arrived, and whose method suggests no body: if its
    /// end comes soon, it has none. A target that does not expect a body may refuse an empty one in chunks.
    pub(crate) fn undecided(plain: Vec<u8>, chunked: Vec<u8>, body: S) -> Self {
        let wait = Box::pin(sleep(END_WITHIN));
        let undecided = Some(Box::new(Undecided { plain, chunked, wait }));
        Self { strict: true, undecided, ..Self::new(Vec::new(), body, Framing::Chunked) }
    }

    /// Makes a client's message whose first piece of body was read already.
    pub(crate) fn of_client(head: Vec<u8>, first: Bytes, body: S, framing: Framing) -> Self {
        let mut source = Self { strict: true, ..Self::new(head, body, framing) };
        source.take(first);
        source
    }

    /// Reads into `buf`; reads nothing at the end of the message.
    ///
    /// # Errors
    /// If the stream was reset.
    pub(crate) fn poll_read(
        &mut self,
        buf: &mut ReadBuf<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        while buf.remaining() > 0 {
            if self.give(buf) {
                continue;
            }
            if self.framing == Framing::Ended {
                break;
            }
            let more =
                if self.undecided.is_some() { self.poll_decide(cx) } else { self.poll_more(cx) };
            match more {
                Poll::Ready(Ok(())) => {}
                _ if buf.filled().len() > before => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Returns true if its connection was closed on this side, once the stream is over.
    pub(crate) fn is_cut_off(&mut self) -> bool {
        self.body.is_cut_off()
    }

    /// Copies what has arrived; returns false if there is nothing.
    fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let own = self.own.get(self.taken..).unwrap_or_default();
        if !own.is_empty() {
            let count = own.len().min(buf.remaining());
            buf.put_slice(&own[..count]);
            self.taken += count;
            if self.taken == self.own.len() {
                self.own = Vec::new();
                self.taken = 0;
            }
            return true;
        }
        if self.data.is_empty() {
            return false;
        }
        let count = self.data.len().min(buf.remaining());
        buf.put_slice(&self.data[..count]);
        self.data.advance(count);
        self.body.release(count); // only now may the sender send as much again
        if self.data.is_empty() {
            self.data = Bytes::new(); // an empty slice would still hold the memory of its read
            if self.framing == Framing::Chunked {
                self.own.extend_from_slice(CHUNK_END);
            }
        }
        true
    }

    /// Returns the next piece of the body, in its frame.
    fn take(&mut self, data: Bytes) {
        self.data = data;
        if self.framing == Framing::Chunked && !self.data.is_empty() {
            let mut room = [0; 18];
            self.own.extend_from_slice(http1::chunk_head(self.data.len(), &mut room));
        }
    }

    /// Ready when it is known which head it is.
    fn poll_decide(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(undecided) = &mut self.undecided else { return Poll::Ready(Ok(())) };
        let first = match self.body.poll_data(cx) {
            Poll::Ready(Some(data)) => Some(data?),
            Poll::Ready(None) => None,
            Poll::Pending => {
                ready!(undecided.wait.as_mut().poll(cx));
                Some(Bytes::new())
            }
        };
        let none = first.as_ref().is_none_or(Bytes::is_empty);
        let ended = none && self.body.is_ended();
        let Undecided { plain, chunked, .. } = &mut **undecided;
        self.own = std::mem::take(if ended { plain } else { chunked });
        self.undecided = None;
        if ended {
            self.framing = Framing::Ended;
        } else {
            self.take(first.unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }

    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.framing == Framing::Malformed {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        if let Some(data) = ready!(self.body.poll_data(cx)) {
            self.take(data?);
            return Poll::Ready(Ok(()));
        }
        if self.framing == Framing::Chunked {
            let trailers = ready!(self.body.poll_trailers(cx))?;
            let mut fields = trailers.iter().flat_map(HeaderMap::values);
            if self.strict && fields.any(|value| is_padded(value.as_bytes())) {
                self.framing = Framing::Malformed;
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            http1::write_last_chunk(&mut self.own, &trailer_lines(trailers.as_ref()));
        }
        self.framing = Framing::Ended;
        Poll::Ready(Ok(()))
    }
}

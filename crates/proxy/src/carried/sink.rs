//! The sending side of a stream, written as HTTP/1.1 bytes: the head is gathered until it is complete, the body
//! is taken out of the framing that the head names.
//!
//! Guarantees: the stream ends properly only after a body that has ended properly. Never: more than one piece
//! is kept for which the other side has given no window.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http1::{BodyLength, BodyReader, Limits};

use super::head_lines::{HeadLines, append};
use super::outflow::Outflow;
use super::stream::Outgoing;

/// The amount accepted without room: the end of a body needs none, and must not wait for it.
const FLOOR: usize = 512;

/// Trailers were bounded where they were received.
const TRAILERS: Limits =
    Limits { head_bytes: usize::MAX, fields: usize::MAX, uri_bytes: usize::MAX };

/// A body that is being written.
#[derive(Debug)]
pub(crate) struct Sink<S: Outgoing> {
    stream: S,
    body: BodyReader,
    pending: Bytes,
    ended: bool,
    /// The outflow of the whole connection, where its other end is not to be trusted with memory.
    outflow: Option<Arc<Outflow>>,
    /// The round in which bytes were last handed over.
    handed: Option<usize>,
}

// === impl Sink ===

impl<S: Outgoing> Sink<S> {
    /// Makes a body with this framing. `ended`: the head has ended the stream.
    pub(crate) fn new(
        stream: S,
        framing: BodyLength,
        ended: bool,
        outflow: Option<Arc<Outflow>>,
    ) -> Self {
        let mut body = BodyReader::new(framing);
        body.limit_trailers(TRAILERS);
        Self { stream, body, pending: Bytes::new(), ended, outflow, handed: None }
    }

    /// Accepts a piece of the body, and sends what there is room for.
    ///
    /// # Errors
    /// If the stream was reset, or the bytes do not match the framing.
    pub(crate) fn poll_write(
        &mut self,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        if self.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(self.poll_outflow(cx))?;
        let room = self.room();
        let piece = bytes.get(..bytes.len().min(room.max(FLOOR))).unwrap_or_default();
        let mut piece = piece.to_vec();
        let decoded = self.body.decode(&mut piece);
        let decoded = decoded.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        piece.truncate(decoded.data.end);
        let mut piece = Bytes::from(piece);
        piece.advance(decoded.data.start);
        if piece.len() > room {
            self.pending = piece;
        } else if !piece.is_empty() {
            self.send(piece)?;
        }
        // Sent as far as there is room. Without room for the rest the next piece is not accepted.
        if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(decoded.consumed))
    }

    /// Returns how much would be accepted and sent at once, and reserves it.
    fn room(&mut self) -> usize {
        if self.ended || !self.pending.is_empty() {
            return 0;
        }
        let room = self.stream.reserve(S::PIECE);
        let together = self.outflow.as_ref().map_or(S::PIECE, |outflow| outflow.room());
        room.min(S::PIECE).min(together)
    }

    /// Returns how much would be accepted and sent at once; little or nothing only once everything accepted is
    /// written, so that the lack of room is due to the other side.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let room = self.room();
        if room < FLOOR
            && let Some((outflow, round)) = self.outflow.as_ref().zip(self.handed)
        {
            ready!(outflow.poll_written(round, cx));
        }
        Poll::Ready(room)
    }

    /// Leaves the reserved room to other streams.
    pub(crate) fn leave_room(&mut self) {
        if self.pending.is_empty() {
            self.stream.reserve(0);
        }
    }

    /// Sends what was accepted. Ready when the connection below has all of it.
    ///
    /// # Errors
    /// If the stream was reset.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let room = ready!(self.stream.poll_reserve(self.pending.len(), cx))?;
            let piece = if room < self.pending.len() {
                self.pending.split_to(room)
            } else {
                std::mem::take(&mut self.pending) // releases its memory
            };
            self.send(piece)?;
        }
        if self.body.is_done() && !self.ended {
            self.end()?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends a piece for which there is room, before pending bytes.
    fn send(&mut self, piece: Bytes) -> io::Result<()> {
        let last = self.pending.is_empty() && self.ends_plainly();
        self.ended |= last;
        if let Some(outflow) = &self.outflow {
            outflow.hand_over(piece.len());
            self.handed = Some(outflow.round());
        }
        self.stream.send(piece, last)
    }

    /// Ends a tunnel's direction.
    ///
    /// # Errors
    /// If the stream was reset.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        if !self.ended {
            self.ended = true;
            self.stream.send(Bytes::new(), true)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready if the other side has reset the stream.
    pub(crate) fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_broken(cx)
    }

    /// Ready when all streams together may hand over more.
    pub(crate) fn poll_outflow(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(outflow) = &self.outflow else { return Poll::Ready(Ok(())) };
        if outflow.poll_room(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.poll_broken(cx).map(|()| Err(io::ErrorKind::BrokenPipe.into()))
    }

    /// Returns true if the body is over and nothing comes after its last byte.
    fn ends_plainly(&self) -> bool {
        self.body.is_done() && self.body.trailers().is_empty()
    }

    fn end(&mut self) -> io::Result<()> {
        self.ended = true;
        let trailers = Bytes::copy_from_slice(self.body.trailers());
        if trailers.is_empty() {
            return self.stream.send(Bytes::new(), true);
        }
        let mut fields = HeaderMap::new();
        for (name, value) in HeadLines::without_first(&trailers).fields() {
            append(&mut fields, name, trailers.slice_ref(value));
        }
        self.stream.send_trailers(fields)
    }
}

impl<S: Outgoing> Drop for Sink<S> {
    // lossless: L3 - what has not ended rightly can't be taken for whole.
    fn drop(&mut self) {
        if !self.ended {
            self.stream.tear();
        }
    }
}

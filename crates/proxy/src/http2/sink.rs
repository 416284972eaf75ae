//! What a stream is sent, from the bytes of HTTP/1.1: the head is gathered until it is whole, the
//! body is taken out of the framing that the head names.
//!
//! Guaranteed: the stream ends rightly only after a body that has ended rightly. Never: more than
//! one piece is kept that the other side has not given room for.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue};
use http1::{BodyLength, BodyReader, Limits};

use super::frames::HEADER;
use super::outflow::Outflow;
use super::source::broken;

/// The most that is taken before it has been sent: with the header of its frame it fills one record of
/// TLS, where a byte more would make a second one.
const PIECE: usize = 16 * 1024 - HEADER;

/// As much is taken where there is no room: the end of a body needs none, and must not wait behind it.
const FLOOR: usize = 512;

/// Trailers were bounded where they were received.
const TRAILERS: Limits =
    Limits { head_bytes: usize::MAX, fields: usize::MAX, target_bytes: usize::MAX };

/// A body that is written.
#[derive(Debug)]
pub(crate) struct Sink {
    send: SendStream<Bytes>,
    body: BodyReader,
    pending: Bytes,
    ended: bool,
    /// What the other side is told if it ends before its end.
    torn: Reason,
    /// Of the whole connection, where its other end is not to be trusted with memory.
    outflow: Option<Arc<Outflow>>,
    /// In which of its rounds something was last handed over.
    handed: Option<usize>,
}

/// The bytes of a head while they come.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
}

/// A head as lines: the first, then a name and a value each.
#[derive(Debug)]
pub(crate) struct Lines<'h> {
    pub(crate) first: &'h [u8],
    rest: &'h [u8],
}

// === impl Sink ===

impl Sink {
    /// A body in this framing. `ended`: the head has ended the stream.
    pub(crate) fn new(
        send: SendStream<Bytes>,
        framing: BodyLength,
        ended: bool,
        torn: Reason,
        outflow: Option<Arc<Outflow>>,
    ) -> Self {
        let mut body = BodyReader::new(framing);
        body.limit_trailers(TRAILERS);
        Self { send, body, pending: Bytes::new(), ended, torn, outflow, handed: None }
    }

    /// Takes a piece of the body, and sends what there is room for.
    ///
    /// # Errors
    /// If the stream was broken off, or what comes is not in the framing.
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
        // Sent as far as there is room. That there is none for the rest stops the next piece.
        if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(decoded.consumed))
    }

    /// How much would be taken and sent at once. It is reserved.
    fn room(&mut self) -> usize {
        if self.ended || !self.pending.is_empty() {
            return 0;
        }
        self.send.reserve_capacity(PIECE);
        let together = self.outflow.as_ref().map_or(PIECE, |outflow| outflow.room());
        self.send.capacity().min(PIECE).min(together)
    }

    /// How much would be taken and sent at once; little or nothing only once all is written that was
    /// taken, so that it is the other side that gives no room.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let room = self.room();
        if room < FLOOR
            && let Some((outflow, round)) = self.outflow.as_ref().zip(self.handed)
        {
            ready!(outflow.poll_written(round, cx));
        }
        Poll::Ready(room)
    }

    /// Leaves what was reserved to other streams.
    pub(crate) fn leave_room(&mut self) {
        if self.pending.is_empty() {
            self.send.reserve_capacity(0);
        }
    }

    /// Sends what was taken. Ready when the connection below has all of it.
    ///
    /// # Errors
    /// If the stream was broken off.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let room = ready!(self.poll_capacity(self.pending.len(), cx))?;
            let piece = if room < self.pending.len() {
                self.pending.split_to(room)
            } else {
                std::mem::take(&mut self.pending) // nothing of it is held on to
            };
            self.send(piece)?;
        }
        if self.body.is_done() && !self.ended {
            self.end()?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends a piece for which there is room, before what is pending.
    fn send(&mut self, piece: Bytes) -> io::Result<()> {
        let last = self.pending.is_empty() && self.ends_plainly();
        self.ended |= last;
        if let Some(outflow) = &self.outflow {
            outflow.hand_over(piece.len());
            self.handed = Some(outflow.round());
        }
        self.send.send_data(piece, last).map_err(broken)
    }

    /// Ends a tunnel's direction.
    ///
    /// # Errors
    /// If the stream was broken off.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        if !self.ended {
            self.ended = true;
            self.send.send_data(Bytes::new(), true).map_err(broken)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready if the other side has broken the stream off.
    pub(crate) fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.send.poll_reset(cx).map(drop)
    }

    /// Ready when all streams together may hand over more.
    pub(crate) fn poll_outflow(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(outflow) = &self.outflow else { return Poll::Ready(Ok(())) };
        if outflow.poll_room(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.poll_broken(cx).map(|()| Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_capacity(&mut self, wanted: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.send.reserve_capacity(wanted);
        loop {
            match self.send.capacity() {
                0 => match ready!(self.send.poll_capacity(cx)) {
                    Some(room) => drop(room.map_err(broken)?),
                    None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                },
                room => return Poll::Ready(Ok(room)),
            }
        }
    }

    /// Whether the body is over and nothing comes after its last byte.
    fn ends_plainly(&self) -> bool {
        self.body.is_done() && self.body.trailers().is_empty()
    }

    fn end(&mut self) -> io::Result<()> {
        self.ended = true;
        let trailers = Bytes::copy_from_slice(self.body.trailers());
        if trailers.is_empty() {
            return self.send.send_data(Bytes::new(), true).map_err(broken);
        }
        let mut fields = HeaderMap::new();
        for (name, value) in (Lines { first: b"", rest: &trailers }).fields() {
            append(&mut fields, name, trailers.slice_ref(value));
        }
        self.send.send_trailers(fields).map_err(broken)
    }
}

impl Drop for Sink {
    // lossless: L3 - what has not ended rightly can't be taken for whole.
    fn drop(&mut self) {
        if !self.ended {
            self.send.send_reset(self.torn);
        }
    }
}

// === impl Gathered ===

impl Gathered {
    /// Takes what belongs to the head. With the head, once it is whole.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> (usize, Option<Bytes>) {
        if self.bytes.is_empty()
            && let Some(end) = end_of_head(bytes, 0)
        {
            return (end, Some(Bytes::copy_from_slice(&bytes[..end])));
        }
        let before = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let Some(end) = end_of_head(&self.bytes, before.saturating_sub(3)) else {
            return (bytes.len(), None);
        };
        self.bytes.truncate(end);
        (end - before, Some(std::mem::take(&mut self.bytes).into()))
    }
}

/// Where a head ends of which nothing before `from` is its end.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let ends = |at: &usize| bytes.get(at.saturating_sub(3)..=*at) == Some(b"\r\n\r\n");
    memchr::memchr_iter(b'\n', &bytes[from..]).map(|at| from + at).find(ends).map(|at| at + 1)
}

// === impl Lines ===

impl<'h> Lines<'h> {
    /// The lines of a head that we have written ourselves, up to the empty one.
    pub(crate) fn of(head: &'h [u8]) -> Self {
        let (first, rest) = split(head);
        Self { first, rest }
    }

    /// How many fields there are at most.
    pub(crate) fn count(&self) -> usize {
        memchr::memchr_iter(b'\n', self.rest).count()
    }

    /// Name and value of each field.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'h [u8], &'h [u8])> + use<'h> {
        let mut rest = self.rest;
        std::iter::from_fn(move || {
            let (line, after) = split(rest);
            rest = after;
            let colon = memchr::memchr(b':', line)?;
            let value = line.get(colon + 1..).unwrap_or_default();
            Some((line.get(..colon).unwrap_or_default(), value.trim_ascii()))
        })
    }
}

/// A line, and what follows it.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    // Heads that we have written hold no CR but at the end of a line.
    let end = memchr::memchr(b'\r', text).unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), text.get(end + 2..).unwrap_or_default())
}

/// Adds a field. One that can't be written in HTTP/2 is left out; the engine lets none pass.
pub(crate) fn append(fields: &mut HeaderMap, name: &[u8], value: Bytes) {
    let name = HeaderName::from_bytes(name);
    if let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_maybe_shared(value)) {
        // What is another each time would only drive what is useful out of the peer's table, and
        // looking for it there takes long (RFC 7541 section 6.2.2).
        value.set_sensitive(UNIQUE.contains(&name.as_str()));
        fields.append(name, value);
    }
}

/// Fields whose values are hardly ever the same twice.
const UNIQUE: [&str; 3] = ["x-request-id", "traceparent", "content-length"];

/// The number that a `Content-Length` names.
pub(crate) fn length(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_whole_at_its_empty_line_wherever_it_was_cut() {
        let head = b"HTTP/1.1 200 OK\r\nA: 1\r\nB:  2 \r\n\r\n";
        let message = [&head[..], b"body"].concat();
        for cut in 0..message.len() {
            let mut gathered = Gathered::default();
            let (first, second) = message.split_at(cut);
            let (taken, whole) = gathered.take(first);
            let whole = whole.unwrap_or_else(|| {
                assert_eq!(taken, cut);
                gathered.take(second).1.expect("all of it")
            });
            assert_eq!(whole, head[..]);
        }
        let lines = Lines::of(head);
        assert_eq!(lines.first, b"HTTP/1.1 200 OK");
        let fields: Vec<_> = lines.fields().collect();
        assert_eq!(fields, [(&b"A"[..], &b"1"[..]), (b"B", b"2")]);
    }
}

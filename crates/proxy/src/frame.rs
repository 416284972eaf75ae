//! A piece of output to one side: a head or chunk head, bytes still in the read buffer of the other side, and a
//! tail, all in one write.
//!
//! A small payload is copied after the head: for so few bytes a plain write costs the kernel less than a vectored one.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use connect::Stream;
use tokio::io::AsyncWrite;

use crate::buffer::Buffer;

/// Payload of at most this many bytes is copied.
const SMALL: usize = 1024;

/// One piece of output. It is finished before the next is begun.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// Bytes of our own that come first.
    pub(crate) lead: Vec<u8>,
    /// The range of the payload in the filled part of the source buffer.
    data: Range<usize>,
    /// Bytes of our own that come last.
    tail: &'static [u8],
    /// The bytes that the source buffer drops when this piece is written.
    consumed: usize,
    /// Bytes written, over all three parts.
    written: usize,
}

impl Frame {
    /// Begins a piece with these bytes. Any rest of the one before is forgotten.
    pub(crate) fn begin(&mut self, lead: Vec<u8>) {
        self.lead = lead;
        self.written = 0;
        self.reset();
    }

    /// Adds payload in the source buffer, which drops `consumed` bytes once the piece is written.
    pub(crate) fn carry(
        &mut self,
        source: &mut Buffer,
        data: Range<usize>,
        consumed: usize,
        tail: &'static [u8],
    ) {
        if data.len() <= SMALL {
            self.lead.extend_from_slice(source.filled().get(data).unwrap_or_default());
            self.lead.extend_from_slice(tail);
            source.consume(consumed);
        } else {
            self.data = data;
            self.consumed = consumed;
            self.tail = tail;
        }
    }

    /// Returns true if everything is written.
    pub(crate) fn is_written(&self) -> bool {
        self.written >= self.lead.len() + self.data.len() + self.tail.len()
    }

    /// Returns true if some of it is written, but not all.
    pub(crate) fn is_torn(&self) -> bool {
        self.written > 0 && !self.is_written()
    }

    /// Writes; ready when all is written and flushed. Adds the bytes written to `sent`.
    pub(crate) fn poll_write(
        &mut self,
        source: &Buffer,
        stream: &mut Stream,
        sent: &mut u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_written() {
            let stream = Pin::new(&mut *stream);
            let count = if self.data.is_empty() {
                let lead = self.lead.get(self.written..).unwrap_or_default();
                ready!(stream.poll_write(cx, lead))?
            } else {
                let data = source.filled().get(self.data.clone()).unwrap_or_default();
                let slices = rest([&self.lead, data, self.tail], self.written);
                ready!(stream.poll_write_vectored(cx, &slices))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
            *sent += count as u64;
        }
        Pin::new(stream).poll_flush(cx) // for a TLS session; a plain connection buffers nothing
    }

    /// Ends a written piece: the source drops the bytes it provided, the lead is empty again.
    pub(crate) fn finish(&mut self, source: &mut Buffer) {
        source.consume(self.consumed);
        self.lead.clear();
        self.reset();
        self.written = 0;
    }

    /// Ends a written piece but keeps all its bytes in the lead, as written, so that [`Frame::rewind`] can send
    /// them again.
    pub(crate) fn finish_and_retain(&mut self, source: &mut Buffer) {
        let data = source.filled().get(self.data.clone()).unwrap_or_default();
        self.lead.extend_from_slice(data);
        self.lead.extend_from_slice(self.tail);
        source.consume(self.consumed);
        self.reset();
        self.written = self.lead.len();
    }

    /// Starts over with the first byte of the lead.
    pub(crate) fn rewind(&mut self) {
        self.written = 0;
    }

    fn reset(&mut self) {
        self.data = 0..0;
        self.tail = b"";
        self.consumed = 0;
    }
}

/// Returns the three parts without their first `written` bytes. Empty slices cost the kernel nothing.
fn rest(parts: [&[u8]; 3], mut written: usize) -> [IoSlice<'_>; 3] {
    parts.map(|part| {
        let skip = written.min(part.len());
        written -= skip;
        IoSlice::new(&part[skip..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_begins_after_the_written_bytes_whatever_the_part() {
        let parts: [&[u8]; 3] = [b"abc", b"de", b"f"];
        for written in 0..=6 {
            let left: Vec<u8> = rest(parts, written).iter().flat_map(|s| s.to_vec()).collect();
            assert_eq!(left, &b"abcdef"[written..]);
        }
    }
}

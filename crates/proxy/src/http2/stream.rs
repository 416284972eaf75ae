//! A stream of the HTTP/2 library.

use std::io;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use http::HeaderMap;

use super::frames::HEADER;
use crate::carried::{Incoming, Outgoing};

/// The sending side.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) stream: SendStream<Bytes>,
    /// The reset code sent if the stream ends early.
    pub(crate) torn: Reason,
}

impl Outgoing for Sending {
    /// With its frame header it fills one TLS record; a byte more would need a second one.
    const PIECE: usize = 16 * 1024 - HEADER;

    fn reserve(&mut self, bytes: usize) -> usize {
        self.stream.reserve_capacity(bytes);
        self.stream.capacity()
    }

    fn poll_reserve(&mut self, bytes: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.stream.reserve_capacity(bytes);
        loop {
            match self.stream.capacity() {
                0 => match ready!(self.stream.poll_capacity(cx)) {
                    Some(room) => drop(room.map_err(broken)?),
                    None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                },
                room => return Poll::Ready(Ok(room)),
            }
        }
    }

    fn send(&mut self, piece: Bytes, last: bool) -> io::Result<()> {
        self.stream.send_data(piece, last).map_err(broken)
    }

    fn send_trailers(&mut self, trailers: HeaderMap) -> io::Result<()> {
        self.stream.send_trailers(trailers).map_err(broken)
    }

    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_reset(cx).map(drop)
    }

    fn tear(&mut self) {
        self.stream.send_reset(self.torn);
    }
}

impl Incoming for RecvStream {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        Self::poll_data(self, cx).map(|data| data.map(|data| data.map_err(broken)))
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<HeaderMap>>> {
        Self::poll_trailers(self, cx).map_err(broken)
    }

    fn is_ended(&self) -> bool {
        self.is_end_stream()
    }

    fn release(&mut self, bytes: usize) {
        // It fails if the stream is gone, which the next read reports.
        let _ = self.flow_control().release_capacity(bytes);
    }

    fn is_cut_off(&mut self) -> bool {
        let left = Self::poll_data(self, &mut Context::from_waker(Waker::noop()));
        let ended = |error: &h2::Error| error.is_go_away() && !error.is_remote();
        matches!(left, Poll::Ready(Some(Err(error))) if ended(&error))
    }
}

/// The error of a stream that ended early.
pub(crate) fn broken(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}

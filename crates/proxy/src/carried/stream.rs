//! A stream as its protocol has it: all that the bodies of requests and answers ask of one.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;

/// What a stream brings.
pub(crate) trait Incoming {
    /// The next piece of the body; none at its end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>>;

    /// The trailers, after the body.
    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<HeaderMap>>>;

    /// Whether it is known that nothing more comes.
    fn is_ended(&self) -> bool;

    /// So much was passed on, and may be sent again.
    fn release(&mut self, bytes: usize);

    /// Once it is over: whether its connection was ended on this side.
    fn is_cut_off(&mut self) -> bool;
}

/// What is sent on a stream.
pub(crate) trait Outgoing {
    /// The most that is sent at once.
    const PIECE: usize;

    /// Reserves room for so many bytes; returns how much there is now.
    fn reserve(&mut self, bytes: usize) -> usize;

    /// The same; ready when there is any.
    ///
    /// # Errors
    /// If the stream was broken off.
    fn poll_reserve(&mut self, bytes: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Sends a piece of the body, which is the last one if it says so.
    ///
    /// # Errors
    /// If the stream was broken off.
    fn send(&mut self, piece: Bytes, last: bool) -> io::Result<()>;

    /// Ends the body with trailers.
    ///
    /// # Errors
    /// If the stream was broken off.
    fn send_trailers(&mut self, trailers: HeaderMap) -> io::Result<()>;

    /// Ready if the other side has broken it off.
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Breaks it off, so that nobody takes what was sent for whole.
    fn tear(&mut self);
}

//! A stream in its protocol: the operations that bodies of requests and answers need.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;

/// The receiving side of a stream.
pub(crate) trait Incoming {
    /// Returns the next piece of the body; `None` at its end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>>;

    /// Returns the trailers, after the body.
    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<HeaderMap>>>;

    /// Returns true if it is known that nothing more comes.
    fn is_ended(&self) -> bool;

    /// This much was passed on, and may be sent again by the peer.
    fn release(&mut self, bytes: usize);

    /// Returns true if its connection was closed on this side, once it is over.
    fn is_cut_off(&mut self) -> bool;
}

/// The sending side of a stream.
pub(crate) trait Outgoing {
    /// The most that is sent at once.
    const PIECE: usize;

    /// Reserves room for this many bytes; returns how much there is now.
    fn reserve(&mut self, bytes: usize) -> usize;

    /// Reserves likewise; ready when there is any room.
    ///
    /// # Errors
    /// If the stream was reset.
    fn poll_reserve(&mut self, bytes: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Sends a piece of the body; `last`: it is the last one.
    ///
    /// # Errors
    /// If the stream was reset.
    fn send(&mut self, piece: Bytes, last: bool) -> io::Result<()>;

    /// Ends the body with trailers.
    ///
    /// # Errors
    /// If the stream was reset.
    fn send_trailers(&mut self, trailers: HeaderMap) -> io::Result<()>;

    /// Ready if the other side has reset it.
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Resets it, so that what was sent cannot look complete.
    fn tear(&mut self);
}

//! One request and its answer on a multiplexed connection, presented as a connection of its own that
//! carries HTTP/1.1 bytes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

/// One request and its answer. If dropped early it is reset, so that the other side cannot take what it
/// received as complete (L3).
pub trait MultiplexedStream: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {
    /// Ready once the other side has reset it.
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// The number of bytes that would be accepted now; ready as soon as its connection accepts any at all,
    /// from any stream. They stay reserved until something is written, or [`MultiplexedStream::leave_room`] is
    /// called.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<usize>;

    /// Releases the reserved bytes to other streams.
    fn leave_room(&mut self);

    /// The bytes that the connection has moved, divided by the number of its streams: one that waits for
    /// its turn while others are served is not stalled.
    fn share(&self) -> u64;

    /// When this is dropped, tells the other side to retry over HTTP/1.1.
    fn require_http1(&mut self) {}

    /// Once it is over: returns true if this side ended the connection because of other traffic on it.
    fn is_cut_off(&mut self) -> bool {
        false
    }

    /// The remote address of the underlying connection, if it has one.
    ///
    /// # Errors
    /// It has none.
    fn peer_addr(&self) -> io::Result<SocketAddr>;

    /// The local address of the underlying connection, if it has one.
    ///
    /// # Errors
    /// It has none.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

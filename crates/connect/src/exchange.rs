//! One request and its answer on a connection that carries many, as if it had a connection of its
//! own: the bytes of HTTP/1.1, whatever travels below.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

/// One request and its answer. Dropped before its end, it is broken off so that the other side
/// can't take what it got for the whole (L3).
pub trait Exchange: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {
    /// Ready if the other side has broken it off.
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// How many bytes would be taken at once now; ready as soon as its connection takes any at all, of
    /// whichever exchange. They are reserved until something is written, or [`Exchange::leave_room`] is
    /// called.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<usize>;

    /// Leaves what was reserved to others.
    fn leave_room(&mut self);

    /// Bytes that the connection below has moved for each of those that it carries, were they dealt out
    /// evenly: who waits for its turn while others are served does not stall.
    fn share(&self) -> u64;

    /// Has the other side told, when this is dropped, that it is to ask again over HTTP/1.1.
    fn require_http1(&mut self) {}

    /// Once it is over: whether the connection below was ended on this side, for what came beside it.
    fn is_cut_off(&mut self) -> bool {
        false
    }

    /// The address of the other side of the connection below, if it has one.
    ///
    /// # Errors
    /// If it has none.
    fn peer_addr(&self) -> io::Result<SocketAddr>;

    /// The address of this side of the connection below, if it has one.
    ///
    /// # Errors
    /// If it has none.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

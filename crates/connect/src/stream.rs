//! One concrete type for a connection, whatever it runs over.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::pipe::{SpliceFlags, splice};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// A connection to a target or from a client.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
}

/// What a look at a connection shows without taking anything from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeekState {
    /// Open, and nothing has arrived.
    Quiet,
    /// Bytes have arrived.
    Data,
    /// The peer has closed its side.
    Ended,
    /// The connection is broken.
    Broken,
}

impl Stream {
    /// Takes over a connected socket: small writes go out at once.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    /// The address of the other side.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr(),
        }
    }

    /// Asks the kernel what has arrived: one system call.
    pub fn peek(&self) -> PeekState {
        match self {
            Self::Tcp(stream) => peek_socket(stream),
        }
    }

    /// What the runtime has been told of, looked at once more; quiet if it was told nothing.
    /// Costs a system call only if something is there, and wakes nobody.
    pub fn known(&self) -> PeekState {
        match self {
            Self::Tcp(stream) => {
                let look = stream.try_io(Interest::READABLE, || match peek_socket(stream) {
                    PeekState::Quiet => Err(io::ErrorKind::WouldBlock.into()),
                    seen => Ok(seen),
                });
                match look {
                    Ok(seen) => seen,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => PeekState::Quiet,
                    Err(_) => PeekState::Broken,
                }
            }
        }
    }

    /// What is known to have arrived without asking the kernel, unless the runtime has been
    /// told of something: then one [`Stream::peek`]. Pending means quiet as far as known;
    /// the task is woken when something arrives.
    pub fn poll_peek(&self, cx: &mut Context<'_>) -> Poll<PeekState> {
        match self {
            Self::Tcp(stream) => loop {
                if stream.poll_read_ready(cx).is_pending() {
                    return Poll::Pending;
                }
                // The result `WouldBlock` takes the readiness back, so that the next turn
                // of the loop waits for a new one.
                let look = stream.try_io(Interest::READABLE, || match peek_socket(stream) {
                    PeekState::Quiet => Err(io::ErrorKind::WouldBlock.into()),
                    seen => Ok(seen),
                });
                match look {
                    Ok(seen) => return Poll::Ready(seen),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return Poll::Ready(PeekState::Broken),
                }
            },
        }
    }

    /// Waits until something may have arrived, without a buffer to read it into.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Moves up to `most` bytes from the connection into a pipe without copying them to this process
    /// (splice(2)); 0 means that the peer has closed its side. The pipe must not be full.
    pub fn poll_splice_into(
        &self,
        pipe: BorrowedFd<'_>,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Self::Tcp(stream) = self;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let moved = stream.try_io(Interest::READABLE, || splice_now(stream, pipe, most));
            if !would_block(&moved) {
                return Poll::Ready(moved);
            }
        }
    }

    /// Moves up to `most` bytes from a pipe into the connection, in the same way. The pipe must not
    /// be empty.
    pub fn poll_splice_from(
        &self,
        pipe: BorrowedFd<'_>,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Self::Tcp(stream) = self;
        loop {
            ready!(stream.poll_write_ready(cx))?;
            let moved = stream.try_io(Interest::WRITABLE, || splice_now(pipe, stream, most));
            if !would_block(&moved) {
                return Poll::Ready(moved);
            }
        }
    }

    /// Makes the close of this connection a reset, so that the peer can't take what it got
    /// for the whole (L3).
    pub fn abort_on_close(&self) {
        let Self::Tcp(stream) = self;
        let _ = stream.set_zero_linger(); // ignored: a socket that is gone is closed already
    }
}

fn splice_now(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    Ok(splice(from, None, to, None, most, flags)?)
}

/// The runtime thought that it was ready, and now knows better.
fn would_block<T>(done: &io::Result<T>) -> bool {
    matches!(done, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn peek_socket(stream: &TcpStream) -> PeekState {
    let mut byte = [MaybeUninit::uninit(); 1];
    match SockRef::from(stream).peek(&mut byte) {
        Ok(0) => PeekState::Ended,
        Ok(_) => PeekState::Data,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => PeekState::Quiet,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => PeekState::Quiet,
        Err(_) => PeekState::Broken,
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

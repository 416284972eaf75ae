//! One concrete type for all kinds of connections.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::pipe::{SpliceFlags, splice};
use rustls::pki_types::CertificateDer;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

use crate::multiplexed::MultiplexedStream;

/// HTTP/2 over TLS (RFC 9113 section 3.2).
pub(crate) const H2: &[u8] = b"h2";

/// A connection to a target or from a client.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS over TCP, after its handshake. What is written may stay in the session until it is
    /// flushed.
    Tls(Box<TlsStream<TcpStream>>),
    /// One stream of a multiplexed connection.
    Multiplexed(Box<dyn MultiplexedStream>),
}

/// The socket below a connection.
#[derive(Clone, Copy, Debug)]
enum Socket<'s> {
    Tcp(&'s TcpStream),
    Unix(&'s UnixStream),
}

/// The state of a connection, as a peek shows it.
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
    /// Wraps a connected socket, with Nagle's algorithm off.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    /// The remote address, if there is one.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.socket() {
            Ok(Socket::Tcp(socket)) => socket.peer_addr(),
            Ok(Socket::Unix(_)) => Err(io::ErrorKind::AddrNotAvailable.into()),
            Err(stream) => stream.peer_addr(),
        }
    }

    /// The local address, if there is one.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.socket() {
            Ok(Socket::Tcp(socket)) => socket.local_addr(),
            Ok(Socket::Unix(_)) => Err(io::ErrorKind::AddrNotAvailable.into()),
            Err(stream) => stream.local_addr(),
        }
    }

    /// The peer's certificates from its handshake, its own first; empty if there are none.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        let Self::Tls(session) = self else { return &[] };
        session.get_ref().1.peer_certificates().unwrap_or_default()
    }

    /// Returns true if it is one stream of a multiplexed connection.
    pub fn is_multiplexed(&self) -> bool {
        matches!(self, Self::Multiplexed(_))
    }

    /// When a multiplexed stream is dropped, tells the other side to retry over HTTP/1.1.
    pub fn require_http1(&mut self) {
        if let Self::Multiplexed(stream) = self {
            stream.require_http1();
        }
    }

    /// Once it is over: returns true if it was a multiplexed stream, and this side ended its connection because of
    /// other traffic on it.
    pub fn is_cut_off(&mut self) -> bool {
        match self {
            Self::Multiplexed(stream) => stream.is_cut_off(),
            _ => false,
        }
    }

    /// The number of bytes worth preparing: what a multiplexed stream would accept now, reserved until something
    /// is written or [`Stream::leave_room`] is called; unlimited for other connections. Ready as soon as
    /// the underlying connection accepts any at all.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        match self {
            Self::Multiplexed(stream) => stream.poll_room(cx),
            Self::Tcp(_) | Self::Unix(_) | Self::Tls(_) => Poll::Ready(usize::MAX),
        }
    }

    /// Releases the reserved bytes: nothing will be written for now.
    pub fn leave_room(&mut self) {
        if let Self::Multiplexed(stream) = self {
            stream.leave_room();
        }
    }

    /// The bytes that the connection of a multiplexed stream has moved per stream; 0 for other connections.
    pub fn share(&self) -> u64 {
        match self {
            Self::Multiplexed(stream) => stream.share(),
            Self::Tcp(_) | Self::Unix(_) | Self::Tls(_) => 0,
        }
    }

    /// Returns true if bytes go over the wire as they are written: no TLS, no multiplexing.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Unix(_))
    }

    /// Returns true if both sides agreed on HTTP/2 in the TLS handshake.
    pub fn speaks_http2(&self) -> bool {
        matches!(self, Self::Tls(session) if session.get_ref().1.alpn_protocol() == Some(H2))
    }

    /// Asks the kernel what has arrived: one system call. Under TLS that may be less than one byte of
    /// payload; what the session already holds counts as well. A multiplexed stream is always quiet: nothing
    /// follows it.
    pub fn peek(&self) -> PeekState {
        let seen = self.socket().map_or(PeekState::Quiet, Socket::peek);
        self.with_session(seen)
    }

    /// The state as of the runtime's last readiness event, checked again; quiet if there was none.
    /// Costs a system call only if there was one, and wakes no task.
    pub fn known(&self) -> PeekState {
        let Ok(socket) = self.socket() else { return PeekState::Quiet };
        self.with_session(match socket.look() {
            Ok(seen) => seen,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => PeekState::Quiet,
            Err(_) => PeekState::Broken,
        })
    }

    /// The state as far as it is known without asking the kernel; after a readiness event, one
    /// [`Stream::peek`]. Pending means quiet as far as known; the task is woken when something arrives.
    /// A multiplexed stream only reports that it was reset.
    pub fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<PeekState> {
        if let Self::Multiplexed(stream) = self {
            return stream.poll_broken(cx).map(|()| PeekState::Broken);
        }
        let Ok(socket) = self.socket() else { return Poll::Pending };
        loop {
            if socket.poll_read_ready(cx).is_pending() {
                return if self.holds_more() {
                    Poll::Ready(PeekState::Data)
                } else {
                    Poll::Pending
                };
            }
            match socket.look() {
                Ok(seen) => return Poll::Ready(seen),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(PeekState::Broken),
            }
        }
    }

    /// Waits until something may have arrived, without a buffer to read it into. Under TLS, call it only
    /// after a read that found nothing: it does not see what the session already holds. A multiplexed stream is
    /// always readable.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().map_or(Poll::Ready(Ok(())), |socket| socket.poll_read_ready(cx))
    }

    /// Moves up to `most` bytes from the connection into a pipe without copying them to this process
    /// (splice(2)); 0 means that the peer has closed its side. The pipe must not be full, and the
    /// connection must be plain.
    pub fn poll_splice_into(
        &self,
        pipe: BorrowedFd<'_>,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let stream = self.plain()?;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let moved = stream.try_io(Interest::READABLE, || splice_now(stream, pipe, most));
            if !would_block(&moved) {
                return Poll::Ready(moved);
            }
        }
    }

    /// Moves up to `most` bytes from a pipe into a plain connection, in the same way. The pipe must not
    /// be empty.
    pub fn poll_splice_from(
        &self,
        pipe: BorrowedFd<'_>,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let stream = self.plain()?;
        loop {
            ready!(stream.poll_write_ready(cx))?;
            let moved = stream.try_io(Interest::WRITABLE, || splice_now(pipe, stream, most));
            if !would_block(&moved) {
                return Poll::Ready(moved);
            }
        }
    }

    /// Makes the close of this connection a reset, so that the peer cannot take what it received as
    /// complete (L3). A multiplexed stream does so by itself.
    pub fn abort_on_close(&self) {
        if let Ok(socket) = self.socket() {
            // Ignored: a socket that is gone is closed already, and a Unix socket has no reset.
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
        }
    }

    /// Limits the time that the kernel keeps unacknowledged data after the close: otherwise a peer that
    /// answers window probes but never reads could have it kept for ever.
    // lossless: L10
    pub fn limit_close(&self, longest: Duration) {
        if let Ok(socket) = self.socket() {
            // Ignored, as above.
            let _ = SockRef::from(&socket).set_tcp_user_timeout(Some(longest));
        }
    }

    /// The state of the socket, or that of decrypted bytes in the session that were not read yet.
    fn with_session(&self, seen: PeekState) -> PeekState {
        if seen == PeekState::Quiet && self.holds_more() { PeekState::Data } else { seen }
    }

    /// Returns true if the TLS session holds unread bytes, or the peer's close.
    fn holds_more(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) | Self::Multiplexed(_) => false,
            Self::Tls(session) => !session.get_ref().1.wants_read(),
        }
    }

    /// The socket, or `Err` with the multiplexed stream, which has none.
    fn socket(&self) -> Result<Socket<'_>, &dyn MultiplexedStream> {
        match self {
            Self::Tcp(stream) => Ok(Socket::Tcp(stream)),
            Self::Unix(stream) => Ok(Socket::Unix(stream)),
            Self::Tls(session) => Ok(Socket::Tcp(session.get_ref().0)),
            Self::Multiplexed(stream) => Err(&**stream),
        }
    }

    fn plain(&self) -> io::Result<Socket<'_>> {
        self.socket().map_err(|_| io::ErrorKind::Unsupported.into())
    }
}

impl Socket<'_> {
    /// A peek at what the runtime reported as ready. The result `WouldBlock` clears that readiness, so that
    /// it is reported again.
    fn look(self) -> io::Result<PeekState> {
        self.try_io(Interest::READABLE, || match self.peek() {
            PeekState::Quiet => Err(io::ErrorKind::WouldBlock.into()),
            seen => Ok(seen),
        })
    }

    fn peek(self) -> PeekState {
        let mut byte = [MaybeUninit::uninit(); 1];
        match SockRef::from(&self).peek(&mut byte) {
            Ok(0) => PeekState::Ended,
            Ok(_) => PeekState::Data,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => PeekState::Quiet,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => PeekState::Quiet,
            Err(_) => PeekState::Broken,
        }
    }

    fn poll_read_ready(self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    fn poll_write_ready(self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
        }
    }

    fn try_io<T>(self, interest: Interest, io: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Tcp(stream) => stream.try_io(interest, io),
            Self::Unix(stream) => stream.try_io(interest, io),
        }
    }
}

impl AsFd for Socket<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

fn splice_now(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    Ok(splice(from, None, to, None, most, flags)?)
}

/// The error that clears the runtime's readiness.
fn would_block<T>(done: &io::Result<T>) -> bool {
    matches!(done, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(session) => Pin::new(&mut **session).poll_read(cx, buf),
            Self::Multiplexed(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
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
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(session) => Pin::new(&mut **session).poll_write(cx, bytes),
            Self::Multiplexed(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(session) => Pin::new(&mut **session).poll_write_vectored(cx, slices),
            Self::Multiplexed(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(session) => Pin::new(&mut **session).poll_flush(cx),
            Self::Multiplexed(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(session) => Pin::new(&mut **session).poll_shutdown(cx),
            Self::Multiplexed(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}

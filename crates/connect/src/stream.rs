//! One concrete type for a connection, whatever it runs over.

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

use crate::exchange::Exchange;

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
    /// One exchange of a connection that carries many.
    Exchange(Box<dyn Exchange>),
}

/// What is below a connection.
#[derive(Clone, Copy, Debug)]
enum Socket<'s> {
    Tcp(&'s TcpStream),
    Unix(&'s UnixStream),
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

    /// The address of the other side, if it has one.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.socket() {
            Ok(Socket::Tcp(socket)) => socket.peer_addr(),
            Ok(Socket::Unix(_)) => Err(io::ErrorKind::AddrNotAvailable.into()),
            Err(exchange) => exchange.peer_addr(),
        }
    }

    /// The address of this side, if it has one.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.socket() {
            Ok(Socket::Tcp(socket)) => socket.local_addr(),
            Ok(Socket::Unix(_)) => Err(io::ErrorKind::AddrNotAvailable.into()),
            Err(exchange) => exchange.local_addr(),
        }
    }

    /// The certificates that the other side has shown in its handshake, its own first; empty: none.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        let Self::Tls(session) = self else { return &[] };
        session.get_ref().1.peer_certificates().unwrap_or_default()
    }

    /// Whether it is one of many on a connection.
    pub fn is_exchange(&self) -> bool {
        matches!(self, Self::Exchange(_))
    }

    /// Has the other side of an exchange told, when it is dropped, to ask again over HTTP/1.1.
    pub fn require_http1(&mut self) {
        if let Self::Exchange(exchange) = self {
            exchange.require_http1();
        }
    }

    /// Once it is over: whether it was an exchange whose connection was ended on this side, for what came
    /// beside it.
    pub fn is_cut_off(&mut self) -> bool {
        match self {
            Self::Exchange(exchange) => exchange.is_cut_off(),
            _ => false,
        }
    }

    /// How many bytes are worth having ready for it: what an exchange would take at once, and reserves
    /// until something is written or [`Stream::leave_room`] is called; any number without one. Ready
    /// as soon as the connection below takes any at all.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        match self {
            Self::Exchange(exchange) => exchange.poll_room(cx),
            Self::Tcp(_) | Self::Unix(_) | Self::Tls(_) => Poll::Ready(usize::MAX),
        }
    }

    /// Nothing will be written for now.
    pub fn leave_room(&mut self) {
        if let Self::Exchange(exchange) = self {
            exchange.leave_room();
        }
    }

    /// Bytes that the connection below an exchange has moved for each that it carries; 0 without one.
    pub fn share(&self) -> u64 {
        match self {
            Self::Exchange(exchange) => exchange.share(),
            Self::Tcp(_) | Self::Unix(_) | Self::Tls(_) => 0,
        }
    }

    /// Whether bytes are on the wire as they are given here.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Unix(_))
    }

    /// Whether both sides have agreed on HTTP/2 in their handshake.
    pub fn speaks_http2(&self) -> bool {
        matches!(self, Self::Tls(session) if session.get_ref().1.alpn_protocol() == Some(H2))
    }

    /// Asks the kernel what has arrived: one system call. Under TLS that may be less than a byte of
    /// what was meant; what the session holds already counts as well. An exchange is always quiet:
    /// no other follows it.
    pub fn peek(&self) -> PeekState {
        let seen = self.socket().map_or(PeekState::Quiet, Socket::peek);
        self.with_session(seen)
    }

    /// What the runtime has been told of, looked at once more; quiet if it was told nothing.
    /// Costs a system call only if something is there, and wakes nobody.
    pub fn known(&self) -> PeekState {
        let Ok(socket) = self.socket() else { return PeekState::Quiet };
        self.with_session(match socket.look() {
            Ok(seen) => seen,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => PeekState::Quiet,
            Err(_) => PeekState::Broken,
        })
    }

    /// What is known to have arrived without asking the kernel, unless the runtime has been
    /// told of something: then one [`Stream::peek`]. Pending means quiet as far as known;
    /// the task is woken when something arrives. Of an exchange only that it was broken off is told.
    pub fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<PeekState> {
        if let Self::Exchange(exchange) = self {
            return exchange.poll_broken(cx).map(|()| PeekState::Broken);
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

    /// Waits until something may have arrived, without a buffer to read it into. Under TLS only
    /// after a read that found nothing: what the session holds already is not seen. An exchange
    /// can always be read from.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().map_or(Poll::Ready(Ok(())), |socket| socket.poll_read_ready(cx))
    }

    /// Moves up to `most` bytes from the connection into a pipe without copying them to this process
    /// (splice(2)); 0 means that the peer has closed its side. The pipe must not be full, the
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

    /// Moves up to `most` bytes from a pipe into the plain connection, in the same way. The pipe must
    /// not be empty.
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

    /// Makes the close of this connection a reset, so that the peer can't take what it got
    /// for the whole (L3). An exchange does so by itself.
    pub fn abort_on_close(&self) {
        if let Ok(socket) = self.socket() {
            // Ignored: a socket that is gone is closed already, and a Unix socket knows no reset.
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
        }
    }

    /// Lets the kernel keep what the peer has not taken for this long after the close, and no longer: a
    /// peer that only answers for its closed window would have it kept for as long as it likes.
    // lossless: L10
    pub fn limit_close(&self, longest: Duration) {
        if let Ok(socket) = self.socket() {
            // Ignored, as above.
            let _ = SockRef::from(&socket).set_tcp_user_timeout(Some(longest));
        }
    }

    /// What the socket shows, and what the session has decrypted and nobody has read.
    fn with_session(&self, seen: PeekState) -> PeekState {
        if seen == PeekState::Quiet && self.holds_more() { PeekState::Data } else { seen }
    }

    /// Whether the TLS session holds bytes that were not read, or the peer's end.
    fn holds_more(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) | Self::Exchange(_) => false,
            Self::Tls(session) => !session.get_ref().1.wants_read(),
        }
    }

    /// The socket, or the exchange that has none of its own.
    fn socket(&self) -> Result<Socket<'_>, &dyn Exchange> {
        match self {
            Self::Tcp(stream) => Ok(Socket::Tcp(stream)),
            Self::Unix(stream) => Ok(Socket::Unix(stream)),
            Self::Tls(session) => Ok(Socket::Tcp(session.get_ref().0)),
            Self::Exchange(exchange) => Err(&**exchange),
        }
    }

    fn plain(&self) -> io::Result<Socket<'_>> {
        self.socket().map_err(|_| io::ErrorKind::Unsupported.into())
    }
}

impl Socket<'_> {
    /// A look at what the runtime was told of. The result `WouldBlock` takes that back, so that it is
    /// told anew.
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

/// The runtime thought that it was ready, and now knows better.
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
            Self::Exchange(exchange) => Pin::new(&mut **exchange).poll_read(cx, buf),
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
            Self::Exchange(exchange) => Pin::new(&mut **exchange).poll_write(cx, bytes),
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
            Self::Exchange(exchange) => Pin::new(&mut **exchange).poll_write_vectored(cx, slices),
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
            Self::Exchange(exchange) => Pin::new(&mut **exchange).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(session) => Pin::new(&mut **session).poll_shutdown(cx),
            Self::Exchange(exchange) => Pin::new(&mut **exchange).poll_shutdown(cx),
        }
    }
}

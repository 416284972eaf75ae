//! One TCP connection with a read buffer, deadlines and a stop flag, for client and target.
//!
//! Reads and writes wait in slices, so that a stop is noticed soon and no wait is unbounded.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use drill::message::{Body, Part};
use socket2::SockRef;

use crate::pki::TlsStream;

const SLICE: Duration = Duration::from_millis(10);
const READ_BYTES: usize = 16 * 1024;
const HEAD_BYTES_MAX: usize = 256 * 1024;

/// The error of a read or write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The peer ended the connection between two messages.
    Closed,
    /// The peer ended the connection in the middle of a message; the missing part.
    Truncated(String),
    /// The peer reset the connection.
    Reset,
    /// Nothing was received, or could be sent, before the deadline.
    TimedOut,
    /// This side is stopping.
    Stopped,
    /// The bytes are not exactly framed HTTP/1.1; the problem.
    Malformed(String),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Closed => f.write_str("closed"),
            WireError::Truncated(what) => write!(f, "truncated: {what}"),
            WireError::Reset => f.write_str("reset"),
            WireError::TimedOut => f.write_str("timed out"),
            WireError::Stopped => f.write_str("stopped"),
            WireError::Malformed(what) => write!(f, "malformed: {what}"),
        }
    }
}

impl std::error::Error for WireError {}

/// A connection and its read-ahead buffer.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    buffer: BytesMut,
    stop: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(session) => &session.sock,
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(into),
            Stream::Tls(session) => session.read(into),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(session) => session.write(bytes),
        }
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, stop: Arc<AtomicBool>) -> io::Result<Self> {
        Wire::over(Stream::Plain(stream), stop)
    }

    /// Over an established TLS session.
    pub(crate) fn secure(session: TlsStream, stop: Arc<AtomicBool>) -> io::Result<Self> {
        Wire::over(Stream::Tls(Box::new(session)), stop)
    }

    fn over(stream: Stream, stop: Arc<AtomicBool>) -> io::Result<Self> {
        let socket = stream.socket();
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SLICE))?;
        socket.set_write_timeout(Some(SLICE))?;
        Ok(Wire { stream, buffer: BytesMut::new(), stop })
    }

    /// The socket below any TLS session.
    pub(crate) fn stream(&self) -> &TcpStream {
        self.stream.socket()
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        self.stream().local_addr()
    }

    /// The bytes that were read and not yet taken.
    pub(crate) fn buffered(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes up to `most` of the buffered bytes.
    pub(crate) fn take(&mut self, most: usize) -> Vec<u8> {
        self.buffer.split_to(most.min(self.buffer.len())).to_vec()
    }

    /// Reads once; 0 is the peer's FIN.
    pub(crate) fn fill(&mut self, until: Instant) -> Result<usize, WireError> {
        let mut chunk = vec![0_u8; READ_BYTES];
        loop {
            if self.stop.load(Ordering::Acquire) {
                return Err(WireError::Stopped);
            }
            match self.stream.read(&mut chunk) {
                Ok(count) => {
                    self.buffer.extend_from_slice(&chunk[..count]);
                    return Ok(count);
                }
                Err(error) if is_pause(&error) => {
                    if Instant::now() >= until {
                        return Err(WireError::TimedOut);
                    }
                }
                Err(_) => return Err(WireError::Reset),
            }
        }
    }

    /// The next head with its empty line.
    pub(crate) fn read_head(&mut self, until: Instant) -> Result<Vec<u8>, WireError> {
        loop {
            if let Some(end) = find(self.buffered(), b"\r\n\r\n") {
                return Ok(self.take(end + 4));
            }
            if self.buffered().len() > HEAD_BYTES_MAX {
                return Err(WireError::Malformed("a head without an end".to_owned()));
            }
            if self.fill(until)? == 0 {
                return Err(if self.buffered().is_empty() {
                    WireError::Closed
                } else {
                    WireError::Truncated("the head has no end".to_owned())
                });
            }
        }
    }

    /// The next piece of a body; none at its end.
    pub(crate) fn read_piece(
        &mut self,
        body: &mut Body,
        until: Instant,
    ) -> Result<Option<BytesMut>, WireError> {
        loop {
            match body.next(&mut self.buffer)? {
                Part::Data(piece) => return Ok(Some(piece)),
                Part::End => return Ok(None),
                Part::More if self.fill(until)? > 0 => {}
                Part::More if body.may_end() => return Ok(None),
                Part::More => return Err(WireError::Truncated(body.place())),
            }
        }
    }

    /// Sends all of `bytes`.
    pub(crate) fn send(&mut self, bytes: &[u8], until: Instant) -> Result<(), WireError> {
        let mut sent = 0;
        while sent < bytes.len() {
            if self.stop.load(Ordering::Acquire) {
                return Err(WireError::Stopped);
            }
            match self.stream.write(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(error) if is_pause(&error) => {
                    if Instant::now() >= until {
                        return Err(WireError::TimedOut);
                    }
                }
                Err(_) => return Err(WireError::Reset),
            }
        }
        Ok(())
    }

    /// Closes the sending side (FIN).
    pub(crate) fn half_close(&self) {
        // A peer that has left needs no FIN.
        let _gone = self.stream().shutdown(Shutdown::Write);
    }

    /// Ends the connection by a reset instead of a FIN.
    pub(crate) fn reset(self) {
        reset(self.stream());
    }
}

/// Makes the close of `stream` a reset.
pub(crate) fn reset(stream: &TcpStream) {
    // A peer that has left needs no reset.
    let _gone = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// The position of `needle` in `haystack`.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

//! One client connection, strict about framing (RFC 9112 sections 6 and 7).
//!
//! It reads exactly one answer per request and counts anything else as a loss: a body
//! shorter than announced, unrequested bytes, two lengths, a length that is not a
//! number, a chunk without its line end. It never repairs anything, and it never sends
//! a request again.

use std::future::poll_fn;
use std::io;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::Poll;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};

use super::head::{Framing, Head};
use super::stream::Stream;
use super::tls::Tls;
use crate::ledger::{Fault, Loss};
use crate::over::Way;

/// The longest response head, and the longest chunk line or trailer section.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The state of an idle connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    /// Nothing to read, not closed.
    Open,
    /// Closed in order: no request was on it, so nothing is lost.
    Closed,
    /// Reset; no request was on it either.
    Reset,
    /// Unrequested bytes.
    Stray,
}

/// A connection with the bytes that were read from it but not yet used.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    buffer: BytesMut,
}

impl Connection {
    /// Connects; a refusal is the loss of the request to be sent.
    pub(crate) async fn open(way: Way, tls: Option<&Tls>) -> Result<Self, Fault> {
        let stream = Stream::open(way, tls).await?;
        Ok(Self { stream, buffer: BytesMut::with_capacity(4 * 1024) })
    }

    /// Checks whether an idle connection may carry a request. It does not wait for more than is in the
    /// socket already.
    pub(crate) async fn look(&mut self) -> Idle {
        if !self.buffer.is_empty() {
            return Idle::Stray;
        }
        loop {
            // The bytes may be TLS's own: a session ticket with nothing after it, or close_notify. And TLS may
            // hold bytes that are no longer in the socket. Only reading tells.
            if let Some(found) = self.taste().await {
                return found;
            }
            match self.stream.has_something() {
                Ok(false) => return Idle::Open,
                Err(_) => return Idle::Reset,
                // ignored: reading reports the error
                Ok(true) => drop(self.stream.tcp().readable().await),
            }
        }
    }

    /// Reads the available bytes without waiting; `None` if there were none.
    async fn taste(&mut self) -> Option<Idle> {
        let mut byte = [0_u8; 1];
        let mut room = ReadBuf::new(&mut byte);
        let read =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut self.stream).poll_read(cx, &mut room))).await;
        match read {
            Poll::Pending => None,
            Poll::Ready(Ok(())) if room.filled().is_empty() => Some(Idle::Closed),
            Poll::Ready(Ok(())) => Some(Idle::Stray),
            // Closed without close_notify; no request was on it, so nothing can have been cut.
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                Some(Idle::Closed)
            }
            Poll::Ready(Err(_)) => Some(Idle::Reset),
        }
    }

    /// Sends bytes of a request.
    pub(crate) async fn send(&mut self, data: &[u8]) -> Result<(), Fault> {
        let sending = async {
            self.stream.write_all(data).await?;
            self.stream.flush().await // TLS buffers bytes that the socket did not accept
        };
        sending.await.map_err(|error| {
            Fault::lost(Loss::Unanswered, format!("while the request was sent: {error}"))
        })
    }

    /// Waits for the 100 to a request with `Expect`; the body must not be sent without it.
    pub(crate) async fn go_ahead(&mut self) -> Result<(), Fault> {
        let head = loop {
            if let Some((head, length)) = Head::parse(&self.buffer, "POST")? {
                if head.status >= 200 {
                    break head;
                }
                self.buffer.advance(length);
                if head.status == 100 {
                    return Ok(());
                }
                continue;
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(malformed("the head of the answer is over 64 KiB"));
            }
            self.fill().await.map_err(unanswered)?;
        };
        // The final answer stays in the buffer: it explains more.
        let text = format!("status {} instead of 100", head.status);
        Err(Fault::lost(Loss::Status, text))
    }

    /// Reads the head of the answer to `method`, past informational ones (RFC 9110 section 15.2).
    pub(crate) async fn head(&mut self, method: &str) -> Result<Head, Fault> {
        loop {
            while self.buffer.is_empty() {
                self.fill().await.map_err(unanswered)?;
            }
            let head = loop {
                if let Some((head, length)) = Head::parse(&self.buffer, method)? {
                    self.buffer.advance(length);
                    break head;
                }
                if self.buffer.len() > HEAD_BYTES_MAX {
                    return Err(malformed("the head of the answer is over 64 KiB"));
                }
                self.fill().await.map_err(|error| cut("in the head of the answer", &error))?;
            };
            if head.status >= 200 || head.status == 101 {
                return Ok(head);
            }
        }
    }

    /// Reads the body to its end, handing each piece to `sink`.
    pub(crate) async fn body(
        &mut self,
        framing: Framing,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<(), Fault> {
        match framing {
            Framing::None => Ok(()),
            Framing::Length(length) => self.take(length, &mut sink).await,
            Framing::Chunked => self.chunks(&mut sink).await,
            Framing::UntilClose => loop {
                sink(&self.buffer);
                self.buffer.clear();
                match self.read().await {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    // Over TLS an end without close_notify is one of these: anyone can have forged it.
                    Err(error) => {
                        return Err(cut("in a body that ends with the connection", &error));
                    }
                }
            },
        }
    }

    /// Checks that there is nothing after a complete answer.
    pub(crate) fn nothing_behind(&self) -> Result<(), Fault> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let text = format!("{} bytes after the end of the answer", self.buffer.len());
        Err(Fault::lost(Loss::Stray, text))
    }

    /// The stream, and the bytes read beyond the head: a tunnel begins.
    pub(super) fn into_parts(self) -> (Stream, BytesMut) {
        (self.stream, self.buffer)
    }

    /// Takes exactly `length` bytes.
    async fn take(&mut self, length: u64, sink: &mut impl FnMut(&[u8])) -> Result<(), Fault> {
        let mut left = length;
        while left > 0 {
            if self.buffer.is_empty() {
                self.fill().await.map_err(|error| {
                    cut(&format!("with {left} of {length} bytes of the body missing"), &error)
                })?;
            }
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let piece = self.buffer.split_to(count);
            sink(&piece);
            left -= count as u64;
        }
        Ok(())
    }

    /// Reads a chunked body and its trailers (RFC 9112 section 7.1).
    async fn chunks(&mut self, sink: &mut impl FnMut(&[u8])) -> Result<(), Fault> {
        loop {
            let line = self.line("before the last chunk").await?;
            let digits = line.as_ref().split(|&byte| byte == b';').next().unwrap_or_default();
            let size =
                chunk_size(digits).ok_or_else(|| malformed("a chunk size is not a number"))?;
            if size == 0 {
                break;
            }
            self.take(size, sink).await?;
            if !self.line("after a chunk").await?.is_empty() {
                return Err(malformed("a chunk is longer than its size says"));
            }
        }
        while !self.line("in the trailers").await?.is_empty() {}
        Ok(())
    }

    /// Reads one line that ends in CR LF, and returns it without them.
    async fn line(&mut self, place: &str) -> Result<BytesMut, Fault> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer.iter().skip(searched).position(|&b| b == b'\n') {
                let mut line = self.buffer.split_to(searched + at + 1);
                if !line.ends_with(b"\r\n") {
                    return Err(malformed("a line of the chunked body ends without CR"));
                }
                line.truncate(line.len() - 2);
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > HEAD_BYTES_MAX {
                return Err(malformed("a line of the chunked body is over 64 KiB"));
            }
            self.fill().await.map_err(|error| cut(place, &error))?;
        }
    }

    /// Reads more; the end of the stream is an error.
    async fn fill(&mut self) -> io::Result<()> {
        match self.read().await? {
            0 => Err(io::Error::new(ErrorKind::UnexpectedEof, "closed")),
            _ => Ok(()),
        }
    }

    /// Reads more; 0 is the end of the stream.
    async fn read(&mut self) -> io::Result<usize> {
        self.buffer.reserve(4 * 1024);
        self.stream.read_buf(&mut self.buffer).await
    }
}

/// Hexadecimal digits and nothing else.
fn chunk_size(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?.trim_end_matches([' ', '\t']);
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_plain.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// The connection ended before the first byte of an answer.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn unanswered(error: io::Error) -> Fault {
    Fault::lost(Loss::Unanswered, format!("before any byte of the answer: {error}"))
}

/// The connection ended during an answer.
fn cut(place: &str, error: &io::Error) -> Fault {
    Fault::lost(Loss::Cut, format!("{place}: {error}"))
}

/// The answer is not valid HTTP.
fn malformed(why: &str) -> Fault {
    Fault::lost(Loss::Malformed, why.to_owned())
}

//! One client connection, strict about framing.
//!
//! It reads exactly one answer per request ([`crate::message`]) and counts anything else as a loss: a body
//! shorter than announced, unrequested bytes, bytes that are not HTTP. It never repairs anything, and it
//! never sends a request again.

use std::future::poll_fn;
use std::io;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::Poll;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};

use super::stream::Stream;
use super::tls::Tls;
use crate::endpoint::Endpoint;
use crate::ledger::{Fault, Loss};
use crate::message::{Body, Framing, Grammar, Head, Malformed, Part};

/// The longest response head.
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
    grammar: Grammar,
}

impl Connection {
    /// Connects; a refusal is the loss of the request to be sent.
    pub(crate) async fn open(
        endpoint: Endpoint,
        tls: Option<&Tls>,
        grammar: Grammar,
    ) -> Result<Self, Fault> {
        let stream = Stream::open(endpoint, tls).await?;
        Ok(Self { stream, buffer: BytesMut::with_capacity(4 * 1024), grammar })
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
            if let Some((head, length)) = self.parse("POST")? {
                if head.status >= 200 {
                    break head;
                }
                self.buffer.advance(length);
                if head.status == 100 {
                    return Ok(());
                }
                continue;
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
                if let Some((head, length)) = self.parse(method)? {
                    self.buffer.advance(length);
                    break head;
                }
                self.fill().await.map_err(|error| cut("in the head of the answer", &error))?;
            };
            if head.status >= 200 || head.status == 101 {
                return Ok(head);
            }
        }
    }

    /// The head at the start of the buffer, if it is whole, with its length.
    fn parse(&self, method: &str) -> Result<Option<(Head, usize)>, Fault> {
        let head = Head::parse(&self.buffer, method == "HEAD", self.grammar)?;
        if head.is_none() && self.buffer.len() > HEAD_BYTES_MAX {
            return Err(Malformed("the head of the answer is over 64 KiB".to_owned()).into());
        }
        Ok(head)
    }

    /// Reads the body to its end, handing each piece to `sink`.
    pub(crate) async fn body(
        &mut self,
        framing: Framing,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<(), Fault> {
        let mut body = Body::new(framing, self.grammar);
        loop {
            match body.next(&mut self.buffer)? {
                Part::Data(piece) => sink(&piece),
                Part::End => return Ok(()),
                Part::More => match self.fill().await {
                    Ok(()) => {}
                    // Over TLS an end without close_notify is another error: anyone can have forged it.
                    Err(Ended::Closed) if body.may_end() => return Ok(()),
                    Err(error) => return Err(cut(&body.place(), &error)),
                },
            }
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

    /// Reads more; the end of the stream is an error.
    async fn fill(&mut self) -> Result<(), Ended> {
        self.buffer.reserve(4 * 1024);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Ended::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(Ended::Broken(error)),
        }
    }
}

/// The end of a connection.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// In order.
    #[error("closed")]
    Closed,
    /// By an error.
    #[error(transparent)]
    Broken(io::Error),
}

impl From<Malformed> for Fault {
    fn from(Malformed(why): Malformed) -> Self {
        Self::lost(Loss::Malformed, why)
    }
}

/// The connection ended before the first byte of an answer.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn unanswered(end: Ended) -> Fault {
    Fault::lost(Loss::Unanswered, format!("before any byte of the answer: {end}"))
}

/// The connection ended during an answer.
fn cut(place: &str, end: &Ended) -> Fault {
    Fault::lost(Loss::Cut, format!("{place}: {end}"))
}

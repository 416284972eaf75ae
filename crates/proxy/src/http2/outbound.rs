//! A stream to a target: the request that Teal writes, as HTTP/2, and the answer as HTTP/1.1 bytes, which are
//! parsed like any other's.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use connect::MultiplexedStream;
use connect::http2::{StreamEnd, answer_head, interim_head};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use http::{Method, Response};
use http1::BodyLength;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::answered::Answered;
use super::stream::{Sending, broken};
use crate::carried::{Framing, HeadBuffer, Sink, Source, request_head};

/// One stream to a target.
pub(crate) struct Outbound {
    request: RequestState,
    response: ResponseState,
    /// The method is HEAD: the answer has no body, whatever its fields say.
    bodiless: bool,
    secure: bool,
    answered: Arc<Answered>,
}

/// The progress of the request.
enum RequestState {
    Head(HeadBuffer, SendRequest<Bytes>),
    Body(Sink<Sending>),
    Failed(io::ErrorKind, Option<StreamEnd>),
}

/// The progress of the answer.
enum ResponseState {
    Unasked,
    /// An interim head is returned before anything else.
    Head(ResponseFuture, Vec<u8>),
    Body(Source<RecvStream>),
}

impl Outbound {
    /// Makes a stream that is opened once the head of a request is complete. `secure`: over TLS.
    pub(crate) fn new(send: SendRequest<Bytes>, secure: bool, answered: Arc<Answered>) -> Self {
        let request = RequestState::Head(HeadBuffer::default(), send);
        Self { request, response: ResponseState::Unasked, bodiless: false, secure, answered }
    }

    fn send_request(&mut self, head: &Bytes) -> io::Result<()> {
        let RequestState::Head(_, send) = &mut self.request else { return Ok(()) };
        let (request, framing) = request_head(head, self.secure)?;
        self.bodiless = request.method() == Method::HEAD;
        let ended = matches!(framing, BodyLength::None | BodyLength::Length(0));
        let (response, stream) = send.send_request(request, ended).map_err(unsent)?;
        let sending = Sending { stream, torn: Reason::CANCEL };
        self.request = RequestState::Body(Sink::new(sending, framing, ended, None));
        self.response = ResponseState::Head(response, Vec::new());
        Ok(())
    }

    /// Ready when there is something to read.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ResponseState::Head(response, interim) = &mut self.response else {
            return Poll::Ready(Ok(()));
        };
        if !interim.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let stream = response.stream_id().as_u32();
        let failed = |error| failed(error, self.answered.has(stream), self.answered.farewell());
        if let Poll::Ready(Some(found)) = response.poll_informational(cx) {
            let found = found.map_err(failed)?;
            interim_head(interim, found.status(), found.headers());
            return Poll::Ready(Ok(()));
        }
        let response = ready!(Pin::new(response).poll(cx)).map_err(failed)?;
        self.response = ResponseState::Body(response_source(response, self.bodiless));
        Poll::Ready(Ok(()))
    }
}

/// Returns an answer as HTTP/1.1 bytes, followed by its body.
fn response_source(response: Response<RecvStream>, bodiless: bool) -> Source<RecvStream> {
    let (parts, body) = response.into_parts();
    let (head, chunked) = answer_head(&parts, bodiless, body.is_end_stream());
    Source::new(head, body, if chunked { Framing::Chunked } else { Framing::Plain })
}

/// Returns the error of a stream that was never opened: nothing was sent.
fn unsent(error: h2::Error) -> io::Error {
    let over = error.is_io() || error.is_go_away() || error.is_reset();
    let kind = if over { io::ErrorKind::ConnectionRefused } else { io::ErrorKind::InvalidInput };
    match StreamEnd::of(&error, false) {
        Some(end) => io::Error::new(kind, end),
        None => io::Error::new(kind, error),
    }
}

/// Returns the error of a stream that ended before the answer could be parsed. `begun`: bytes of the answer had
/// arrived. `farewell`: the error code of the target's GOAWAY, which may have served this stream before it
/// closed. A stream that the target refused, or that is above the last one it will serve, was not acted on (RFC
/// 9113 section 8.7), and neither was one reset with HTTP_1_1_REQUIRED. A GOAWAY says nothing of the kind about
/// the streams that it covers.
// lossless: L5 - what begins to be answered is never sent again.
fn failed(error: h2::Error, begun: bool, farewell: Option<u32>) -> io::Error {
    let gone = |code: u32| StreamEnd { code: code.into(), connection: true, begun };
    let with_connection = || farewell.filter(|_| error.is_io()).map(gone);
    if let Some(end) = StreamEnd::of(&error, begun).or_else(with_connection) {
        let beyond = end.connection && error.is_go_away() || end.code == Reason::REFUSED_STREAM;
        let untouched = !begun && (beyond || !end.connection && end.requires_http1());
        let refused = io::ErrorKind::ConnectionRefused;
        let kind = if untouched { refused } else { io::ErrorKind::ConnectionReset };
        return io::Error::new(kind, end);
    }
    let kind = if begun || error.is_library() && error.is_reset() {
        io::ErrorKind::InvalidData
    } else if error.is_library() {
        io::ErrorKind::ConnectionAborted
    } else {
        return broken(error);
    };
    io::Error::new(kind, error)
}

/// Returns the same error again.
fn again(kind: io::ErrorKind, end: Option<StreamEnd>) -> io::Error {
    end.map_or_else(|| kind.into(), |end| io::Error::new(kind, end))
}

impl AsyncRead for Outbound {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_head(cx))?;
        match &mut this.response {
            ResponseState::Body(source) => source.poll_read(buf, cx),
            ResponseState::Head(_, interim) => {
                let count = interim.len().min(buf.remaining());
                buf.put_slice(&interim[..count]);
                interim.drain(..count);
                Poll::Ready(Ok(()))
            }
            ResponseState::Unasked => match this.request {
                RequestState::Failed(kind, end) => Poll::Ready(Err(again(kind, end))),
                _ => Poll::Pending, // the write of the request wakes this task
            },
        }
    }
}

impl AsyncWrite for Outbound {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match &mut this.request {
            RequestState::Body(sink) => sink.poll_write(bytes, cx),
            RequestState::Failed(kind, end) => Poll::Ready(Err(again(*kind, *end))),
            RequestState::Head(buffer, send) => {
                // Nothing is accepted until there is a place for one more stream.
                let room = ready!(send.poll_ready(cx)).map_err(unsent);
                let (taken, head) = buffer.take(bytes);
                let asked =
                    room.and_then(|()| head.map_or(Ok(()), |head| this.send_request(&head)));
                if let Err(error) = &asked {
                    let end = error.get_ref().and_then(|inner| inner.downcast_ref()).copied();
                    this.request = RequestState::Failed(error.kind(), end);
                }
                Poll::Ready(asked.map(|()| taken))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().request {
            RequestState::Body(sink) => sink.poll_flush(cx),
            RequestState::Head(..) | RequestState::Failed(..) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().request {
            RequestState::Body(sink) => sink.poll_shutdown(cx),
            RequestState::Head(..) | RequestState::Failed(..) => Poll::Ready(Ok(())),
        }
    }
}

impl MultiplexedStream for Outbound {
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.request {
            RequestState::Body(sink) => sink.poll_broken(cx),
            RequestState::Head(..) => Poll::Pending,
            RequestState::Failed(..) => Poll::Ready(()),
        }
    }

    fn poll_room(&mut self, _: &mut Context<'_>) -> Poll<usize> {
        Poll::Ready(usize::MAX) // not limited: a slow target holds back its client, which is limited
    }

    fn leave_room(&mut self) {}

    fn share(&self) -> u64 {
        0 // each stream to a target must make progress by itself
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::AddrNotAvailable.into())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::AddrNotAvailable.into())
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("secure", &self.secure).finish_non_exhaustive()
    }
}

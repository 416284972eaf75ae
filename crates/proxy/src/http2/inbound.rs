//! A client's stream: its request as HTTP/1.1 bytes, which are parsed like any other's, and the answer that
//! Teal writes, as HTTP/2.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use connect::MultiplexedStream;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http1::BodyLength;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::{Sending, broken};
use super::watch::{Progress, Watch};
use crate::carried::{
    Framing, HeadBuffer, Http1Head, Outflow, ResponseHead, Sink, Source, response_head,
};

/// The addresses of both ends of the connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionAddresses {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
}

/// One stream of a client.
pub(crate) struct Inbound {
    source: Source<RecvStream>,
    response: ResponseState,
    /// The method is HEAD: the answer has no body, whatever its fields say.
    bodiless: bool,
    /// The request asked for a tunnel.
    tunnel: bool,
    /// The reset code sent to the client if there is no answer.
    unanswered: Reason,
    addresses: ConnectionAddresses,
    progress: Arc<Progress>,
    outflow: Arc<Outflow>,
}

/// The piece of an answer's body that is sent along with its head: the client's window is not known before.
const HEAD_ROOM: usize = 512;

/// The progress of the answer.
enum ResponseState {
    Head(HeadBuffer, SendResponse<Bytes>),
    Body(Sink<Sending>),
}

impl Inbound {
    pub(crate) fn new(
        head: Http1Head,
        (first, body): (Bytes, RecvStream),
        respond: SendResponse<Bytes>,
        addresses: ConnectionAddresses,
        watch: &Watch,
    ) -> Self {
        let framing = match head.chunked {
            _ if first.is_empty() && body.is_end_stream() => Framing::Ended,
            true => Framing::Chunked,
            false => Framing::Plain,
        };
        let source = match head.plain {
            Some(plain) => Source::undecided(plain, head.bytes, body),
            None => Source::of_client(head.bytes, first, body, framing),
        };
        Self {
            source,
            response: ResponseState::Head(HeadBuffer::default(), respond),
            bodiless: head.bodiless,
            tunnel: head.tunnel,
            unanswered: Reason::INTERNAL_ERROR,
            addresses,
            progress: watch.progress(),
            outflow: watch.outflow(),
        }
    }

    /// Sends a head; after a final one the body begins.
    fn begin_response(&mut self, head: &Bytes) -> io::Result<()> {
        let ResponseState::Head(_, respond) = &mut self.response else { return Ok(()) };
        let (response, framing, opens) = match response_head(head, self.bodiless, self.tunnel)? {
            ResponseHead::Interim(response) => {
                return respond.send_informational(response).map_err(broken);
            }
            ResponseHead::Final { response, framing, opens } => (response, framing, opens),
        };
        let ended = matches!(framing, BodyLength::None | BodyLength::Length(0));
        let stream = respond.send_response(response, ended).map_err(broken)?;
        // RFC 8441 section 5: a reset TCP connection maps to a reset of the tunnel's stream.
        let torn = if opens { Reason::CANCEL } else { Reason::INTERNAL_ERROR };
        let outflow = Some(self.outflow.clone());
        self.response =
            ResponseState::Body(Sink::new(Sending { stream, torn }, framing, ended, outflow));
        Ok(())
    }
}

impl AsyncRead for Inbound {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().source.poll_read(buf, cx)
    }
}

impl AsyncWrite for Inbound {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match &mut this.response {
            ResponseState::Body(sink) => sink.poll_write(bytes, cx),
            ResponseState::Head(buffer, _) => {
                let (taken, head) = buffer.take(bytes);
                if let Some(head) = head {
                    this.begin_response(&head)?;
                }
                Poll::Ready(Ok(taken))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().response {
            ResponseState::Body(sink) => sink.poll_flush(cx),
            ResponseState::Head(..) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().response {
            ResponseState::Body(sink) => sink.poll_shutdown(cx),
            ResponseState::Head(..) => Poll::Ready(Ok(())),
        }
    }
}

impl MultiplexedStream for Inbound {
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.response {
            ResponseState::Head(_, respond) => {
                ready!(respond.poll_reset(cx)).ok();
                Poll::Ready(())
            }
            ResponseState::Body(sink) => sink.poll_broken(cx),
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        match &mut self.response {
            ResponseState::Head(..) => Poll::Ready(HEAD_ROOM),
            ResponseState::Body(sink) => {
                // A write detects that the stream was reset.
                ready!(sink.poll_outflow(cx)).ok();
                sink.poll_room(cx)
            }
        }
    }

    fn leave_room(&mut self) {
        if let ResponseState::Body(sink) = &mut self.response {
            sink.leave_room();
        }
    }

    fn require_http1(&mut self) {
        self.unanswered = Reason::HTTP_1_1_REQUIRED;
    }

    fn share(&self) -> u64 {
        self.progress.each()
    }

    fn is_cut_off(&mut self) -> bool {
        self.source.is_cut_off()
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.addresses.peer.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.addresses.local.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if let ResponseState::Head(_, respond) = &mut self.response {
            respond.send_reset(self.unanswered);
        }
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

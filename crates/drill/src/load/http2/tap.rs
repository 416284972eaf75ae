//! A tap on the bytes between the library and the socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Frames, GOAWAY, HEADERS};
use super::sent::SentStreams;
use crate::load::stream::Stream;

/// The length of the client's preface (RFC 9113 section 3.4).
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// A stream that reports the requests that are sent, and the last stream of a GOAWAY.
#[derive(Debug)]
pub(super) struct Tap {
    stream: Stream,
    sent: Frames,
    received: Frames,
    streams: Arc<SentStreams>,
}

impl Tap {
    pub(super) fn new(stream: Stream, streams: Arc<SentStreams>) -> Self {
        Self { stream, sent: Frames::behind(PREFACE), received: Frames::behind(0), streams }
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let tap = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut tap.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        tap.received.feed(read, Instant::now(), |frame| {
            if frame.kind == GOAWAY {
                tap.streams.told_to_go(frame.last);
            }
        });
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let tap = self.get_mut();
        if tap.stream.is_secure() {
            ready!(Pin::new(&mut tap.stream).poll_flush(cx))?;
        }
        let at = Instant::now();
        let count = ready!(Pin::new(&mut tap.stream).poll_write(cx, data))?;
        tap.sent.feed(data.get(..count).unwrap_or_default(), at, |frame| {
            if frame.kind == HEADERS {
                tap.streams.gone(frame.stream, frame.began);
            }
        });
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

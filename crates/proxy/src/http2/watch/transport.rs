//! The connection as the library reads and writes it: each byte passes the watch, which counts frames, holds
//! resets back, and writes frames of its own in between.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use connect::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Watch;
use crate::http2::frames::HEADER;

/// A frame of RST_STREAM (RFC 9113 section 6.4).
const RESET_BYTES: usize = HEADER + 4;

/// A connection whose frames are counted as they pass.
#[derive(Debug)]
pub(crate) struct Watched {
    /// Shared for inspection; only this reads and writes.
    stream: Rc<RefCell<Stream>>,
    /// Bytes read but not yet given to the library: read before the connection was known to be HTTP/2, or left
    /// for later turns.
    early: Vec<u8>,
    given: usize,
    watch: Rc<Watch>,
}

// === impl Watched ===

impl Watched {
    pub(crate) fn new(stream: Rc<RefCell<Stream>>, early: Vec<u8>, watch: Rc<Watch>) -> Self {
        Self { stream, early, given: 0, watch }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The task that serves the connection ends it, or the turn.
        if this.watch.spent().is_some() || this.watch.is_sated() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let early = this.early.get(this.given..).unwrap_or_default();
        if early.is_empty() {
            ready!(Pin::new(&mut *this.stream.borrow_mut()).poll_read(cx, buf))?;
            let read = buf.filled().get(before..).unwrap_or_default();
            let taken = this.watch.see_read(read);
            if taken < read.len() {
                this.early = read[taken..].to_vec();
                this.given = 0;
                buf.set_filled(before + taken);
            }
        } else {
            let early = &early[..early.len().min(buf.remaining())];
            let taken = this.watch.see_read(early);
            buf.put_slice(&early[..taken]);
            this.given += taken;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, watch, .. } = self.get_mut();
        let mut stream = stream.borrow_mut();
        let one;
        let mut slices = slices;
        if watch.is_busy() {
            ready!(watch.poll_own(&mut stream, cx))?;
            let first = slices.iter().find(|slice| !slice.is_empty());
            let bytes: &[u8] = first.map_or(&[], |slice| slice);
            let Some(most) = watch.passes(bytes) else { return Poll::Ready(Ok(RESET_BYTES)) };
            if most < bytes.len() {
                one = [io::IoSlice::new(&bytes[..most])];
                slices = &one;
            }
        }
        let written = Pin::new(&mut *stream).poll_write_vectored(cx, slices);
        watch.full.set(written.is_pending());
        let written = ready!(written)?;
        watch.wrote.set(watch.now.get());
        watch.share(written);
        let mut left = written;
        for slice in slices {
            let count = left.min(slice.len());
            watch.see_written(&slice[..count]);
            left -= count;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, watch, .. } = self.get_mut();
        let mut stream = stream.borrow_mut();
        ready!(watch.poll_own(&mut stream, cx))?;
        Pin::new(&mut *stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream.borrow_mut()).poll_shutdown(cx)
    }
}

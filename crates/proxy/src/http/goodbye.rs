//! Closing a client's connection so that its last answer arrives: a lingering close.
//!
//! A socket that is closed with unread bytes is reset, and the reset can overtake the answer (RFC 9112 section
//! 9.6). Many clients send their whole request before they read: they get an early answer only if everything
//! they send is read.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite;

use crate::client::Client;
use crate::worker::Worker;

/// Input still expected from the client when its connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// None that is known of: its requests were read to their end.
    Nothing,
    /// The rest of a request that has already been answered.
    Request,
}

/// The longest linger, however much still arrives.
const LINGER: Duration = Duration::from_secs(30);

/// Fewer bytes than this in one window end the linger: so slow a client is not waited for.
const LEAST_BYTES: usize = 1024;

/// The progress of closing a connection.
struct Ending<'e> {
    worker: &'e Worker,
    client: &'e mut Client,
    /// Our side is closed, over TLS with a `close_notify`.
    shut: bool,
    /// The client has closed its side.
    ended: bool,
    window: Duration,
    window_ends: Instant,
    /// Bytes read in this window.
    seen: usize,
    until: Instant,
}

/// Closes our side, then reads and drops input until the client closes its own.
// lossless: L10 - a window without enough bytes, or `LINGER`.
pub(crate) async fn goodbye(worker: &Worker, client: &mut Client, unread: Unread) {
    let window = unread.window();
    let now = worker.now();
    let (window_ends, until) = (now + window, now + LINGER);
    let (shut, ended, seen) = (false, false, 0);
    let mut ending = Ending { worker, client, shut, ended, window, window_ends, seen, until };
    poll_fn(|cx| ending.poll(cx)).await;
    // Even if the client has already closed its side: it may not have read the answer yet.
    client.stream.limit_close(worker.front().write_stall);
    client.rx.clear();
    client.rx.strip(&worker.buffers);
}

impl Unread {
    /// The longest silence of the client.
    fn window(self) -> Duration {
        Duration::from_secs(match self {
            Self::Nothing => 2,
            Self::Request => 5,
        })
    }
}

impl Ending<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.shut {
            // Pending: a client that sends before it reads accepts our close only after we have read.
            match Pin::new(&mut self.client.stream).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => self.shut = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
        }
        while !self.ended {
            self.client.rx.clear();
            let Client { rx, stream, .. } = &mut *self.client;
            match rx.poll_fill(&self.worker.buffers, stream, cx) {
                Poll::Ready(Ok(0)) => self.ended = true,
                Poll::Ready(Ok(count)) => self.seen += count,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        if self.ended && self.shut || self.worker.stop.is_cut() {
            return Poll::Ready(());
        }
        loop {
            self.client.deadline.set(self.window_ends.min(self.until));
            if self.client.deadline.poll(cx).is_pending() {
                return Poll::Pending;
            }
            if self.seen < LEAST_BYTES || self.until <= self.worker.now() {
                return Poll::Ready(());
            }
            self.seen = 0;
            self.window_ends = self.worker.now() + self.window;
        }
    }
}

//! Closing a client's connection so that its last answer arrives.
//!
//! A socket that is closed with unread bytes is reset, and the reset can overtake the answer (RFC 9112
//! section 9.6). Many clients send their whole request before they read: they get an early answer only
//! if everything is read until they are done.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite;

use crate::client::Client;
use crate::worker::Worker;

/// What the client still sends when its connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Nothing that is known of: its requests were read to their end.
    Nothing,
    /// The rest of a request that has been answered already.
    Request,
}

/// The longest linger, however much still comes.
const LINGER: Duration = Duration::from_secs(30);

/// Fewer bytes than this in one window end the linger: who sends less may as well be gone.
const LEAST_BYTES: usize = 1024;

/// How far the end of a connection has come.
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

/// Closes our side, then reads and drops what still comes until the client closes its own.
// lossless: L10 - a window without enough bytes, or `LINGER`.
pub(crate) async fn goodbye(worker: &Worker, client: &mut Client, unread: Unread) {
    let window = unread.window();
    let now = worker.now();
    let (window_ends, until) = (now + window, now + LINGER);
    let (shut, ended, seen) = (false, false, 0);
    let mut ending = Ending { worker, client, shut, ended, window, window_ends, seen, until };
    poll_fn(|cx| ending.poll(cx)).await;
    // Also where the client has ended: that says nothing of what it has taken.
    client.stream.limit_close(worker.front().write_stall);
    client.rx.clear();
    client.rx.strip(&worker.buffers);
}

impl Unread {
    /// How long the client may be silent.
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
            // Pending: a client that sends before it reads takes our end only after we have read.
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

//! The request on its way to a target: its head, then its body as it comes from the client.

use std::ops::Range;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http1::{BodyLength, Forwarding};
use rules::{Limits, Timeouts};

use crate::body_copy::{BodyCopy, Broken};
use crate::buffer::Buffers;
use crate::client::Client;
use crate::copy_ends::{CopyEnds, Side};
use crate::failure::Failure;
use crate::http;
use crate::target_connections::connection::TargetConnection;
use crate::window::Window;
use crate::worker::Worker;

/// The largest body kept to be sent again (L5), and that of a request that is one of many on its connection, so
/// that all of them together hold little.
const RETAIN: u64 = 64 * 1024;
const RETAIN_OF_MANY: u64 = 4 * 1024;

/// A request being sent.
#[derive(Debug)]
pub(crate) struct Upload {
    copy: BodyCopy,
    /// The body is known to be small enough to be kept whole.
    small: bool,
    window: Window,
    /// The time allowed for the answer to begin, if not `response_head`.
    silence: Option<Duration>,
    /// The time when the last byte was written, or sending ended for another reason.
    finished: Option<Instant>,
    /// The client reached its end while its body was being dropped.
    dropped: bool,
    /// The client's Host, where another replaced it.
    client_host: Option<Box<[u8]>>,
}

/// The range of the Host in a head that we have written: it is the first field.
fn host_in(head: &[u8]) -> Range<usize> {
    let end = |from: usize| memchr::memchr(b'\r', head.get(from..)?).map(|at| from + at);
    let place = end(0).and_then(|line| {
        let start = line + HOST.len();
        (head.get(line..start) == Some(HOST)).then_some(start..end(start)?)
    });
    place.unwrap_or_default()
}

/// The bytes before it.
const HOST: &[u8] = b"\r\nhost: ";

impl Upload {
    /// Makes one with nothing to send.
    pub(crate) fn new() -> Self {
        Self {
            copy: BodyCopy::new(),
            small: false,
            window: Window::default(),
            silence: None,
            finished: None,
            dropped: false,
            client_host: None,
        }
    }

    /// Begins with a request whose head for the target is `head`.
    pub(crate) fn begin(
        &mut self,
        head: Vec<u8>,
        body: BodyLength,
        keep: bool,
        of_many: bool,
        limits: &Limits,
    ) {
        let retain = if of_many { RETAIN_OF_MANY } else { RETAIN };
        self.small = match body {
            BodyLength::None => true,
            BodyLength::Length(length) => length <= retain,
            BodyLength::Chunked | BodyLength::UntilClose => false,
        };
        self.copy.begin(head, body, body);
        self.copy.limit(limits.body_bytes);
        self.copy.limit_trailers(http::limits(limits));
        if keep || body == BodyLength::None {
            self.copy.retain(retain);
        }
        self.window.close();
        self.silence = None;
        self.finished = None;
        self.dropped = false;
        self.client_host = None;
    }

    /// Drops every trailer that would be dropped in the head.
    pub(crate) fn filter_trailers(&mut self, forwarding: &Forwarding<'_>) {
        self.copy.filter_trailers(forwarding);
    }

    /// Returns the Host that the client has sent.
    pub(crate) fn client_host(&self) -> &[u8] {
        let lead = &self.copy.frame.lead;
        let sent = || lead.get(host_in(lead)).unwrap_or_default();
        self.client_host.as_deref().unwrap_or_else(sent)
    }

    /// Puts this Host, or that of its client, into the request before its first byte is sent.
    pub(crate) fn put_host(&mut self, own: Option<&str>) {
        if own.is_none() && self.client_host.is_none() {
            return;
        }
        let client: Box<[u8]> = self.client_host().into();
        let place = host_in(&self.copy.frame.lead);
        let host = own.map_or(&*client, str::as_bytes);
        self.copy.frame.lead.splice(place, host.iter().copied());
        self.client_host = Some(client);
    }

    /// Allows the answer this much time to begin.
    pub(crate) fn await_answer(&mut self, within: Duration) {
        self.silence = Some(within);
    }

    /// Sends as much as possible. Ready when there is nothing more to send, which includes that the target
    /// accepts no more: it may have answered already.
    pub(crate) fn poll(
        &mut self,
        worker: &Worker,
        client: &mut Client,
        connection: &mut TargetConnection,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        if self.finished.is_some() {
            return Poll::Ready(Ok(()));
        }
        let Client { rx, stream: source, .. } = client;
        let mut ends = CopyEnds { worker, rx, source, sink: &mut connection.stream };
        let sent = match self.copy.poll(&mut ends, cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(sent) => sent,
        };
        self.window.close();
        self.finished = Some(worker.now());
        Poll::Ready(match sent {
            // A target that accepts no more may still have answered.
            Ok(()) | Err(Broken::Sink) => Ok(()),
            Err(Broken::Source) => Err(Failure::ClientGone),
            Err(Broken::Malformed) => Err(Failure::ClientBody),
            Err(Broken::OverLimit) => Err(Failure::BodyTooLarge),
        })
    }

    /// Reads and drops the rest of the body, once its target accepts no more and the answer is on its way: a
    /// client that sends before it reads would not get the answer otherwise. The client's connection ends with
    /// this answer. A stream of many is ended by its own protocol instead.
    pub(crate) fn discard(&mut self, buffers: &Buffers, client: &mut Client, cx: &mut Context<'_>) {
        while !self.dropped && !client.stream.is_multiplexed() {
            client.rx.clear();
            match client.rx.poll_fill(buffers, &mut client.stream, cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => self.dropped = true,
                Poll::Pending => return,
            }
        }
    }

    /// Returns true if there is still something to send, or to wait for from the client.
    pub(crate) fn is_sending(&self) -> bool {
        self.finished.is_none()
    }

    /// Returns true if the whole request was written.
    pub(crate) fn is_whole(&self) -> bool {
        self.copy.is_done()
    }

    /// Returns the bytes of the body taken from the client.
    pub(crate) fn taken(&self) -> u64 {
        self.copy.taken()
    }

    /// Returns true if a target that refused the body may have left part of it unread in its buffers. The next
    /// request on that connection would wait behind it.
    pub(crate) fn may_lie_unread(&self) -> bool {
        !self.is_whole() || self.copy.taken() > RETAIN
    }

    /// Returns the deadline of the wait for the client's body, or for the target to accept it. After the
    /// request: the deadline for the answer to begin.
    // lossless: L10
    pub(crate) fn due(&mut self, client: &Client, timeouts: &Timeouts, now: Instant) -> Instant {
        if let Some(finished) = self.finished {
            return finished + self.silence.unwrap_or(timeouts.response_head);
        }
        match self.copy.waiting() {
            Some(waiting) if waiting.on == Side::Source => {
                let moved = self.copy.taken() + client.stream.share();
                self.window.due(waiting.since, moved, timeouts.body_progress)
            }
            Some(waiting) => {
                self.window.close();
                waiting.since + timeouts.write_stall
            }
            None => now + timeouts.write_stall, // not polled yet
        }
    }

    /// Handles [`Upload::due`] having passed: a window in which enough arrived is followed by another.
    pub(crate) fn expire(
        &mut self,
        client: &Client,
        timeouts: &Timeouts,
        now: Instant,
    ) -> Result<(), Failure> {
        let source = self.copy.waiting().is_some_and(|waiting| waiting.on == Side::Source);
        if !source || self.finished.is_some() {
            return Err(Failure::TimedOut);
        }
        let moved = self.copy.taken() + client.stream.share();
        let enough = self.window.renew(moved, timeouts.body_min_bytes, now);
        if enough { Ok(()) } else { Err(Failure::BodyTimedOut) }
    }

    /// Sends no more if it is the target that does not read; returns false if it is the client that does not send.
    pub(crate) fn leave_unread(&mut self, now: Instant) -> bool {
        let unread = self.copy.waiting().is_some_and(|waiting| waiting.on == Side::Sink);
        if unread {
            self.finished = Some(now);
        }
        unread
    }

    /// Returns true if the request can be sent again from its first byte.
    pub(crate) fn can_rewind(&self) -> bool {
        self.copy.can_rewind()
    }

    /// Returns true if it will stay possible to send it again, whatever happens on the way.
    pub(crate) fn stays_rewindable(&self) -> bool {
        self.small && self.can_rewind()
    }

    /// Gives up the bytes kept to be sent again, if that is possible now.
    pub(crate) fn forget(&mut self) {
        self.copy.forget();
    }

    /// Starts over with the first byte.
    pub(crate) fn rewind(&mut self) {
        self.copy.rewind();
        self.window.close();
        self.finished = None;
    }

    /// Returns the memory that the request holds.
    pub(crate) fn bytes(&self) -> usize {
        self.copy.frame.lead.len()
    }

    /// Resets it for the next request, keeping memory that can be reused.
    pub(crate) fn recycle(&mut self, buffers: &Buffers) {
        buffers.return_lead(std::mem::take(&mut self.copy.frame.lead));
    }
}

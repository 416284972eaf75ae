//! The request on its way to a target: its head, then its body as it comes from the client.

use std::ops::Range;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http1::{BodyLength, Forwarding};
use rules::{Limits, Timeouts};

use crate::buffer::Buffers;
use crate::client::Client;
use crate::ends::{Ends, Side};
use crate::failure::Failure;
use crate::http;
use crate::links::link::Link;
use crate::pump::{Broken, Pump};
use crate::window::Window;
use crate::worker::Worker;

/// The largest body that is kept to be sent again (L5); of a request that is one of many on its
/// connection, so that all together keep little.
const RETAIN: u64 = 64 * 1024;
const RETAIN_OF_MANY: u64 = 4 * 1024;

/// A request being sent.
#[derive(Debug)]
pub(crate) struct Upload {
    pump: Pump,
    /// The body is known to be small enough to be kept whole.
    small: bool,
    window: Window,
    /// How long the answer may take to begin, if not `response_head`.
    silence: Option<Duration>,
    /// When the last byte was written, or sending ended for another reason.
    finished: Option<Instant>,
    /// The client has ended while its body was being dropped.
    dropped: bool,
    /// The client's Host, where another was put in its place.
    client_host: Option<Box<[u8]>>,
}

/// The place of the Host in a head that we have written: it is the first field.
fn host_in(head: &[u8]) -> Range<usize> {
    let end = |from: usize| memchr::memchr(b'\r', head.get(from..)?).map(|at| from + at);
    let place = end(0).and_then(|line| {
        let start = line + HOST.len();
        (head.get(line..start) == Some(HOST)).then_some(start..end(start)?)
    });
    place.unwrap_or_default()
}

/// The bytes in front of it.
const HOST: &[u8] = b"\r\nhost: ";

impl Upload {
    /// Nothing to be sent.
    pub(crate) fn new() -> Self {
        Self {
            pump: Pump::new(),
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
        self.pump.begin(head, body, body);
        self.pump.limit(limits.body_bytes);
        self.pump.limit_trailers(http::limits(limits));
        if keep || body == BodyLength::None {
            self.pump.retain(retain);
        }
        self.window.close();
        self.silence = None;
        self.finished = None;
        self.dropped = false;
        self.client_host = None;
    }

    /// Passes on no trailer that would not be passed on in the head.
    pub(crate) fn filter_trailers(&mut self, forwarding: &Forwarding<'_>) {
        self.pump.filter_trailers(forwarding);
    }

    /// The Host that the client has sent.
    pub(crate) fn client_host(&self) -> &[u8] {
        let lead = &self.pump.frame.lead;
        let sent = || lead.get(host_in(lead)).unwrap_or_default();
        self.client_host.as_deref().unwrap_or_else(sent)
    }

    /// Puts this Host into the request, or that of its client, before its first byte is sent.
    pub(crate) fn put_host(&mut self, own: Option<&str>) {
        if own.is_none() && self.client_host.is_none() {
            return;
        }
        let client: Box<[u8]> = self.client_host().into();
        let place = host_in(&self.pump.frame.lead);
        let host = own.map_or(&*client, str::as_bytes);
        self.pump.frame.lead.splice(place, host.iter().copied());
        self.client_host = Some(client);
    }

    /// Lets the answer take so long to begin.
    pub(crate) fn await_answer(&mut self, within: Duration) {
        self.silence = Some(within);
    }

    /// Sends what can be sent. Ready when there is nothing more to send, which includes that the
    /// target takes no more: it may have answered already.
    pub(crate) fn poll(
        &mut self,
        worker: &Worker,
        client: &mut Client,
        link: &mut Link,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        if self.finished.is_some() {
            return Poll::Ready(Ok(()));
        }
        let Client { rx, stream: source, .. } = client;
        let mut ends = Ends { worker, rx, source, sink: &mut link.stream };
        let sent = match self.pump.poll(&mut ends, cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(sent) => sent,
        };
        self.window.close();
        self.finished = Some(worker.now());
        Poll::Ready(match sent {
            // A target that takes no more may still have answered.
            Ok(()) | Err(Broken::Sink) => Ok(()),
            Err(Broken::Source) => Err(Failure::ClientGone),
            Err(Broken::Malformed) => Err(Failure::ClientBody),
            Err(Broken::OverLimit) => Err(Failure::BodyTooLarge),
        })
    }

    /// Reads and drops what still comes of the body, once its target takes no more and the answer is
    /// on its way: a client that sends before it reads would take none of that else. The client's
    /// connection ends with this answer. A stream of many is ended by its own protocol instead.
    pub(crate) fn discard(&mut self, worker: &Worker, client: &mut Client, cx: &mut Context<'_>) {
        while !self.dropped && !client.stream.is_exchange() {
            client.rx.clear();
            match client.rx.poll_fill(&worker.buffers, &mut client.stream, cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => self.dropped = true,
                Poll::Pending => return,
            }
        }
    }

    /// Whether there is still something to be sent, or waited for from the client.
    pub(crate) fn is_sending(&self) -> bool {
        self.finished.is_none()
    }

    /// Whether the whole request was written.
    pub(crate) fn is_whole(&self) -> bool {
        self.pump.is_done()
    }

    /// Bytes of the body that were taken from the client.
    pub(crate) fn taken(&self) -> u64 {
        self.pump.taken()
    }

    /// Whether a target that refused the body may have left part of it unread in its buffers. The next
    /// request on that connection would wait behind it.
    pub(crate) fn may_lie_unread(&self) -> bool {
        !self.is_whole() || self.pump.taken() > RETAIN
    }

    /// Until when the wait for the client's body, or for the target to take it, may last. After
    /// the request, until when the answer may take to begin.
    // lossless: L10
    pub(crate) fn due(&mut self, client: &Client, timeouts: &Timeouts, now: Instant) -> Instant {
        if let Some(finished) = self.finished {
            return finished + self.silence.unwrap_or(timeouts.response_head);
        }
        match self.pump.waiting() {
            Some(waiting) if waiting.on == Side::Source => {
                let moved = self.pump.taken() + client.stream.share();
                self.window.due(waiting.since, moved, timeouts.body_progress)
            }
            Some(waiting) => {
                self.window.close();
                waiting.since + timeouts.write_stall
            }
            None => now + timeouts.write_stall, // not polled yet
        }
    }

    /// What to do when [`Upload::due`] has passed: a window in which enough came is followed by
    /// another.
    pub(crate) fn expire(
        &mut self,
        client: &Client,
        timeouts: &Timeouts,
        now: Instant,
    ) -> Result<(), Failure> {
        let source = self.pump.waiting().is_some_and(|waiting| waiting.on == Side::Source);
        if !source || self.finished.is_some() {
            return Err(Failure::TimedOut);
        }
        let moved = self.pump.taken() + client.stream.share();
        let enough = self.window.renew(moved, timeouts.body_min_bytes, now);
        if enough { Ok(()) } else { Err(Failure::BodyTimedOut) }
    }

    /// Sends no more if it is the target that does not read; false if it is the client that
    /// does not send.
    pub(crate) fn leave_unread(&mut self, now: Instant) -> bool {
        let unread = self.pump.waiting().is_some_and(|waiting| waiting.on == Side::Sink);
        if unread {
            self.finished = Some(now);
        }
        unread
    }

    /// Whether the request can be sent again from its first byte.
    pub(crate) fn can_rewind(&self) -> bool {
        self.pump.can_rewind()
    }

    /// Whether it will be possible to send it again, whatever happens on the way.
    pub(crate) fn stays_rewindable(&self) -> bool {
        self.small && self.can_rewind()
    }

    /// Keeps nothing any longer of what was sent, where that can be given up now.
    pub(crate) fn forget(&mut self) {
        self.pump.forget();
    }

    /// Begins again with the first byte.
    pub(crate) fn rewind(&mut self) {
        self.pump.rewind();
        self.window.close();
        self.finished = None;
    }

    /// The memory that the request keeps.
    pub(crate) fn bytes(&self) -> usize {
        self.pump.frame.lead.len()
    }

    /// Gives back what can be used by the next request.
    pub(crate) fn recycle(&mut self, buffers: &Buffers) {
        buffers.return_lead(std::mem::take(&mut self.pump.frame.lead));
    }
}

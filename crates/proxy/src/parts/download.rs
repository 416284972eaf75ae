//! The answer on its way from a target to the client: interim heads, the final head, the body.

use std::io::{self, ErrorKind};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use connect::http2::StreamEnd;
use http1::{
    BodyLength, FieldSlots, HeadScan, Limits, MAX_INTERIM, RequestContext, Response, ToClient,
};
use rules::{Streams, Timeouts};
use traffic::AbortCause;

use super::{Ask, Marks};
use crate::body_copy::{BodyCopy, Broken};
use crate::boundary::Boundary;
use crate::buffer::{Buffer, Buffers};
use crate::client::Client;
use crate::copy_ends::{CopyEnds, Side};
use crate::failure::Failure;
use crate::frame::Frame;
use crate::target_connections::connection::TargetConnection;
use crate::window::Window;
use crate::worker::Worker;

/// An answer being relayed.
#[derive(Debug)]
pub(crate) struct Download {
    scan: HeadScan,
    interim: Frame,
    interims: usize,
    copy: BodyCopy,
    /// The time in which the client must take its share.
    window: Window,
    head: Option<FinalHead>,
}

/// The part of the final head that is kept.
#[derive(Clone, Copy, Debug)]
struct FinalHead {
    status: u16,
    /// True if the connection to the target may be reused.
    persistent: bool,
    keep_alive_timeout: Option<Duration>,
    event_stream: bool,
    tunnel: bool,
    /// True if it continues a login that binds the connection.
    binds: bool,
    /// True if the client's connection is closed after this answer.
    closing: bool,
    /// True if only the close tells the client where the body ends.
    by_close: bool,
}

/// The result of reading heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadKind {
    /// An interim head was passed on; more follow.
    Interim,
    /// The final head arrived.
    Final,
}

/// RFC 6455 section 4.1: the client must fail the connection.
const WRONG_ACCEPT: &str =
    "Sec-WebSocket-Accept does not match the key of the WebSocket handshake.";

impl Download {
    /// Makes one without an answer.
    pub(crate) fn new() -> Self {
        Self {
            scan: HeadScan::new(),
            interim: Frame::default(),
            interims: 0,
            copy: BodyCopy::new(),
            window: Window::default(),
            head: None,
        }
    }

    /// Begins with the answer to another request, whose head will be written into `lead`.
    pub(crate) fn begin(&mut self, lead: Vec<u8>) {
        self.scan.reset();
        self.interim.begin(Vec::new());
        self.interims = 0;
        self.copy.begin(lead, BodyLength::None, BodyLength::None);
        self.window.close();
        self.head = None;
    }

    /// Reads until a head is complete. An interim head is written to the client at once.
    pub(crate) fn poll_head(
        &mut self,
        worker: &Worker,
        client: &mut Client,
        ask: &Ask<'_>,
        connection: &mut TargetConnection,
        cx: &mut Context<'_>,
    ) -> Poll<Result<HeadKind, Failure>> {
        if !self.interim.is_written() {
            let mut sent = 0;
            match self.interim.poll_write(&Buffer::default(), &mut client.stream, &mut sent, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Failure::ClientGone)),
                Poll::Ready(Ok(())) => self.interim.finish(&mut Buffer::default()),
            }
        }
        let limits = Self::limits(worker);
        loop {
            if !connection.rx.is_empty() {
                match self.scan.scan_response(connection.rx.filled(), &limits) {
                    Err(bad) => return Poll::Ready(Err(Failure::Malformed(bad.reason))),
                    Ok(Some(length)) => {
                        let leaving = worker.stop.is_leaving() || client.info.is_distrusted();
                        let last = leaving && client.is_quiet();
                        return Poll::Ready(self.take_head(worker, ask, connection, length, last));
                    }
                    Ok(None) => {}
                }
            }
            let most = ready!(client.stream.poll_room(cx));
            match connection.rx.poll_fill_within(&worker.buffers, most, &mut connection.stream, cx)
            {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(end) => {
                    return Poll::Ready(Err(self.unanswered(end.as_ref().err(), ask, connection)));
                }
            }
        }
    }

    /// Returns the failure for an end with this error before the head is complete.
    fn unanswered(
        &self,
        error: Option<&io::Error>,
        ask: &Ask<'_>,
        connection: &TargetConnection,
    ) -> Failure {
        let (multiplexed, interim) = (connection.stream.is_multiplexed(), self.interims > 0);
        let kind = error.map(io::Error::kind);
        let end = error.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref());
        let begun = multiplexed && kind == Some(ErrorKind::InvalidData);
        if !(interim || begun)
            && connection.rx.is_empty()
            && let Some(why) = error.and_then(connect::refusal)
        {
            return Failure::Tls(why);
        }
        match (kind, end) {
            (Some(ErrorKind::ConnectionRefused), Some(end))
                if StreamEnd::requires_http1(end) && !interim =>
            {
                Failure::Http1Required { rewinds: ask.upload.can_rewind() }
            }
            (Some(ErrorKind::ConnectionRefused), end) if !interim => {
                Failure::NotTaken(end.copied())
            }
            (_, Some(end)) => Failure::Reset(StreamEnd { begun: end.begun || interim, ..*end }),
            (Some(ErrorKind::InvalidData), _) if multiplexed => {
                Failure::Malformed("The answer violates HTTP/2.")
            }
            (Some(ErrorKind::ConnectionAborted), _) if multiplexed && !interim => Failure::CutOff,
            (Some(ErrorKind::InvalidInput), _) => Failure::Unspeakable,
            _ if connection.rx.is_empty() && !interim => Failure::Closed { reused: false },
            _ => Failure::Malformed("The connection was closed inside the head of an answer."),
        }
    }

    /// Returns the size limits of a head.
    fn limits(worker: &Worker) -> Limits {
        Limits::of_responses(worker.reader.table().limits.head_bytes)
    }

    /// Parses a complete head and writes it anew for the client.
    fn take_head(
        &mut self,
        worker: &Worker,
        ask: &Ask<'_>,
        connection: &mut TargetConnection,
        length: usize,
        last: bool,
    ) -> Result<HeadKind, Failure> {
        let limits = &Self::limits(worker);
        let bytes = connection.rx.filled().get(..length).unwrap_or_default();
        let mut slots = FieldSlots::new();
        let asked = RequestContext { head: ask.facts.head, upgrade: ask.upgrade.as_deref() };
        let response = Response::parse(bytes, &mut slots, &asked, limits);
        let response = response.map_err(|bad| Failure::Malformed(bad.reason))?;
        if let Some(accept) = ask.accept.as_deref().filter(|_| response.upgrade.is_some())
            && response.field("sec-websocket-accept") != Some(&accept[..])
        {
            return Err(Failure::Malformed(WRONG_ACCEPT));
        }
        let bound = connection.pinned || ask.binds || response.binds;
        let ends = bound && !response.persistent && response.upgrade.is_none();
        // A login that ends with the target's connection ends with the client's.
        let closing = !ask.facts.persistent || last || ends || !ask.upload.is_whole();
        let added = ask.end.marks().map(Marks::lines).unwrap_or_default();
        let to = ToClient {
            version: ask.facts.version,
            close: closing,
            via: &worker.via,
            head: ask.facts.head,
            request_id: ask.request_id.as_bytes(),
            hsts: ask.facts.hsts,
            added: &added,
            uncached: ask.end.preview().is_some(),
            date: &worker.date(),
        };
        if (100..200).contains(&response.status) && response.upgrade.is_none() {
            http1::write_informational(&mut self.interim.lead, &response, &to);
            connection.rx.consume(length);
            self.scan.reset();
            self.interims += 1;
            if self.interims > MAX_INTERIM {
                return Err(Failure::Malformed("The target sent too many interim answers."));
            }
            return Ok(HeadKind::Interim);
        }
        let switches = response.upgrade.is_some();
        if switches && !ask.upload.is_whole() {
            let reason = "The target switched protocols before it had the whole request.";
            return Err(Failure::Malformed(reason));
        }
        // Some targets ignore the body of a request with `Upgrade`, and would parse it as their next request.
        let unread = ask.upgrade.is_some() && ask.facts.body;
        let mut lead = std::mem::take(&mut self.copy.frame.lead);
        let framing = http1::write_response(&mut lead, &response, &to);
        let by_close = framing == BodyLength::UntilClose;
        self.head = Some(FinalHead {
            status: response.status,
            persistent: response.persistent && !unread,
            keep_alive_timeout: response.keep_alive_timeout,
            event_stream: response.event_stream,
            tunnel: switches,
            binds: response.binds,
            closing: closing || by_close,
            by_close,
        });
        let plain = response.field("content-encoding").is_none(); // compressed, no events are visible
        let watched = response.event_stream && plain && !matches!(framing, BodyLength::Length(_));
        self.copy.begin(lead, response.body, framing);
        self.copy.limit_trailers(*limits);
        if watched && ask.service.policy.drain.streams == Streams::Close {
            self.copy.watch(Boundary::events());
        }
        connection.rx.consume(length);
        Ok(HeadKind::Final)
    }

    /// Returns true if an interim answer was begun and not ended.
    pub(crate) fn is_torn(&self) -> bool {
        self.interim.is_torn()
    }

    /// Relays the body. Ready when the client has all of it, or can't get it.
    pub(crate) fn poll_body(
        &mut self,
        worker: &Worker,
        client: &mut Client,
        connection: &mut TargetConnection,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), AbortCause>> {
        let TargetConnection { rx, stream: source, .. } = connection;
        let mut ends = CopyEnds { worker, rx, source, sink: &mut client.stream };
        self.copy.poll(&mut ends, cx).map(|moved| {
            moved.map_err(|broken| match broken {
                Broken::Sink => AbortCause::Client,
                Broken::Source | Broken::Malformed | Broken::OverLimit => AbortCause::Target,
            })
        })
    }

    /// Writes the head of a tunnel, and nothing else: what follows is not framed.
    pub(crate) fn poll_lead(
        &mut self,
        client: &mut Client,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), AbortCause>> {
        let mut sent = 0;
        let none = Buffer::default();
        let written = self.copy.frame.poll_write(&none, &mut client.stream, &mut sent, cx);
        written.map_err(|_| AbortCause::Client)
    }

    /// Returns the deadline of the wait for the target or for the client.
    // lossless: L10
    pub(crate) fn due(&mut self, client: &Client, timeouts: &Timeouts, now: Instant) -> Instant {
        let Some(waiting) = self.copy.waiting() else {
            return now + timeouts.write_stall;
        };
        if waiting.on == Side::Sink {
            let moved = self.copy.sent() + client.stream.share();
            return self.window.due(waiting.since, moved, timeouts.write_stall);
        }
        self.window.close();
        let event_stream = self.head.is_some_and(|head| head.event_stream);
        waiting.since + if event_stream { timeouts.tunnel_idle } else { timeouts.response_idle }
    }

    /// Handles [`Download::due`] having passed: a window in which the client took enough is followed by
    /// another. Returns false if the time is up.
    pub(crate) fn renew(&mut self, client: &Client, timeouts: &Timeouts, now: Instant) -> bool {
        let moved = self.copy.sent() + client.stream.share();
        self.window.renew(moved, timeouts.body_min_bytes, now)
    }

    /// Returns the bytes of the body received from the target.
    pub(crate) fn taken(&self) -> u64 {
        self.copy.taken()
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.map_or(502, |head| head.status)
    }

    pub(crate) fn is_tunnel(&self) -> bool {
        self.head.is_some_and(|head| head.tunnel)
    }

    /// Returns true if it continues a login that binds the connection.
    pub(crate) fn is_binding(&self) -> bool {
        self.head.is_some_and(|head| head.binds)
    }

    /// Returns true if it lasts for as long as its client likes.
    pub(crate) fn is_event_stream(&self) -> bool {
        self.head.is_some_and(|head| head.event_stream)
    }

    /// Returns true if it can be ended between two events.
    pub(crate) fn is_watched(&self) -> bool {
        self.copy.is_watched()
    }

    /// Ends a stream of events between two of them.
    pub(crate) fn end_at_boundary(&mut self) {
        self.copy.end_at_boundary();
    }

    /// Returns true if the connection to the target may be reused.
    pub(crate) fn is_reusable(&self) -> bool {
        self.copy.is_done()
            && !self.copy.is_ended_early()
            && self.head.is_some_and(|head| head.persistent)
    }

    pub(crate) fn keep_alive_timeout(&self) -> Option<Duration> {
        self.head.and_then(|head| head.keep_alive_timeout)
    }

    /// Returns true if the answer announces the end of the client's connection.
    pub(crate) fn is_closing(&self) -> bool {
        self.head.is_none_or(|head| head.closing)
    }

    /// Returns true if the client is the side that is waited for.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.copy.waiting().is_some_and(|waiting| waiting.on == Side::Sink)
    }

    /// Returns true if only the close tells the client where the body ends.
    pub(crate) fn ends_by_close(&self) -> bool {
        self.head.is_some_and(|head| head.by_close)
    }

    /// Resets it for the next answer, keeping memory that can be reused.
    pub(crate) fn recycle(&mut self, buffers: &Buffers) {
        buffers.return_lead(std::mem::take(&mut self.copy.frame.lead));
    }
}

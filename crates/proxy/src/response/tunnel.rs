//! A tunnel: after the target's 101, bytes in both directions until both sides have ended.
//! The request counts as answered; the tunnel is counted separately (L8) and keeps its lease.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http1::BodyLength;
use rules::Streams;
use tokio::io::AsyncWrite;
use traffic::{AbortCause, AnsweredBy, CutKind, LocalService, StreamKind};

use super::TargetResponse;
use super::close_schedule::CloseSchedule;
use super::quiet_close::{CloseDecision, Moves, QuietClose};
use crate::body_copy::{BodyCopy, Broken};
use crate::boundary::Boundary;
use crate::client::Client;
use crate::copy_ends::{CopyEnds, Side};
use crate::parts::{After, Ask};
use crate::stop::CLOSE_WAIT;
use crate::target_connections::connection::TargetConnection;
use crate::worker::Worker;

/// Relays the 101, then everything else.
pub(crate) async fn run(
    worker: &Rc<Worker>,
    client: &mut Client,
    mut ask: Ask<'_>,
    mut answer: TargetResponse<'_>,
) -> After {
    let stall = ask.service.policy.timeouts.write_stall;
    if let Err(cause) = pass_head(worker, client, &mut answer, stall).await {
        return super::abort(worker, client, ask, answer, cause);
    }
    let service = ask.service.clone();
    if ask.end.preview().is_none() {
        let books = answer.lease.target_books();
        books.answered(answer.download.status(), worker.now() - answer.began);
    }
    let target = Some((answer.lease.color(), answer.lease.target()));
    ask.end.sent(ask.upload.taken());
    ask.end.responded(answer.download.status(), 0, target);
    ask.end.answered(AnsweredBy::Color(answer.lease.color()));
    let _open = Open::new(service.clone());
    answer.lease.mark_stream(StreamKind::Tunnel);
    // Other protocols are not parsed, so their tunnels stay.
    let frames = ask.upgrade.as_deref().is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    let closes = service.policy.drain.streams == Streams::Close && frames;
    let mut tunnel = Tunnel {
        worker,
        client,
        answer: &mut answer,
        up: Direction::new(closes.then(|| Boundary::masked_frames(mask(worker.reader.random())))),
        down: Direction::new(closes.then(Boundary::frames)),
        idle: service.policy.timeouts.tunnel_idle,
        stall,
        began: worker.now(),
        moves: Moves::default(),
        service,
        schedule: CloseSchedule::new(closes),
        phase: ClosePhase::Open,
    };
    poll_fn(|cx| tunnel.poll(cx)).await;
    tunnel.leave_nothing();
    answer.connection.strip(&worker.buffers);
    drop(answer); // lossless: L4 - the connection is closed before its lease ends.
    After::Drop
}

/// The mask of our Close frame to a target.
fn mask(random: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = random.to_ne_bytes();
    [a, b, c, d]
}

/// A tunnel in its book, until dropped.
struct Open(Rc<LocalService>);

struct Tunnel<'t, 'a> {
    worker: &'t Worker,
    client: &'t mut Client,
    answer: &'t mut TargetResponse<'a>,
    up: Direction,
    down: Direction,
    idle: Duration,
    /// The longest time that either side may read nothing although there is output.
    stall: Duration,
    /// The time when it began.
    began: Instant,
    moves: Moves,
    service: Rc<LocalService>,
    schedule: CloseSchedule,
    phase: ClosePhase,
}

/// The progress of a tunnel's graceful end.
enum ClosePhase {
    /// It stays.
    Open,
    /// New messages of the client are not passed on, and the last ones are being answered.
    Quieting(QuietClose),
    /// Both sides are being sent a Close frame.
    Closing,
    /// The client may answer it until this time.
    Closed(Instant),
}

/// One direction of a tunnel.
struct Direction {
    copy: BodyCopy,
    shut: bool,
}

async fn pass_head(
    worker: &Worker,
    client: &mut Client,
    answer: &mut TargetResponse<'_>,
    stall: Duration,
) -> Result<(), AbortCause> {
    client.deadline.set(worker.now() + stall);
    poll_fn(|cx| {
        let TargetResponse { lease, download, .. } = &mut *answer;
        if lease.is_cut() {
            return Poll::Ready(Err(AbortCause::Drain));
        }
        if worker.stop.is_cut() {
            return Poll::Ready(Err(AbortCause::Shutdown));
        }
        if let Poll::Ready(passed) = download.poll_lead(client, cx) {
            return Poll::Ready(passed);
        }
        lease.watch_cut(cx);
        client.deadline.poll(cx).map(|()| Err(AbortCause::Deadline))
    })
    .await
}

impl Tunnel<'_, '_> {
    /// Ready when the tunnel is over, for whatever reason.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.answer.lease.is_cut() {
            self.answer.lease.count_cut(CutKind::Tunnel); // lossless: L3
            return Poll::Ready(());
        }
        if self.worker.stop.is_cut() {
            return Poll::Ready(());
        }
        let worker = self.worker;
        let random = || worker.reader.random();
        if self.schedule.is_due(&self.answer.lease, worker.now(), random) {
            self.service.cell().streams_ended.add(1);
            self.up.copy.hold_at_boundary();
            self.phase =
                ClosePhase::Quieting(QuietClose::begin(worker.now(), self.schedule.patience()));
        }
        if self.poll_ways(cx).is_ready() {
            return Poll::Ready(());
        }
        let next = match self.poll_leave(cx) {
            Poll::Ready(()) => return Poll::Ready(()),
            Poll::Pending => self.due(),
        };
        self.answer.lease.watch_cut(cx);
        let idle = self.moves.last().unwrap_or(self.began) + self.idle;
        let stalls = [&self.up, &self.down].map(Direction::stalls_since);
        let stall = stalls.into_iter().flatten().min().map(|since| since + self.stall);
        let idle = stall.map_or(idle, |stall| stall.min(idle));
        self.client.deadline.set(next.map_or(idle, |next| next.min(idle)));
        match self.client.deadline.poll(cx) {
            // lossless: L10
            Poll::Ready(()) if next.is_none_or(|next| idle <= next) => Poll::Ready(()),
            Poll::Ready(()) => {
                cx.waker().wake_by_ref(); // its moment has come: check again, with a current clock
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Makes the kernel keep no bytes for a side that does not read: it would for as long as that side answers
    /// its probes.
    fn leave_nothing(&self) {
        if self.down.stalls_since().is_some() {
            self.client.stream.abort_on_close();
        } else {
            self.client.stream.limit_close(self.stall);
        }
        if self.up.stalls_since().is_some() {
            self.answer.connection.stream.abort_on_close();
        }
    }

    /// Moves both directions. Ready when both have ended, or one has failed.
    fn poll_ways(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let worker = self.worker;
        let TargetConnection { stream, rx, .. } = &mut self.answer.connection;
        let client = &mut *self.client;
        let up = CopyEnds { worker, rx: &mut client.rx, source: &mut client.stream, sink: stream };
        let up = self.up.poll(up, cx);
        let down = CopyEnds { worker, rx, source: stream, sink: &mut client.stream };
        let down = self.down.poll(down, cx);
        let now = worker.now();
        self.moves.up.look(self.up.copy.moved(), now);
        self.moves.down.look(self.down.copy.moved(), now);
        match (up, down) {
            (Poll::Ready(Err(_)), _)
            | (_, Poll::Ready(Err(_)))
            | (Poll::Ready(_), Poll::Ready(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Continues the graceful end. Ready when it is over.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.worker.now();
        if let ClosePhase::Quieting(quiet) = &self.phase {
            let rests = self.up.rests() && self.down.rests();
            match quiet.decide(self.moves, rests, now) {
                CloseDecision::Later(_) => return Poll::Pending,
                CloseDecision::Now => {}
                CloseDecision::Forced => self.service.cell().streams_unanswered.add(1),
            }
            self.up.copy.end_at_boundary();
            self.down.copy.end_at_boundary();
            self.phase = ClosePhase::Closing;
            if self.poll_ways(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        if matches!(self.phase, ClosePhase::Closing) && (self.down.shut || self.down.has_ended()) {
            self.phase = ClosePhase::Closed(now + CLOSE_WAIT);
        }
        let ClosePhase::Closed(until) = self.phase else { return Poll::Pending };
        // Everything that the client sent before it read our Close frame is dropped, up to its own.
        if self.up.has_ended() {
            let Client { rx, stream: source, .. } = &mut *self.client;
            let sink = &mut self.answer.connection.stream;
            let mut ends = CopyEnds { worker: self.worker, rx, source, sink };
            if self.up.copy.poll_discard(&mut ends, cx).is_ready() {
                // An orderly end, which over HTTP/2 is END_STREAM (RFC 8441 section 5).
                return Pin::new(&mut self.client.stream).poll_shutdown(cx).map(drop);
            }
        }
        if self.up.shut || until <= now {
            let _ = Pin::new(&mut self.client.stream).poll_shutdown(cx); // its Close frame was waited for
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Returns the time of the next step of the graceful end.
    fn due(&self) -> Option<Instant> {
        match &self.phase {
            ClosePhase::Open => self.schedule.due(),
            ClosePhase::Quieting(quiet) => {
                let rests = self.up.rests() && self.down.rests();
                match quiet.decide(self.moves, rests, self.worker.now()) {
                    CloseDecision::Later(at) => Some(at),
                    CloseDecision::Now | CloseDecision::Forced => Some(self.worker.now()),
                }
            }
            ClosePhase::Closing => None,
            ClosePhase::Closed(until) => Some(*until),
        }
    }
}

// === impl Direction ===

impl Direction {
    fn new(boundary: Option<Boundary>) -> Self {
        let mut copy = BodyCopy::new();
        copy.begin(Vec::new(), BodyLength::UntilClose, BodyLength::UntilClose);
        if let Some(boundary) = boundary {
            copy.watch(boundary);
        }
        Self { copy, shut: false }
    }

    /// Returns since when the receiver has read nothing although there is output.
    fn stalls_since(&self) -> Option<Instant> {
        let waiting = self.copy.waiting().filter(|waiting| waiting.on == Side::Sink && !self.shut);
        waiting.map(|waiting| waiting.since)
    }

    /// Returns true if it could be ended at this place.
    fn rests(&self) -> bool {
        self.shut || self.copy.is_at_boundary()
    }

    /// Returns true if we have ended it, and its receiver has all of it.
    fn has_ended(&self) -> bool {
        self.copy.is_ended_early() && self.copy.is_done()
    }

    /// Ready when this direction has ended and its receiver has got the end.
    fn poll(&mut self, ends: CopyEnds<'_>, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.shut {
            return Poll::Ready(Ok(()));
        }
        let CopyEnds { worker, rx, source, sink } = ends;
        if !self.copy.is_done() {
            let moved = self.copy.poll(&mut CopyEnds { worker, rx, source, sink: &mut *sink }, cx);
            match moved {
                Poll::Ready(Ok(())) => {}
                // The receiver accepts no more; its own output may still be on its way.
                Poll::Ready(Err(Broken::Sink)) => {
                    self.shut = true;
                    return Poll::Ready(Ok(()));
                }
                other => return other,
            }
        }
        if self.copy.is_ended_early() {
            return Poll::Pending; // its answer is awaited first
        }
        match Pin::new(sink).poll_shutdown(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => {
                self.shut = true; // an error: the receiver is gone, which the other direction notices
                Poll::Ready(Ok(()))
            }
        }
    }
}

// === impl Open ===

impl Open {
    fn new(service: Rc<LocalService>) -> Self {
        service.cell().tunnels_opened.add(1);
        Self(service)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.cell().tunnels_closed.add(1);
    }
}

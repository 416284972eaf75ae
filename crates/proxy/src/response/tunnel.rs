//! A tunnel: after the target's 101, bytes in both directions until both sides have ended.
//! The request counts as answered; the tunnel has its own book (L8) and keeps its lease.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http1::BodyLength;
use tokio::io::AsyncWrite;
use traffic::{AbortCause, AnsweredBy, CutKind, LocalService};

use super::Answer;
use super::farewell::Farewell;
use super::hush::{Hush, Moves, Pause};
use crate::boundary::Boundary;
use crate::client::Client;
use crate::ends::{Ends, Side};
use crate::links::link::Link;
use crate::parts::{After, Ask};
use crate::pump::{Broken, Pump};
use crate::stop::GOODBYE;
use crate::worker::Worker;

/// Passes the 101 on, then everything else.
pub(crate) async fn run(
    worker: &Rc<Worker>,
    client: &mut Client,
    mut ask: Ask<'_>,
    mut answer: Answer<'_>,
) -> After {
    let stall = ask.service.timeouts.write_stall;
    if let Err(cause) = pass_head(worker, client, &mut answer, stall).await {
        return super::abort(worker, client, ask, answer, cause);
    }
    let service = ask.service.clone();
    let books = answer.lease.target_books();
    books.answered(answer.download.status(), worker.now() - answer.began);
    let target = Some((answer.lease.color(), answer.lease.target()));
    ask.end.sent(ask.upload.taken());
    ask.end.told(answer.download.status(), 0, target);
    ask.end.answered(AnsweredBy::Color(answer.lease.color()));
    let _open = Open::new(service.clone());
    answer.lease.mark_stream();
    // Of other protocols nothing is known, so they stay.
    let frames = ask.upgrade.as_deref().is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    let closes = service.close_streams && frames;
    let mut tunnel = Tunnel {
        worker,
        client,
        answer: &mut answer,
        up: Way::new(closes.then(|| Boundary::masked_frames(mask(worker)))),
        down: Way::new(closes.then(Boundary::frames)),
        idle: service.timeouts.tunnel_idle,
        stall,
        began: worker.now(),
        moves: Moves::default(),
        service,
        farewell: Farewell::new(closes),
        leave: Leave::Not,
    };
    poll_fn(|cx| tunnel.poll(cx)).await;
    tunnel.leave_nothing();
    answer.link.strip(&worker.buffers);
    drop(answer); // lossless: L4 - the link is closed before its lease ends.
    After::Drop
}

/// With which a Close frame of ours goes to a target.
fn mask(worker: &Worker) -> [u8; 4] {
    let [a, b, c, d, ..] = worker.reader.random().to_ne_bytes();
    [a, b, c, d]
}

/// A tunnel in its book, until it is dropped.
struct Open(Rc<LocalService>);

struct Tunnel<'t, 'a> {
    worker: &'t Worker,
    client: &'t mut Client,
    answer: &'t mut Answer<'a>,
    up: Way,
    down: Way,
    idle: Duration,
    /// How long either side may take nothing of what there is.
    stall: Duration,
    /// When it began.
    began: Instant,
    moves: Moves,
    service: Rc<LocalService>,
    farewell: Farewell,
    leave: Leave,
}

/// How far the farewell of a tunnel has come.
enum Leave {
    /// It stays.
    Not,
    /// Nothing more of the client's is passed on, and what was is being answered.
    Hushing(Hush),
    /// Both are being sent a Close frame.
    Closing,
    /// Until when the client may answer it.
    Closed(Instant),
}

/// One direction of a tunnel.
struct Way {
    pump: Pump,
    shut: bool,
}

async fn pass_head(
    worker: &Worker,
    client: &mut Client,
    answer: &mut Answer<'_>,
    stall: Duration,
) -> Result<(), AbortCause> {
    client.deadline.set(worker.now() + stall);
    poll_fn(|cx| {
        let Answer { lease, download, .. } = &mut *answer;
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
        if self.farewell.is_due(worker, &self.answer.lease) {
            self.service.cell().streams_ended.add(1);
            self.up.pump.hold_at_boundary();
            self.leave = Leave::Hushing(Hush::begin(worker.now(), self.farewell.patience()));
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
        let stalls = [&self.up, &self.down].map(Way::stalls_since);
        let stall = stalls.into_iter().flatten().min().map(|since| since + self.stall);
        let idle = stall.map_or(idle, |stall| stall.min(idle));
        self.client.deadline.set(next.map_or(idle, |next| next.min(idle)));
        match self.client.deadline.poll(cx) {
            // lossless: L10
            Poll::Ready(()) if next.is_none_or(|next| idle <= next) => Poll::Ready(()),
            Poll::Ready(()) => {
                cx.waker().wake_by_ref(); // its moment has come: once more, by the clock of then
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Has the kernel keep nothing for a side that takes nothing: it would for as long as that side
    /// answers its probes.
    fn leave_nothing(&self) {
        if self.down.stalls_since().is_some() {
            self.client.stream.abort_on_close();
        } else {
            self.client.stream.limit_close(self.stall);
        }
        if self.up.stalls_since().is_some() {
            self.answer.link.stream.abort_on_close();
        }
    }

    /// Moves both directions. Ready when both are over, or one is broken.
    fn poll_ways(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let worker = self.worker;
        let Link { stream, rx, .. } = &mut self.answer.link;
        let client = &mut *self.client;
        let up = Ends { worker, rx: &mut client.rx, source: &mut client.stream, sink: stream };
        let up = self.up.poll(up, cx);
        let down = Ends { worker, rx, source: stream, sink: &mut client.stream };
        let down = self.down.poll(down, cx);
        let now = worker.now();
        self.moves.up.look(self.up.pump.moved(), now);
        self.moves.down.look(self.down.pump.moved(), now);
        match (up, down) {
            (Poll::Ready(Err(_)), _)
            | (_, Poll::Ready(Err(_)))
            | (Poll::Ready(_), Poll::Ready(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Goes on with the farewell. Ready when it is over.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.worker.now();
        if let Leave::Hushing(hush) = &self.leave {
            let rests = self.up.rests() && self.down.rests();
            match hush.pause(self.moves, rests, now) {
                Pause::Later(_) => return Poll::Pending,
                Pause::Here => {}
                Pause::Forced => self.service.cell().streams_unanswered.add(1),
            }
            self.up.pump.end_at_boundary();
            self.down.pump.end_at_boundary();
            self.leave = Leave::Closing;
            if self.poll_ways(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        if matches!(self.leave, Leave::Closing) && (self.down.shut || self.down.has_ended()) {
            self.leave = Leave::Closed(now + GOODBYE);
        }
        let Leave::Closed(until) = self.leave else { return Poll::Pending };
        // What the client had sent before it read our Close frame is dropped, up to its own.
        if self.up.has_ended() {
            let Client { rx, stream: source, .. } = &mut *self.client;
            let sink = &mut self.answer.link.stream;
            let mut ends = Ends { worker: self.worker, rx, source, sink };
            if self.up.pump.poll_discard(&mut ends, cx).is_ready() {
                // An orderly end, which over HTTP/2 is END_STREAM (RFC 8441 section 5).
                return Pin::new(&mut self.client.stream).poll_shutdown(cx).map(drop);
            }
        }
        if self.up.shut || until <= now {
            let _ = Pin::new(&mut self.client.stream).poll_shutdown(cx); // it was waited for
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// When the farewell goes on by itself.
    fn due(&self) -> Option<Instant> {
        match &self.leave {
            Leave::Not => self.farewell.due(),
            Leave::Hushing(hush) => {
                let rests = self.up.rests() && self.down.rests();
                match hush.pause(self.moves, rests, self.worker.now()) {
                    Pause::Later(at) => Some(at),
                    Pause::Here | Pause::Forced => Some(self.worker.now()),
                }
            }
            Leave::Closing => None,
            Leave::Closed(until) => Some(*until),
        }
    }
}

// === impl Way ===

impl Way {
    fn new(boundary: Option<Boundary>) -> Self {
        let mut pump = Pump::new();
        pump.begin(Vec::new(), BodyLength::UntilClose, BodyLength::UntilClose);
        if let Some(boundary) = boundary {
            pump.watch(boundary);
        }
        Self { pump, shut: false }
    }

    /// Since when the receiver takes nothing of what there is.
    fn stalls_since(&self) -> Option<Instant> {
        let waiting = self.pump.waiting().filter(|waiting| waiting.on == Side::Sink && !self.shut);
        waiting.map(|waiting| waiting.since)
    }

    /// Whether it could be ended as it is.
    fn rests(&self) -> bool {
        self.shut || self.pump.is_at_boundary()
    }

    /// Whether we have ended it, and the receiver has been told.
    fn has_ended(&self) -> bool {
        self.pump.is_ended_early() && self.pump.is_done()
    }

    /// Ready when this direction has ended, which the receiver is told.
    fn poll(&mut self, ends: Ends<'_>, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.shut {
            return Poll::Ready(Ok(()));
        }
        let Ends { worker, rx, source, sink } = ends;
        if !self.pump.is_done() {
            let moved = self.pump.poll(&mut Ends { worker, rx, source, sink: &mut *sink }, cx);
            match moved {
                Poll::Ready(Ok(())) => {}
                // The receiver takes no more; what it sent may still be on its way.
                Poll::Ready(Err(Broken::Sink)) => {
                    self.shut = true;
                    return Poll::Ready(Ok(()));
                }
                other => return other,
            }
        }
        if self.pump.is_ended_early() {
            return Poll::Pending; // its answer is waited for first
        }
        match Pin::new(sink).poll_shutdown(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => {
                self.shut = true; // an error: the receiver is gone, which the other way notices
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

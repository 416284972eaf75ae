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
use crate::boundary::Boundary;
use crate::client::Client;
use crate::ends::Ends;
use crate::pump::{Broken, Pump};
use crate::request::After;
use crate::route::Ask;
use crate::stop::GOODBYE;
use crate::upstream::link::Link;
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
        up: Way::new(closes),
        down: Way::new(closes),
        idle: service.timeouts.tunnel_idle,
        moved: (0, worker.now()),
        service,
        farewell: Farewell::new(closes),
        leaves_at: None,
    };
    poll_fn(|cx| tunnel.poll(cx)).await;
    answer.link.strip(&worker.buffers);
    drop(answer); // lossless: L4 - the link is closed before its lease ends.
    After::Drop
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
    /// What had moved when it was last looked at, and when that was.
    moved: (u64, Instant),
    service: Rc<LocalService>,
    farewell: Farewell,
    /// Until when the client may answer the Close frame that it was sent.
    leaves_at: Option<Instant>,
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
            self.down.pump.end_at_boundary();
        }
        let Link { stream, rx, .. } = &mut self.answer.link;
        let client = &mut *self.client;
        let up = Ends { worker, rx: &mut client.rx, source: &mut client.stream, sink: stream };
        let up = self.up.poll(up, cx);
        let down = Ends { worker, rx, source: stream, sink: &mut client.stream };
        let down = self.down.poll(down, cx);
        match (up, down) {
            (Poll::Ready(Err(_)), _)
            | (_, Poll::Ready(Err(_)))
            | (Poll::Ready(_), Poll::Ready(_)) => {
                return Poll::Ready(());
            }
            _ => {}
        }
        // The client was sent a Close frame: its own goes to the target, and then it is over.
        if self.down.pump.is_ended_early() && self.down.pump.is_done() {
            let at = *self.leaves_at.get_or_insert(worker.now() + GOODBYE);
            if self.up.is_over() || at <= worker.now() {
                return Poll::Ready(());
            }
        }
        let moved = self.up.pump.moved() + self.down.pump.moved();
        if moved != self.moved.0 {
            self.moved = (moved, worker.now());
        }
        self.answer.lease.watch_cut(cx);
        let idle = self.moved.1 + self.idle;
        let sooner = self.farewell.due().into_iter().chain(self.leaves_at).min();
        client.deadline.set(sooner.map_or(idle, |sooner| sooner.min(idle)));
        match client.deadline.poll(cx) {
            // lossless: L10
            Poll::Ready(()) if sooner.is_none_or(|sooner| idle <= sooner) => Poll::Ready(()),
            Poll::Ready(()) => {
                cx.waker().wake_by_ref(); // its moment has come: once more, by the clock of then
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

// === impl Way ===

impl Way {
    fn new(frames: bool) -> Self {
        let mut pump = Pump::new();
        pump.begin(Vec::new(), BodyLength::UntilClose, BodyLength::UntilClose);
        if frames {
            pump.watch(Boundary::frames());
        }
        Self { pump, shut: false }
    }

    /// Whether the sender has taken its leave, and the receiver knows.
    fn is_over(&self) -> bool {
        self.shut || (self.pump.is_closed() && self.pump.frame.is_written())
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

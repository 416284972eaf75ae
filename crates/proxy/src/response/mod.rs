//! Relaying an answer to the client, or sending Teal's own.

mod close_schedule;
pub(crate) mod page;
mod quiet_close;
#[cfg(test)]
mod tests;
pub(crate) mod tunnel;

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use traffic::{AbortCause, AnsweredBy, CutKind, Lease, Report, ReportKind, StreamKind};

use crate::client::Client;
use crate::http::Unread;
use crate::parts::{After, Ask, Download};
use crate::target_connections::connection::{Hold, TargetConnection};
use crate::target_connections::pinned::Logins;
use crate::worker::Worker;

use close_schedule::CloseSchedule;

/// A target's answer that has begun.
#[derive(Debug)]
pub(crate) struct TargetResponse<'r> {
    /// Closed before the lease ends (L4): fields are dropped in this order.
    pub(crate) connection: TargetConnection,
    pub(crate) lease: Lease,
    pub(crate) began: Instant,
    pub(crate) download: &'r mut Download,
}

/// Relays the answer to its end.
pub(crate) async fn relay(
    worker: &Worker,
    client: &mut Client,
    ask: &mut Ask<'_>,
    answer: &mut TargetResponse<'_>,
) -> Result<(), AbortCause> {
    let TargetResponse { connection, lease, download, .. } = answer;
    if download.is_event_stream() {
        lease.mark_stream(StreamKind::Events);
    }
    let schedule = CloseSchedule::new(download.is_watched());
    let mut relay = Relay { worker, client, ask, connection, lease, download, schedule };
    poll_fn(|cx| relay.poll(cx)).await
}

/// The answer is complete: the connection goes back to the pool if it may be reused, then the lease ends, then
/// the request.
pub(crate) fn finish(
    worker: &Worker,
    client: &mut Client,
    mut ask: Ask<'_>,
    answer: TargetResponse<'_>,
) -> After {
    let TargetResponse { mut connection, lease, began, download } = answer;
    let books = lease.target_books();
    let now = worker.now();
    let preview = ask.end.preview().is_some();
    if !preview {
        books.answered(download.status(), now - began);
        if download.status() >= 500 {
            ask.count_failure(client, &lease);
        }
    }
    let color = lease.color();
    if download.status() == 421 && lease.target().url.tls().is_some() {
        worker.log.misdirected(color, lease.target());
    }
    ask.end.sent(ask.upload.taken());
    ask.end.responded(download.status(), download.taken(), Some((color, lease.target())));
    let whole = ask.upload.is_whole();
    // Announced for this client, or not to stay on the idle color: not reusable.
    let own = lease.target().url.announce().is_some() || preview;
    let reusable = download.is_reusable() && whole && connection.rx.is_empty();
    let close = download.is_closing() || !whole;
    let refused_unread = download.status() >= 400 && ask.upload.may_lie_unread();
    if let (true, Hold::Shared(ticket)) = (refused_unread, &connection.hold) {
        ticket.distrust();
    }
    connection.strip(&worker.buffers);
    if !preview && (connection.pinned || ask.binds || download.is_binding()) {
        keep_login(&worker.logins, client, connection, download, reusable && !close);
    } else if reusable
        && !own
        && !refused_unread
        && !lease.is_draining()
        && worker.names.is_kept(connection.target.name)
    {
        let longest = ask.service.policy.timeouts.target_idle;
        worker.pool.put(connection, download.keep_alive_timeout(), longest, now);
    } else {
        drop(connection); // lossless: L4 - closed before the lease ends.
    }
    drop(lease);
    download.recycle(&worker.buffers);
    ask.upload.recycle(&worker.buffers);
    ask.end.answered(AnsweredBy::Color(color));
    client.last_io = now;
    match (close, whole) {
        (_, false) => After::Close(Unread::Request),
        (true, true) => After::Close(Unread::Nothing),
        (false, true) => After::Next,
    }
}

/// Handles a login that binds the connection to the target: the connection stays with its client's, or is
/// closed. No HTTP/2 connection belongs to one user (RFC 9113 section 9.1.1 lets it carry requests of many).
fn keep_login(
    logins: &Logins,
    client: &mut Client,
    connection: TargetConnection,
    download: &Download,
    keep: bool,
) {
    if let Hold::Shared(ticket) = &connection.hold {
        ticket.distrust(); // the target may have logged a user in unasked, and others share the connection
    }
    if keep && !client.info.protocol.carries_many() {
        let pins = client.pins.get_or_insert_with(|| logins.open());
        pins.put(connection, download.status() == 401);
    }
}

/// Aborts an answer that can't be completed: the connection ends so that it cannot look complete.
// lossless: L3
pub(crate) fn abort(
    worker: &Worker,
    client: &mut Client,
    mut ask: Ask<'_>,
    mut answer: TargetResponse<'_>,
    cause: AbortCause,
) -> After {
    match cause {
        AbortCause::Drain => answer.lease.count_cut(CutKind::Answering),
        AbortCause::Target => {
            if ask.end.preview().is_none() {
                answer.lease.target_books().failed.add(1);
                ask.count_failure(client, &answer.lease);
            }
            let (color, target) = (answer.lease.color(), answer.lease.target());
            let kind = ReportKind::Malformed("The connection was closed or its framing broken.");
            worker.reader.report(Report { target: target.id, kind });
            worker.log.broken_answer(color, target, "connection closed or framing broken");
        }
        _ => {}
    }
    // The kernel would keep bytes for such a client for as long as it answers probes.
    let stalled = cause == AbortCause::Deadline && answer.download.waits_for_client();
    let cause = client.blame(cause);
    let target = Some((answer.lease.color(), answer.lease.target()));
    ask.end.sent(ask.upload.taken());
    ask.end.responded(answer.download.status(), answer.download.taken(), target);
    if answer.download.ends_by_close() || stalled {
        client.stream.abort_on_close();
    }
    answer.connection.strip(&worker.buffers);
    drop(answer);
    ask.end.aborted(cause);
    After::Drop
}

/// The answer between the target and the client; the rest of the request may still be on its way in the other
/// direction.
struct Relay<'r, 'a> {
    worker: &'r Worker,
    client: &'r mut Client,
    ask: &'r mut Ask<'a>,
    connection: &'r mut TargetConnection,
    lease: &'r Lease,
    download: &'r mut Download,
    schedule: CloseSchedule,
}

impl Relay<'_, '_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AbortCause>> {
        let Self { connection, lease, download, .. } = self;
        if lease.is_cut() {
            return Poll::Ready(Err(AbortCause::Drain));
        }
        if self.worker.stop.is_cut() {
            return Poll::Ready(Err(AbortCause::Shutdown));
        }
        loop {
            let random = || self.worker.reader.random();
            if self.schedule.is_due(lease, self.worker.now(), random) {
                self.ask.service.cell().streams_ended.add(1);
                download.end_at_boundary();
            }
            match self.ask.upload.poll(self.worker, self.client, connection, cx) {
                // A request that is aborted now ends its answer too, unless all of that has arrived: its target
                // waits for the rest.
                Poll::Ready(Err(_)) => {
                    let whole = download.poll_body(self.worker, self.client, connection, cx);
                    let whole = matches!(whole, Poll::Ready(Ok(())));
                    return Poll::Ready(if whole { Ok(()) } else { Err(AbortCause::Client) });
                }
                Poll::Ready(Ok(())) if !self.ask.upload.is_whole() => {
                    self.ask.upload.discard(&self.worker.buffers, self.client, cx);
                }
                _ => {}
            }
            if let Poll::Ready(ended) = download.poll_body(self.worker, self.client, connection, cx)
            {
                return Poll::Ready(ended);
            }
            lease.watch_cut(cx);
            let timeouts = &self.ask.service.policy.timeouts;
            let now = self.worker.now();
            let due = download.due(self.client, timeouts, now);
            let sending = self.ask.upload.is_sending();
            let sent_by = sending.then(|| self.ask.upload.due(self.client, timeouts, now));
            let next = sent_by.into_iter().chain(self.schedule.due()).fold(due, Instant::min);
            self.client.deadline.set(next);
            if self.client.deadline.poll(cx).is_pending() {
                return Poll::Pending;
            }
            if self.schedule.due().is_some_and(|at| at <= now) {
                cx.waker().wake_by_ref(); // check again, with a current clock
                return Poll::Pending;
            }
            // lossless: L10 - over, unless a window of either body has only been followed by another.
            if due <= now {
                if !download.renew(self.client, timeouts, now) {
                    return Poll::Ready(Err(AbortCause::Deadline));
                }
                continue;
            }
            // A target may answer without reading the rest of the request.
            if self.ask.upload.expire(self.client, timeouts, now).is_err()
                && !self.ask.upload.leave_unread(now)
            {
                return Poll::Ready(Err(AbortCause::Deadline));
            }
        }
    }
}

//! One attempt: a lease, a connection, the request sent, and the head of an answer received.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use connect::{HOST_ROOM, server_name_of};
use traffic::{AbortCause, CutKind, Lease, Report, ReportKind, TargetEntry};

use super::reach::{Requirements, reach};
use crate::client::Client;
use crate::failure::Failure;
use crate::memory::{BODIES, ClientMemory};
use crate::observe::follow::{self, ConnectionSource};
use crate::parts::{Ask, Download, HeadKind};
use crate::target_connections::connection::{Reuse, TargetConnection};
use crate::target_connections::names::Name;
use crate::worker::Worker;

/// An attempt whose answer has begun: its head is in the [`Download`].
#[derive(Debug)]
pub(crate) struct Reached {
    /// Closed before the lease ends (L4): fields are dropped in this order.
    pub(crate) connection: TargetConnection,
    pub(crate) lease: Lease,
    pub(crate) began: Instant,
}

/// An attempt that failed. Its connection is closed; the lease is still held, so that the consequences can be
/// counted in its books.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    pub(crate) lease: Lease,
}

/// Lessons of earlier attempts for the next one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AttemptOptions {
    /// An attempt has failed before: use no idle connection.
    pub(crate) again: bool,
    /// A target requires HTTP/1.1 for the request.
    pub(crate) http1: bool,
}

/// Sends the request on this lease until the head of the final answer has arrived, ready to be relayed.
pub(crate) async fn attempt(
    worker: &Rc<Worker>,
    client: &mut Client,
    ask: &mut Ask<'_>,
    download: &mut Download,
    lease: Lease,
    options: AttemptOptions,
) -> Result<Reached, Failed> {
    let began = worker.now();
    let reuse = match ask.idempotent && ask.upload.stays_rewindable() {
        _ if options.again || ask.end.preview().is_some() => Reuse::Never,
        true => Reuse::Any,
        false => Reuse::Trusted,
    };
    let name = match name_of(worker, ask, lease.target()) {
        Ok(name) => name,
        Err(failure) => return Err(settle(worker, lease, failure)),
    };
    ask.upload.put_host(lease.target().url.own_host());
    let requirements = Requirements::of(ask, reuse, options.http1, name);
    let mut connection = match reach(worker, client, &lease, &requirements).await {
        Ok(connection) => connection,
        Err(failure) => return Err(settle(worker, lease, failure)),
    };
    ask.end.step(|| follow::Step::Connected(source(&connection)));
    download.begin(worker.buffers.lead());
    client.watch();
    let mut held = ClientMemory::nothing(&worker.bodies);
    let waiting = (reuse == Reuse::Trusted).then(|| worker.pool.wait(connection.target, began));
    let mut pending =
        PendingAttempt { worker, client, ask, connection: &mut connection, lease: &lease };
    let headed = poll_fn(|cx| pending.poll_head(download, &mut held, cx)).await;
    drop(held);
    let idled = connection.idled;
    if let Err(failure) = headed {
        connection.strip(&worker.buffers);
        let target = connection.target;
        let reused = connection.hold.has_served() || idled.is_some();
        connection.hold.distrust(&failure);
        if failure.requires_http1() {
            worker.carriers.require_http1(target, began);
        }
        let pinned = connection.pinned;
        drop(connection); // lossless: L4 - closed before the lease ends.
        let failure = match failure {
            // lossless: L5 - nowhere else would it be the same user's.
            Failure::Closed { .. } if pinned => Failure::LoginLost { told: !ask.idempotent },
            Failure::Closed { .. } => {
                if let Some(idled) = idled {
                    worker.pool.closed(target, idled);
                }
                Failure::Closed { reused }
            }
            other => other,
        };
        if failure.about_target().is_some() && ask.end.preview().is_none() {
            lease.target_books().failed.add(1);
            ask.count_failure(client, &lease);
        }
        let failure = if download.is_torn() { failure.torn() } else { failure };
        return Err(settle(worker, lease, failure));
    }
    if let Some(idled) = idled {
        worker.pool.survived(connection.target, idled);
    }
    if let Some(waiting) = waiting {
        waiting.answered(worker.now());
    }
    ask.end.headed(began);
    ask.end.step(|| follow::Step::Answers(download.status()));
    Ok(Reached { connection, lease, began })
}

/// Returns the server name from the request for this target, if the target uses it.
///
/// # Errors
/// If the name is not valid in a certificate.
fn name_of(worker: &Worker, ask: &Ask<'_>, target: &TargetEntry) -> Result<Option<Name>, Failure> {
    if !target.url.is_named_by_request() {
        return Ok(None);
    }
    let mut room = [0; HOST_ROOM];
    // A request without a Host uses the name in the address.
    let Some(host) = server_name_of(ask.upload.client_host(), &mut room) else { return Ok(None) };
    let (name, given_up) = worker.names.find(target.id, host, worker.now())?;
    if let Some(number) = given_up {
        worker.pool.give_up(target.id, number);
        worker.carriers.give_up(target.id, number);
    }
    Ok(Some(name))
}

/// Returns the connection of an attempt, as reported to followers.
fn source(connection: &TargetConnection) -> ConnectionSource {
    match connection.idled {
        _ if connection.pinned => ConnectionSource::Pinned,
        Some(idled) => ConnectionSource::Pooled(idled),
        None if connection.hold.has_served() => ConnectionSource::Shared,
        None => ConnectionSource::New,
    }
}

/// Records what a failure says about the target, or about the drain.
fn settle(worker: &Worker, lease: Lease, failure: Failure) -> Failed {
    match failure {
        Failure::Cut => lease.count_cut(CutKind::Unanswered), // lossless: L3
        Failure::Torn(AbortCause::Drain) => lease.count_cut(CutKind::Answering),
        _ => {}
    }
    if let Failure::Malformed(how) = failure {
        let kind = ReportKind::Malformed(how);
        worker.reader.report(Report { target: lease.target().id, kind });
    }
    worker.log.target(lease.color(), lease.target(), &failure);
    Failed { failure, lease }
}

/// The request between the client and the target, while the answer has not begun.
struct PendingAttempt<'h, 'a> {
    worker: &'h Worker,
    client: &'h mut Client,
    ask: &'h mut Ask<'a>,
    connection: &'h mut TargetConnection,
    lease: &'h Lease,
}

impl PendingAttempt<'_, '_> {
    /// `held`: the memory of the body that is kept to be sent again.
    fn poll_head(
        &mut self,
        download: &mut Download,
        held: &mut ClientMemory<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        if self.lease.is_cut() {
            return Poll::Ready(Err(Failure::Cut)); // lossless: L3
        }
        if self.worker.stop.is_cut() {
            return Poll::Ready(Err(Failure::Stopping));
        }
        loop {
            let sent =
                self.ask.upload.poll(self.worker, self.client, self.connection, cx)?.is_ready();
            if sent && self.ask.upload.is_whole() {
                self.ask.end.whole(|| self.ask.upload.taken());
            }
            match download.poll_head(self.worker, self.client, self.ask, self.connection, cx)? {
                Poll::Ready(HeadKind::Final) => return Poll::Ready(Ok(())),
                Poll::Ready(HeadKind::Interim) => continue,
                Poll::Pending => {}
            }
            if sent && self.client.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Failure::ClientGone));
            }
            if !sent && held.set(self.ask.upload.bytes()) > BODIES {
                self.ask.upload.forget();
                held.set(self.ask.upload.bytes());
            }
            self.lease.watch_cut(cx);
            let timeouts = &self.ask.service.policy.timeouts;
            let due = self.ask.upload.due(self.client, timeouts, self.worker.now());
            self.client.deadline.set(due);
            if self.client.deadline.poll(cx).is_pending() {
                return Poll::Pending;
            }
            // lossless: L10 - over, unless a window of the body has only been followed by another.
            self.ask.upload.expire(self.client, timeouts, self.worker.now())?;
        }
    }
}

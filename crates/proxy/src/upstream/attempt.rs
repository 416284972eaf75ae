//! One attempt: a lease, a connection, the request sent, and the head of an answer received.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use traffic::Lease;

use super::link::{Link, reach};
use crate::client::Client;
use crate::failure::Failure;
use crate::response::{Answer, Download, Step};
use crate::route::Ask;
use crate::worker::Worker;

/// Sends the request on this lease until the head of the final answer is here, ready to be
/// relayed. On failure the connection is closed before the lease ends (L4).
pub(crate) async fn attempt(
    worker: &Rc<Worker>,
    client: &mut Client,
    ask: &mut Ask,
    lease: Lease,
) -> Result<Answer, Failure> {
    let began = Instant::now();
    let replayable = ask.idempotent && ask.upload.can_rewind();
    let connect = ask.service.timeouts.connect;
    let mut link = match reach(worker, client, &lease, replayable, connect).await {
        Ok(link) => link,
        Err(failure) => return Err(settle(worker, None, &lease, failure, replayable)),
    };
    link.rx.equip(&worker.buffers);
    let mut download = Download::new(worker.buffers.lead());
    client.watch();
    let mut hop = Hop { worker, client, ask, link: &mut link, lease: &lease };
    let headed = poll_fn(|cx| hop.poll_head(&mut download, cx)).await;
    match headed {
        Ok(()) => {
            if let Some(idled) = link.idled {
                worker.pool.survived(link.target, idled);
            }
            Ok(Answer { link, lease, download, began })
        }
        Err(failure) => {
            let failure = settle(worker, Some(&link), &lease, failure, replayable);
            link.strip(&worker.buffers);
            Err(failure)
        }
    }
}

/// Writes down what a failure says about the target, or about the drain.
fn settle(
    worker: &Worker,
    link: Option<&Link>,
    lease: &Lease,
    failure: Failure,
    replayable: bool,
) -> Failure {
    let books = lease.target_books();
    let failure = match failure {
        Failure::Closed { .. } => {
            let idled = link.and_then(|link| link.idled);
            if let Some(idled) = idled {
                worker.pool.closed(lease.target().id, idled);
            }
            let reused = idled.is_some() && !replayable;
            books.stale_lost.add(u64::from(reused));
            Failure::Closed { reused }
        }
        other => other,
    };
    if matches!(failure, Failure::Cut) {
        lease.color_books().cut_unanswered.add(1); // lossless: L3
    }
    if link.is_some() && failure.about_target().is_some() {
        books.failed.add(1);
    }
    worker.log.target(lease.color(), lease.target(), &failure);
    failure
}

/// The request between the client and the target, while the answer has not begun.
struct Hop<'h> {
    worker: &'h Worker,
    client: &'h mut Client,
    ask: &'h mut Ask,
    link: &'h mut Link,
    lease: &'h Lease,
}

impl Hop<'_> {
    fn poll_head(
        &mut self,
        download: &mut Download,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        if self.lease.is_cut() {
            return Poll::Ready(Err(Failure::Cut)); // lossless: L3
        }
        if self.worker.stop.is_cut() {
            return Poll::Ready(Err(Failure::Stopping));
        }
        loop {
            let sent = self.ask.upload.poll(self.client, self.link, cx)?.is_ready();
            match download.poll_head(self.worker, self.client, self.ask, self.link, cx)? {
                Poll::Ready(Step::Final) => return Poll::Ready(Ok(())),
                Poll::Ready(Step::Interim) => continue,
                Poll::Pending => {}
            }
            if sent && self.client.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Failure::ClientGone));
            }
            self.lease.watch_cut(cx);
            let timeouts = &self.ask.service.timeouts;
            self.client.deadline.set(self.ask.upload.due(timeouts));
            if self.client.deadline.poll(cx).is_pending() {
                return Poll::Pending;
            }
            // lossless: L10 - over, unless a window of the body has only been followed by another.
            self.ask.upload.expire(timeouts)?;
        }
    }
}

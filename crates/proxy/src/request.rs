//! SPINE: a request, from its head to the last byte of its answer.

use std::rc::Rc;

use rules::Color;
use traffic::{AnsweredBy, NoPreview, OwnReason};

use crate::client::Client;
use crate::failure::{Failure, Verdict};
use crate::parts::{After, Ask, Flows, Refused, RequestEnd, Why};
use crate::pick::hold::{self, RequestError};
use crate::response::{self, TargetResponse, page, tunnel};
use crate::route;
use crate::upstream;
use crate::upstream::attempt::Reached;
use crate::worker::Worker;

/// Serves the request whose head of `length` bytes is at the front of the client's buffer. Rare paths are boxed
/// so they do not enlarge the hot future.
pub(crate) async fn serve(
    worker: &Rc<Worker>,
    client: &mut Client,
    flows: &mut Flows,
    length: usize,
) -> After {
    let Flows { upload, download } = flows;
    client.last_io = worker.now();
    let mut ask = match route::admit(worker, client, upload, length) {
        Ok(ask) => ask,
        Err(refused) => return Box::pin(page::answer(worker, client, refused)).await,
    };
    if let Err(error) = hold::wait(worker, client, &mut ask).await {
        return Box::pin(give_up(worker, client, ask, error)).await;
    }
    if ask.binds && client.info.protocol.carries_many() {
        return require_http1(client, ask);
    }
    let mut answer = match upstream::send(worker, client, &mut ask, download).await {
        Ok(Reached { connection, lease, began }) => {
            TargetResponse { connection, lease, began, download }
        }
        Err(error) => return Box::pin(give_up(worker, client, ask, error)).await,
    };
    if ask.upload.is_whole() {
        ask.upload.recycle(&worker.buffers); // it cannot be sent again now
    }
    if answer.download.is_tunnel() {
        return Box::pin(tunnel::run(worker, client, ask, answer)).await;
    }
    match response::relay(worker, client, &mut ask, &mut answer).await {
        Ok(()) => response::finish(worker, client, ask, answer),
        Err(cause) => response::abort(worker, client, ask, answer, cause),
    }
}

/// Refuses a login that binds a connection where a connection does not belong to one user: the client is told
/// to retry over HTTP/1.1 (RFC 9113 section 7, HTTP_1_1_REQUIRED). Nothing was forwarded.
fn require_http1(client: &mut Client, ask: Ask<'_>) -> After {
    client.stream.require_http1();
    ask.end.answered(AnsweredBy::Teal(OwnReason::Http1Required));
    After::Drop
}

/// Handles a request without a target's answer: Teal answers, or ends it in the books if the client is gone.
async fn give_up(
    worker: &Rc<Worker>,
    client: &mut Client,
    ask: Ask<'_>,
    error: RequestError,
) -> After {
    let Ask { mut end, mut facts, upload, .. } = ask;
    end.sent(upload.taken());
    // The rest of a body must not be parsed as the next request.
    facts.persistent &= upload.is_whole() || !facts.body;
    // A client that was logged in would take the next answer as one on the same connection.
    facts.persistent &= client.pins.is_none();
    upload.recycle(&worker.buffers);
    let why = match error {
        RequestError::Own(reason) => Why::Own(reason),
        RequestError::Maintenance(notice) => Why::Maintenance(notice),
        RequestError::NoPreview(color, why) => no_preview(&end, color, why),
        RequestError::Failed(failure) => {
            facts.persistent &= !matches!(failure, Failure::Cut | Failure::Stopping);
            match failure.verdict() {
                Verdict::Answer(reason) => Why::Own(reason),
                Verdict::Abort(cause) => {
                    end.aborted(client.blame(cause));
                    return After::Drop;
                }
            }
        }
    };
    page::answer(worker, client, Refused { end, facts, why }).await
}

/// Returns the answer to a preview for which the idle color gives no lease.
fn no_preview(end: &RequestEnd, color: Color, why: NoPreview) -> Why {
    let name = end.service().map_or("the service", |service| service.name.as_str());
    let sentence = match why {
        NoPreview::Changed => format!("{name} has just been changed; try again"),
        NoPreview::Retired => {
            format!(
                "{color} of {name} is retired: nothing is sent to it until the next deploy to it"
            )
        }
        NoPreview::Draining => {
            format!(
                "{color} of {name} is being drained after a switch; try again when it is drained"
            )
        }
        NoPreview::NoTarget => format!("{color} of {name} has no target"),
    };
    Why::Explained(OwnReason::PreviewUnavailable, sentence)
}

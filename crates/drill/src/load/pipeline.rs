//! Several requests on one connection without waiting for answers in between
//! (RFC 9112 section 9.3.2): the answers must come in order, one for each.

use std::collections::VecDeque;
use std::time::Instant;

use super::check::{Answered, Check};
use super::connection::Connection;
use super::request::Request;
use super::worker::Plan;
use crate::ledger::Fault;

/// Requests in one go.
pub(super) const DEPTH: u64 = 4;

/// Sends all requests in `open`, which were `due` at that instant, then reads their answers; each request
/// leaves `open` with its outcome. Those left were not processed: a server ignores requests after an answer
/// that closes the connection (RFC 9112 section 9.6), so they may be sent again.
///
/// Returns the connection if it may carry more.
pub(super) async fn exchange(
    plan: &Plan,
    open: &mut VecDeque<u64>,
    mut connection: Connection,
    due: Option<Instant>,
) -> Result<Option<Connection>, Fault> {
    for number in open.iter() {
        plan.recorder.sent(*number, due);
        plan.request(*number).send(&mut connection).await?;
    }
    while let Some(number) = open.front().copied() {
        let request = plan.request(number);
        let (answered, close) = read(&request, &mut connection).await?;
        if open.len() == 1 {
            connection.nothing_behind()?;
        }
        // A complete but wrong answer says nothing about the ones after it.
        match answered {
            Ok(answered) => plan.recorder.answered(number, answered.version.as_deref()),
            Err(fault) => plan.recorder.failed(number, fault),
        }
        open.pop_front();
        if close {
            plan.recorder.turned_away(open.len());
            return Ok(None);
        }
    }
    Ok(Some(connection))
}

/// Reads one whole answer, and checks it; an error is one of an incomplete answer.
async fn read(
    request: &Request<'_>,
    connection: &mut Connection,
) -> Result<(Result<Answered, Fault>, bool), Fault> {
    let head = connection.head(request.method()).await?;
    let mut check = Check::new(request);
    connection.body(head.framing, |data| check.feed(data)).await?;
    Ok((check.finish(&head), head.close))
}

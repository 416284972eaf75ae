//! One loop's HTTP/1.1 connection, with TLS or without: one request at a time, or a pipeline.

use std::collections::VecDeque;
use std::time::Instant;

use super::check::{Answered, Check, signature};
use super::connection::{Connection, Idle};
use super::request::Request;
use super::worker::Plan;
use super::{Work, pipeline, tunnel};
use crate::endpoint::Endpoint;
use crate::kind::Kind;
use crate::ledger::{Fault, Loss};

/// The connection that a loop keeps alive.
#[derive(Debug)]
pub(super) struct Http1 {
    endpoint: Endpoint,
    /// The idle connection, and the last request that was answered on it.
    kept: Option<(Connection, u64)>,
}

impl Http1 {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, kept: None }
    }

    /// Sends one request, `due` at that instant, and reads its answer.
    pub(super) async fn exchange(
        &mut self,
        plan: &Plan,
        number: u64,
        due: Option<Instant>,
    ) -> Result<Answered, Fault> {
        let request = plan.request(number);
        let is_first = self.kept.is_none();
        let outcome = self.exchange_one(plan, &request, due).await;
        // A listener that closes resets connections that were only in the kernel's queue.
        match outcome {
            Err(Fault::Lost(Loss::Connect | Loss::Unanswered, why))
                if is_first && request.may_end() =>
            {
                Err(Fault::NotAccepted(why))
            }
            outcome => outcome,
        }
    }

    async fn exchange_one(
        &mut self,
        plan: &Plan,
        request: &Request<'_>,
        due: Option<Instant>,
    ) -> Result<Answered, Fault> {
        let mut connection = self.connection(plan).await?;
        plan.recorder.sent(request.number, due);
        if request.kind == Kind::Tunnel {
            return tunnel::session(request, connection).await;
        }
        if let Err(fault) = request.send(&mut connection).await {
            // The server may have refused early; then its answer explains more.
            let early = connection.head(request.method()).await.ok();
            let reason = early.and_then(|head| signature(request, &head).err());
            return Err(reason.unwrap_or(fault));
        }
        let head = connection.head(request.method()).await?;
        let mut check = Check::new(request);
        connection.body(head.framing, |data| check.feed(data)).await?;
        let keep = !head.close && request.kind != Kind::GetClose;
        let answered = check.finish(&head)?;
        connection.nothing_behind()?;
        if keep {
            self.kept = Some((connection, request.number));
        }
        Ok(answered)
    }

    /// Sends all requests in `open` before the first is answered; each leaves it with its outcome.
    pub(super) async fn exchange_together(
        &mut self,
        plan: &Plan,
        open: &mut VecDeque<u64>,
        due: Option<Instant>,
    ) -> Result<(), Fault> {
        let Some(last) = open.back().copied() else { return Ok(()) };
        let mut connection = self.connection(plan).await?;
        loop {
            let kept = pipeline::exchange(plan, open, connection, due).await?;
            if open.is_empty() {
                self.kept = kept.map(|connection| (connection, last));
                return Ok(());
            }
            connection = self.open(plan).await?;
        }
    }

    /// The keep-alive connection if it may carry another request, else a new one.
    async fn connection(&mut self, plan: &Plan) -> Result<Connection, Fault> {
        if let Some((mut connection, last)) = self.kept.take() {
            match connection.look().await {
                Idle::Open => return Ok(connection),
                Idle::Closed | Idle::Reset if matches!(plan.work, Work::Own(_)) => {
                    let text = "an idle connection was closed without an announcement";
                    return Err(Fault::lost(Loss::Unanswered, text.to_owned()));
                }
                Idle::Closed => plan.recorder.idle_closed(),
                Idle::Reset => plan.recorder.idle_reset(),
                Idle::Stray => {
                    let text = "bytes after the end of the answer, seen before the next request";
                    plan.recorder.failed(last, Fault::lost(Loss::Stray, text.to_owned()));
                }
            }
        }
        self.open(plan).await
    }

    async fn open(&self, plan: &Plan) -> Result<Connection, Fault> {
        Connection::open(self.endpoint, plan.tls.as_ref(), plan.grammar()).await
    }
}

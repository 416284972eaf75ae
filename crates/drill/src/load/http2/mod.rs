//! One HTTP/2 connection for several loops (RFC 9113), by the crate `h2`, with TLS or without.
//!
//! A stream that is reset or ends early is a loss, as for an HTTP/1.1 connection. Only a request that the
//! server reports as not processed, by REFUSED_STREAM or by a GOAWAY up to an earlier stream, is sent
//! again (section 8.7), and counted as moved. After a GOAWAY, or the end of an idle connection, a new
//! one is made.
//!
//! * `session`: the connection; `exchange`: one request and its answer on it.
//! * `tap`, `frames`: the bytes between the library and the socket; `sent`: when each request
//!   was sent.

mod exchange;
mod frames;
mod sent;
mod session;
mod tap;

use std::time::Instant;

use tokio::sync::Mutex;

use super::check::Answered;
use super::worker::Plan;
use crate::endpoint::Endpoint;
use crate::kind::Kind;
use crate::ledger::{Fault, Loss};
use session::Session;

/// The times in a row that a request may be moved. A proxy's upgrade moves one once or twice.
const MOVES_MAX: usize = 16;

/// The reason why a request has no answer on a connection.
#[derive(Debug)]
enum RequestFailure {
    /// Not sent: the connection had ended before.
    Unsent,
    /// Sent, but reported as not processed.
    Moved,
    /// Failed.
    Failed(Fault),
}

/// The connection that several loops keep alive.
#[derive(Debug)]
pub(super) struct Http2 {
    endpoint: Endpoint,
    kept: Mutex<Option<Session>>,
}

impl Http2 {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, kept: Mutex::new(None) }
    }

    /// Sends one request, `due` at that instant, and reads its answer.
    pub(super) async fn exchange(
        &self,
        plan: &Plan,
        number: u64,
        due: Option<Instant>,
    ) -> Result<Answered, Fault> {
        let request = plan.request(number);
        for _ in 0..MOVES_MAX {
            // A kind that closes its connection over HTTP/1.1 gets its own connection here.
            let mut session = match request.kind {
                Kind::GetClose => Session::open(self.endpoint, plan).await?,
                _ => self.session(plan).await?,
            };
            match session.ask(&request, due).await {
                Ok(answered) => return Ok(answered),
                Err(RequestFailure::Failed(fault)) => return Err(fault),
                Err(RequestFailure::Moved) => plan.recorder.moved(self.endpoint.over),
                Err(RequestFailure::Unsent) => {}
            }
        }
        let text = format!("not processed, {MOVES_MAX} times in a row");
        Err(Fault::lost(Loss::Refused, text))
    }

    /// The shared connection if it may carry another request, else a new one.
    async fn session(&self, plan: &Plan) -> Result<Session, Fault> {
        let mut kept = self.kept.lock().await;
        if let Some(session) = kept.take() {
            if session.is_open().await {
                *kept = Some(session.clone());
                return Ok(session);
            }
            session.tell_end(&plan.recorder);
        }
        let session = Session::open(self.endpoint, plan).await?;
        *kept = Some(session.clone());
        Ok(session)
    }
}

//! A connection, and the task that moves its frames.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};

use super::sent::SentStreams;
use super::tap::Tap;
use crate::endpoint::{Endpoint, Protocol};
use crate::ledger::{Fault, Loss, Recorder};
use crate::load::stream::Stream;
use crate::load::worker::Plan;

/// The flow-control windows for the server: of one stream, and of the connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// A connection to send requests on. It ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) over: Protocol,
    pub(super) sender: SendRequest<Bytes>,
    pub(super) streams: Arc<SentStreams>,
}

impl Session {
    /// Connects; a refusal is the loss of the request to be sent.
    pub(super) async fn open(endpoint: Endpoint, plan: &Plan) -> Result<Self, Fault> {
        let stream = Stream::open(endpoint, plan.tls.as_ref()).await?;
        let streams = Arc::new(SentStreams::new(Arc::clone(&plan.recorder)));
        let shaken = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(Tap::new(stream, Arc::clone(&streams)))
            .await;
        let (sender, connection) = shaken
            .map_err(|error| Fault::lost(Loss::Connect, format!("beginning HTTP/2: {error}")))?;
        // ignored: each affected stream reports the reason to its request
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { over: endpoint.over, sender, streams })
    }

    /// Returns true if a request may be begun on it.
    pub(super) async fn is_open(&self) -> bool {
        let mut sender = self.sender.clone();
        !self.streams.is_going() && poll_fn(|cx| sender.poll_ready(cx)).await.is_ok()
    }

    /// Counts the way in which it has ended.
    pub(super) fn tell_end(&self, recorder: &Recorder) {
        if self.streams.is_going() {
            recorder.told_to_go();
        } else {
            recorder.idle_closed();
        }
    }
}

//! One try to deliver a message: connect, send, read the status.
//!
//! Guaranteed: it ends within [`WITHIN`], whatever the endpoint does; a redirect is not followed; no error names the path
//! of the URL or a secret. The body of an answer is not read.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use config::{NotifyFormat, NotifyUrl, SigningSecret};
use connect::{AddressHistory, Endpoint, Stream, TlsConfigCache, TlsFiles};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use tokio::time::{Instant, timeout_at};

use crate::backoff;
use crate::message::Message;
use crate::signature::sign;

/// The time limit for one try.
// lossless: L10
const WITHIN: Duration = Duration::from_secs(10);

/// Everything that a try needs.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) url: NotifyUrl,
    pub(crate) format: NotifyFormat,
    /// `Err`: they cannot be read, so that nothing is sent.
    pub(crate) secrets: Result<Arc<[SigningSecret]>, String>,
    pub(crate) machine: Arc<str>,
    pub(crate) version: &'static str,
    pub(crate) tls_configs: TlsConfigCache,
}

/// The outcome of a try.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// The status of the answer; `None`: there was none.
    pub(crate) status: Option<u16>,
    /// The time that it took.
    pub(crate) took: Duration,
    /// The reason why the message is not delivered; `None`: it is.
    pub(crate) problem: Option<String>,
    /// The time that the endpoint asked to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl Outcome {
    /// Returns true if the endpoint wants no messages any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.status == Some(410)
    }
}

impl Delivery {
    /// Tries to deliver a message.
    pub(crate) async fn attempt(self, message: Arc<Message>) -> Outcome {
        let begin = Instant::now();
        let deadline = begin + WITHIN;
        let answered = timeout_at(deadline, self.post(&message, deadline)).await;
        let answered = answered.unwrap_or_else(|_| Err(format!("no answer within {WITHIN:?}")));
        let took = begin.elapsed();
        match answered {
            Ok((status, retry_after)) => {
                Outcome { status: Some(status), took, problem: problem(status), retry_after }
            }
            Err(why) => Outcome { status: None, took, problem: Some(why), retry_after: None },
        }
    }

    async fn post(
        &self,
        message: &Message,
        deadline: Instant,
    ) -> Result<(u16, Option<Duration>), String> {
        let secrets = self.secrets.clone()?;
        let body = message.body(self.format, &self.machine);
        let now = SystemTime::now();
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut request = Request::post(self.url.path())
            .header(HOST, self.url.authority())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, format!("teal/{}", self.version))
            .header(CONNECTION, "close")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", since.as_secs());
        if !secrets.is_empty() {
            let signature = sign(&secrets, &message.id, since.as_secs(), &body);
            request = request.header("webhook-signature", signature);
        }
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|_| "the URL cannot be sent in a request".to_owned())?;
        let answer = fetch::begin(self.dial(deadline).await?, request).await?;
        let asked = answer.field(RETRY_AFTER).and_then(|text| backoff::retry_after(text, now));
        Ok((answer.status(), asked))
    }

    async fn dial(&self, deadline: Instant) -> Result<Stream, String> {
        let origin = &self.url.origin;
        let (name, port) = origin.host_and_port().unwrap_or_default();
        let found = tokio::net::lookup_host((name, port)).await;
        let addresses: Vec<_> = found.map_err(|error| error.to_string())?.collect();
        let tls = origin.tls_name().map(|name| self.tls_configs.tls(&TlsFiles::default(), name));
        let tls = tls.transpose().map_err(|error| of_this_machine(&error))?;
        let tls = tls.map(|tls| tls.only_http1());
        let endpoint =
            tls.as_ref().map_or(Endpoint::Tcp(&addresses), |tls| Endpoint::Tls(&addresses, tls));
        let dialed = connect::dial(endpoint, b"", &AddressHistory::default(), deadline).await;
        dialed.map_err(|error| of_this_machine(&error))
    }
}

/// The same words as for targets, except for the key that only they have.
fn of_this_machine(error: &dyn std::fmt::Display) -> String {
    error.to_string().replace("tls.ca", "the CAs of this machine")
}

/// Returns the reason why an answer of this status means that the message is not delivered.
fn problem(status: u16) -> Option<String> {
    match status {
        200..=299 => None,
        300..=399 => Some(format!(
            "answered {status}; redirects are not followed, so write the new URL in notify.url"
        )),
        410 => Some("answered 410: it wants no messages any more".to_owned()),
        401 | 403 => Some(format!("answered {status}; check the URL and the secret")),
        _ => Some(format!("answered {status}")),
    }
}

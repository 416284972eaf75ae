//! The OpenTelemetry collector, as the thread that exports spans reaches it.

use std::time::Duration;

use config::Config;
use connect::{AddressHistory, Endpoint, Stream, TlsConfigCache, TlsFiles};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST};
use proxy::{NotTaken, SpanWriter, Tracer};
use rules::TargetUrl;
use tokio::runtime::Builder;
use tokio::time::{Instant, timeout_at};

use crate::exit::Failure;

/// The timeout of a delivery.
const DELIVERY: Duration = Duration::from_secs(10);

/// The largest answer, in bytes. A larger one is not from a collector.
const ANSWER_MAX: usize = 64 << 10;

/// The path for spans (OTLP, section "OTLP/HTTP Request").
const PATH: &str = "/v1/traces";

/// A collector, with everything needed to reach it from its own thread.
struct Collector {
    endpoint: TargetUrl,
    tls_configs: TlsConfigCache,
}

/// Starts to export spans, if there is a collector.
pub(super) fn tracer(
    config: &Config,
    instance: &str,
) -> Result<Option<(Tracer, SpanWriter)>, Failure> {
    let Some(endpoint) = config.otel.clone() else { return Ok(None) };
    let collector = Collector { endpoint, tls_configs: TlsConfigCache::default() };
    let started = Tracer::start(instance.to_owned(), move |body| collector.take(body));
    let failed = |error| Failure::failed(format!("cannot start the export of spans: {error}"));
    started.map(Some).map_err(failed)
}

impl Collector {
    fn take(&self, body: String) -> Result<(), NotTaken> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| NotTaken::ForNow(error.to_string()))?;
        let answer = runtime.block_on(async {
            let deadline = Instant::now() + DELIVERY;
            let answer = timeout_at(deadline, self.post(body, deadline)).await;
            answer.unwrap_or_else(|_| Err("no answer in time".to_owned()))
        });
        // A name lookup may outlast the deadline: it is not waited for.
        runtime.shutdown_background();
        let said = |what: &str| format!("{}: {what}", self.endpoint);
        match answer.map_err(|why| NotTaken::ForNow(said(&why)))? {
            (200..=299, body) => {
                rejected(&body).map_or(Ok(()), |why| Err(NotTaken::Ever(said(&why))))
            }
            // The ones to retry (OTLP, "Retryable Response Codes").
            (status @ (429 | 502..=504), _) => {
                Err(NotTaken::ForNow(said(&format!("answered {status}"))))
            }
            (status, _) => Err(NotTaken::Ever(said(&format!("answered {status}")))),
        }
    }

    async fn post(&self, body: String, deadline: Instant) -> Result<(u16, Bytes), String> {
        let url = self.endpoint.to_string();
        let host = url.split_once("://").map_or("localhost", |(_, authority)| authority);
        let request = Request::post(PATH)
            .header(HOST, host)
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let stream = self.dial(deadline).await?;
        let answer = fetch::exchange(stream, request, ANSWER_MAX).await?;
        Ok((answer.status().as_u16(), answer.into_body()))
    }

    async fn dial(&self, deadline: Instant) -> Result<Stream, String> {
        let said = |error: &dyn std::fmt::Display| error.to_string();
        if let Some(path) = self.endpoint.socket() {
            return connect::dial(Endpoint::Unix(path), b"", &AddressHistory::default(), deadline)
                .await
                .map_err(|e| said(&e));
        }
        let (name, port) = self.endpoint.host_and_port().unwrap_or_default();
        let found = tokio::net::lookup_host((name, port)).await;
        let addresses: Vec<_> = found.map_err(|error| said(&error))?.collect();
        let tls =
            self.endpoint.tls_name().map(|name| self.tls_configs.tls(&TlsFiles::default(), name));
        let tls = tls.transpose().map_err(|error| said(&error))?;
        let endpoint =
            tls.as_ref().map_or(Endpoint::Tcp(&addresses), |tls| Endpoint::Tls(&addresses, tls));
        connect::dial(endpoint, b"", &AddressHistory::default(), deadline)
            .await
            .map_err(|error| said(&error))
    }
}

/// Returns the reason why a collector rejected some of the spans, if it did.
fn rejected(body: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let partial = &answer["partialSuccess"];
    let count = &partial["rejectedSpans"];
    let count =
        count.as_u64().or_else(|| count.as_str()?.parse().ok()).filter(|count| *count > 0)?;
    let why = partial["errorMessage"].as_str().unwrap_or("without a reason");
    Some(format!("rejected {count} of them: {why}"))
}

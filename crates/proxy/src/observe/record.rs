//! The record of a finished request, for the access log and for a span of its trace.
//!
//! Gathered from the head to the end, and only where it is wanted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http1::{Request, Version};
use traffic::{AbortCause, AnsweredBy, TargetEntry};

use super::trace::TraceContext;
use crate::carried::Protocol;
use crate::client::{ClientAddress, ConnectionInfo};
use crate::tls::{Identity, TlsVersion};

/// A request, from its head to its end.
#[derive(Clone, Debug)]
pub(crate) struct AccessRecord {
    pub(super) at: SystemTime,
    pub(super) began: Instant,
    pub(super) client: ClientAddress,
    pub(super) tls: Option<TlsVersion>,
    pub(super) protocol: Protocol,
    /// The owner of the client's certificate.
    pub(super) certificate: Option<Arc<Identity>>,
    pub(super) request: Option<RequestRecord>, // none: it could not be parsed
    pub(super) service: Option<String>,
    /// Bytes of the request's body taken from the client.
    pub(super) request_bytes: u64,
    /// The attempt that was answered.
    pub(super) attempt: Option<AttemptTimes>,
    pub(super) response: ResponseRecord,
    pub(super) end: &'static str,
    pub(super) reason: &'static str,
    pub(super) took_micros: u64,
    /// The request's part in a trace; `None`: it has none, or spans are not exported.
    pub(crate) trace: Option<TraceContext>,
}

/// The content of a request's head.
#[derive(Clone, Debug)]
pub(super) struct RequestRecord {
    pub(super) method: String,
    pub(super) host: String,
    pub(super) target: String,
    pub(super) version: &'static str,
    pub(super) request_id: String,
    pub(super) referer: String,
    pub(super) user_agent: String,
}

/// Times of the target that answered: from the start of the attempt, connecting included, to the head of the
/// answer and to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptTimes {
    began: Instant,
    pub(super) head: Duration,
    pub(super) whole: Option<Duration>,
}

/// The outcome of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct ResponseRecord {
    pub(super) status: Option<u16>,
    /// Bytes of the body sent to the client.
    pub(super) bytes: u64,
    pub(super) color: Option<rules::Color>,
    pub(super) target: Option<String>,
    /// The address of the target, where its name has several.
    pub(super) target_address: Option<SocketAddr>,
}

// === impl AccessRecord ===

impl AccessRecord {
    /// Begins the record of a request that came in this way just now.
    pub(crate) fn begin(info: &ConnectionInfo, now: Instant) -> Box<Self> {
        Box::new(Self {
            at: SystemTime::now(),
            began: now,
            client: info.connected(),
            tls: info.tls,
            protocol: info.protocol,
            certificate: info.certificate.as_ref().map(|shown| shown.identity.clone()),
            request: None,
            service: None,
            request_bytes: 0,
            attempt: None,
            response: ResponseRecord::default(),
            end: "",
            reason: "",
            took_micros: 0,
            trace: None,
        })
    }

    /// Records the head and the service.
    pub(crate) fn requested(
        &mut self,
        info: &ConnectionInfo,
        request: &Request<'_>,
        request_id: &[u8],
        service: Option<&str>,
        trace: Option<TraceContext>,
    ) {
        self.trace = trace;
        self.client = info.client_of(request);
        let field = |name| {
            let value = request.field(name).unwrap_or_default();
            String::from_utf8_lossy(value).into_owned()
        };
        self.request = Some(RequestRecord {
            method: request.method.as_str().to_owned(),
            host: request.host.to_owned(),
            target: without_token(request.target),
            version: match (self.protocol, request.version) {
                (Protocol::Http2, _) => "HTTP/2.0",
                (Protocol::Http1, Version::Http10) => "HTTP/1.0",
                (Protocol::Http1, Version::Http11) => "HTTP/1.1",
            },
            request_id: String::from_utf8_lossy(request_id).into_owned(),
            referer: field("referer"),
            user_agent: field("user-agent"),
        });
        self.service = service.map(str::to_owned);
    }

    /// This many bytes of its body were taken from the client.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.request_bytes = bytes;
    }

    /// The head of an answer arrived, to an attempt that began at this time.
    pub(crate) fn headed(&mut self, began: Instant) {
        self.attempt = Some(AttemptTimes { began, head: began.elapsed(), whole: None });
    }

    /// The answer that the client was sent; without a target, Teal's own.
    pub(crate) fn responded(
        &mut self,
        status: u16,
        bytes: u64,
        target: Option<(rules::Color, &TargetEntry)>,
    ) {
        if let Some(attempt) = self.attempt.as_mut().filter(|_| target.is_some()) {
            attempt.whole = Some(attempt.began.elapsed());
        }
        self.response = ResponseRecord {
            status: Some(status),
            bytes,
            color: target.map(|(color, _)| color),
            target: target.map(|(_, entry)| entry.url.to_string()),
            target_address: target
                .and_then(|(_, entry)| entry.address.filter(|_| entry.url.is_each_address())),
        };
    }

    /// It was answered in full.
    pub(crate) fn answered(&mut self, by: AnsweredBy) {
        self.finish("answered", by.reason());
    }

    /// It ended without a whole answer.
    pub(crate) fn aborted(&mut self, cause: AbortCause) {
        self.finish("aborted", cause.as_str());
    }

    fn finish(&mut self, end: &'static str, reason: &'static str) {
        (self.end, self.reason) = (end, reason);
        let took = self.began.elapsed().as_micros();
        self.took_micros = u64::try_from(took).unwrap_or(u64::MAX);
    }
}

/// Returns a target as it is recorded: without the value of a preview token, with which others could begin a preview.
fn without_token(target: &str) -> String {
    const NAME: &str = "teal-preview=";
    if !target.contains(NAME) {
        return target.to_owned();
    }
    let is_token = |pair: &str| pair.starts_with(NAME);
    let hide = |pair| if is_token(pair) { "teal-preview=hidden" } else { pair };
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let query: Vec<_> = query.split('&').map(hide).collect();
    format!("{path}?{}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::without_token;

    #[test]
    fn a_preview_token_is_not_recorded_and_everything_else_is() {
        for (target, recorded) in [
            ("/?teal-preview=v1.7.green.1.0.ab", "/?teal-preview=hidden"),
            ("/a?x=1&teal-preview=T&y=/?", "/a?x=1&teal-preview=hidden&y=/?"),
            ("/teal-preview=T?x=teal-preview=U", "/teal-preview=T?x=teal-preview=U"),
            ("/teal-preview=T", "/teal-preview=T"),
        ] {
            assert_eq!(without_token(target), recorded);
        }
    }
}

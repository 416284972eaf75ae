//! One probe: a GET over the connector that traffic uses, or a question of gRPC, and what it found
//! in words.
//!
//! No redirect is followed, at most 64 KiB of the answer are read, and all of it together has
//! one deadline: a target that drips or never ends fails.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use connect::{DialError, Stream, TlsFiles, Vault, Way};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, LOCATION, TE, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rules::{Health, ProbeKind, ProxyHeader, TargetUrl, Verdict};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::grpc;
use super::resolve::Listing;

/// The most that is read of an answer's body.
const BODY: usize = 64 * 1024;
/// The most that is read of an answer's head.
const HEAD: usize = 64 * 1024;

/// Everything that one probe needs.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) target: TargetUrl,
    pub(crate) settings: Health,
    /// What TLS to targets is made of.
    pub(crate) vault: Vault,
}

/// What a probe found, and how long it took.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) verdict: Verdict,
    pub(super) latency: Duration,
    /// What kind of failure it is; `None`: it passed.
    pub(super) fault: Option<Fault>,
}

/// What a failed probe says of who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody.
    Absent,
    /// Somebody whose answer is not good.
    Answer,
    /// Somebody who is not the target: the identity that `health` expects is missing.
    Stranger,
}

/// Why a probe failed.
struct Failure {
    status: Option<u16>,
    reason: String,
    fault: Fault,
}

type Conclusion = Result<u16, Failure>;

/// Probes a target at these addresses.
// lossless: L9 - the traffic's own connector, address and Host. L10 - one deadline.
pub(super) async fn probe(plan: &Plan, addresses: &[SocketAddr]) -> Found {
    let began = Instant::now();
    let deadline = began + plan.settings.timeout;
    let conclusion = attempt(plan, addresses, deadline).await;
    let latency = began.elapsed();
    let latency = Duration::from_micros(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    match conclusion {
        Ok(status) => Found { verdict: Verdict::Passed { status }, latency, fault: None },
        Err(Failure { status, reason, fault }) => {
            let verdict = Verdict::Failed { status, reason: reason.into() };
            Found { verdict, latency, fault: Some(fault) }
        }
    }
}

async fn attempt(plan: &Plan, addresses: &[SocketAddr], deadline: Instant) -> Conclusion {
    let late = |phase: &str| fail(format!("timed out after {:?} {phase}", plan.settings.timeout));
    let stream = match dial(plan, addresses, deadline).await {
        Ok(stream) => stream,
        Err(error) => {
            let fault = match error {
                DialError::Tls(_) | DialError::HandshakeTimedOut => Fault::Answer,
                _ => Fault::Absent,
            };
            return Err(Failure { status: None, reason: cannot_dial(plan, &error), fault });
        }
    };
    let mut connection = JoinSet::new(); // ends with this function, whatever happens
    let asked = timeout_at(deadline, ask(plan, stream, &mut connection)).await;
    let response = match asked {
        Err(_) => return late("waiting for the response head"),
        Ok(Err(error)) => return fail(describe(&error, "before the response head")),
        Ok(Ok(response)) => response,
    };
    let status = response.status().as_u16();
    let is_grpc = plan.settings.kind == ProbeKind::Grpc;
    if !plan.settings.expects(status) {
        return Err(Failure {
            status: Some(status),
            reason: unexpected(&response, &plan.settings),
            fault: Fault::Answer,
        });
    }
    let (head, body) = response.into_parts();
    let read = timeout_at(deadline, read_body(body)).await;
    let failed = |reason| Err(Failure { status: Some(status), reason, fault: Fault::Answer });
    match read {
        Err(_) => late("reading the response body")
            .map_err(|failure: Failure| Failure { status: Some(status), ..failure }),
        Ok(Err(reason)) => failed(reason),
        Ok(Ok(said)) if is_grpc => {
            grpc::conclude(&head.headers, &said.bytes, said.trailers.as_ref())
                .map_or_else(failed, |()| Ok(status))
        }
        Ok(Ok(_)) => Ok(status),
    }
}

/// Connects to a target as traffic does, if its name has these addresses.
pub(super) async fn dial(
    plan: &Plan,
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Result<Stream, DialError> {
    let target = &plan.target;
    let first = match target.announce() {
        None => Vec::new(),
        Some(ProxyHeader::V1) => connect::announce_v1(None),
        Some(ProxyHeader::V2) => connect::announce_v2(None),
    };
    let way = match (target.socket(), target.tls().zip(target.tls_name())) {
        (Some(path), _) => Way::Unix(path),
        (None, None) => Way::Tcp(addresses),
        (None, Some((tls, name))) => {
            let files = TlsFiles { ca: tls.ca.clone(), identity: tls.identity.clone() };
            let tls = plan.vault.tls(&files, name);
            let tls = tls.map_err(|error| DialError::Tls(error.to_string()))?;
            return connect::dial(Way::Tls(addresses, &tls), &first, deadline).await;
        }
    };
    connect::dial(way, &first, deadline).await
}

/// Why a target has no address, in words.
pub(super) fn nowhere(target: &TargetUrl, listing: &Listing) -> String {
    let host = target.host_and_port().map_or("it", |(host, _)| host);
    match listing {
        Listing::Unanswered(why) => format!("no address for {host}: {why}"),
        Listing::Gone | Listing::Found(_) => format!("no address for {host}"),
    }
}

impl Found {
    /// A target whose name leads nowhere.
    pub(super) fn nowhere(target: &TargetUrl, listing: &Listing) -> Self {
        let reason = nowhere(target, listing).into();
        let verdict = Verdict::Failed { status: None, reason };
        Self { verdict, latency: Duration::ZERO, fault: Some(Fault::Absent) }
    }
}

/// Why a target was not reached, in words.
pub(super) fn cannot_dial(plan: &Plan, error: &DialError) -> String {
    match error {
        DialError::NoAddress => {
            format!("no address for {}", plan.target.host_and_port().map_or("it", |(host, _)| host))
        }
        DialError::TimedOut => format!("timed out after {:?} connecting", plan.settings.timeout),
        DialError::HandshakeTimedOut => {
            format!("timed out after {:?} in the TLS handshake", plan.settings.timeout)
        }
        DialError::Refused | DialError::Tls(_) | DialError::Other(_) => error.to_string(),
    }
}

async fn ask(
    plan: &Plan,
    stream: Stream,
    connection: &mut JoinSet<()>,
) -> hyper::Result<Response<Incoming>> {
    let Plan { target, settings, .. } = plan;
    let host = settings.host.clone().unwrap_or_else(|| target.authority());
    if !(target.is_http2() || stream.speaks_http2()) {
        let (mut send, driver) =
            http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(stream)).await?;
        connection.spawn(async move {
            // Its error also reaches the request, which reports it.
            drop(driver.await);
        });
        let request = Request::get(&*settings.path).header(HOST, host).header(CONNECTION, "close");
        return send.send_request(whole(request, Bytes::new())).await;
    }
    let (mut send, driver) =
        http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await?;
    connection.spawn(async move {
        drop(driver.await); // as above
    });
    let scheme = if target.tls().is_some() { "https" } else { "http" };
    let request = match settings.kind {
        ProbeKind::Http => {
            whole(Request::get(format!("{scheme}://{host}{}", settings.path)), Bytes::new())
        }
        ProbeKind::Grpc => {
            let request = Request::post(format!("{scheme}://{host}{}", grpc::METHOD))
                .header(CONTENT_TYPE, "application/grpc")
                .header(TE, "trailers");
            whole(request, grpc::question(settings.path.trim_start_matches('/')))
        }
    };
    send.send_request(request).await
}

fn whole(request: hyper::http::request::Builder, body: Bytes) -> Request<Full<Bytes>> {
    request
        .header(USER_AGENT, "teal-probe")
        .body(Full::new(body))
        .expect("path and host were checked with the configuration")
}

/// A body, and what came behind it.
#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    trailers: Option<HeaderMap>,
}

async fn read_body(mut body: Incoming) -> Result<Said, String> {
    let mut said = Said::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| describe(&error, "inside the response body"))?;
        said.bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if said.bytes.len() > BODY {
            return Err("the response body is over 64 KiB".to_owned());
        }
        said.trailers = frame.into_trailers().ok().or(said.trailers);
    }
    Ok(said)
}

fn fail<T>(reason: String) -> Result<T, Failure> {
    Err(Failure { status: None, reason, fault: Fault::Answer })
}

fn unexpected(response: &Response<Incoming>, settings: &Health) -> String {
    let status = response.status();
    if status.is_success() {
        // Without this it would read like a success.
        let expected: Vec<_> = settings.expect.iter().map(ToString::to_string).collect();
        return format!("{status} is not expected: health.expect has {}", expected.join(", "));
    }
    let location = response.headers().get(LOCATION);
    match location.filter(|_| status.is_redirection()) {
        Some(to) => format!("{} to {}", status.as_u16(), to.as_bytes().escape_ascii()),
        None => status.to_string().trim_end_matches(" <unknown status code>").to_owned(),
    }
}

fn describe(error: &hyper::Error, place: &str) -> String {
    if error.is_parse() {
        return "the answer is not HTTP/1.1".to_owned();
    }
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match source.map(io::Error::kind) {
        Some(ErrorKind::ConnectionReset) => return format!("connection reset {place}"),
        Some(ErrorKind::UnexpectedEof) => return format!("connection closed {place}"),
        _ => {}
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return format!("connection closed {place}");
    }
    source.map_or_else(|| format!("{error} {place}"), |source| format!("{source} {place}"))
}

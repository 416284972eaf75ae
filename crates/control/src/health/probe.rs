//! One probe: a GET over the connector that traffic uses, or a gRPC health check, and its result in
//! words.
//!
//! No redirect is followed, at most 64 KiB of the response are read, and the whole probe has one
//! deadline: a response that trickles or never ends fails.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use connect::{
    AddressHistory, DialError, Endpoint, HOST_ROOM, PeerCertificate, Stream, TlsConfigCache,
    TlsFiles, server_name_of,
};
use rules::{Health, ProbeKind, ProbeOutcome, ProxyHeader, TargetUrl};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::exchange;
use super::response::ProbeResponse;
use crate::resolve::LookupOutcome;

/// The settings of one probe.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) target: TargetUrl,
    pub(crate) settings: Health,
    /// The certificates and CAs for TLS to targets.
    pub(crate) tls_configs: TlsConfigCache,
    /// The history of connects to target addresses.
    pub(crate) history: AddressHistory,
    /// The maximum bytes of a request head, from which that of a response is derived.
    pub(crate) head_bytes: usize,
    pub(crate) purpose: Purpose,
}

/// The purpose of a request to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Evidence of health; the body of its response is limited.
    Probe,
    /// A warm-up; the body of its response is read to its end, and dropped.
    WarmUp,
}

/// The number of hosts of a service that a probe requests concurrently.
const AT_ONCE: usize = 8;

impl Plan {
    /// Returns the Host of the client that the probe imitates.
    pub(super) fn client_host(&self) -> String {
        self.settings.host.clone().unwrap_or_else(|| self.target.authority())
    }

    /// Returns the Host that the target receives.
    pub(super) fn sent_host(&self) -> String {
        self.target.own_host().map_or_else(|| self.client_host(), str::to_owned)
    }
}

/// The result of a probe, and its duration.
#[derive(Clone, Debug)]
pub(super) struct ProbeResult {
    pub(super) outcome: ProbeOutcome,
    pub(super) latency: Duration,
    /// The kind of failure; `None`: it passed.
    pub(super) fault: Option<Fault>,
    /// The certificate that the target presented, if it was accepted.
    pub(super) certificate: Option<PeerCertificate>,
}

/// The kind of failure of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing is there: the connection was refused, or the address is unreachable.
    Refused,
    /// Nothing answered, or not in time.
    Absent,
    /// A bad response.
    BadResponse,
    /// Another service: the identity that `health` expects is missing.
    Stranger,
}

/// The failure of a probe.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: Option<u16>,
    pub(super) reason: String,
    pub(super) fault: Fault,
    /// True if the target accepts the probe only over HTTP/1.1.
    pub(super) http1_required: bool,
}

impl Failure {
    /// Creates a failure with a bad response, before there was a status.
    pub(super) fn new(reason: String) -> Self {
        Self { status: None, reason, fault: Fault::BadResponse, http1_required: false }
    }
}

/// The status of a good response, or the failure.
pub(super) type Conclusion = Result<u16, Failure>;

/// Probes a target at these addresses.
// lossless: L9 - the traffic's own connector, address and Host. L10 - one deadline.
pub(super) async fn probe(plan: &Plan, addresses: &[SocketAddr]) -> ProbeResult {
    let began = Instant::now();
    let deadline = began + plan.settings.timeout;
    let mut certificate = None;
    let conclusion = if plan.target.is_named_by_request() && plan.settings.hosts.len() > 1 {
        each_host(plan, addresses, &mut certificate).await
    } else {
        attempt(plan, addresses, deadline, &mut certificate).await
    };
    let latency = began.elapsed();
    let latency = Duration::from_micros(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    match conclusion {
        Ok(status) => ProbeResult {
            outcome: ProbeOutcome::Passed { status },
            latency,
            fault: None,
            certificate,
        },
        Err(Failure { status, reason, fault, .. }) => {
            let outcome = ProbeOutcome::Failed { status, reason: reason.into() };
            ProbeResult { outcome, latency, fault: Some(fault), certificate }
        }
    }
}

/// Probes each host of the service, since each has its own server name: all must pass, each within the
/// timeout of a probe.
/// `certificate` takes the one that ends first, or that of the host that failed.
// lossless: L9
async fn each_host(
    plan: &Plan,
    addresses: &[SocketAddr],
    certificate: &mut Option<PeerCertificate>,
) -> Conclusion {
    let (mut asking, mut status) = (JoinSet::new(), None);
    let mut hosts = plan.settings.hosts.iter();
    loop {
        while asking.len() < AT_ONCE
            && let Some(host) = hosts.next()
        {
            let mut plan = plan.clone();
            plan.settings.host = Some(host.clone());
            let (host, addresses) = (host.clone(), addresses.to_vec());
            asking.spawn(async move {
                let (mut shown, deadline) = (None, Instant::now() + plan.settings.timeout);
                let conclusion = attempt(&plan, &addresses, deadline, &mut shown).await;
                (host, conclusion, shown)
            });
        }
        match asking.join_next().await {
            Some(Ok((_, Ok(passed), shown))) => {
                status = Some(passed);
                let both = certificate.take().into_iter().chain(shown);
                *certificate = both.min_by_key(|certificate| certificate.not_after);
            }
            Some(Ok((host, Err(failure), shown))) => {
                *certificate = shown;
                let reason = format!("for host {host}: {}", failure.reason);
                return Err(Failure { reason, ..failure });
            }
            Some(Err(error)) => return Err(Failure::new(error.to_string())),
            None => return status.ok_or_else(|| Failure::new("no host to probe".to_owned())),
        }
    }
}

/// Makes one attempt; `certificate` receives the target's certificate.
async fn attempt(
    plan: &Plan,
    addresses: &[SocketAddr],
    deadline: Instant,
    certificate: &mut Option<PeerCertificate>,
) -> Conclusion {
    let mut answer = ProbeResponse::new(plan.purpose);
    let asked = async {
        let stream = connect(plan, addresses, deadline, false).await?;
        *certificate = PeerCertificate::of(stream.peer_certificates());
        if !(plan.target.is_http2() || stream.speaks_http2()) {
            return exchange::over_http1(plan, stream, &mut answer).await;
        }
        let asked = exchange::over_http2(plan, stream, &mut answer).await;
        if !matches!(&asked, Err(failure) if failure.http1_required) {
            return asked;
        }
        if plan.settings.kind == ProbeKind::Grpc {
            return asked; // gRPC needs HTTP/2
        }
        let stream = connect(plan, addresses, deadline, true).await?;
        exchange::over_http1(plan, stream, &mut answer).await
    };
    let asked = timeout_at(deadline, asked).await;
    if let Some(failure) = answer.failure() {
        return Err(failure); // whatever came after its head
    }
    match asked {
        Ok(Ok(())) => answer.conclude(&plan.settings),
        Ok(Err(failure)) => Err(failure),
        Err(_) => {
            let phase = match answer.status {
                None => "waiting for the response head",
                Some(_) => "reading the response body",
            };
            let reason = format!("timed out after {:?} {phase}", plan.settings.timeout);
            Err(Failure { status: answer.status, ..Failure::new(reason) })
        }
    }
}

async fn connect(
    plan: &Plan,
    addresses: &[SocketAddr],
    deadline: Instant,
    http1: bool,
) -> Result<Stream, Failure> {
    dial(plan, addresses, deadline, http1).await.map_err(|error| {
        let fault = match error {
            DialError::Tls(_) | DialError::TlsName(_) | DialError::HandshakeTimedOut => {
                Fault::BadResponse
            }
            DialError::Refused => Fault::Refused,
            // A router's statement about the host. A missing network of this machine says nothing about it.
            DialError::Other(ref other) if other.kind() == ErrorKind::HostUnreachable => {
                Fault::Refused
            }
            _ => Fault::Absent,
        };
        Failure { fault, ..Failure::new(cannot_dial(plan, &error)) }
    })
}

/// Connects to a target as traffic does, at these addresses of its name; with a full handshake, since a
/// resumed one would only prove an earlier state. `http1`: the target requires HTTP/1.1.
// lossless: L9
pub(super) async fn dial(
    plan: &Plan,
    addresses: &[SocketAddr],
    deadline: Instant,
    http1: bool,
) -> Result<Stream, DialError> {
    let target = &plan.target;
    let first = match target.announce() {
        None => Vec::new(),
        Some(ProxyHeader::V1) => connect::announce_v1(None),
        Some(ProxyHeader::V2) => connect::announce_v2(None),
    };
    let endpoint = match (target.socket(), target.tls().zip(target.tls_name())) {
        (Some(path), _) => Endpoint::Unix(path),
        (None, None) => Endpoint::Tcp(addresses),
        (None, Some((tls, name))) => {
            let files = TlsFiles { ca: tls.ca.clone(), identity: tls.identity.clone() };
            let (mut room, host) = ([0; HOST_ROOM], plan.client_host());
            let asked = server_name_of(host.as_bytes(), &mut room);
            let name = asked.filter(|_| target.is_named_by_request()).unwrap_or(name);
            let made = plan.tls_configs.tls(&files, name);
            let made = made.map_err(|error| DialError::Tls(error.to_string()))?.anew();
            let tls = if http1 || tls.only_http1 { made.only_http1() } else { made };
            let endpoint = Endpoint::Tls(addresses, &tls);
            return connect::dial(endpoint, &first, &plan.history, deadline).await;
        }
    };
    connect::dial(endpoint, &first, &plan.history, deadline).await
}

/// Retries, in the background, addresses that connects have given up on: a recovered address is found
/// without a request waiting for it.
// lossless: L10 - one connect at a time for an address, each with a deadline.
pub(super) fn retry_set_back(plan: &Plan, addresses: &[SocketAddr]) {
    if addresses.len() < 2 {
        return; // there is no choice
    }
    for retry in plan.history.retries(addresses) {
        let plan = plan.clone();
        tokio::spawn(async move {
            let deadline = Instant::now() + plan.settings.timeout;
            if dial(&plan, &[retry.address()], deadline, false).await.is_ok() {
                retry.worked();
            }
        });
    }
}

/// Describes why a target has no address.
pub(super) fn nowhere(target: &TargetUrl, lookup: &LookupOutcome) -> String {
    let host = target.host_and_port().map_or("it", |(host, _)| host);
    match lookup {
        LookupOutcome::Unanswered(why) => format!("no address for {host}: {why}"),
        LookupOutcome::Own(own) => {
            format!("{host} resolves to {own}, where Teal itself listens; write the application's")
        }
        LookupOutcome::Gone | LookupOutcome::Found(_) => format!("no address for {host}"),
    }
}

impl ProbeResult {
    /// Creates the result for a target whose name has no address.
    pub(super) fn nowhere(target: &TargetUrl, lookup: &LookupOutcome) -> Self {
        let reason = nowhere(target, lookup).into();
        let outcome = ProbeOutcome::Failed { status: None, reason };
        Self { outcome, latency: Duration::ZERO, fault: Some(Fault::Absent), certificate: None }
    }
}

impl ProbeResult {
    /// Creates the result of a passed probe of a target whose responses traffic could not relay.
    pub(super) fn refused(reason: String, passed: &Self) -> Self {
        let outcome =
            ProbeOutcome::Failed { status: passed.outcome.status(), reason: reason.into() };
        let (latency, certificate) = (passed.latency, passed.certificate.clone());
        Self { outcome, latency, fault: Some(Fault::BadResponse), certificate }
    }
}

/// Describes why a target was not reached.
pub(super) fn cannot_dial(plan: &Plan, error: &DialError) -> String {
    match error {
        DialError::NoAddress => {
            format!("no address for {}", plan.target.host_and_port().map_or("it", |(host, _)| host))
        }
        DialError::TimedOut => format!("timed out after {:?} connecting", plan.settings.timeout),
        DialError::HandshakeTimedOut => {
            format!("timed out after {:?} in the TLS handshake", plan.settings.timeout)
        }
        DialError::Refused | DialError::Tls(_) | DialError::TlsName(_) | DialError::Other(_) => {
            error.to_string()
        }
    }
}

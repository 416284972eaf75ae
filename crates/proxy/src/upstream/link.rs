//! A connection to a target in use.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use connect::{DialError, Stream, Tls, TlsError, TlsFiles, Vault, Way};
use rules::{ProxyHeader, TargetUrl};
use traffic::{ConnectionHold, Lease, Report, ReportKind, TargetId};

use crate::buffer::Buffer;
use crate::client::Client;
use crate::failure::Failure;
use crate::worker::Worker;

/// A connection to a target, used by one request.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) stream: Stream,
    /// Dropped after the stream, so that a connection is counted until it is closed (L4).
    pub(crate) hold: ConnectionHold,
    pub(crate) rx: Buffer,
    pub(crate) target: TargetId,
    /// How long it had been idle, if it had served before.
    pub(crate) idled: Option<Duration>,
}

/// Which kept connections a request may be sent on (L5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Any that nothing is known against: the request can be sent again.
    Any,
    /// Only one that is surely alive.
    Trusted,
    /// None: it has failed on one before.
    Never,
}

/// A kept connection, or a new one.
pub(crate) async fn reach(
    worker: &Rc<Worker>,
    client: &mut Client,
    lease: &Lease,
    reuse: Reuse,
    timeout: Duration,
) -> Result<Link, Failure> {
    // A connection that was announced for one client serves no other.
    let reuse = if lease.target().url.announce().is_some() { Reuse::Never } else { reuse };
    if let Some(link) = worker.pool.take(lease.target().id, reuse, worker.now()) {
        lease.target_books().reused.add(1);
        return Ok(link);
    }
    // lossless: L4 - counted from before it is made.
    let hold = worker.reader.hold_connection(lease);
    let dialed = dial(worker, client, lease, timeout).await?;
    match dialed {
        Ok(stream) => {
            lease.target_books().connected.add(1);
            let target = lease.target().id;
            Ok(Link { stream, hold, rx: Buffer::default(), target, idled: None })
        }
        Err(error) => {
            lease.target_books().connect_failed.add(1);
            worker.pool.forget(lease.target().id, &error);
            let kind = match error {
                DialError::Refused => ReportKind::Refused,
                _ => ReportKind::Unreachable,
            };
            worker.reader.report(Report { target: lease.target().id, kind });
            Err(Failure::Dial(error))
        }
    }
}

/// Connects, unless the request is cut or the client leaves meanwhile.
// lossless: L10 - `connect` is the deadline of the dial itself.
async fn dial(
    worker: &Worker,
    client: &mut Client,
    lease: &Lease,
    timeout: Duration,
) -> Result<Result<Stream, DialError>, Failure> {
    let deadline = tokio::time::Instant::now() + timeout;
    let target = lease.target();
    let tls = match tls(&worker.vault, &target.url) {
        Ok(tls) => tls,
        Err(error) => return Ok(Err(DialError::Tls(error.to_string()))),
    };
    let way = match (target.url.socket(), &tls) {
        (Some(path), _) => Way::Unix(path),
        (None, Some(tls)) => Way::Tls(&target.addresses, tls),
        (None, None) => Way::Tcp(&target.addresses),
    };
    let first = announced(client, &target.url);
    let mut dialing = pin!(connect::dial(way, &first, deadline));
    client.watch();
    poll_fn(|cx| {
        if lease.is_cut() {
            return Poll::Ready(Err(Failure::Cut));
        }
        if worker.stop.is_cut() {
            return Poll::Ready(Err(Failure::Stopping));
        }
        if let Poll::Ready(dialed) = dialing.as_mut().poll(cx) {
            return Poll::Ready(Ok(dialed));
        }
        lease.watch_cut(cx);
        let _ = client.deadline.poll(cx); // registers for a stop; the dial has its own deadline
        client.poll_gone(cx).map(|()| Err(Failure::ClientGone))
    })
    .await
}

/// What a target is told of the client, where it is told.
fn announced(client: &Client, target: &TargetUrl) -> Vec<u8> {
    let Some(version) = target.announce() else { return Vec::new() };
    // The port of a client that a proxy in front speaks of is not known.
    let port = client.stream.peer_addr().ok().filter(|peer| peer.ip() == client.entrance.address);
    let peer = SocketAddr::new(client.entrance.address, port.map_or(0, |peer| peer.port()));
    let origin = client.stream.local_addr().ok().map(|here| (peer, here));
    match version {
        ProxyHeader::V1 => connect::announce_v1(origin),
        ProxyHeader::V2 => connect::announce_v2(origin),
    }
}

/// What TLS to a target is made of, if it has any.
fn tls(vault: &Vault, target: &TargetUrl) -> Result<Option<Tls>, TlsError> {
    let Some((tls, name)) = target.tls().zip(target.tls_name()) else { return Ok(None) };
    let files = TlsFiles { ca: tls.ca.clone(), identity: tls.identity.clone() };
    vault.tls(&files, name).map(Some)
}

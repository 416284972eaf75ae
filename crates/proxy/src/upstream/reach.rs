//! Reaching a target: by an idle connection, a stream on a shared one, or a new one.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use connect::{DialError, Endpoint, Stream, Tls, TlsConfigCache, TlsError, TlsFiles};
use rules::{ProxyHeader, TargetUrl};
use traffic::{ConnectionHold, Lease, Report, ReportKind, TargetEntry};

use crate::buffer::Buffer;
use crate::client::Client;
use crate::failure::Failure;
use crate::parts::Ask;
use crate::target_connections::carrier::StreamHandle;
use crate::target_connections::connection::{Destination, Hold, Reuse, TargetConnection};
use crate::target_connections::names::Name;
use crate::target_connections::pinned::Found;
use crate::worker::Worker;

/// The requirements of a request for its connection.
#[derive(Clone, Debug)]
pub(crate) struct Requirements {
    /// The server name from the request.
    name: Option<Name>,
    reuse: Reuse,
    /// A connection for this request alone is needed, over HTTP/1.1 if possible: for an upgrade, or for a login
    /// that binds it.
    alone: bool,
    /// The request is part of such a login.
    binds: bool,
    /// It is a preview: nothing of it stays with the idle color once it has ended.
    preview: bool,
    /// A target has required HTTP/1.1 for it.
    http1: bool,
    /// The request can be sent again, whatever happens on the way.
    rewinds: bool,
    idempotent: bool,
    connect: Duration,
    /// The longest idle time of a connection.
    longest: Duration,
}

/// Returns an idle connection or a stream on a shared one, or a new one.
pub(crate) async fn reach(
    worker: &Rc<Worker>,
    client: &mut Client,
    lease: &Lease,
    requirements: &Requirements,
) -> Result<TargetConnection, Failure> {
    let target = lease.target();
    let destination = requirements.destination(target);
    if let Some(pins) = client.pins.as_ref().filter(|_| !requirements.preview) {
        match pins.take(destination, requirements.binds) {
            Found::Connection(connection) => {
                lease.target_books().reused.add(1);
                return Ok(*connection);
            }
            Found::Lost => return Err(Failure::LoginLost { told: !requirements.idempotent }),
            Found::Nothing => {}
        }
    }
    let own = requirements.is_alone_at(target);
    let reuse = if own { Reuse::Never } else { requirements.reuse };
    if let Some(connection) = worker.pool.take(destination, reuse, worker.now()) {
        lease.target_books().reused.add(1);
        return Ok(connection);
    }
    // Boxed: it needs as much memory as everything else that a request waits for.
    Box::pin(share_or_connect(worker, client, lease, requirements, reuse)).await
}

async fn share_or_connect(
    worker: &Rc<Worker>,
    client: &mut Client,
    lease: &Lease,
    requirements: &Requirements,
    reuse: Reuse,
) -> Result<TargetConnection, Failure> {
    let target = lease.target();
    let own = requirements.is_alone_at(target);
    client.rx.shrink(&worker.buffers); // it may take long, and there may be many of them
    if let Some(handle) = share(worker, client, lease, requirements, reuse).await? {
        lease.target_books().reused.add(1);
        return Ok(on(handle, target, requirements));
    }
    let at = requirements.destination(target);
    let http1 = takes_http1(worker, target, requirements);
    let shares = target.url.is_http2() || worker.carriers.shares(at);
    let sharing = shares && !own && !requirements.alone && !http1;
    let _dialing = sharing.then(|| worker.carriers.dial(at));
    // lossless: L4 - counted from before it is made.
    let hold = worker.reader.hold_connection(lease);
    let dialed = match dial(worker, client, lease, requirements, http1).await? {
        Ok(stream) => take_in(worker, lease, requirements, stream, hold, http1).await,
        Err(error) => Err(error),
    };
    match dialed {
        Ok(connection) => {
            lease.target_books().connected.add(1);
            tracing::debug!(
                color = %lease.color(), target_url = %target.url,
                address = target.address.map(tracing::field::display), "connected to the target"
            );
            if let Some(name) = &requirements.name {
                worker.names.served(target.id, name);
            }
            Ok(connection)
        }
        Err(error) => {
            lease.target_books().connect_failed.add(1);
            // A client may ask for any name: a failure with it must not make the target suspect, or use up
            // the retries of others.
            let error = match error {
                DialError::TlsName(why) if target.url.is_named_by_request() => {
                    return Err(Failure::Misnamed(why));
                }
                DialError::Tls(why)
                    if requirements.name.as_ref().is_some_and(|name| !name.served) =>
                {
                    return Err(Failure::Misnamed(why));
                }
                error => error,
            };
            worker.pool.forget(at, &error);
            let kind = match error {
                DialError::NoAddress => None, // known to the control plane, which resolves names
                ref error if error.is_local() => None, // the target is not the cause
                DialError::Refused => Some(ReportKind::Refused),
                _ => Some(ReportKind::Unreachable),
            };
            if kind == Some(ReportKind::Refused) {
                lease.target_refused(worker.now());
            }
            if let Some(kind) = kind {
                worker.reader.report(Report { target: target.id, kind });
            }
            Err(Failure::Dial(error))
        }
    }
}

/// Makes a stream for this request.
fn on(handle: StreamHandle, target: &TargetEntry, requirements: &Requirements) -> TargetConnection {
    TargetConnection::on(handle, requirements.destination(target), target.url.tls().is_some())
}

/// Returns true if HTTP/1.1 is used with the target, though it might accept HTTP/2.
fn takes_http1(worker: &Worker, target: &TargetEntry, requirements: &Requirements) -> bool {
    let target = requirements.destination(target);
    requirements.http1 || worker.carriers.requires_http1(target, requirements.rewinds, worker.now())
}

/// Returns a stream on a shared connection that exists, or that another request is opening.
async fn share(
    worker: &Rc<Worker>,
    client: &mut Client,
    lease: &Lease,
    requirements: &Requirements,
    reuse: Reuse,
) -> Result<Option<StreamHandle>, Failure> {
    let target = requirements.destination(lease.target());
    if requirements.alone
        || reuse == Reuse::Never
        || takes_http1(worker, lease.target(), requirements)
    {
        return Ok(None);
    }
    let trusted = worker.pool.trusted_idle(target);
    let deadline = tokio::time::Instant::now() + requirements.connect;
    loop {
        if let Some((send, mut ticket)) = worker.carriers.take(target, reuse, trusted, worker.now())
        {
            let proven = tokio::time::timeout_at(deadline, ticket.prove());
            if unless_cut(worker, client, lease, proven).await?.is_ok_and(|proven| proven) {
                return Ok(Some((send, ticket)));
            }
            ticket.distrust();
            continue;
        }
        let Some(changed) = worker.carriers.coming(target, worker.now()) else { return Ok(None) };
        let waited = tokio::time::timeout_at(deadline, changed.notified());
        if unless_cut(worker, client, lease, waited).await?.is_err() {
            return Ok(None); // this request makes a connection of its own
        }
    }
}

/// Puts a new connection to use: for this request alone, or shared by all that fit on it.
async fn take_in(
    worker: &Rc<Worker>,
    lease: &Lease,
    requirements: &Requirements,
    stream: Stream,
    hold: ConnectionHold,
    http1: bool,
) -> Result<TargetConnection, DialError> {
    let (target, at) = (lease.target(), requirements.destination(lease.target()));
    if http1 || !(stream.speaks_http2() || target.url.is_http2()) {
        worker.carriers.unshared(at);
        let (rx, hold) = (Buffer::default(), Hold::Own(hold));
        return Ok(TargetConnection { stream, hold, rx, target: at, idled: None, pinned: false });
    }
    let kept = !requirements.is_alone_at(target) && worker.names.is_kept(at.name);
    let keep = kept && !requirements.binds;
    let started = worker.carriers.start(at, stream, hold, requirements.longest, keep);
    // lossless: L10 - it only writes, to a socket that is empty.
    let started = tokio::time::timeout(requirements.connect, started).await;
    Ok(on(started.map_err(|_| DialError::TimedOut)??, target, requirements))
}

/// Connects, unless the request is cut or the client leaves meanwhile.
// lossless: L10 - `connect` is the deadline of the dial itself.
async fn dial(
    worker: &Worker,
    client: &mut Client,
    lease: &Lease,
    requirements: &Requirements,
    http1: bool,
) -> Result<Result<Stream, DialError>, Failure> {
    let deadline = tokio::time::Instant::now() + requirements.connect;
    let target = lease.target();
    let tls = match tls(&worker.tls_configs, &target.url, requirements.name.as_ref()) {
        Ok(tls) if requirements.alone || http1 => tls.map(|tls| tls.only_http1()),
        Ok(tls) => tls,
        Err(error) => return Ok(Err(DialError::Tls(error.to_string()))),
    };
    let endpoint = match (target.url.socket(), &tls) {
        (Some(path), _) => Endpoint::Unix(path),
        (None, Some(tls)) => Endpoint::Tls(&target.addresses, tls),
        (None, None) => Endpoint::Tcp(&target.addresses),
    };
    let first = announced(client, &target.url);
    unless_cut(worker, client, lease, connect::dial(endpoint, &first, &worker.history, deadline))
        .await
}

/// Waits for something that has its own deadline, unless the request is cut or the client leaves meanwhile.
async fn unless_cut<T>(
    worker: &Worker,
    client: &mut Client,
    lease: &Lease,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    let mut work = pin!(work);
    client.watch();
    poll_fn(|cx| {
        if lease.is_cut() {
            return Poll::Ready(Err(Failure::Cut));
        }
        if worker.stop.is_cut() {
            return Poll::Ready(Err(Failure::Stopping));
        }
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(done));
        }
        lease.watch_cut(cx);
        let _ = client.deadline.poll(cx); // also registers for a stop
        client.poll_gone(cx).map(|()| Err(Failure::ClientGone))
    })
    .await
}

/// Returns the PROXY header about the client, where the target gets one.
fn announced(client: &Client, target: &TargetUrl) -> Vec<u8> {
    let Some(version) = target.announce() else { return Vec::new() };
    // Addresses announced by a proxy in front are passed on as they came: both ends, with their ports.
    let own = || client.stream.peer_addr().and_then(|peer| Ok((peer, client.stream.local_addr()?)));
    let origin = match &client.info.announced {
        Some(announced) => Some(announced.addresses),
        None => own().ok(),
    };
    let origin = match &client.spoken_for {
        Some(client) => origin.map(|(_, here)| (**client, here)),
        None => origin,
    };
    match version {
        ProxyHeader::V1 => connect::announce_v1(origin),
        ProxyHeader::V2 => connect::announce_v2(origin),
    }
}

/// Returns the TLS settings for the target, if it uses TLS.
fn tls(
    tls_configs: &TlsConfigCache,
    target: &TargetUrl,
    name: Option<&Name>,
) -> Result<Option<Tls>, TlsError> {
    let Some((tls, own)) = target.tls().zip(target.tls_name()) else { return Ok(None) };
    let host = name.map_or(own, |name| &name.host);
    let files = TlsFiles { ca: tls.ca.clone(), identity: tls.identity.clone() };
    let made = tls_configs.tls(&files, host)?;
    let made = if name.is_some_and(|name| !name.served) { made.tried() } else { made };
    Ok(Some(if tls.only_http1 { made.only_http1() } else { made }))
}

// === impl Requirements ===

impl Requirements {
    pub(crate) fn of(ask: &Ask<'_>, reuse: Reuse, http1: bool, name: Option<Name>) -> Self {
        let timeouts = &ask.service.policy.timeouts;
        let (connect, longest) = (timeouts.connect, timeouts.target_idle);
        let alone = ask.upgrade.is_some() || ask.binds;
        let (binds, idempotent) = (ask.binds, ask.idempotent);
        let preview = ask.end.preview().is_some();
        let rewinds = ask.upload.stays_rewindable();
        Self { name, reuse, alone, binds, preview, http1, rewinds, idempotent, connect, longest }
    }

    /// Returns true if its connection serves no other request: it was announced for one client, or is a preview's.
    // lossless: L4 - an idle color has no connection that nobody uses.
    fn is_alone_at(&self, target: &TargetEntry) -> bool {
        self.preview || target.url.announce().is_some()
    }

    /// Returns the key of the target for this request.
    fn destination(&self, target: &TargetEntry) -> Destination {
        let name = self.name.as_ref().map_or(0, |name| name.number);
        Destination { name, ..Destination::of(target) }
    }
}

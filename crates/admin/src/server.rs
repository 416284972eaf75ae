//! The listeners: the TCP listener and the Unix socket, which serve the same calls, and the metrics
//! listener, which serves a few of them.
//!
//! Guaranteed: slow or many callers cannot keep others out for long. A request head has five seconds,
//! a stalled response ten, and each listener has its own connection limit, so that a full TCP listener
//! leaves the socket free. Further callers wait in the kernel's accept queue. Running out of file
//! descriptors slows accepting down and ends no connection.

use std::fmt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::server::TlsStream;

use crate::AdminListeners;
use crate::secure::AdminTls;
use crate::settings::Live;
use crate::socket::Membership;
use crate::stall::Stalling;

/// The time limit for a request head, and the idle timeout of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum bytes of a request head, with room for long tokens.
const HEAD_MAX: usize = 16 << 10;
/// The maximum number of concurrent connections, for each of TCP and the socket.
const CONNECTIONS_MAX: usize = 256;
/// The same for the metrics listener, which needs few.
const READERS_MAX: usize = 64;
/// The time for which calls may continue once Teal stops.
const GOODBYE: Duration = Duration::from_secs(2);
/// The time for which a call is still read from a connection that was accepted before Teal stopped.
const ON_ITS_WAY: Duration = Duration::from_millis(100);
/// The pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The peer of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A network client of the admin listener.
    Tcp(SocketAddr),
    /// A network client of the metrics listener.
    Reader(SocketAddr),
    /// A local user, as reported by the kernel.
    Unix {
        /// The user id.
        uid: u32,
        /// True for Teal's user, root and members of the socket group.
        operator: bool,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) | Self::Reader(address) => address.ip().to_canonical().fmt(f),
            Self::Unix { uid, .. } => write!(f, "uid {uid}"),
        }
    }
}

/// The deadline for reading a response, after which the connection ends. For responses that are produced as
/// they are read and hold resources until then.
#[derive(Clone, Debug)]
pub(crate) struct ResponseDeadline(Arc<watch::Sender<Option<Instant>>>);

/// A deadline that is in force until it is dropped.
#[derive(Debug)]
pub(crate) struct DeadlineGuard(ResponseDeadline);

/// The routers of the listeners.
#[derive(Debug)]
pub(crate) struct Routers {
    /// The router of the admin listener and the socket.
    pub(crate) admin: Router,
    /// The router of the metrics listener.
    pub(crate) metrics: Router,
}

/// Serves all listeners until `stopping` is true, then gives calls [`GOODBYE`] to end.
pub(crate) async fn serve(
    routers: Routers,
    AdminListeners { tcp, unix, metrics }: AdminListeners,
    membership: Membership,
    live: watch::Receiver<Live>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let tcp_permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let unix_permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let metrics_permits = Arc::new(Semaphore::new(READERS_MAX));
    loop {
        tokio::select! {
            () = stopped(&mut stopping) => break,
            Some(_) = connections.join_next() => {}
            (permit, accepted) = with_permit(&tcp_permits, tcp.accept()) => match accepted {
                Ok((stream, address)) => {
                    let (router, stopping) = (routers.admin.clone(), stopping.clone());
                    let tls = live.borrow().tls.clone();
                    connections.spawn(async move {
                        let peer = Peer::Tcp(address);
                        match tls {
                            None => serve_connection(router, stream, peer, stopping, permit).await,
                            Some(tls) => if let Some(stream) = tls_handshake(&tls, stream, peer).await {
                                serve_connection(router, stream, peer, stopping, permit).await;
                            },
                        }
                    });
                }
                Err(error) => pause(&error).await,
            },
            (permit, accepted) = with_permit(&unix_permits, unix.accept()) => match accepted {
                Ok((stream, _)) => if let Some(peer) = peer_of(&stream, &membership) {
                    let (router, stopping) = (routers.admin.clone(), stopping.clone());
                    connections.spawn(serve_connection(router, stream, peer, stopping, permit));
                },
                Err(error) => pause(&error).await,
            },
            (permit, accepted) = with_permit(&metrics_permits, accepted_by(metrics.as_ref())) => match accepted {
                Ok((stream, address)) => {
                    let (router, stopping) = (routers.metrics.clone(), stopping.clone());
                    let peer = Peer::Reader(address);
                    connections.spawn(serve_connection(router, stream, peer, stopping, permit));
                }
                Err(error) => pause(&error).await,
            },
        }
    }
    drop((tcp, unix, metrics));
    let last = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GOODBYE, last).await.is_err() {
        tracing::warn!("closing calls of the admin API that are still open");
        connections.shutdown().await;
    }
}

/// Accepts the next connection; pends forever without a listener.
async fn accepted_by(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

/// Takes a permit first, then a connection: no connection is accepted only to be rejected.
async fn with_permit<T>(
    permits: &Arc<Semaphore>,
    accept: impl Future<Output = T>,
) -> (Option<OwnedSemaphorePermit>, T) {
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    (permit, accept.await)
}

fn peer_of(stream: &UnixStream, membership: &Membership) -> Option<Peer> {
    match stream.peer_cred() {
        Ok(who) => Some(Peer::Unix { uid: who.uid(), operator: membership.has(who.uid()) }),
        Err(error) => {
            tracing::warn!(%error, "refusing a caller on the admin socket: cannot read its credentials");
            None
        }
    }
}

/// Completes the TLS handshake, within [`HEAD_TIMEOUT`].
async fn tls_handshake(
    tls: &AdminTls,
    stream: TcpStream,
    peer: Peer,
) -> Option<TlsStream<TcpStream>> {
    match tokio::time::timeout(HEAD_TIMEOUT, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a TLS handshake on the admin listener failed");
            None
        }
        Err(_) => None,
    }
}

/// Serves one connection, from its first call to its last.
async fn serve_connection<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    router: Router,
    stream: S,
    peer: Peer,
    mut stopping: watch::Receiver<bool>,
    permit: Option<OwnedSemaphorePermit>,
) {
    let calls = TowerToHyperService::new(router);
    let (deadline, mut is_late) = watch::channel(None);
    let deadline = Arc::new(deadline);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(ResponseDeadline(deadline.clone()));
        calls.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(Stalling::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = passed(&mut is_late) => {
            tracing::debug!(%peer, "a client of the admin API did not read its response in time");
            return;
        }
        () = stopped_for_long(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection of the admin API failed");
    }
    drop(permit);
}

/// Waits until the deadline for reading a response has passed.
// lossless: L10
async fn passed(by: &mut watch::Receiver<Option<Instant>>) {
    loop {
        let deadline = *by.borrow_and_update();
        let over = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = over => return,
            changed = by.changed() => if changed.is_err() {
                return pending().await; // the connection ends by itself
            },
        }
    }
}

/// Waits slightly longer than [`stopped`], so that a call already on its way is still served.
async fn stopped_for_long(stopping: &mut watch::Receiver<bool>) {
    stopped(stopping).await;
    tokio::time::sleep(ON_ITS_WAY).await;
}

/// Waits until Teal stops, or until the sender is gone.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

// === impl ResponseDeadline, DeadlineGuard ===

impl ResponseDeadline {
    /// Starts the deadline now.
    pub(crate) fn within(self, time: Duration) -> DeadlineGuard {
        self.0.send_replace(Some(Instant::now() + time));
        DeadlineGuard(self)
    }
}

/// Lifts the deadline: the response was read in time.
impl Drop for DeadlineGuard {
    fn drop(&mut self) {
        self.0.0.send_replace(None);
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection to the admin API");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

//! The ways in: the TCP listener and the Unix socket, with the same calls behind both, and the listener of
//! metrics, with a few of them.
//!
//! Guaranteed: slow or many callers can't keep others out for long. A head has five seconds,
//! a stalled answer ten, and each of the ways has its own number of connections, so that
//! whoever fills the TCP listener leaves the socket free. Further callers wait in the queue
//! of the system. Running out of descriptors slows accepting down and ends nothing.

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

use crate::Ways;
use crate::secure::AdminTls;
use crate::settings::Live;
use crate::socket::Membership;
use crate::stall::Stalling;

/// How long a request head may take, and how long a connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a request head, with room for long tokens.
const HEAD_MAX: usize = 16 << 10;
/// Connections at once, for each of the two ways in.
const CONNECTIONS_MAX: usize = 256;
/// The same at the listener of metrics, where few have reason to be.
const READERS_MAX: usize = 64;
/// How long calls may still take once Teal stops.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long a call may be on its way on a connection that was accepted before Teal stops.
const ON_ITS_WAY: Duration = Duration::from_millis(100);
/// The pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Somebody on the network.
    Tcp(SocketAddr),
    /// Somebody on the network, at the listener of metrics.
    Reader(SocketAddr),
    /// A user of this machine, as the kernel says.
    Unix {
        /// The user id.
        uid: u32,
        /// Whether it is Teal's user, root or a member of the socket group.
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

/// The time by which an answer must have been taken; the connection ends with it. For answers that
/// are made as they are read, and hold something until then.
#[derive(Clone, Debug)]
pub(crate) struct AnswerBy(Arc<watch::Sender<Option<Instant>>>);

/// The same, being in force until it is dropped.
#[derive(Debug)]
pub(crate) struct Due(AnswerBy);

/// The calls of each way in.
#[derive(Debug)]
pub(crate) struct Routers {
    /// Those of the admin listener and of the socket.
    pub(crate) admin: Router,
    /// Those of the listener of metrics.
    pub(crate) metrics: Router,
}

/// Serves all ways in until `stopping` is true, then lets calls end for a moment.
pub(crate) async fn serve(
    routers: Routers,
    Ways { tcp, unix, metrics }: Ways,
    membership: Membership,
    live: watch::Receiver<Live>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let tcp_seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let unix_seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let metrics_seats = Arc::new(Semaphore::new(READERS_MAX));
    loop {
        tokio::select! {
            () = stopped(&mut stopping) => break,
            Some(_) = connections.join_next() => {}
            (seat, accepted) = seated(&tcp_seats, tcp.accept()) => match accepted {
                Ok((stream, address)) => {
                    let (router, stopping) = (routers.admin.clone(), stopping.clone());
                    let tls = live.borrow().tls.clone();
                    connections.spawn(async move {
                        let peer = Peer::Tcp(address);
                        match tls {
                            None => converse(router, stream, peer, stopping, seat).await,
                            Some(tls) => if let Some(stream) = shake_hands(&tls, stream, peer).await {
                                converse(router, stream, peer, stopping, seat).await;
                            },
                        }
                    });
                }
                Err(error) => pause(&error).await,
            },
            (seat, accepted) = seated(&unix_seats, unix.accept()) => match accepted {
                Ok((stream, _)) => if let Some(peer) = peer_of(&stream, &membership) {
                    let (router, stopping) = (routers.admin.clone(), stopping.clone());
                    connections.spawn(converse(router, stream, peer, stopping, seat));
                },
                Err(error) => pause(&error).await,
            },
            (seat, accepted) = seated(&metrics_seats, accepted_by(metrics.as_ref())) => match accepted {
                Ok((stream, address)) => {
                    let (router, stopping) = (routers.metrics.clone(), stopping.clone());
                    let peer = Peer::Reader(address);
                    connections.spawn(converse(router, stream, peer, stopping, seat));
                }
                Err(error) => pause(&error).await,
            },
        }
    }
    drop((tcp, unix, metrics));
    let last = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GOODBYE, last).await.is_err() {
        tracing::warn!("calls of the admin API were still open and are cut");
        connections.shutdown().await;
    }
}

/// The next connection; none ever without a listener.
async fn accepted_by(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

/// First a seat, then a connection: nobody is let in only to be sent away.
async fn seated<T>(
    seats: &Arc<Semaphore>,
    accept: impl Future<Output = T>,
) -> (Option<OwnedSemaphorePermit>, T) {
    let seat = Arc::clone(seats).acquire_owned().await.ok();
    (seat, accept.await)
}

fn peer_of(stream: &UnixStream, membership: &Membership) -> Option<Peer> {
    match stream.peer_cred() {
        Ok(who) => Some(Peer::Unix { uid: who.uid(), operator: membership.has(who.uid()) }),
        Err(error) => {
            tracing::warn!(%error, "a caller on the admin socket has no credentials and is refused");
            None
        }
    }
}

/// Nobody may take long for it.
async fn shake_hands(
    tls: &AdminTls,
    stream: TcpStream,
    peer: Peer,
) -> Option<TlsStream<TcpStream>> {
    match tokio::time::timeout(HEAD_TIMEOUT, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a handshake of the admin API failed");
            None
        }
        Err(_) => None,
    }
}

/// One connection, from its first call to its last.
async fn converse<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    router: Router,
    stream: S,
    peer: Peer,
    mut stopping: watch::Receiver<bool>,
    seat: Option<OwnedSemaphorePermit>,
) {
    let calls = TowerToHyperService::new(router);
    let (answer_by, mut is_late) = watch::channel(None);
    let answer_by = Arc::new(answer_by);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(AnswerBy(answer_by.clone()));
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
            tracing::debug!(%peer, "an answer of the admin API was not taken in time");
            return;
        }
        () = stopped_for_long(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection of the admin API broke");
    }
    drop(seat);
}

/// Waits until the time by which an answer must have been taken is over.
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

/// A little later than [`stopped`]: a call that is on its way is still taken.
async fn stopped_for_long(stopping: &mut watch::Receiver<bool>) {
    stopped(stopping).await;
    tokio::time::sleep(ON_ITS_WAY).await;
}

/// Waits until Teal stops; also if nobody is left who could say so.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

// === impl AnswerBy, Due ===

impl AnswerBy {
    /// Puts it in force from now on.
    pub(crate) fn within(self, time: Duration) -> Due {
        self.0.send_replace(Some(Instant::now() + time));
        Due(self)
    }
}

/// The end of an answer that was taken in time.
impl Drop for Due {
    fn drop(&mut self) {
        self.0.0.send_replace(None);
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "the admin API could not accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

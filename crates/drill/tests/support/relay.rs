//! A small proxy between two targets, honest or broken in one chosen way.
//!
//! It takes one fresh connection per request and answers when the target's
//! answer is whole, so it can be honest in few lines.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// The fault of the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// None.
    Honest,
    /// Every 20th request is delivered twice.
    Double,
    /// Every 20th request goes to the idle color.
    Misroute,
    /// Every 20th request is answered 502.
    Refuse,
    /// Every 20th answer is one that was given before.
    Stale,
    /// A switch takes effect only 300 ms after it was answered.
    Slack,
}

/// A relay between blue (0) and green (1).
#[derive(Debug)]
pub(crate) struct Relay {
    targets: [SocketAddr; 2],
    fault: Fault,
    /// The active color, and the number of requests in flight on each.
    state: Mutex<(usize, [usize; 2])>,
    count: AtomicU64,
    stale: Mutex<Option<Response<Full<Bytes>>>>,
}

/// A request's lease on a color.
struct Lease(Arc<Relay>, usize);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().1[self.1] -= 1;
    }
}

impl Relay {
    pub(crate) fn new(targets: [SocketAddr; 2], fault: Fault) -> Arc<Self> {
        Arc::new(Self {
            targets,
            fault,
            state: Mutex::new((0, [0; 2])),
            count: AtomicU64::new(0),
            stale: Mutex::new(None),
        })
    }

    /// Binds a port and serves until the runtime ends.
    pub(crate) async fn start(self: &Arc<Self>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let relay = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let relay = Arc::clone(&relay);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let relay = Arc::clone(&relay);
                        async move { Ok::<_, Infallible>(relay.forward(request).await) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades()
                        .await;
                });
            }
        });
        address
    }

    pub(crate) fn active(&self) -> usize {
        self.state.lock().unwrap().0
    }

    /// Switches; with [`Fault::Slack`] later than it reports.
    pub(crate) fn switch(self: &Arc<Self>, to: usize) {
        if self.fault == Fault::Slack {
            let relay = Arc::clone(self);
            tokio::spawn(async move {
                // The fault itself: the switch takes effect after its answer.
                tokio::time::sleep(Duration::from_millis(300)).await;
                relay.state.lock().unwrap().0 = to;
            });
        } else {
            self.state.lock().unwrap().0 = to;
        }
    }

    /// Waits until a color has no request in flight.
    pub(crate) async fn drained(&self, color: usize) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.state.lock().unwrap().1[color] > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Returns true if a target answers its health check now.
    pub(crate) async fn healthy(&self, color: usize) -> bool {
        let request = Request::get("/health").header("host", "relay").body(Full::default());
        send(self.targets[color], request.unwrap()).await.is_ok()
    }

    async fn forward(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let struck = self.count.fetch_add(1, Ordering::Relaxed) % 20 == 19;
        let lease = self.lease(struck && self.fault == Fault::Misroute);
        let upgrading = request.headers().contains_key("upgrade");
        let (head, body) = request.into_parts();
        let mut client = Request::from_parts(head.clone(), ());
        let Ok(body) = body.collect().await else { return unavailable() };
        if struck && self.fault == Fault::Refuse {
            return unavailable();
        }
        let request = Request::from_parts(head, Full::new(body.to_bytes()));
        let target = self.targets[lease.1];
        if struck && self.fault == Fault::Double {
            let _ = send(target, request.clone()).await;
        }
        let Ok(mut response) = send(target, request).await else { return unavailable() };
        if upgrading && response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let upgraded = hyper::upgrade::on(&mut response);
            let ours = hyper::upgrade::on(&mut client);
            tokio::spawn(async move {
                let _lease = lease;
                if let (Ok(theirs), Ok(ours)) = (upgraded.await, ours.await) {
                    let (mut theirs, mut ours) = (TokioIo::new(theirs), TokioIo::new(ours));
                    let _ = tokio::io::copy_bidirectional(&mut theirs, &mut ours).await;
                }
            });
            return response.map(|_| Full::default());
        }
        let (head, body) = response.into_parts();
        let Ok(body) = body.collect().await else { return unavailable() };
        let response = Response::from_parts(head, Full::new(body.to_bytes()));
        if self.fault == Fault::Stale {
            let mut stale = self.stale.lock().unwrap();
            match &*stale {
                Some(old) if struck => return old.clone(),
                Some(_) => {}
                None => *stale = Some(response.clone()),
            }
        }
        response
    }

    fn lease(self: &Arc<Self>, misroute: bool) -> Lease {
        let mut state = self.state.lock().unwrap();
        let color = if misroute { 1 - state.0 } else { state.0 };
        state.1[color] += 1;
        Lease(Arc::clone(self), color)
    }
}

/// Makes one request over its own connection.
async fn send(
    target: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(target).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    Ok(sender.send_request(request).await?)
}

fn unavailable() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Backend unavailable\n")));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

//! Checks before the load that a server speaks the protocol and answers. Nothing here is in any
//! ledger.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection as Http2Connection, SendRequest};
use tokio::time::timeout;

use super::connection::Connection;
use super::stream::Stream;
use super::tls::Tls;
use crate::endpoint::{Endpoint, Protocol};
use crate::ledger::{Fault, Loss};
use crate::message::Grammar;

/// The time limit of one check.
const LOOK: Duration = Duration::from_secs(2);

/// Connects, and checks without a request that the server speaks the protocol.
pub(crate) async fn reach(endpoint: Endpoint, tls: Option<&Tls>) -> Result<(), Fault> {
    in_time(async {
        let stream = Stream::open(endpoint, tls).await?;
        if !endpoint.over.is_shared() {
            return Ok(());
        }
        let (sender, mut connection) = begin(stream).await?;
        let ponged = async {
            let Some(mut ping_pong) = connection.ping_pong() else { return Ok(()) };
            tokio::select! {
                ponged = ping_pong.ping(h2::Ping::opaque()) => ponged.map(drop),
                ended = connection => ended.and(Err(h2::Reason::NO_ERROR.into())),
            }
        };
        let ponged = ponged.await.map_err(|error| no_http2(&error));
        drop(sender); // kept until here: a connection without a sender ends
        ponged
    })
    .await
}

/// The status of one GET.
pub(crate) async fn look(
    endpoint: Endpoint,
    tls: Option<&Tls>,
    host: &str,
    path: &str,
) -> Result<u16, Fault> {
    in_time(async {
        if !endpoint.over.is_shared() {
            let mut connection = Connection::open(endpoint, tls, Grammar::Full).await?;
            let ask = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            connection.send(ask.as_bytes()).await?;
            return Ok(connection.head("GET").await?.status);
        }
        let (sender, connection) = begin(Stream::open(endpoint, tls).await?).await?;
        let asking = ask(sender, endpoint.over, host, path);
        tokio::select! {
            status = asking => status.map_err(|error| no_http2(&error)),
            _ = connection => Err(no_http2(&"closed without an answer")),
        }
    })
    .await
}

async fn in_time<T>(looking: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let late = || Fault::lost(Loss::TimedOut, format!("nothing within {LOOK:?}"));
    timeout(LOOK, looking).await.unwrap_or_else(|_| Err(late()))
}

async fn begin(
    stream: Stream,
) -> Result<(SendRequest<Bytes>, Http2Connection<Stream, Bytes>), Fault> {
    Builder::new().enable_push(false).handshake(stream).await.map_err(|error| no_http2(&error))
}

async fn ask(
    mut sender: SendRequest<Bytes>,
    over: Protocol,
    host: &str,
    path: &str,
) -> Result<u16, h2::Error> {
    poll_fn(|cx| sender.poll_ready(cx)).await?;
    let url = format!("{}://{host}{path}", over.scheme());
    let request = http::Request::get(url).body(());
    let request = request.map_err(|_| h2::Error::from(h2::Reason::PROTOCOL_ERROR))?;
    let (response, _) = sender.send_request(request, true)?;
    Ok(response.await?.status().as_u16())
}

fn no_http2(why: &dyn std::fmt::Display) -> Fault {
    Fault::lost(Loss::Connect, format!("HTTP/2: {why}"))
}

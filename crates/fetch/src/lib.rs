//! One request and its whole answer over HTTP/1.1, on a connection that was made for it: for the command line
//! at the admin API, for orders of certificates at an authority, for spans at a collector.
//!
//! Never: a connection, which the caller brings, or a wait with a deadline of its own, which the caller sets.

#![forbid(unsafe_code)]

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

/// The answer, whose body has at most so many bytes.
///
/// # Errors
/// In words: the connection broke, or what came was no HTTP or too long.
pub async fn exchange<S, B>(
    stream: S,
    request: Request<B>,
    most: usize,
) -> Result<Response<Bytes>, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let broken = |error: hyper::Error| error.to_string();
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(broken)?;
    // Whoever asks no longer closes the connection: Teal then knows that nobody waits.
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, most).collect().await;
    drop(driving);
    match body {
        Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
        Err(error) => Err(error.to_string()),
    }
}

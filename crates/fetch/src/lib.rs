//! A small HTTP client: one request and its answer on a connection made for it, over HTTP/1.1 or HTTP/2. Used by the
//! command line (admin API), by ACME orders, by the exporter of spans, by notifications, by the runner of containers
//! (Docker Engine) and by the checks of a deploy.
//!
//! It neither connects nor sets deadlines: both are the caller's job.

#![forbid(unsafe_code)]

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::AsHeaderName;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

/// Sends a request and returns the whole answer, with a body of at most `most` bytes.
///
/// # Errors
/// A message: the connection broke, or the answer was not HTTP or too long.
pub async fn exchange<S, B>(
    stream: S,
    request: Request<B>,
    most: usize,
) -> Result<Response<Bytes>, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    begin(stream, request).await?.whole(most).await
}

/// An answer whose head has arrived.
#[derive(Debug)]
pub struct StreamingResponse {
    response: Response<Incoming>,
    /// The task that drives the connection. Dropping it closes the connection, so that Teal notices a caller that
    /// is gone.
    _driving: JoinSet<hyper::Result<()>>,
}

/// Sends a request and waits for the head of the answer.
///
/// # Errors
/// A message: the connection broke, or the answer was not HTTP.
pub async fn begin<S, B>(stream: S, request: Request<B>) -> Result<StreamingResponse, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let broken = |error: hyper::Error| error.to_string();
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(broken)?;
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    Ok(StreamingResponse { response, _driving: driving })
}

/// The same over HTTP/2, for a server that has agreed to it. The request's URI names its scheme and authority, and
/// takes the place of the field `Host`.
///
/// # Errors
/// A message: the connection broke, or the answer was not HTTP/2.
pub async fn begin_http2<S, B>(stream: S, request: Request<B>) -> Result<StreamingResponse, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
{
    let broken = |error: hyper::Error| error.to_string();
    let stream = TokioIo::new(stream);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
    let (mut sender, connection) = handshake.await.map_err(broken)?;
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    Ok(StreamingResponse { response, _driving: driving })
}

impl StreamingResponse {
    /// Returns the status of the answer.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Returns the value of a header field; `None`: it is not there, or not text.
    pub fn field(&self, name: impl AsHeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Waits for the whole body, of at most `most` bytes.
    pub async fn whole(self, most: usize) -> Result<Response<Bytes>, String> {
        let (head, body) = self.response.into_parts();
        match Limited::new(body, most).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Waits for the next piece of the body; `None` at its end.
    pub async fn piece(&mut self) -> Option<Result<Bytes, String>> {
        let frame = self.response.body_mut().frame().await?;
        Some(
            frame
                .map(|frame| frame.into_data().unwrap_or_default())
                .map_err(|error| error.to_string()),
        )
    }
}

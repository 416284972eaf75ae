//! One request and its answer over HTTP/1.1, on a connection that was made for it: for the command line
//! at the admin API, for orders of certificates at an authority, for spans at a collector.
//!
//! Never: a connection, which the caller brings, or a wait with a deadline of its own, which the caller sets.

#![forbid(unsafe_code)]

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Incoming};
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
    begin(stream, request).await?.whole(most).await
}

/// An answer that has begun.
#[derive(Debug)]
pub struct Begun {
    response: Response<Incoming>,
    /// Whoever asks no longer closes the connection by dropping this: Teal then knows that nobody waits.
    _driving: JoinSet<hyper::Result<()>>,
}

/// Asks, and waits for the head of the answer.
///
/// # Errors
/// In words: the connection broke, or what came was no HTTP.
pub async fn begin<S, B>(stream: S, request: Request<B>) -> Result<Begun, String>
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
    Ok(Begun { response, _driving: driving })
}

impl Begun {
    /// Returns the status of the answer.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Waits for the rest, of which there are at most so many bytes.
    pub async fn whole(self, most: usize) -> Result<Response<Bytes>, String> {
        let (head, body) = self.response.into_parts();
        match Limited::new(body, most).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Waits for the next piece of the body; `None`: it is over.
    pub async fn piece(&mut self) -> Option<Result<Bytes, String>> {
        let frame = self.response.body_mut().frame().await?;
        Some(
            frame
                .map(|frame| frame.into_data().unwrap_or_default())
                .map_err(|error| error.to_string()),
        )
    }
}

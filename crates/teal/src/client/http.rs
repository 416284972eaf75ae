//! A request to the admin API over TCP or the Unix socket.
//!
//! Each request has its own connection, so that nothing left of one can be taken for the answer
//! to the next. The caller sets the deadline of the answer.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use connect::{AddressHistory, DialError, Endpoint, Stream, TlsConfigCache, TlsFiles};
use fetch::StreamingResponse;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, IF_MATCH};
use hyper::{Method, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::trust::TrustedUsers;

/// The timeout of a connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer, in bytes. A larger one is not from Teal.
const ANSWER_MAX: usize = 16 << 20;

/// The address of the admin API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `http://HOST:PORT`.
    Tcp {
        /// A name or an address; IPv6 in brackets.
        host: String,
        port: u16,
    },
    /// `https://HOST:PORT`.
    Tls {
        /// A name or an address; IPv6 in brackets.
        host: String,
        port: u16,
        /// PEM file of the CAs to verify its certificate against; `None` for the system's CAs.
        ca: Option<PathBuf>,
    },
    /// `unix:PATH`.
    Unix(PathBuf),
}

/// One request.
#[derive(Debug)]
pub(super) struct Call<'c> {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: &'c str,
    pub(super) token: Option<&'c str>,
    pub(super) if_generation: Option<u64>,
    pub(super) body: CallBody,
    /// The required owner of the listener, checked before the token is sent.
    pub(super) trust: Option<&'c TrustedUsers>,
}

/// The body of a request.
#[derive(Debug)]
pub(super) enum CallBody {
    None,
    /// A JSON document.
    Json(Bytes),
    /// A page of HTML.
    Page(Bytes),
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct AdminResponse {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// The reason why there is no complete answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// No connection could be made.
    Connect(io::Error),
    /// The listener may not have the token. Nothing was sent.
    NotTrusted(String),
    /// The connection broke, or the answer was not HTTP.
    Broken(String),
}

// === impl Address ===

impl Address {
    /// Asks and waits for the whole answer.
    pub(super) async fn ask(&self, call: &Call<'_>) -> Result<AdminResponse, NoAnswer> {
        whole(self.begin(call).await?).await
    }

    /// Asks and waits for the head of the answer.
    pub(super) async fn begin(&self, call: &Call<'_>) -> Result<StreamingResponse, NoAnswer> {
        match self {
            Self::Tcp { host, port } => {
                let stream = connected(plainly(host, *port)).await?;
                if let Some(trust) = call.trust {
                    let proven = trust.of_tcp(&stream).await;
                    proven.map_err(|unproven| NoAnswer::NotTrusted(unproven.to_string()))?;
                }
                begin(stream, &format!("{host}:{port}"), call).await
            }
            Self::Tls { host, port, ca } => {
                let stream = connected(securely(host, *port, ca.clone())).await?;
                begin(stream, &format!("{host}:{port}"), call).await
            }
            Self::Unix(path) => {
                let stream = connected(UnixStream::connect(path)).await?;
                if let Some(trust) = call.trust {
                    let proven = trust.of_unix(&stream);
                    proven.map_err(|unproven| NoAnswer::NotTrusted(unproven.to_string()))?;
                }
                begin(stream, "localhost", call).await
            }
        }
    }

    /// Succeeds if connections are accepted there.
    pub(super) async fn knock(&self) -> io::Result<()> {
        let knocked = match self {
            Self::Tcp { host, port } => connected(plainly(host, *port)).await.map(drop),
            Self::Tls { host, port, ca } => {
                connected(securely(host, *port, ca.clone())).await.map(drop)
            }
            Self::Unix(path) => connected(UnixStream::connect(path)).await.map(drop),
        };
        knocked.map_err(|no_answer| match no_answer {
            NoAnswer::Connect(error) => error,
            NoAnswer::NotTrusted(message) | NoAnswer::Broken(message) => io::Error::other(message),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "http://{host}:{port}"),
            Self::Tls { host, port, .. } => write!(f, "https://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Connects to the address of a name that answers first, as Teal does with its targets.
async fn plainly(host: &str, port: u16) -> io::Result<TcpStream> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<_> = tokio::net::lookup_host((name, port)).await?.collect();
    if let [only] = addresses[..] {
        return TcpStream::connect(only).await;
    }
    let deadline = tokio::time::Instant::now() + CONNECT_TIMEOUT;
    let history = AddressHistory::default();
    match connect::dial(Endpoint::Tcp(&addresses), b"", &history, deadline).await {
        Ok(Stream::Tcp(stream)) => Ok(stream),
        Ok(other) => Err(io::Error::other(format!("{other:?} is not a TCP connection"))),
        Err(DialError::Refused) => Err(io::ErrorKind::ConnectionRefused.into()),
        Err(DialError::TimedOut) => Err(io::ErrorKind::TimedOut.into()),
        Err(DialError::Other(error)) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Connects with a TLS handshake, as Teal does with its targets.
async fn securely(host: &str, port: u16, ca: Option<PathBuf>) -> io::Result<Stream> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let tls = TlsConfigCache::default().tls(&TlsFiles { ca, identity: None }, name);
    let tls = tls.map_err(io::Error::other)?;
    let addresses: Vec<_> = tokio::net::lookup_host((name, port)).await?.collect();
    let deadline = tokio::time::Instant::now() + CONNECT_TIMEOUT;
    connect::dial(Endpoint::Tls(&addresses, &tls), b"", &AddressHistory::default(), deadline)
        .await
        .map_err(io::Error::other)
}

async fn connected<S>(connecting: impl Future<Output = io::Result<S>>) -> Result<S, NoAnswer> {
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(NoAnswer::Connect),
        Err(_) => Err(NoAnswer::Connect(io::ErrorKind::TimedOut.into())),
    }
}

async fn begin<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    host: &str,
    call: &Call<'_>,
) -> Result<StreamingResponse, NoAnswer> {
    fetch::begin(stream, request(host, call)?).await.map_err(NoAnswer::Broken)
}

/// Waits for the rest of an answer.
pub(super) async fn whole(response: StreamingResponse) -> Result<AdminResponse, NoAnswer> {
    let answer = response.whole(ANSWER_MAX).await.map_err(NoAnswer::Broken)?;
    Ok(AdminResponse { status: answer.status().as_u16(), body: answer.into_body() })
}

fn request(host: &str, call: &Call<'_>) -> Result<Request<Full<Bytes>>, NoAnswer> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(call.target)
        .header(HOST, host)
        .header(ACCEPT, "application/json")
        .header(CONNECTION, "close");
    if let Some(token) = call.token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
            NoAnswer::Broken("the token has characters that cannot be sent".to_owned())
        })?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    if let Some(generation) = call.if_generation {
        request = request.header(IF_MATCH, format!("\"{generation}\""));
    }
    let body = match &call.body {
        CallBody::None => Bytes::new(),
        CallBody::Json(body) => {
            request = request.header(CONTENT_TYPE, "application/json");
            body.clone()
        }
        CallBody::Page(body) => {
            request = request.header(CONTENT_TYPE, "text/html; charset=utf-8");
            body.clone()
        }
    };
    request.body(Full::new(body)).map_err(|error| NoAnswer::Broken(error.to_string()))
}

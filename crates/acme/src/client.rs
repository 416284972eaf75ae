//! Requests to a CA: over TLS as to a target, one connection for each request.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use config::Acme;
use connect::{AddressHistory, Endpoint, Stream, TlsConfigCache, TlsFiles};
use http_body_util::Full;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use tokio::time::{Instant, timeout_at};

use super::retry_after;

/// The longest time for one request and its response.
// lossless: L10
const WITHIN: Duration = Duration::from_secs(30);

/// The longest response; a longer one is not from a CA.
const ANSWER_MAX: usize = 1 << 20;

type ResponseFuture = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

/// A client of one CA.
pub(crate) struct Client {
    tls_configs: TlsConfigCache,
    files: TlsFiles,
}

impl Client {
    /// A client that trusts the CAs that the configuration names.
    ///
    /// # Errors
    /// The problem of the file of trusted CAs.
    pub(crate) fn new(acme: &Acme) -> Result<Self, Error> {
        let files = TlsFiles { ca: acme.ca.clone(), identity: None };
        let tls_configs = TlsConfigCache::default();
        tls_configs.tls(&files, "localhost").map_err(|error| Error::Other(Box::new(error)))?;
        Ok(Self { tls_configs, files })
    }
}

impl HttpClient for Client {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> ResponseFuture {
        let (tls_configs, files) = (self.tls_configs.clone(), self.files.clone());
        Box::pin(async move {
            let uri = request.uri().clone();
            let place = uri.authority().map_or("it", |authority| authority.as_str()).to_owned();
            let deadline = Instant::now() + WITHIN;
            let answer = timeout_at(deadline, ask(&tls_configs, &files, request, deadline)).await;
            let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {WITHIN:?}")));
            answer.map_err(|why| Error::Other(format!("{place}: {why}").into()))
        })
    }
}

async fn ask(
    tls_configs: &TlsConfigCache,
    files: &TlsFiles,
    mut request: Request<BodyWrapper<Bytes>>,
    deadline: Instant,
) -> Result<BytesResponse, String> {
    let uri = request.uri().clone();
    let authority = uri.authority().ok_or("a URL without a host")?;
    if uri.scheme_str() != Some("https") {
        return Err(format!("{uri} is not https"));
    }
    let stream = dial(tls_configs, files, authority.host(), authority.port_u16(), deadline).await?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|error| error.to_string())?;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().map_err(|error| error.to_string())?;
    let (head, body) = fetch::exchange(stream, request, ANSWER_MAX).await?.into_parts();
    retry_after::note(&head);
    Ok(BytesResponse::from(Response::from_parts(head, Full::new(body))))
}

async fn dial(
    tls_configs: &TlsConfigCache,
    files: &TlsFiles,
    host: &str,
    port: Option<u16>,
    deadline: Instant,
) -> Result<Stream, String> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let tls = tls_configs.tls(files, name).map_err(|error| error.to_string())?.only_http1();
    let found = tokio::net::lookup_host((name, port.unwrap_or(443))).await;
    let addresses: Vec<_> = found.map_err(|error| error.to_string())?.collect();
    let dialed =
        connect::dial(Endpoint::Tls(&addresses, &tls), b"", &AddressHistory::default(), deadline)
            .await;
    // The same words as for targets, except for the key.
    dialed.map_err(|error| error.to_string().replace("tls.ca", "acme.ca"))
}

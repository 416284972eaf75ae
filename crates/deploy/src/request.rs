//! One HTTP request of a check, over the connector that traffic and probes use, and in the version of HTTP that a target
//! negotiates or is configured for.
//!
//! Redirects are not followed, at most 1 MiB of a body is read, and everything has one deadline.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use config::Expect;
use connect::{
    AddressHistory, Endpoint, HOST_ROOM, Stream, TlsConfigCache, TlsFiles, server_name_of,
};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::http::request::Builder;
use hyper::{Method, Request, Version};
use rules::{ProxyHeader, ServiceSpec, TargetUrl};
use tokio::time::{Instant, timeout_at};

/// The most bytes of a body that are searched for a text.
const BODY_MAX: usize = 1 << 20;

/// A GET and the response that it must have.
#[derive(Clone, Debug)]
pub(crate) struct Check<'c> {
    pub(crate) server: &'c TargetUrl,
    /// The `Host` of the client that it imitates.
    pub(crate) host: String,
    /// Path and query.
    pub(crate) path: &'c str,
    /// Further fields.
    pub(crate) fields: Vec<(String, String)>,
    /// PEM: the CA certificates to verify the server against, instead of the server's own setting.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) expect: &'c Expect,
}

impl Check<'_> {
    /// Makes the request at these addresses of the server, and returns the status of a response that passes.
    ///
    /// # Errors
    /// The reason why it does not pass.
    pub(crate) async fn pass(
        &self,
        addresses: &[SocketAddr],
        within: Duration,
    ) -> Result<u16, String> {
        let deadline = Instant::now() + within;
        let late = || format!("no complete response within {}", contract::duration::show(within));
        timeout_at(deadline, Box::pin(self.made(addresses, deadline)))
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn made(&self, addresses: &[SocketAddr], deadline: Instant) -> Result<u16, String> {
        let stream = self.connected(addresses, deadline).await?;
        let mut response = if self.server.is_http2() || stream.speaks_http2() {
            fetch::begin_http2(stream, self.request(Version::HTTP_2)?).await?
        } else {
            fetch::begin(stream, self.request(Version::HTTP_11)?).await?
        };
        let status = response.status();
        if !self.expect.status(status) {
            let statuses: Vec<_> = self.expect.statuses.iter().map(ToString::to_string).collect();
            return Err(format!("status {status}, expected {}", statuses.join(" or ")));
        }
        let Some(text) = &self.expect.contains else { return Ok(status) };
        let mut body = Vec::new();
        while let Some(piece) = response.piece().await {
            body.extend_from_slice(&piece?);
            if body.len() >= BODY_MAX {
                body.truncate(BODY_MAX);
                break;
            }
        }
        if String::from_utf8_lossy(&body).contains(text) {
            return Ok(status);
        }
        Err(format!("status {status}, but the body does not contain {text:?}"))
    }

    async fn connected(
        &self,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<Stream, String> {
        let first = match self.server.announce() {
            None => Vec::new(),
            Some(ProxyHeader::V1) => connect::announce_v1(None),
            Some(ProxyHeader::V2) => connect::announce_v2(None),
        };
        let history = AddressHistory::default();
        let dialed = match (self.server.socket(), self.server.tls().zip(self.server.tls_name())) {
            (Some(path), _) => {
                connect::dial(Endpoint::Unix(path), &first, &history, deadline).await
            }
            (None, None) => {
                connect::dial(Endpoint::Tcp(addresses), &first, &history, deadline).await
            }
            (None, Some((tls, name))) => {
                let ca = self.ca.clone().or_else(|| tls.ca.clone());
                let files = TlsFiles { ca, identity: tls.identity.clone() };
                let mut room = [0; HOST_ROOM];
                let asked = server_name_of(self.host.as_bytes(), &mut room);
                let name = asked.filter(|_| self.server.is_named_by_request()).unwrap_or(name);
                let made = TlsConfigCache::default().tls(&files, name);
                let made = made.map_err(|error| error.to_string())?;
                let tls = if tls.only_http1 { made.only_http1() } else { made };
                connect::dial(Endpoint::Tls(addresses, &tls), &first, &history, deadline).await
            }
        };
        dialed.map_err(|error| error.to_string())
    }

    fn request(&self, version: Version) -> Result<Request<Empty<Bytes>>, String> {
        let host = self.server.own_host().unwrap_or(&self.host);
        let request = Request::builder().method(Method::GET);
        let request = if version == Version::HTTP_2 {
            let scheme = if self.server.tls().is_some() { "https" } else { "http" };
            request.uri(format!("{scheme}://{host}{}", self.path))
        } else {
            request.uri(self.path).header(HOST, host).header(CONNECTION, "close")
        };
        let named = |name: &str| self.fields.iter().any(|(other, _)| other == name);
        let request = if named(USER_AGENT.as_str()) {
            request
        } else {
            request.header(USER_AGENT, concat!("teal-deploy/", env!("CARGO_PKG_VERSION")))
        };
        let add = |request: Builder, (name, value): &(String, String)| request.header(name, value);
        let request = self.fields.iter().fold(request, add);
        request.body(Empty::new()).map_err(|error| error.to_string())
    }
}

/// The `Host` and the further fields of a request as traffic of a service sends it, like those of a probe.
pub(crate) fn like_traffic(
    service: &ServiceSpec,
    target: &TargetUrl,
) -> (String, Vec<(String, String)>) {
    let health = &service.health;
    let host = health.host.clone().unwrap_or_else(|| target.authority());
    let proto = if health.https { "https" } else { "http" };
    let ours = [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", proto),
        ("x-forwarded-host", &*host),
    ];
    let own = |name: &str| health.headers.iter().any(|(other, _)| other == name);
    let mut fields: Vec<(String, String)> = ours
        .into_iter()
        .filter(|(name, _)| !own(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    fields.extend(health.headers.iter().cloned());
    (host, fields)
}

/// The addresses of a server; empty for a Unix socket.
///
/// # Errors
/// Its name has no address.
pub(crate) async fn addresses(
    server: &TargetUrl,
    within: Duration,
) -> Result<Vec<SocketAddr>, String> {
    let Some((host, port)) = server.host_and_port() else { return Ok(Vec::new()) };
    if let Some(address) = server.literal() {
        return Ok(vec![address]);
    }
    let looked_up = tokio::time::timeout(within, tokio::net::lookup_host((host, port))).await;
    let looked_up = looked_up.map_err(|_| format!("no address for {host} in time"))?;
    let found: Vec<_> =
        looked_up.map_err(|error| format!("no address for {host}: {error}"))?.collect();
    if found.is_empty() { Err(format!("no address for {host}")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::Full;
    use hyper::Response;
    use hyper::body::Incoming;
    use hyper::server::conn::http2;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use rules::StatusRange;
    use tokio::net::TcpListener;

    use super::*;

    /// A server of HTTP/2 without TLS that answers with the authority, the path and a field of the request.
    async fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = service_fn(async |request: Request<Incoming>| {
                    let uri = request.uri();
                    let authority = uri.authority().map_or("none", |authority| authority.as_str());
                    let proto = request.headers()["x-forwarded-proto"].to_str().unwrap_or("none");
                    let said = format!("{authority} {} {proto}", uri.path());
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(said))))
                });
                let served = http2::Builder::new(TokioExecutor::new());
                tokio::spawn(served.serve_connection(TokioIo::new(stream), answer));
            }
        });
        address
    }

    #[tokio::test]
    async fn a_target_of_http2_alone_is_asked_like_traffic() {
        let address = server().await;
        let target = TargetUrl::parse(&format!("h2c://{address}")).expect("a target");
        let expect = |text: &str| Expect {
            statuses: vec![StatusRange::parse("2xx").expect("a range")],
            contains: Some(text.to_owned()),
        };
        let asked = async |expect: &Expect| {
            let check = Check {
                server: &target,
                host: "shop.example.com".to_owned(),
                path: "/login",
                fields: vec![("x-forwarded-proto".to_owned(), "https".to_owned())],
                ca: None,
                expect,
            };
            check.pass(&[address], Duration::from_secs(30)).await
        };
        assert_eq!(asked(&expect("shop.example.com /login https")).await, Ok(200));
        let failure = asked(&expect("Sign in")).await.expect_err("it says something else");
        assert_eq!(failure, "status 200, but the body does not contain \"Sign in\"");
    }
}

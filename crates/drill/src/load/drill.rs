//! `teal drill URL`: loads one page of any application for a while and reports what was
//! lost, from the client's ledger alone.

use std::io;
use std::time::Duration;

use super::look::reach;
use super::tls::{TlsError, Trust};
use super::url::Url;
use super::{Endpoint, Load, LoadError, LoadOptions, Protocol, Work};
use crate::ledger::Verdict;

/// The options of a drill.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    /// `http://HOST[:PORT][/PATH]`, or `https://…`; only GET of this page is sent.
    pub url: String,
    /// The protocols; empty: HTTP/1.1, with TLS if the URL is https.
    pub over: Vec<Protocol>,
    /// The CAs to trust for the server's certificate.
    pub trust: Trust,
    /// The duration of the load.
    pub duration: Duration,
    /// The number of closed loops, each with its own connection; over HTTP/2 up to four share one.
    pub connections: usize,
    /// The most requests per second of all loops together; none: unlimited.
    pub rate: Option<u32>,
    /// Keep to the rate however slow the answers are; see [`LoadOptions::open`].
    pub open: bool,
    /// The deadline of one request.
    pub timeout: Duration,
}

/// The error of a drill that could not begin.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The URL cannot be drilled.
    #[error(
        "cannot drill {url:?}: {why}; write for example http://127.0.0.1:8080/ or https://example.com/"
    )]
    Url {
        /// The given URL.
        url: String,
        /// The problem.
        why: &'static str,
    },
    /// The URL's scheme does not match the protocol.
    #[error("cannot drill {url:?} over {over}: {why}; write {instead}")]
    Protocol {
        /// The given URL.
        url: String,
        /// The protocol.
        over: Protocol,
        /// The reason.
        why: &'static str,
        /// The alternative.
        instead: String,
    },
    /// The host has no address.
    #[error("cannot find an address of {host:?}: {source}; check the name, or write an address")]
    Resolve {
        /// The host.
        host: String,
        /// The system's error.
        source: io::Error,
    },
    /// Nothing there speaks the protocol.
    #[error("nothing answers over {} at {}: {why}; {}", .endpoint.over, .endpoint.address, instead(why))]
    Connect {
        /// The protocol and address that were tried.
        endpoint: Endpoint,
        /// The reason.
        why: String,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The load cannot be started.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Advice for a first connection that failed.
fn instead(why: &str) -> &'static str {
    if why.contains("UnknownIssuer") {
        return "name the CA of its certificate with --ca FILE";
    }
    if why.contains("certificate") || why.contains("UnrecognisedName") {
        return "use the host that its certificate is for";
    }
    "is the server running, and does it speak that on this port?"
}

/// Loads a URL and returns the verdict. It begins only if the first connections succeed.
pub async fn drill(options: DrillOptions) -> Result<Verdict, DrillError> {
    let url = Url::parse(&options.url)?;
    let endpoints = url.endpoints(&options.over).await?;
    let tls = url.tls(&options.trust)?;
    for endpoint in &endpoints {
        let reached = reach(*endpoint, tls.as_ref()).await;
        reached.map_err(|fault| DrillError::Connect { endpoint: *endpoint, why: fault.why() })?;
    }
    let load = Load::start(LoadOptions {
        endpoints,
        host: url.authority.to_owned(),
        trust: options.trust,
        work: Work::Page(url.path),
        connections: options.connections,
        rate: options.rate,
        open: options.open,
        timeout: options.timeout,
    })?;
    tokio::time::sleep(options.duration).await;
    Ok(Verdict::of_client(&load.finish().await))
}

//! `teal drill URL`: load one page of any application for a while and say what
//! was lost, from the client's ledger alone.

use std::io;
use std::time::Duration;

use super::look::reach;
use super::tls::{TlsError, Trust};
use super::url::Url;
use super::{Load, LoadError, LoadOptions, Over, Way, Work};
use crate::ledger::Verdict;

/// What to drill, and for how long.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    /// `http://HOST[:PORT][/PATH]`, or `https://…`; only GET of this page is sent.
    pub url: String,
    /// What to speak; empty: HTTP/1.1, with TLS if the URL says so.
    pub over: Vec<Over>,
    /// Whose signature makes the server's certificate good.
    pub trust: Trust,
    /// How long to send requests.
    pub duration: Duration,
    /// Number of closed loops, each with a connection of its own; over HTTP/2 up to four share one.
    pub connections: usize,
    /// Most requests per second of all loops together; none: as fast as it goes.
    pub rate: Option<u32>,
    /// Keep to the rate whatever the answers do; see [`LoadOptions::open`].
    pub open: bool,
    /// Deadline of one request.
    pub timeout: Duration,
}

/// Why a drill could not begin.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The URL is not one that can be drilled.
    #[error(
        "cannot drill {url:?}: {why}; write for example http://127.0.0.1:8080/ or https://example.com/"
    )]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The URL's scheme says another thing than what is to be spoken.
    #[error("cannot drill {url:?} over {over}: {why}; write {instead}")]
    Over {
        /// What was given.
        url: String,
        /// What was to be spoken.
        over: Over,
        /// Why that can't be.
        why: &'static str,
        /// What can.
        instead: String,
    },
    /// The host has no address.
    #[error("cannot find an address of {host:?}: {source}; check the name, or write an address")]
    Resolve {
        /// The host.
        host: String,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing there speaks what is to be drilled.
    #[error("nothing answers over {} at {}: {why}; {}", .way.over, .way.address, instead(why))]
    Connect {
        /// What was tried, and where.
        way: Way,
        /// What came of it.
        why: String,
    },
    /// There can be no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The load can't be started.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Advice on a first connection that failed.
fn instead(why: &str) -> &'static str {
    if why.contains("UnknownIssuer") {
        return "name the CA of its certificate with --ca FILE";
    }
    if why.contains("certificate") || why.contains("UnrecognisedName") {
        return "use the host that its certificate is for";
    }
    "is the server running, and does it speak that on this port?"
}

/// Loads a URL and gives the verdict. The first connections decide whether it begins at all.
pub async fn drill(options: DrillOptions) -> Result<Verdict, DrillError> {
    let url = Url::parse(&options.url)?;
    let ways = url.ways(&options.over).await?;
    let tls = url.tls(&options.trust)?;
    for way in &ways {
        let reached = reach(*way, tls.as_ref()).await;
        reached.map_err(|fault| DrillError::Connect { way: *way, why: fault.why() })?;
    }
    let load = Load::start(LoadOptions {
        ways,
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

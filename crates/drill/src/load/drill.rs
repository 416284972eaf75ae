//! `teal drill URL`: load one page of any application for a while and say what
//! was lost, from the client's ledger alone.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Load, LoadOptions, Work};
use crate::ledger::Verdict;

/// What to drill, and for how long.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    /// `http://HOST[:PORT][/PATH]`; only GET of this page is sent.
    pub url: String,
    /// How long to send requests.
    pub duration: Duration,
    /// Number of closed loops, each with a connection of its own.
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
    #[error("cannot drill {url:?}: {why}; write for example http://127.0.0.1:8080/")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The host has no address.
    #[error("cannot find an address of {host:?}: {source}; check the name, or write an address")]
    Resolve {
        /// The host.
        host: String,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing accepts connections there.
    #[error("nothing answers at {address}: {source}; is the server running?")]
    Connect {
        /// Where the connection was tried.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no random numbers.
    #[error("cannot name the run: {0}")]
    Random(#[from] getrandom::Error),
}

/// Loads a URL and gives the verdict. The first connection decides whether it begins at all.
pub async fn drill(options: DrillOptions) -> Result<Verdict, DrillError> {
    let url = Url::parse(&options.url)?;
    let address = url.resolve().await?;
    tokio::net::TcpStream::connect(address)
        .await
        .map_err(|source| DrillError::Connect { address, source })?;
    let load = Load::start(LoadOptions {
        address,
        host: url.authority.to_owned(),
        work: Work::Page(url.path),
        connections: options.connections,
        rate: options.rate,
        open: options.open,
        timeout: options.timeout,
    })?;
    tokio::time::sleep(options.duration).await;
    Ok(Verdict::of_client(&load.finish().await))
}

/// The parts of an `http` URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    pub(crate) authority: &'a str,
    pub(crate) path: String,
}

impl<'a> Url<'a> {
    pub(crate) fn parse(url: &'a str) -> Result<Self, DrillError> {
        let wrong = |why| DrillError::Url { url: url.to_owned(), why };
        if url.starts_with("https://") {
            return Err(wrong("the drill does not speak TLS yet"));
        }
        let rest = url.strip_prefix("http://").ok_or_else(|| wrong("it is no http:// URL"))?;
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("it has spaces or characters beyond ASCII, which must be encoded"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        if authority.is_empty() || authority.contains('@') {
            return Err(wrong("it needs a host, without a user name"));
        }
        let path = if tail.starts_with('/') { tail.to_owned() } else { format!("/{tail}") };
        Ok(Self { authority, path })
    }

    pub(crate) async fn resolve(&self) -> Result<SocketAddr, DrillError> {
        let failed = |source| DrillError::Resolve { host: self.authority.to_owned(), source };
        let has_port = match self.authority.rsplit_once(':') {
            Some((_, port)) => !port.ends_with(']'),
            None => false,
        };
        let with_port =
            if has_port { self.authority.to_owned() } else { format!("{}:80", self.authority) };
        let mut found = tokio::net::lookup_host(with_port).await.map_err(failed)?;
        found.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> Option<(&str, String)> {
        Url::parse(url).ok().map(|url| (url.authority, url.path))
    }

    #[test]
    fn a_url_is_taken_apart() {
        assert_eq!(parts("http://a:1"), Some(("a:1", "/".to_owned())));
        assert_eq!(parts("http://a/b?c=d#e"), Some(("a", "/b?c=d".to_owned())));
        assert_eq!(parts("http://[::1]:8080?x"), Some(("[::1]:8080", "/?x".to_owned())));
        for bad in ["a:1", "https://a", "http://", "http:///x", "http://u@a", "http://a/ b"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_wrong_url_is_answered_with_what_to_write() {
        let error = Url::parse("localhost:8080").unwrap_err().to_string();
        assert!(error.contains("localhost:8080") && error.contains("http://127.0.0.1:8080/"));
    }
}

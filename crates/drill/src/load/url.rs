//! The URL to drill, and the addresses and protocols that follow from it.

use std::io;
use std::net::SocketAddr;

use super::drill::DrillError;
use super::tls::{Tls, TlsError, Trust};
use crate::endpoint::{Endpoint, Protocol};

/// The parts of a URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    text: &'a str,
    is_secure: bool,
    pub(crate) authority: &'a str,
    pub(crate) path: String,
}

impl<'a> Url<'a> {
    pub(crate) fn parse(url: &'a str) -> Result<Self, DrillError> {
        let wrong = |why| DrillError::Url { url: url.to_owned(), why };
        let (is_secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(wrong("it begins with neither http:// nor https://")),
        };
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
        Ok(Self { text: url, is_secure, authority, path })
    }

    /// The same server with another path.
    pub(crate) fn at(&self, path: &str) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.authority)
    }

    /// The addresses for these protocols; empty: HTTP/1.1.
    pub(crate) async fn endpoints(&self, over: &[Protocol]) -> Result<Vec<Endpoint>, DrillError> {
        let usual = [if self.is_secure { Protocol::Tls } else { Protocol::Http1 }];
        let over = if over.is_empty() { &usual } else { over };
        if let Some(unfit) = over.iter().find(|over| over.is_secure() != self.is_secure) {
            return Err(self.unfit(*unfit, over));
        }
        let address = self.resolve().await?;
        Ok(over.iter().map(|over| Endpoint { over: *over, address }).collect())
    }

    /// TLS to this server, if the URL says so.
    pub(crate) fn tls(&self, trust: &Trust) -> Result<Option<Tls>, TlsError> {
        self.is_secure.then(|| Tls::new(self.authority, trust)).transpose()
    }

    /// The error with the alternative to write.
    fn unfit(&self, over: Protocol, all: &[Protocol]) -> DrillError {
        let fitting = Protocol::ALL.into_iter().filter(|over| over.is_secure() == self.is_secure);
        let fitting: Vec<_> = fitting.map(Protocol::word).collect();
        let list = format!("--over {}", fitting.join(","));
        let (why, scheme) = if self.is_secure {
            ("an https:// URL means TLS", "http")
        } else {
            ("an http:// URL means plain text", "https")
        };
        // One URL is one port, and that has one scheme.
        let is_mixed = all.iter().any(|over| over.is_secure() == self.is_secure);
        let instead = if is_mixed { list } else { format!("{list}, or an {scheme}:// URL") };
        DrillError::Protocol { url: self.text.to_owned(), over, why, instead }
    }

    async fn resolve(&self) -> Result<SocketAddr, DrillError> {
        let failed = |source| DrillError::Resolve { host: self.authority.to_owned(), source };
        let has_port = match self.authority.rsplit_once(':') {
            Some((_, port)) => !port.ends_with(']'),
            None => false,
        };
        let port = if self.is_secure { 443 } else { 80 };
        let with_port =
            if has_port { self.authority.to_owned() } else { format!("{}:{port}", self.authority) };
        let mut found = tokio::net::lookup_host(with_port).await.map_err(failed)?;
        found.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> Option<(bool, &str, String)> {
        Url::parse(url).ok().map(|url| (url.is_secure, url.authority, url.path))
    }

    #[test]
    fn a_url_is_taken_apart() {
        assert_eq!(parts("http://a:1"), Some((false, "a:1", "/".to_owned())));
        assert_eq!(parts("https://a/b?c=d#e"), Some((true, "a", "/b?c=d".to_owned())));
        assert_eq!(parts("http://[::1]:8080?x"), Some((false, "[::1]:8080", "/?x".to_owned())));
        for bad in ["a:1", "ftp://a", "http://", "https:///x", "http://u@a", "http://a/ b"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_invalid_url_is_reported_with_a_valid_one() {
        let error = Url::parse("localhost:8080").unwrap_err().to_string();
        assert!(error.contains("localhost:8080") && error.contains("http://127.0.0.1:8080/"));
    }

    #[tokio::test]
    async fn a_protocol_that_the_scheme_does_not_allow_is_reported_with_one_that_it_does() {
        let endpoints =
            async |url, over: &[Protocol]| Url::parse(url).unwrap().endpoints(over).await;
        for (url, usual, fitting, unfit) in [
            ("http://127.0.0.1:1", Protocol::Http1, Protocol::H2c, Protocol::Http2),
            ("https://127.0.0.1:1", Protocol::Tls, Protocol::Http2, Protocol::H2c),
        ] {
            let found = endpoints(url, &[]).await.unwrap();
            assert_eq!(found.iter().map(|endpoint| endpoint.over).collect::<Vec<_>>(), [usual]);
            assert_eq!(endpoints(url, &[usual, fitting]).await.unwrap().len(), 2);
            let error = endpoints(url, &[unfit]).await.unwrap_err().to_string();
            let list = format!("--over {usual},{fitting}");
            assert!(error.contains(&list) && error.contains(":// URL"), "{error}");
            let error = endpoints(url, &[usual, unfit]).await.unwrap_err().to_string();
            assert!(error.ends_with(&list), "{error}");
        }
    }
}

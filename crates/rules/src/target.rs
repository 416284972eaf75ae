//! The address of a target: read, checked, and written as it was read; and its TLS settings.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::invalid::Invalid;

/// The address of a target as written: `http://HOST:PORT`, `https://HOST:PORT`, `h2c://HOST:PORT` or
/// `unix:/PATH`. With other TLS settings it is another target: evidence for one says nothing of the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetUrl {
    location: Location,
    tls: Option<Box<TargetTls>>,
    http2: bool,
    announce: Option<ProxyHeader>,
    own_host: Option<Box<str>>,
    resolve: Resolve,
}

/// The targets that a name with several addresses is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resolve {
    /// One for each of its addresses.
    #[default]
    All,
    /// One, which connects to the address that answers first.
    First,
}

/// The version of the PROXY protocol header that tells a target the client of each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProxyHeader {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// The TLS settings of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetTls {
    /// The server name (SNI), which its certificate must be for.
    pub server_name: ServerName,
    /// PEM: the CA certificates to verify it against; `None` for the system's CAs.
    pub ca: Option<PathBuf>,
    /// PEM: the client certificate and its key; `None`: there is none.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// HTTP/2 is not offered in the handshake.
    pub only_http1: bool,
}

/// The server name of TLS to a target (SNI), for which its certificate must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServerName {
    /// The host of the target's address.
    #[default]
    Target,
    /// This one.
    Fixed(Box<str>),
    /// The host of each request.
    Request,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Location {
    Tcp { host: Box<str>, port: u16 },
    Unix(Box<str>),
}

/// The longest path of a socket that the kernel takes (unix(7)).
const SOCKET_PATH_MAX: usize = 107;

impl TargetUrl {
    /// Reads `http://HOST:PORT`, whose port is 80 if absent, `https://HOST:PORT` (443), `h2c://HOST:PORT`
    /// (80), or `unix:/PATH`.
    /// A path after the address, a query, a user or another scheme is refused, since it would have no
    /// effect.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let shaped =
            |why: &str, as_what: &str| Invalid(format!("{text:?}: {why}, write it as {as_what}"));
        if let Some(path) = text.strip_prefix("unix:") {
            return Self::parse_socket(text, path);
        }
        let (tls, http2, rest) = match text.split_once("://") {
            Some(("http", rest)) => (None, false, rest),
            Some(("https", rest)) => (Some(Box::<TargetTls>::default()), false, rest),
            Some(("h2c", rest)) => (None, true, rest),
            Some((scheme, _)) => {
                let instead = match scheme {
                    "h2" | "http2" | "grpc" => "h2c://HOST:PORT, or with TLS https://HOST:PORT",
                    "grpcs" | "tls" | "ssl" => "https://HOST:PORT",
                    _ => "http://HOST:PORT, https://HOST:PORT, h2c://HOST:PORT or unix:/PATH",
                };
                return Err(shaped(&format!("unknown scheme {scheme:?}"), instead));
            }
            None => return Err(shaped("a target needs a scheme", "http://HOST:PORT")),
        };
        let scheme = text.split("://").next().unwrap_or("http");
        let wrong = |why: &str| shaped(why, &format!("{scheme}://HOST:PORT"));
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(wrong("a target is an address and has no path"));
        }
        if authority.contains('@') {
            return Err(wrong("a target has no user name"));
        }
        let (host, port) = split_port(authority).map_err(wrong)?;
        let port = match port {
            None if tls.is_some() => 443,
            None => 80,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|port| *port != 0 && digits.bytes().all(|c| c.is_ascii_digit()))
                .ok_or_else(|| wrong("the port must be a number from 1 to 65535"))?,
        };
        if !valid_host(host) {
            return Err(wrong("the host must be a name, an IPv4 address or [IPv6]"));
        }
        Ok(Self {
            location: Location::Tcp { host: host.to_ascii_lowercase().into(), port },
            tls,
            http2,
            announce: None,
            own_host: None,
            resolve: Resolve::default(),
        })
    }

    fn parse_socket(text: &str, path: &str) -> Result<Self, Invalid> {
        let wrong = |why: &str| Invalid(format!("{text:?}: {why}, write it as unix:/PATH"));
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
            return Err(wrong("a socket has an absolute path"));
        }
        if path.len() > SOCKET_PATH_MAX {
            return Err(wrong("the path of a socket has at most 107 bytes"));
        }
        let location = Location::Unix(path.into());
        let (tls, http2, announce, own_host) = (None, false, None, None);
        Ok(Self { location, tls, http2, announce, own_host, resolve: Resolve::default() })
    }

    /// Its TLS settings; `None`: it is plain.
    pub fn tls(&self) -> Option<&TargetTls> {
        self.tls.as_deref()
    }

    /// Returns true if HTTP/2 may be spoken with it.
    pub fn may_speak_http2(&self) -> bool {
        self.http2 || self.tls().is_some_and(|tls| !tls.only_http1)
    }

    /// The name that its certificate must be for, unless the request sets it; `None`: it is plain.
    pub fn tls_name(&self) -> Option<&str> {
        match &self.tls()?.server_name {
            ServerName::Fixed(name) => Some(name),
            ServerName::Target | ServerName::Request => self.host_and_port().map(|(host, _)| host),
        }
    }

    /// Returns true if its server name is the host of each request.
    pub fn is_named_by_request(&self) -> bool {
        self.tls().is_some_and(|tls| tls.server_name == ServerName::Request)
    }

    /// The Host that is sent to it instead of the client's; `None`: the client's is sent.
    pub fn own_host(&self) -> Option<&str> {
        self.own_host.as_deref()
    }

    /// The same address with its own Host: the configured server name of its TLS, or its authority,
    /// without the port if that is the default of its scheme.
    #[must_use]
    pub fn with_own_host(self) -> Self {
        let named = self.tls().map(|tls| &tls.server_name);
        let host = match (&self.location, named) {
            (_, Some(ServerName::Fixed(name))) => name.clone(),
            (Location::Tcp { host, port: 443 }, Some(_))
            | (Location::Tcp { host, port: 80 }, None) => host.clone(),
            _ => self.authority().into(),
        };
        Self { own_host: Some(host), ..self }
    }

    /// The same address with this TLS, if it has any.
    #[must_use]
    pub fn with_tls(self, tls: TargetTls) -> Self {
        Self { tls: self.tls.map(|_| Box::new(tls)), ..self }
    }

    /// Returns true if HTTP/2 is spoken with it from the first byte, without TLS.
    pub fn is_http2(&self) -> bool {
        self.http2
    }

    /// The PROXY protocol header sent to it on each connection; `None`: there is none.
    pub fn announce(&self) -> Option<ProxyHeader> {
        self.announce
    }

    /// The same address with this PROXY protocol header.
    #[must_use]
    pub fn with_announce(self, announce: Option<ProxyHeader>) -> Self {
        Self { announce, ..self }
    }

    /// The same name with this way to resolve it; an address or socket stays as it is.
    #[must_use]
    pub fn with_resolve(self, resolve: Resolve) -> Self {
        let resolve = if self.is_name() { resolve } else { Resolve::default() };
        Self { resolve, ..self }
    }

    /// The same address without any settings, as it is written.
    #[must_use]
    pub fn bare(self) -> Self {
        let tls = self.tls.map(|_| Box::default());
        Self { tls, announce: None, own_host: None, resolve: Resolve::default(), ..self }
    }

    /// The targets that its name is.
    pub fn resolve(&self) -> Resolve {
        self.resolve
    }

    /// Returns true if it is a name that has to be resolved.
    pub fn is_name(&self) -> bool {
        self.host_and_port().is_some() && self.literal().is_none()
    }

    /// Returns true if it is a name of which each address is a target.
    pub fn is_each_address(&self) -> bool {
        self.resolve == Resolve::All && self.is_name()
    }

    /// The address that is written instead of a name; `None`: it is a name or a socket.
    pub fn literal(&self) -> Option<SocketAddr> {
        let (host, port) = self.host_and_port()?;
        Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port))
    }

    /// Returns true if it is at the same address, whatever the protocol.
    pub fn is_at(&self, other: &Self) -> bool {
        self.location == other.location
    }

    /// The path of its Unix socket; `None`: it is reached by TCP.
    pub fn socket(&self) -> Option<&Path> {
        match &self.location {
            Location::Tcp { .. } => None,
            Location::Unix(path) => Some(Path::new(&**path)),
        }
    }

    /// The host without brackets, a name to resolve or an address, and the port; `None` for a
    /// socket.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        match &self.location {
            Location::Tcp { host, port } => {
                Some((host.trim_start_matches('[').trim_end_matches(']'), *port))
            }
            Location::Unix(_) => None,
        }
    }

    /// `HOST:PORT`, as it stands in a Host field; `localhost` for a socket.
    pub fn authority(&self) -> String {
        match &self.location {
            Location::Tcp { host, port } => format!("{host}:{port}"),
            Location::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::Tcp { host, port } => {
                let scheme = match (&self.tls, self.http2) {
                    (Some(_), _) => "https",
                    (None, true) => "h2c",
                    (None, false) => "http",
                };
                write!(f, "{scheme}://{host}:{port}")
            }
            Location::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// A target as shown to people: as configured, with the one of its name's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetName {
    /// As configured.
    pub url: TargetUrl,
    /// Its single address; `None` if it has none.
    pub address: Option<SocketAddr>,
}

impl From<TargetUrl> for TargetName {
    fn from(url: TargetUrl) -> Self {
        Self { address: url.literal(), url }
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.filter(|_| self.url.is_name()) {
            Some(address) => write!(f, "{} at {}", self.url, address.ip()),
            None => self.url.fmt(f),
        }
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or("the bracket of the IPv6 address is not closed")?;
        let (host, rest) = authority.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("after the IPv6 address only :PORT may follow"),
        };
    }
    Ok(match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    })
}

fn valid_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_'))
}

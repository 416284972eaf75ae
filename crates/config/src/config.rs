//! The meaning of a configuration: every default filled in, every value checked.
//!
//! No field is an `Option` that means "default", and nothing here knows how it was
//! written. Only `check` and `flags` create a [`Config`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rules::{Network, TargetUrl, Token};

use crate::acme::{Acme, certifiable, obstacle};
use crate::deploy::Deploy;
use crate::notify::Notify;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The directory of the journal, the admin socket and the created token; absolute.
    pub state_dir: PathBuf,
    /// Data-plane workers, one thread each; at least 1.
    pub workers: usize,
    /// The admin API.
    pub admin: Admin,
    /// The address of the metrics listener, which needs no token; `None`: there is none.
    pub metrics: Option<SocketAddr>,
    /// Limits on what clients may send, for all listeners.
    pub limits: rules::Limits,
    /// The listeners for clients, and after them those for previews; never empty, no two overlap.
    pub listeners: Vec<Listener>,
    /// Certificates for the listeners with TLS; if there is such a listener, not empty without `acme`.
    pub certificates: Vec<Certificate>,
    /// The ACME CA that certificates are ordered from; `None`: none are.
    pub acme: Option<Acme>,
    /// The services in the order of the file; never empty, names and routes are unique.
    pub services: Vec<rules::ServiceSpec>,
    /// Services that are switched together; names are unique.
    pub groups: Vec<rules::GroupSpec>,
    /// The deploys of the services that have them, for `teal deploy`; a running Teal ignores them.
    pub deploys: Vec<Deploy>,
    /// The access log; `None`: there is none.
    pub access_log: Option<AccessLog>,
    /// The collector of spans; `None`: requests are not traced.
    pub otel: Option<TargetUrl>,
    /// The endpoints that are notified of events; names are unique.
    pub notify: Vec<Notify>,
    /// The settings of an upgrade.
    pub upgrade: Upgrade,
    /// The file it was read from; `None`: it comes from flags.
    pub source: Option<PathBuf>,
}

/// The admin API: its addresses and tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The TCP address; beyond loopback only with TLS.
    pub listen: SocketAddr,
    /// The path of the Unix socket, which is always there: `admin.sock` in the runtime directory of the
    /// service manager, else in `state_dir`.
    pub socket: PathBuf,
    /// The certificate for TLS on it; `None`: plain.
    pub tls: Option<Certificate>,
    /// The tokens accepted; if empty, Teal creates one at its first start.
    pub tokens: Vec<Token>,
    /// Host names accepted besides the loopback ones; lower case, without a port.
    pub hosts: Vec<String>,
    /// The group whose members are operators on the socket; `None`: only Teal's user and root.
    pub socket_group: Option<String>,
}

/// A listener for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address to bind; port 0 lets the system choose.
    pub address: SocketAddr,
    /// TLS; `None`: plain.
    pub tls: Option<Tls>,
    /// True if HTTP/2 is served.
    pub http2: bool,
    /// The target of redirects to `https`; `None`: plain requests are served.
    pub redirect_https: Option<Redirect>,
    /// The `max-age` of `Strict-Transport-Security`, in seconds.
    pub hsts: Option<u32>,
    /// The path of Teal's own health check; `None`: there is none.
    pub health: Option<Box<str>>,
    /// Ranges of addresses that must begin with a PROXY protocol header.
    pub proxy_protocol: Vec<Network>,
    /// Ranges of proxies whose fields about their clients are trusted.
    pub trusted: Vec<Network>,
    /// True if its requests go to the idle colors of the services that name it; those of others are refused.
    pub preview: bool,
}

/// The port under `https` that requests are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// That of the first listener with TLS.
    Listener,
    /// This one.
    Port(u16),
}

/// The access log: its destination and format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// The file, absolute; `None`: standard output.
    pub file: Option<PathBuf>,
    /// True if lines have the combined format of Apache and nginx; else they are JSON.
    pub combined: bool,
}

/// The upgrade of a running Teal to a newer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The binary to start, absolute; `None`: the one that runs.
    pub binary: Option<PathBuf>,
    /// The time the old Teal has to finish its requests and tunnels.
    pub drain: Duration,
}

/// The TLS settings of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// True if TLS 1.2 is refused.
    pub only_tls13: bool,
    /// The verification of client certificates; `None`: they are not asked for.
    pub client_auth: Option<ClientAuth>,
}

/// The verification of client certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// PEM: the CA certificates to verify it against; absolute.
    pub ca: PathBuf,
    /// True if clients without one are refused.
    pub required: bool,
    /// True if targets are also sent the rest of its chain.
    pub chain: bool,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// PEM: the certificate, then the chain above it; absolute.
    pub cert: PathBuf,
    /// PEM: the private key; absolute.
    pub key: PathBuf,
}

/// The name of the admin socket in its directory.
pub const ADMIN_SOCKET: &str = "admin.sock";

/// The directory of the credentials of the shipped unit, for checks from outside the unit.
const CREDENTIALS: &str = "/run/credentials/teal.service";

/// The part of the process's environment that defaults depend on.
///
/// The binary reads it once, so that nothing in this crate depends on where it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `$STATE_DIRECTORY`, which systemd sets; the first of several is used.
    pub state_directory: Option<PathBuf>,
    /// `$RUNTIME_DIRECTORY`, which systemd sets; the first of several is used.
    pub runtime_directory: Option<PathBuf>,
    /// `$CREDENTIALS_DIRECTORY`, which systemd sets.
    pub credentials_directory: Option<PathBuf>,
    /// `$XDG_STATE_HOME`; a relative one is ignored, as its specification asks.
    pub xdg_state_home: Option<PathBuf>,
    /// `$HOME`.
    pub home: Option<PathBuf>,
}

// === impl Config ===

impl Config {
    /// The names that certificates can be ordered for from the ACME CA; empty without one.
    pub fn acme_names(&self) -> impl Iterator<Item = &str> {
        let acme = self.acme.as_ref();
        certifiable(self.services.iter().filter(move |_| acme.is_some()))
            .filter(move |host| acme.is_some_and(|acme| obstacle(host, acme).is_none()))
    }

    /// Hosts that the ACME CA issues no certificate for, with the indexes of service and host, and the reason.
    pub fn acme_obstacles(&self) -> impl Iterator<Item = (usize, usize, &str, &'static str)> {
        let acme = self.acme.as_ref();
        let hosts = self.services.iter().enumerate().flat_map(|(service, spec)| {
            let hosts = spec.hosts.iter().enumerate();
            hosts.map(move |(place, host)| (service, place, host.as_str()))
        });
        hosts.filter_map(move |(service, place, host)| {
            Some((service, place, host, obstacle(host, acme?)?))
        })
    }
}

// === impl Upgrade ===

impl Default for Upgrade {
    fn default() -> Self {
        Self { binary: None, drain: Duration::from_secs(600) }
    }
}

// === impl Listener ===

impl Listener {
    /// A listener without TLS, with all other settings at their defaults.
    pub fn plain(address: SocketAddr) -> Self {
        Self {
            address,
            tls: None,
            http2: false,
            redirect_https: None,
            hsts: None,
            health: None,
            proxy_protocol: Vec::new(),
            trusted: Vec::new(),
            preview: false,
        }
    }
}

// === impl Environment ===

impl Environment {
    /// The default state directory: `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/teal`, else
    /// `~/.local/state/teal`; `None` if none of these is known.
    pub fn state_dir(&self) -> Option<PathBuf> {
        let systemd = self.state_directory.as_deref().and_then(first_of_list);
        let xdg = || self.xdg_state_home.as_ref().filter(|home| home.is_absolute());
        let home = || self.home.as_ref().filter(|home| home.is_absolute());
        systemd
            .or_else(|| Some(xdg()?.join("teal")))
            .or_else(|| Some(home()?.join(".local/state/teal")))
    }

    /// The path of the admin socket of a Teal with this state directory: in `$RUNTIME_DIRECTORY`, which
    /// other users can enter, else in the state directory.
    pub fn socket(&self, state_dir: &Path) -> PathBuf {
        let runtime = self.runtime_directory.as_deref().and_then(first_of_list);
        runtime.as_deref().unwrap_or(state_dir).join(ADMIN_SOCKET)
    }

    /// The file of a credential that the service manager has loaded (`LoadCredential=`).
    pub(crate) fn credential(&self, name: &str) -> PathBuf {
        let directory = self.credentials_directory.as_deref().filter(|path| path.is_absolute());
        directory.unwrap_or(Path::new(CREDENTIALS)).join(name)
    }
}

/// Returns the first directory of a list that systemd joined with colons.
fn first_of_list(list: &Path) -> Option<PathBuf> {
    let first = match list.to_str() {
        Some(text) => Path::new(text.split(':').next().unwrap_or_default()),
        None => list,
    };
    first.is_absolute().then(|| first.to_owned())
}

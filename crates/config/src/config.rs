//! What a configuration means: every default filled in, every value checked.
//!
//! No field is an `Option` that means "default", and nothing here knows how it was
//! written. Only `check` and `flags` make a [`Config`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rules::{Network, TargetUrl, Token};

use crate::acme::{Acme, certifiable, obstacle};

/// Everything that Teal was asked to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the journal, the admin socket and the made token live; absolute.
    pub state_dir: PathBuf,
    /// Data-plane workers, one thread each; at least 1.
    pub workers: usize,
    /// Who may ask for what, and where.
    pub admin: Admin,
    /// The address of metrics without a token; `None`: there is none.
    pub metrics: Option<SocketAddr>,
    /// What a client may send, for all listeners.
    pub limits: rules::Limits,
    /// Where clients are served; never empty, no two overlap.
    pub listeners: Vec<Listener>,
    /// Certificates for the listeners with TLS; if there is one, not empty without `acme`.
    pub certificates: Vec<Certificate>,
    /// Who is asked for certificates; `None`: nobody.
    pub acme: Option<Acme>,
    /// The services in the order of the file; never empty, names and routes are unique.
    pub services: Vec<rules::ServiceSpec>,
    /// Services that are switched together; names are unique.
    pub groups: Vec<rules::GroupSpec>,
    /// A line for each request; `None`: nowhere.
    pub access_log: Option<AccessLog>,
    /// The collector that gets a span for each request; `None`: there is none.
    pub otel: Option<TargetUrl>,
    /// How a running Teal is replaced by a newer one.
    pub upgrade: Upgrade,
    /// The file it was read from; `None`: from flags.
    pub source: Option<PathBuf>,
}

/// The admin API: where it listens and who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The TCP address; beyond loopback only with TLS.
    pub listen: SocketAddr,
    /// The path of the Unix socket, which is always there: `admin.sock` in the runtime directory of the
    /// service manager, else in `state_dir`.
    pub socket: PathBuf,
    /// TLS on it; `None`: plain.
    pub tls: Option<Certificate>,
    /// Who may come in by token; empty: Teal makes one token at its first start.
    pub tokens: Vec<Token>,
    /// Host names accepted besides the loopback ones; lower case, without a port.
    pub hosts: Vec<String>,
    /// The group whose members are operators on the socket; `None`: only Teal's user and root.
    pub socket_group: Option<String>,
}

/// One public address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where to bind; port 0 lets the system choose.
    pub address: SocketAddr,
    /// TLS; `None`: plain.
    pub tls: Option<Tls>,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// The target of redirects to `https`; `None`: plain requests are served.
    pub redirect_https: Option<Redirect>,
    /// The `max-age` of `Strict-Transport-Security`, in seconds.
    pub hsts: Option<u32>,
    /// The path at which Teal says whether it serves; `None`: none.
    pub health: Option<Box<str>>,
    /// Who must begin with a header of the PROXY protocol.
    pub proxy_protocol: Vec<Network>,
    /// Whose word about their own clients is kept.
    pub trusted: Vec<Network>,
}

/// The port under `https` that requests are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// That of the first listener with TLS.
    Listener,
    /// This one.
    Port(u16),
}

/// Where a line for each request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// The file, absolute; `None`: standard output.
    pub file: Option<PathBuf>,
    /// Whether lines have the combined format of Apache and nginx; else they are JSON.
    pub combined: bool,
}

/// How a running Teal is replaced by a newer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The program to start, absolute; `None`: the one that runs.
    pub binary: Option<PathBuf>,
    /// How long the older Teal may go on with what it has.
    pub drain: Duration,
}

/// How TLS is served at a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Whether TLS 1.2 is refused.
    pub only_tls13: bool,
    /// Which clients have to show a certificate.
    pub client_auth: Option<ClientAuth>,
}

/// Clients show a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// PEM: who must have signed it; absolute.
    pub ca: PathBuf,
    /// Whether a client without one is refused.
    pub required: bool,
    /// Targets are sent the certificates above it, too.
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

/// The directory of the credentials of the shipped unit, for a look from outside of it.
const CREDENTIALS: &str = "/run/credentials/teal.service";

/// What the process was started with, as far as a default depends on it.
///
/// The binary reads it once, so that nothing in this crate depends on where it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `$STATE_DIRECTORY`, which systemd sets; of several the first counts.
    pub state_directory: Option<PathBuf>,
    /// `$RUNTIME_DIRECTORY`, which systemd sets; of several the first counts.
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
    /// The names for which certificates may be asked of the authority; empty without one.
    pub fn acme_names(&self) -> impl Iterator<Item = &str> {
        let acme = self.acme.as_ref();
        certifiable(self.services.iter().filter(move |_| acme.is_some()))
            .filter(move |host| acme.is_some_and(|acme| obstacle(host, acme).is_none()))
    }

    /// Hosts for which the ACME CA gives no certificate: their service and place, and why.
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
    /// A plain one.
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
        }
    }
}

// === impl Environment ===

impl Environment {
    /// Where state lives if nothing is said: `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/teal`,
    /// else `~/.local/state/teal`; `None` if nothing of that is known.
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
    pub fn credential(&self, name: &str) -> PathBuf {
        let directory = self.credentials_directory.as_deref().filter(|path| path.is_absolute());
        directory.unwrap_or(Path::new(CREDENTIALS)).join(name)
    }
}

/// systemd joins several directories with colons.
fn first_of_list(list: &Path) -> Option<PathBuf> {
    let first = match list.to_str() {
        Some(text) => Path::new(text.split(':').next().unwrap_or_default()),
        None => list,
    };
    first.is_absolute().then(|| first.to_owned())
}

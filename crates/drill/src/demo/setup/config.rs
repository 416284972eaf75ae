//! Teal's configuration: as a user would write it, with frequent health checks, and with a certificate
//! made for the run if there is TLS.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::demo::DemoError;
use crate::load::{Endpoint, Protocol};

/// The host that the load requests, and that the certificate is for.
pub(super) const HOST: &str = "drill.test";

/// The addresses where Teal listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) public: SocketAddr,
    /// With TLS.
    pub(super) secure: Option<SocketAddr>,
    pub(super) control: SocketAddr,
}

/// A configuration and its file.
#[derive(Debug)]
pub(super) struct Config {
    directory: PathBuf,
    targets: [SocketAddr; 2],
    failover: bool,
    over: Vec<Protocol>,
}

impl Addresses {
    /// The protocols and addresses of the load.
    pub(super) fn endpoints(&self, over: &[Protocol]) -> Vec<Endpoint> {
        let endpoint = |over: &Protocol| {
            let address = if over.is_secure() { self.secure? } else { self.public };
            Some(Endpoint { over: *over, address })
        };
        over.iter().filter_map(endpoint).collect()
    }
}

impl Config {
    /// A configuration for these targets, blue first; makes the certificate.
    pub(super) fn new(
        directory: &Path,
        targets: [SocketAddr; 2],
        failover: bool,
        over: &[Protocol],
    ) -> Result<Self, DemoError> {
        let config =
            Self { directory: directory.to_owned(), targets, failover, over: over.to_vec() };
        if config.is_secure() {
            let made = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
            let write = |path, text: String| fs::write(path, text).map_err(DemoError::Directory);
            write(config.certificate(), made.cert.pem())?;
            write(config.key(), made.signing_key.serialize_pem())?;
        }
        Ok(config)
    }

    /// Returns true if there is a listener with TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.over.iter().any(|over| over.is_secure())
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.join("teal.toml")
    }

    /// The certificate, which is self-signed.
    pub(super) fn certificate(&self) -> PathBuf {
        self.directory.join("drill.pem")
    }

    fn key(&self) -> PathBuf {
        self.directory.join("drill.key")
    }

    /// Writes the file; without addresses Teal listens on free ports.
    pub(super) fn write(&self, addresses: Option<Addresses>) -> Result<(), DemoError> {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let anywhere = Addresses { public: anywhere, secure: Some(anywhere), control: anywhere };
        let text = self.text(addresses.unwrap_or(anywhere));
        fs::write(self.path(), text).map_err(DemoError::Directory)
    }

    fn text(&self, addresses: Addresses) -> String {
        let Addresses { public, secure, control } = addresses;
        let [blue, green] = self.targets;
        let failover = if self.failover { "auto" } else { "off" };
        let http2 = if self.over.contains(&Protocol::H2c) { "http2 = true\n" } else { "" };
        let state = quoted(&self.directory.join("state"));
        let tls = secure.filter(|_| self.is_secure()).map_or_else(String::new, |secure| {
            let (certificate, key) = (quoted(&self.certificate()), quoted(&self.key()));
            format!(
                "[[listener]]\naddress = \"{secure}\"\ntls = true\n\n\
                 [[certificate]]\ncert = {certificate}\nkey = {key}\n\n"
            )
        });
        format!(
            r#"state_dir = {state}

[admin]
listen = "{control}"

[[listener]]
address = "{public}"
{http2}
{tls}[[service]]
name = "demo"
initial = "blue"
failover = "{failover}"
blue = {{ targets = ["http://{blue}"] }}
green = {{ targets = ["http://{green}"] }}
health = {{ path = "/health", interval = "500ms", timeout = "1s", rise = 2, fall = 2, fast_interval = "100ms" }}
drain = {{ timeout = "10s" }}
"#
        )
    }
}

/// A path in TOML: a JSON string is also a TOML string.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

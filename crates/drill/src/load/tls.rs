//! The client's side of TLS: always verified, against the given CAs or those of this machine. It offers
//! exactly the protocol to be drilled, so that a server that chooses another is detected.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::endpoint::Protocol;

/// The CAs to trust.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// The CAs that this machine trusts.
    #[default]
    Machine,
    /// The CAs in this PEM file, and no others.
    File(PathBuf),
    /// Those of this client, which may have a certificate of its own.
    Client {
        /// The client.
        config: Arc<ClientConfig>,
        /// The expected server name, whatever the host is.
        name: String,
    },
}

/// The reason why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The CAs cannot be read.
    #[error(
        "no CA certificate can be read from {place}: {why}; write --ca FILE, a PEM file of the CAs to trust"
    )]
    Authorities {
        /// The file, or this machine.
        place: String,
        /// The problem.
        why: String,
    },
    /// No certificate can match this name.
    #[error("{0:?} is neither a name nor an address, so no certificate can match it")]
    Name(String),
    /// The library rejects its own defaults.
    #[error("TLS can't be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// TLS to one server.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tls {
    /// TLS to the server of this `authority`, a host and perhaps a port.
    pub(crate) fn new(authority: &str, trust: &Trust) -> Result<Self, TlsError> {
        let (host, roots) = match trust {
            Trust::Machine => (host(authority), of_this_machine()?),
            Trust::File(path) => (host(authority), of_file(path)?),
            Trust::Client { config, name } => {
                return Ok(Self { config: Arc::clone(config), name: server_name(name)? });
            }
        };
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), name: server_name(host)? })
    }

    /// Does the handshake. A server that does not choose the protocol to be drilled is an error.
    ///
    /// # Cancellation
    /// The connection is closed.
    pub(super) async fn shake_hands(
        &self,
        over: Protocol,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut config = (*self.config).clone(); // the session cache is shared
        config.alpn_protocols = vec![over.alpn().to_vec()];
        let stream =
            TlsConnector::from(Arc::new(config)).connect(self.name.clone(), stream).await?;
        let chosen = stream.get_ref().1.alpn_protocol();
        // A server that does not know ALPN speaks HTTP/1.1.
        let is_right = chosen.map_or(!over.is_shared(), |chosen| chosen == over.alpn());
        if !is_right {
            let wanted = String::from_utf8_lossy(over.alpn()).into_owned();
            return Err(io::Error::other(format!(
                "the server did not choose {wanted} in the handshake"
            )));
        }
        Ok(stream)
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))
}

/// A host without its port, an address without brackets.
fn host(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    authority.split(':').next().unwrap_or(authority)
}

fn of_this_machine() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    if roots.add_parsable_certificates(found.certs).0 == 0 {
        let why =
            found.errors.first().map_or_else(|| "there is none".to_owned(), ToString::to_string);
        return Err(TlsError::Authorities { place: "this machine".to_owned(), why });
    }
    Ok(roots)
}

fn of_file(path: &Path) -> Result<RootCertStore, TlsError> {
    let failed = |why| TlsError::Authorities { place: path.display().to_string(), why };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_authority_has_neither_port_nor_brackets() {
        for (authority, expected) in
            [("a.test", "a.test"), ("a.test:1", "a.test"), ("[::1]:1", "::1"), ("[::1]", "::1")]
        {
            assert_eq!(host(authority), expected);
        }
    }

    #[test]
    fn a_file_without_cas_is_named() {
        for path in ["/no/such/ca.pem", "/dev/null"] {
            let error = Tls::new("a.test", &Trust::File(path.into())).unwrap_err().to_string();
            assert!(error.contains(path) && error.contains("--ca FILE"), "{error}");
        }
    }
}

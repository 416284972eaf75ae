//! TLS on the admin listener: one certificate, whatever server name the client sends.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use connect::{TlsError, certified_key, read_certificates, read_key};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::sign::SingleCertAndKey;
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, ready to be used.
#[derive(Clone)]
pub struct AdminTls {
    config: Arc<ServerConfig>,
    /// The certificate and its chain.
    chain: Vec<CertificateDer<'static>>,
}

impl AdminTls {
    /// Reads both files.
    ///
    /// # Errors
    /// Returns which file cannot be used, and why.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let (chain, private) = (read_certificates(cert)?, read_key(key)?);
        let wrong = |path: &Path, problem: String| TlsError { path: path.to_owned(), problem };
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(cert, error.to_string()))?
            .with_no_client_auth();
        let shown = certified_key(chain.clone(), private, (cert, key))?;
        let config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        Ok(Self { config: Arc::new(config), chain })
    }

    /// Returns true if both present the same certificate.
    pub fn is_same(&self, other: &Self) -> bool {
        self.chain == other.chain
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }
}

impl fmt::Debug for AdminTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminTls")
    }
}

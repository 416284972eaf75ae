//! The CAs that client certificates must come from, swapped as a whole like the server certificates.
//!
//! Guaranteed: a handshake is verified against the file's contents when it was last read, and so is every
//! request on a connection that was accepted before (`tls::presented` in `proxy`).

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use connect::{Authorities, TlsError};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;

/// The client authentication of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// PEM: the CAs that must have signed the client's certificate.
    pub ca: PathBuf,
    /// True if a client without one is refused.
    pub required: bool,
    /// True if targets are also sent the certificates above it.
    pub chain: bool,
}

/// The CAs of all listeners, by file, all read together.
#[derive(Clone, Debug, Default)]
pub struct ClientCas(HashMap<PathBuf, Arc<ClientCa>>);

/// The CAs of one file.
pub struct ClientCa {
    certificates: Vec<CertificateDer<'static>>,
    required: Arc<dyn ClientCertVerifier>,
    requested: Arc<dyn ClientCertVerifier>,
}

impl ClientAuth {
    /// Checks that the file is usable.
    ///
    /// # Errors
    /// The problem of the file.
    pub fn check(&self) -> Result<(), TlsError> {
        ClientCa::load(&self.ca).map(drop)
    }
}

// === impl ClientCas ===

impl ClientCas {
    /// Reads these files.
    ///
    /// # Errors
    /// The first unusable one, and why.
    pub fn load<'p>(files: impl IntoIterator<Item = &'p Path>) -> Result<Self, TlsError> {
        let load = |path: &'p Path| Ok((path.to_owned(), Arc::new(ClientCa::load(path)?)));
        files.into_iter().map(load).collect::<Result<_, _>>().map(Self)
    }

    /// Returns true if these are the very same CAs.
    pub fn is_same(&self, other: &Self) -> bool {
        let known = |(path, ca): (&PathBuf, &Arc<ClientCa>)| {
            other.0.get(path).is_some_and(|other| other.certificates == ca.certificates)
        };
        self.0.len() == other.0.len() && self.0.iter().all(known)
    }

    pub(crate) fn get(&self, path: &Path) -> Option<Arc<ClientCa>> {
        self.0.get(path).cloned()
    }

    /// Reuses the present entries where the CAs are the same.
    pub(crate) fn keep(mut self, known: &Self) -> Self {
        for (path, ca) in &mut self.0 {
            let same = known.0.get(path).filter(|known| known.certificates == ca.certificates);
            if let Some(same) = same {
                *ca = same.clone();
            }
        }
        self
    }
}

// === impl ClientCa ===

impl ClientCa {
    fn load(path: &Path) -> Result<Self, TlsError> {
        let authorities = Authorities::read(path)?;
        let verifier = |required| {
            let made = authorities.client_verifier(required);
            made.map_err(|problem| TlsError { path: path.to_owned(), problem })
        };
        let (required, requested) = (Arc::new(verifier(true)?), Arc::new(verifier(false)?));
        Ok(Self { certificates: authorities.written().to_vec(), required, requested })
    }

    /// The verifier of client certificates; `required`: a client without one is refused.
    pub fn verifier(&self, required: bool) -> Arc<dyn ClientCertVerifier> {
        if required { self.required.clone() } else { self.requested.clone() }
    }

    /// Returns true if a client with this certificate and chain would be accepted now.
    pub fn trusts(&self, chain: &[CertificateDer<'static>]) -> bool {
        let Some((leaf, above)) = chain.split_first() else { return false };
        self.required.verify_client_cert(leaf, above, UnixTime::now()).is_ok()
    }
}

impl fmt::Debug for ClientCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCa")
            .field("certificates", &self.certificates.len())
            .finish_non_exhaustive()
    }
}

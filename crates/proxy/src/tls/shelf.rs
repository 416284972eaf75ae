//! The certificates in use, by the name that a client asks for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use connect::TlsError;

use super::certificate::{Certificate, CertificateFacts, CertificateFiles};
use super::challenge::{ACME, Challenges};

/// Certificates that were read and checked together.
#[derive(Debug)]
pub struct Certificates {
    all: Vec<Certificate>,
    exact: HashMap<String, usize>,
    wildcard: HashMap<String, usize>, // by what follows "*."
}

/// The certificates in use, swapped whole, and what authorities are shown.
#[derive(Debug)]
pub struct Shelf {
    current: Mutex<Arc<Certificates>>,
    challenges: Challenges,
}

impl Certificates {
    /// Reads and checks them. The first that has a name serves it.
    ///
    /// # Errors
    /// The first file that can't be used, and why.
    pub fn load(files: &[CertificateFiles]) -> Result<Self, TlsError> {
        let all: Result<Vec<_>, _> = files.iter().map(Certificate::load).collect();
        let mut loaded =
            Self { all: all?, exact: HashMap::default(), wildcard: HashMap::default() };
        for (at, certificate) in loaded.all.iter().enumerate() {
            for name in &certificate.facts.names {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(suffix) => (&mut loaded.wildcard, suffix),
                    None => (&mut loaded.exact, name.as_str()),
                };
                names.entry(name.to_owned()).or_insert(at);
            }
        }
        Ok(loaded)
    }

    /// What people want to know of each.
    pub fn facts(&self) -> impl Iterator<Item = &CertificateFacts> {
        self.all.iter().map(|certificate| &certificate.facts)
    }

    /// Whether these are the very same certificates, in the same order.
    pub fn is_same(&self, other: &Self) -> bool {
        let chains =
            |one: &Self| one.all.iter().map(|one| one.key.cert.clone()).collect::<Vec<_>>();
        chains(self) == chains(other)
    }

    /// Whether there is one for this name, lower case.
    pub fn has(&self, name: &str) -> bool {
        self.at(name).is_some()
    }

    /// One whose time is over, if there is one.
    pub fn expired(&self, now: SystemTime) -> Option<&CertificateFacts> {
        self.facts().find(|facts| facts.is_expired(now))
    }

    /// The certificate for a server name; a client that names none gets the first.
    fn find(&self, name: Option<&str>) -> Option<&Certificate> {
        let Some(name) = name else { return self.all.first() };
        self.all.get(self.at(&name.to_ascii_lowercase())?)
    }

    fn at(&self, name: &str) -> Option<usize> {
        let wild = || self.wildcard.get(name.split_once('.')?.1);
        self.exact.get(name).or_else(wild).copied()
    }
}

// === impl Shelf ===

impl Shelf {
    /// A shelf with these certificates.
    pub fn new(certificates: Certificates, challenges: Challenges) -> Self {
        Self { current: Mutex::new(Arc::new(certificates)), challenges }
    }

    /// What is in use.
    pub fn current(&self) -> Arc<Certificates> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses others for every handshake from now on; connections are not touched.
    pub fn replace(&self, certificates: Certificates) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(certificates);
    }
}

impl ResolvesServerCert for Shelf {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|mut spoken| spoken.any(|protocol| protocol == ACME)) {
            return self.challenges.certificate(hello.server_name());
        }
        Some(self.current().find(hello.server_name())?.key.clone())
    }
}

//! The certificates in use, by the name and the signature algorithms that a client asks for.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use connect::TlsError;

use super::certificate::{Certificate, CertificateFacts, CertificateFiles};
use super::challenge::{ACME, Challenges};
use super::clients::{ClientCa, ClientCas};

/// Certificates that were read and checked together.
#[derive(Debug)]
pub struct Certificates {
    all: Vec<Certificate>,
    /// The indices in `all` of the certificates for a name, in order of preference; never empty.
    exact: HashMap<String, Vec<usize>>,
    wildcard: HashMap<String, Vec<usize>>, // by the part after "*."
}

/// A certificate that is never used.
#[derive(Debug)]
pub struct Unused<'a> {
    /// Its index in the list of files.
    pub place: usize,
    /// The certificate.
    pub facts: &'a CertificateFacts,
    /// An earlier one for one of its names, with a key of the same kind.
    pub instead: &'a CertificateFacts,
}

/// The server certificates and client CAs in use, each swapped as a whole, and ACME challenge responses.
#[derive(Debug)]
pub struct CertificateStore {
    current: Mutex<Arc<Certificates>>,
    clients: Mutex<Arc<ClientCas>>,
    /// Grows with each change of `clients`.
    turn: AtomicU64,
    challenges: Challenges,
}

impl Certificates {
    /// Reads and checks them. If several are for one name, a client gets one whose key type it supports:
    /// elliptic curves, which cost less, before RSA; otherwise the first.
    ///
    /// # Errors
    /// Every unusable file, and why.
    pub fn load(files: &[CertificateFiles]) -> Result<Self, Vec<TlsError>> {
        let (mut all, mut wrong) = (Vec::new(), Vec::new());
        for files in files {
            match Certificate::load(files) {
                Ok(certificate) => all.push(certificate),
                Err(errors) => wrong.extend(errors),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut loaded = Self { all, exact: HashMap::default(), wildcard: HashMap::default() };
        for (at, certificate) in loaded.all.iter().enumerate() {
            for name in &certificate.facts.names {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(suffix) => (&mut loaded.wildcard, suffix),
                    None => (&mut loaded.exact, name.as_str()),
                };
                let places = names.entry(name.to_owned()).or_default();
                let known = |place: &usize| loaded.all[*place].facts.kind == certificate.facts.kind;
                if !places.iter().any(known) {
                    places.push(at);
                    places.sort_by_key(|place| (loaded.all[*place].facts.kind == "RSA", *place));
                }
            }
        }
        Ok(loaded)
    }

    /// The certificates that are never used, because others for all their names take precedence.
    pub fn unused(&self) -> impl Iterator<Item = Unused<'_>> {
        let shown: HashSet<usize> =
            self.exact.values().chain(self.wildcard.values()).flatten().copied().collect();
        let hidden = self.all.iter().enumerate().filter(move |(place, _)| !shown.contains(place));
        hidden.filter_map(|(place, Certificate { facts, .. })| {
            let mut earlier = self.all[..place].iter().map(|other| &other.facts);
            let instead = earlier.find(|other| {
                other.kind == facts.kind
                    && other.names.iter().any(|name| facts.names.contains(name))
            })?;
            Some(Unused { place, facts, instead })
        })
    }

    /// The facts about each.
    pub fn facts(&self) -> impl Iterator<Item = &CertificateFacts> {
        self.all.iter().map(|certificate| &certificate.facts)
    }

    /// Returns true if these are the very same certificates, in the same order.
    pub fn is_same(&self, other: &Self) -> bool {
        let chains =
            |one: &Self| one.all.iter().map(|one| one.key.cert.clone()).collect::<Vec<_>>();
        chains(self) == chains(other)
    }

    /// Returns true if there is one for this name in lower case.
    pub fn has(&self, name: &str) -> bool {
        self.places(name).next().is_some()
    }

    /// An expired one, if there is one.
    pub fn expired(&self, now: SystemTime) -> Option<&CertificateFacts> {
        self.facts().find(|facts| facts.is_expired(now))
    }

    /// The certificate for a server name, with a key for one of these schemes if there is one. A client
    /// that sends no name gets one for the first certificate's name. A first certificate without names
    /// serves every name that no other has.
    fn find(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<&Certificate> {
        let first = self.all.first()?;
        let lower = name.map(str::to_ascii_lowercase);
        let named = lower.as_ref().or_else(|| first.facts.names.first());
        let found = named.and_then(|name| self.find_exactly(name, schemes));
        found.or_else(|| Some(first).filter(|first| first.facts.names.is_empty()))
    }

    /// The same for a name, in lower case, or an address.
    fn find_exactly(&self, name: &str, schemes: &[SignatureScheme]) -> Option<&Certificate> {
        let mut places = self.places(name);
        let fits = |place: &usize| self.all[*place].key.key.choose_scheme(schemes).is_some();
        // If none fits, any: rustls then refuses the handshake for lack of a common algorithm.
        let place = places.clone().find(fits).or_else(|| places.next());
        self.all.get(place?)
    }

    /// The indices for a name in lower case: exact matches before wildcards.
    fn places<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + Clone + 'a {
        let exact = self.exact.get(name).map_or(&[][..], Vec::as_slice);
        // The first name of the first certificate may be a wildcard itself.
        let suffix = name.split_once('.').map(|(_, suffix)| suffix);
        let wild = suffix.and_then(|suffix| self.wildcard.get(suffix));
        exact.iter().chain(wild.map_or(&[][..], Vec::as_slice)).copied()
    }
}

// === impl CertificateStore ===

impl CertificateStore {
    /// A store with these certificates and CAs.
    pub fn new(certificates: Certificates, clients: ClientCas, challenges: Challenges) -> Self {
        Self {
            current: Mutex::new(Arc::new(certificates)),
            clients: Mutex::new(Arc::new(clients)),
            turn: AtomicU64::new(0),
            challenges,
        }
    }

    /// The certificates in use.
    pub fn current(&self) -> Arc<Certificates> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the certificates for all handshakes from now on; open connections are not affected.
    pub fn replace(&self, certificates: Certificates) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(certificates);
    }

    /// The client CAs in use.
    pub fn clients(&self) -> Arc<ClientCas> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the client CAs for all handshakes from now on. A connection whose certificate they do not
    /// accept ends at its next request, or at once if it is idle.
    pub fn replace_clients(&self, clients: ClientCas) {
        let mut current = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_same(&clients) {
            return;
        }
        *current = Arc::new(clients.keep(&current));
        self.turn.fetch_add(1, Ordering::Release);
    }
}

impl CertificateStore {
    /// The CAs in use from a file.
    pub fn client_ca(&self, path: &Path) -> Option<Arc<ClientCa>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(path)
    }

    /// A number that grows with each change of the client CAs.
    pub fn turn(&self) -> u64 {
        self.turn.load(Ordering::Acquire)
    }

    /// The certificate for a client; `None` if there is none for the name that it asks for.
    pub fn choose(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|mut spoken| spoken.any(|protocol| protocol == ACME)) {
            return self.challenges.certificate(hello.server_name());
        }
        let current = self.current();
        Some(current.find(hello.server_name(), hello.signature_schemes())?.key.clone())
    }

    /// The certificate for a client that connects to this address and so sends no name (RFC 6066 section 3);
    /// `None` if no certificate is for it.
    pub fn choose_by_address(
        &self,
        hello: &ClientHello<'_>,
        address: IpAddr,
    ) -> Option<Arc<CertifiedKey>> {
        let name = address.to_canonical().to_string();
        Some(self.current().find_exactly(&name, hello.signature_schemes())?.key.clone())
    }
}

impl ResolvesServerCert for CertificateStore {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(&hello)
    }
}

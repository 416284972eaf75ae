//! TLS to targets: configurations loaded from files, shared by all workers and probes, and the handshake.
//!
//! Guaranteed: a certificate is always verified, against the given CAs or those of this machine, and for
//! the name of the target. A session is resumed only while the certificates that proved it are valid.
//! There is no way to connect without verification.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, ClientConfig, RootCertStore};

pub use self::clients::ClientVerifier;
pub use self::identity::certified_key;
use self::sessions::Sessions;
pub use self::verifier::Authorities;
use self::verifier::{TargetVerifier, VerifyError};
use crate::pem::{TlsError, read, read_certificates, read_key};
use crate::stream::H2;

pub use self::certificate::PeerCertificate;
pub(crate) use self::certificate::{defect, read as read_certificate};

mod certificate;
mod clients;
mod identity;
mod sessions;
mod verifier;

const HTTP1: &[u8] = b"http/1.1";

/// The files that configure TLS to a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsFiles {
    /// The CAs that the target's certificate must be signed by; `None`: those that this machine trusts.
    pub ca: Option<PathBuf>,
    /// The client certificate and its key; `None`: none is sent.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// TLS to one target.
#[derive(Clone, Debug)]
pub struct Tls {
    /// True if the name comes from a client and has never been served.
    tried: bool,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// TLS configurations loaded from files. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct TlsConfigCache(Arc<Mutex<HashMap<TlsFiles, LoadedConfig>>>);

/// One loaded configuration.
#[derive(Clone, Debug)]
struct LoadedConfig {
    config: Arc<ClientConfig>,
    /// The contents of the files.
    bytes: Vec<Vec<u8>>,
}

// === impl TlsConfigCache ===

impl TlsConfigCache {
    /// TLS to a target with this name (or address), using these files. They are read on first use.
    ///
    /// # Errors
    /// The problem of a file, or of the name.
    pub fn tls(&self, files: &TlsFiles, name: &str) -> Result<Tls, TlsError> {
        let known = self.lock().get(files).map(|read| read.config.clone());
        let config = if let Some(config) = known {
            config
        } else {
            // Read before the lock is taken: a disk may be slow, and workers wait for it.
            let read = load(files)?;
            self.lock().entry(files.clone()).or_insert(read).config.clone()
        };
        Ok(Tls { tried: false, config, name: server_name(name)? })
    }

    /// Reads all these files again. Nothing changes until [`TlsConfigCache::put`], so an invalid file leaves the
    /// configurations in use alone.
    ///
    /// # Errors
    /// The first invalid file, and why.
    pub fn read(
        &self,
        all: impl IntoIterator<Item = TlsFiles>,
    ) -> Result<LoadedTlsConfigs, TlsError> {
        let read = all.into_iter().map(|files| load(&files).map(|read| (files, read)));
        read.collect::<Result<_, _>>().map(LoadedTlsConfigs)
    }

    /// A separate cache with the loaded files, to try them before they take effect.
    pub fn trial(LoadedTlsConfigs(fresh): &LoadedTlsConfigs) -> Self {
        Self(Arc::new(Mutex::new(fresh.clone())))
    }

    /// Replaces everything in use by the loaded files.
    pub fn put(&self, LoadedTlsConfigs(fresh): LoadedTlsConfigs) {
        *self.lock() = fresh;
    }

    /// Returns true if everything in use was loaded from the same contents.
    pub fn is_same(&self, LoadedTlsConfigs(fresh): &LoadedTlsConfigs) -> bool {
        let own = self.lock();
        let same = |(files, read): (&TlsFiles, &LoadedConfig)| {
            own.get(files).is_some_and(|own| own.bytes == read.bytes)
        };
        own.len() == fresh.len() && fresh.iter().all(same)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TlsFiles, LoadedConfig>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Files that were read again, and are valid.
#[derive(Debug)]
pub struct LoadedTlsConfigs(HashMap<TlsFiles, LoadedConfig>);

/// The name that a certificate must match: a DNS name or an IP address.
///
/// # Errors
/// It is neither of them.
pub fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError {
        path: name.into(),
        problem: "is neither a DNS name nor an IP address, so no certificate can match it"
            .to_owned(),
    })
}

fn load(files: &TlsFiles) -> Result<LoadedConfig, TlsError> {
    // The contents come first, only for comparison: a change in between is noticed the next time.
    let paths = files.identity.iter().flat_map(|(cert, key)| [cert, key]).chain(&files.ca);
    let mut bytes: Vec<_> = paths.map(|path| read(path).unwrap_or_default()).collect();
    let authorities = match &files.ca {
        Some(ca) => Authorities::read(ca)?,
        None => of_this_machine()?,
    };
    if files.ca.is_none() {
        bytes.extend(authorities.written.iter().map(|certificate| certificate.to_vec()));
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let wrong = |problem| TlsError { path: "TLS".into(), problem };
    let sessions = Arc::new(Sessions::new());
    let verifier = TargetVerifier::new(authorities, provider.clone(), sessions.clone());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier.map_err(wrong)?));
    let mut config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let (chain, private) = (read_certificates(cert)?, read_key(key)?);
            let shown = certified_key(chain, private, (cert, key))?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)))
        }
    };
    config.alpn_protocols = vec![H2.to_vec(), HTTP1.to_vec()];
    config.resumption = Resumption::store(sessions);
    Ok(LoadedConfig { config: Arc::new(config), bytes })
}

fn of_this_machine() -> Result<Authorities, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs.iter().cloned());
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(TlsError {
            path: "this machine's trusted CAs".into(),
            problem: format!(
                "there are none{why}; install ca-certificates, or name a file in tls.ca"
            ),
        });
    }
    Ok(Authorities { roots: Arc::new(roots), written: found.certs })
}

// === impl Tls ===

impl Tls {
    /// The same, but offering HTTP/1.1 only.
    #[must_use]
    pub fn only_http1(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![HTTP1.to_vec()];
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// The same for a name that comes from a client and has never been served: its failure says nothing
    /// about an address.
    #[must_use]
    pub fn tried(self) -> Self {
        Self { tried: true, ..self }
    }

    pub(crate) fn is_tried(&self) -> bool {
        self.tried
    }

    /// The same without session resumption: the certificate is verified again.
    // lossless: L9
    #[must_use]
    pub fn anew(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::disabled();
        Self { config: Arc::new(config), ..self.clone() }
    }

    pub(crate) async fn shake_hands(
        &self,
        stream: tokio::net::TcpStream,
    ) -> io::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
        let connector = tokio_rustls::TlsConnector::from(self.config.clone());
        connector.connect(self.name.clone(), stream).await
    }
}

/// Describes why a handshake failed.
pub(crate) fn describe(error: &io::Error) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(InvalidCertificate(CertificateError::Other(why))) => why.to_string(),
        Some(InvalidMessage(_)) => {
            "the target did not answer with TLS (is it plain HTTP?)".to_owned()
        }
        Some(AlertReceived(alert)) => refused_with(&format!("{alert:?}")),
        Some(other) => other.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it closed the connection during the handshake (is it plain HTTP?)".to_owned()
        }
        None => error.to_string(),
    }
}

/// Returns true if a handshake failed for its server name alone: the certificate is for others, or the
/// target knows no such name.
pub(crate) fn is_about_name(error: &io::Error) -> bool {
    use rustls::Error::{AlertReceived, InvalidCertificate};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(InvalidCertificate(CertificateError::Other(why))) => {
            why.0.downcast_ref::<VerifyError>().is_some_and(|error| error.names)
        }
        Some(AlertReceived(alert)) => *alert == rustls::AlertDescription::UnrecognisedName,
        _ => false,
    }
}

/// Describes a TLS alert that the target sent after the handshake was over on our side, as in TLS 1.3 when
/// it requires a client certificate; `None` for other errors.
pub fn refusal(error: &io::Error) -> Option<String> {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<h2::Error>());
    let error = inner.and_then(h2::Error::get_io).unwrap_or(error);
    if error.kind() != io::ErrorKind::InvalidData {
        return None;
    }
    // HTTP/2 keeps only the text of an error.
    let said = error.to_string();
    let alert = said.strip_prefix("received fatal alert: ")?;
    Some(format!("TLS: {}", refused_with(alert)))
}

fn refused_with(alert: &str) -> String {
    let advice = match alert {
        "CertificateRequired" => {
            ": it requires a client certificate; set cert and key in the color's tls"
        }
        _ => "",
    };
    format!("it refused the handshake ({alert}){advice}")
}

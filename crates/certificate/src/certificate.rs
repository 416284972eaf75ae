//! One certificate with its chain and key, read from PEM files and checked against each other.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use connect::{TlsError, certified_key, read_certificates, read_key};
use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

/// The paths of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the certificate, then the chain above it.
    pub cert: PathBuf,
    /// PEM: the private key, not encrypted.
    pub key: PathBuf,
}

/// Facts about a certificate, for status and messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The file it was read from.
    pub cert: PathBuf,
    /// The kind of its key, such as `RSA` or `EC P-256`.
    pub kind: &'static str,
    /// The DNS names (in lower case, wildcards with `*.`) and addresses that it is for; without any, its
    /// common name. Empty: it serves any name that no other certificate has.
    pub names: Vec<String>,
    /// The reason why most clients refuse it, although it can be served.
    pub defect: Option<&'static str>,
    /// The start of its validity.
    pub not_before: SystemTime,
    /// Its expiry.
    pub not_after: SystemTime,
}

/// A certificate that can be served.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) facts: CertificateFacts,
    pub(crate) key: Arc<CertifiedKey>,
}

impl Certificate {
    /// Reads and checks both files.
    ///
    /// # Errors
    /// The problem of each.
    pub(crate) fn load(files: &CertificateFiles) -> Result<Self, Vec<TlsError>> {
        let wrong = |path: &Path, problem: String| TlsError { path: path.to_owned(), problem };
        let chain = read_certificates(&files.cert).and_then(|chain| {
            let leaf = chain.first().ok_or_else(|| String::from("holds no certificate"));
            let facts = leaf.and_then(|leaf| facts_of(leaf, &files.cert));
            facts.map(|facts| (facts, chain)).map_err(|problem| wrong(&files.cert, problem))
        });
        let (chain, key) = (chain, read_key(&files.key));
        let ((mut facts, chain), key) = match (chain, key) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
        };
        let key =
            certified_key(chain, key, (&files.cert, &files.key)).map_err(|error| vec![error])?;
        facts.kind = kind(&*key.key);
        Ok(Self { facts, key: Arc::new(key) })
    }
}

/// The kind of a key: certificates of the same kind work with the same clients.
fn kind(key: &dyn SigningKey) -> &'static str {
    use SignatureScheme::{
        ECDSA_NISTP256_SHA256, ECDSA_NISTP384_SHA384, ECDSA_NISTP521_SHA512, ED25519,
    };
    let signs = |scheme| key.choose_scheme(&[scheme]).is_some();
    let kinds = [
        (ECDSA_NISTP256_SHA256, "EC P-256"),
        (ECDSA_NISTP384_SHA384, "EC P-384"),
        (ECDSA_NISTP521_SHA512, "EC P-521"),
        (ED25519, "Ed25519"),
    ];
    kinds.iter().find(|(scheme, _)| signs(*scheme)).map_or("RSA", |(_, kind)| kind)
}

fn facts_of(leaf: &CertificateDer<'_>, path: &Path) -> Result<CertificateFacts, String> {
    let (_, leaf) = X509Certificate::from_der(leaf)
        .map_err(|error| format!("the first certificate can't be read: {error}"))?;
    let names = leaf.subject_alternative_name().ok().flatten();
    let names = names.map_or(&[][..], |extension| &extension.value.general_names);
    let mut names: Vec<String> = names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => Some(address(bytes)?.to_string()),
            _ => None,
        })
        .collect();
    let defect = if leaf.version() != X509Version::V3 {
        Some("is not X.509 version 3")
    } else if names.is_empty() {
        Some("has no DNS name or address in subjectAltName")
    } else {
        None
    };
    if names.is_empty() {
        let common = leaf.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        names.extend(common.map(str::to_ascii_lowercase).filter(|name| may_be_asked_for(name)));
    }
    let (not_before, not_after) =
        (time(leaf.validity().not_before), time(leaf.validity().not_after));
    Ok(CertificateFacts { cert: path.to_owned(), kind: "", names, defect, not_before, not_after })
}

/// An address as encoded in a certificate (RFC 5280 section 4.2.1.6).
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let six = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| six()).ok().map(|address| address.to_canonical())
}

/// Returns true if a client may ask for this common name: it is a DNS name or an address.
fn may_be_asked_for(name: &str) -> bool {
    let bare = name.strip_prefix("*.").unwrap_or(name);
    !bare.contains('*') && rustls::pki_types::ServerName::try_from(bare).is_ok()
}

/// The validity of the first certificate of a file: start and expiry.
///
/// # Errors
/// The problem of the file.
pub fn validity(path: &Path) -> Result<(SystemTime, SystemTime), TlsError> {
    let chain = read_certificates(path)?;
    let leaf = chain.first().map(|leaf| X509Certificate::from_der(leaf));
    let Some(Ok((_, leaf))) = leaf else {
        let problem = "the first certificate can't be read".to_owned();
        return Err(TlsError { path: path.to_owned(), problem });
    };
    Ok((time(leaf.validity().not_before), time(leaf.validity().not_after)))
}

fn time(at: ASN1Time) -> SystemTime {
    let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

// === impl CertificateFacts ===

impl CertificateFacts {
    /// Returns true if it has expired.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.not_after < now
    }
}

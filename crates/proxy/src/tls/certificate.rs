//! One certificate with its chain and key, read from PEM files and checked against each other.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Where a certificate and its key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the certificate, then the chain above it.
    pub cert: PathBuf,
    /// PEM: the private key, not encrypted.
    pub key: PathBuf,
}

/// What people want to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Where it was read from.
    pub cert: PathBuf,
    /// The DNS names it is for, lower case; `*.` in front of a wildcard.
    pub names: Vec<String>,
    /// The end of its time.
    pub not_after: SystemTime,
}

/// Why TLS can't be served like this: which file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// A certificate that can be served.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) facts: CertificateFacts,
    pub(super) key: Arc<CertifiedKey>,
}

impl Certificate {
    pub(super) fn load(files: &CertificateFiles) -> Result<Self, TlsError> {
        let chain = read_certificates(&files.cert)?;
        let wrong = |path: &Path, problem: String| TlsError { path: path.to_owned(), problem };
        let facts = chain.first().ok_or_else(|| String::from("holds no certificate"));
        let facts = facts.and_then(|leaf| facts_of(leaf, &files.cert));
        let facts = facts.map_err(|problem| wrong(&files.cert, problem))?;
        let pem = read(&files.key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
            let problem = match error {
                PemError::NoItemsFound if holds(&pem, "ENCRYPTED PRIVATE KEY") => {
                    "the key is encrypted; write it without a passphrase (openssl pkey -in OLD \
                     -out NEW)"
                        .to_owned()
                }
                PemError::NoItemsFound => "holds no private key in PEM".to_owned(),
                other => format!("is no PEM: {other}"),
            };
            wrong(&files.key, problem)
        })?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        let key = key.map_err(|error| {
            let problem = match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("this key does not belong to the certificate {}", files.cert.display())
                }
                other => format!("can't be used as a key: {other}"),
            };
            wrong(&files.key, problem)
        })?;
        Ok(Self { facts, key: Arc::new(key) })
    }
}

/// All certificates of a PEM file.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let problem = match all {
        Ok(all) if !all.is_empty() => return Ok(all),
        Ok(_) => "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned(),
        Err(error) => format!("is no PEM: {error}"),
    };
    Err(TlsError { path: path.to_owned(), problem })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| {
        let problem = match error.kind() {
            std::io::ErrorKind::NotFound => "does not exist".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                "can't be read: permission denied; give Teal's user the right to read it".to_owned()
            }
            _ => format!("can't be read: {error}"),
        };
        TlsError { path: path.to_owned(), problem }
    })
}

fn holds(pem: &[u8], label: &str) -> bool {
    String::from_utf8_lossy(pem).contains(label)
}

fn facts_of(leaf: &CertificateDer<'_>, path: &Path) -> Result<CertificateFacts, String> {
    let (_, leaf) = X509Certificate::from_der(leaf)
        .map_err(|error| format!("the first certificate can't be read: {error}"))?;
    let names = leaf.subject_alternative_name().ok().flatten();
    let names = names.map_or(&[][..], |extension| &extension.value.general_names);
    let names: Vec<String> = names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        let problem = "the first certificate is for no DNS name (subjectAltName); clients look \
                       nowhere else";
        return Err(problem.to_owned());
    }
    let seconds = u64::try_from(leaf.validity().not_after.timestamp()).unwrap_or(0);
    let not_after = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    Ok(CertificateFacts { cert: path.to_owned(), names, not_after })
}

// === impl CertificateFacts, TlsError ===

impl CertificateFacts {
    /// Whether its time is over.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.not_after < now
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for TlsError {}

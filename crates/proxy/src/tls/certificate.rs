//! One certificate with its chain and key, read from PEM files and checked against each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use connect::{TlsError, read_certificates, read_key};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

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
    /// The beginning of its time.
    pub not_before: SystemTime,
    /// The end of its time.
    pub not_after: SystemTime,
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
        let key = read_key(&files.key)?;
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
    let (not_before, not_after) =
        (time(leaf.validity().not_before), time(leaf.validity().not_after));
    Ok(CertificateFacts { cert: path.to_owned(), names, not_before, not_after })
}

fn time(at: ASN1Time) -> SystemTime {
    let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

// === impl CertificateFacts ===

impl CertificateFacts {
    /// Whether its time is over.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.not_after < now
    }
}

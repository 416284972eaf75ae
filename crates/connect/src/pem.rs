//! Certificates and keys in PEM files, and what is wrong with them, in words.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why TLS is not possible like this: which file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// All certificates of a file; at least one.
///
/// # Errors
/// What is wrong with the file.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let problem = match all {
        Ok(all) if !all.is_empty() => return Ok(all),
        Ok(_) => "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned(),
        Err(error) => format!("is no PEM: {error}"),
    };
    Err(TlsError { path: path.to_owned(), problem })
}

/// The private key of a file.
///
/// # Errors
/// What is wrong with the file.
pub fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        let problem = match error {
            PemError::NoItemsFound if holds(&pem, "ENCRYPTED PRIVATE KEY") => {
                "the key is encrypted; write it without a passphrase (openssl pkey -in OLD \
                 -out NEW)"
                    .to_owned()
            }
            PemError::NoItemsFound => "holds no private key in PEM".to_owned(),
            other => format!("is no PEM: {other}"),
        };
        TlsError { path: path.to_owned(), problem }
    })
}

/// The authorities of a file.
///
/// # Errors
/// What is wrong with the file.
pub fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError {
            path: path.to_owned(),
            problem: format!("holds a certificate that can't be a root: {error}"),
        })?;
    }
    Ok(roots)
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

// === impl TlsError ===

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for TlsError {}

//! Certificates and keys in PEM files, with readable errors.

use std::fmt;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::read::read_once;

/// A TLS configuration error: the file and its problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// The file.
    pub path: PathBuf,
    /// The problem, and what to do about it.
    pub problem: String,
}

/// The largest PEM file: all public CAs together take a quarter of a megabyte.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// All certificates of a file; at least one.
///
/// # Errors
/// The fault of the file, in words.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let problem = match all {
        Ok(all) if !all.is_empty() => return Ok(all),
        Ok(_) => no_certificate(&pem, path),
        Err(error) => format!("is not valid PEM: {error}"),
    };
    Err(TlsError { path: path.to_owned(), problem })
}

/// The private key of a file.
///
/// # Errors
/// The fault of the file, in words.
pub fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(path)?;
    let wrong = |problem| TlsError { path: path.to_owned(), problem };
    // Checked first: to a strict parser the older form of an encrypted key is not even valid PEM.
    if holds(&pem, "BEGIN ENCRYPTED PRIVATE KEY") || holds(&pem, "Proc-Type: 4,ENCRYPTED") {
        let file = path.display();
        return Err(wrong(format!(
            "the key is encrypted; decrypt it with `openssl pkey -in {file} -out NEW.key`, and \
             name the new file"
        )));
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        wrong(match error {
            PemError::NoItemsFound => no_key(&pem, path),
            other => format!("is not valid PEM: {other}"),
        })
    })
}

/// The bytes of a file, without a byte order mark.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    read_once(path, read_file)
}

fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    let wrong = |problem| TlsError { path: path.to_owned(), problem };
    let explain = |error: std::io::Error| {
        wrong(match error.kind() {
            std::io::ErrorKind::NotFound => "does not exist".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                let uid = rustix::process::geteuid().as_raw();
                format!(
                    "can't be read: permission denied for uid {uid}; give Teal's user the right \
                     to read it"
                )
            }
            _ => format!("can't be read: {error}"),
        })
    };
    // Checked before it is opened: opening a named pipe would block until it has a writer.
    let kind = fs::metadata(path).map_err(explain)?.file_type();
    if !kind.is_file() {
        let what = match kind {
            kind if kind.is_dir() => "a directory",
            kind if kind.is_fifo() => "a named pipe",
            kind if kind.is_socket() => "a socket",
            _ => "a device",
        };
        return Err(wrong(format!("is {what}; name a PEM file")));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(explain)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(explain)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(wrong("is larger than 4 MiB; name a PEM file".to_owned()));
    }
    // Windows editors write it at the start of a file.
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    Ok(bytes)
}

fn no_certificate(bytes: &[u8], path: &Path) -> String {
    let file = path.display();
    if let Some(problem) = no_text(bytes) {
        return problem;
    }
    match binary(bytes) {
        Some(Binary::Pkcs12) => format!(
            "is PKCS#12, not PEM; convert it with `openssl pkcs12 -in {file} -nokeys -out CERT.pem`"
        ),
        Some(_) => format!(
            "is DER, not PEM; convert it with `openssl x509 -inform DER -in {file} -out CERT.pem`"
        ),
        None if holds(bytes, "BEGIN PKCS7") => format!(
            "is PKCS#7; convert it with `openssl pkcs7 -print_certs -in {file} -out CERT.pem`"
        ),
        None if holds(bytes, "BEGIN CERTIFICATE REQUEST")
            || holds(bytes, "BEGIN NEW CERTIFICATE REQUEST") =>
        {
            "is a certificate request (CSR); name the certificate that the CA issued for it"
                .to_owned()
        }
        None if holds(bytes, "PRIVATE KEY-----") => {
            "holds a private key but no certificate; are the two files swapped?".to_owned()
        }
        None => "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned(),
    }
}

fn no_key(bytes: &[u8], path: &Path) -> String {
    let file = path.display();
    if let Some(problem) = no_text(bytes) {
        return problem;
    }
    match binary(bytes) {
        Some(Binary::Pkcs12) => format!(
            "is PKCS#12, not PEM; convert it with `openssl pkcs12 -in {file} -nocerts -nodes -out \
             NEW.key`"
        ),
        Some(_) => format!(
            "is DER, not PEM; convert it with `openssl pkey -inform DER -in {file} -out NEW.key`"
        ),
        None if holds(bytes, "BEGIN OPENSSH PRIVATE KEY") => format!(
            "is a key of OpenSSH; convert a copy of it with `ssh-keygen -p -m PKCS8 -f {file}`"
        ),
        None if holds(bytes, "BEGIN CERTIFICATE-----") => {
            "holds a certificate but no private key; are the two files swapped?".to_owned()
        }
        None if holds(bytes, "PUBLIC KEY-----") => {
            "holds a public key; name the private key that belongs to it".to_owned()
        }
        None => "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)".to_owned(),
    }
}

fn no_text(bytes: &[u8]) -> Option<String> {
    match bytes {
        [] => Some("is empty".to_owned()),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some("is UTF-16; save it as UTF-8 or ASCII".to_owned())
        }
        _ => None,
    }
}

/// Forms that are not text.
enum Binary {
    Pkcs12,
    Der,
}

/// The kind of an ASN.1 sequence: PKCS#12 begins with its version, 3 (RFC 7292 section 4).
fn binary(bytes: &[u8]) -> Option<Binary> {
    let [0x30, length, rest @ ..] = bytes else { return None };
    let more = if *length < 0x80 { 0 } else { usize::from(*length & 0x7f) };
    let inner = rest.get(more..).filter(|_| more <= 4)?;
    Some(if inner.starts_with(&[2, 1, 3]) { Binary::Pkcs12 } else { Binary::Der })
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

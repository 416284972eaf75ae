//! A certificate and its key, checked against each other.

use std::path::Path;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::pem::TlsError;

use super::{defect, read_certificate};

/// A certificate with its chain and key, to be sent to peers. Certificates that the library would not
/// accept from a peer, such as X.509 version 1, can still be sent.
///
/// # Errors
/// The key cannot be used, or does not belong to the certificate.
pub fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    (cert_path, key_path): (&Path, &Path),
) -> Result<CertifiedKey, TlsError> {
    let wrong = |problem| TlsError { path: key_path.to_owned(), problem };
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key);
    let key = key.map_err(|error| {
        let leaf = chain.first().and_then(read_certificate);
        wrong(leaf.and_then(|leaf| defect(&leaf)).map_or_else(
            || format!("cannot be used as a key: {error}"),
            |why| format!("the certificate {} {why}", cert_path.display()),
        ))
    })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InvalidCertificate(_)) if has_key_of(&certified) => Ok(certified),
        Err(_) => {
            let cert = cert_path.display();
            Err(wrong(format!("this key does not belong to the certificate {cert}")))
        }
    }
}

/// Returns true if the certificate has the key's public part, according to a second parser.
fn has_key_of(certified: &CertifiedKey) -> bool {
    let leaf = certified.cert.first().and_then(read_certificate);
    let (Some(leaf), Some(key)) = (leaf, certified.key.public_key()) else { return false };
    *leaf.public_key().raw == *key
}

//! Responses to ACME challenges, by which a CA validates that a name is ours (RFC 8555).
//!
//! There are responses only while a certificate is being ordered. They are given only to clients that know
//! the token, or that ask for the ACME protocol in their handshake.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connect::TlsError;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

/// The ALPN protocol that a CA asks for in a handshake (RFC 8737 section 6.2).
pub const ACME: &[u8] = b"acme-tls/1";

/// The path of `http-01` challenges (RFC 8555 section 8.3).
const PATH: &str = "/.well-known/acme-challenge/";

/// The responses to the current challenges. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Challenges(Arc<Mutex<Pending>>);

#[derive(Debug, Default)]
struct Pending {
    /// The responses over HTTP, by token.
    proofs: HashMap<String, String>,
    /// The certificates for handshakes, by server name.
    certificates: HashMap<String, Arc<CertifiedKey>>,
}

impl Challenges {
    /// Answers requests for this token with this key authorization (`http-01`).
    pub fn answer(&self, token: &str, proof: &str) {
        self.lock().proofs.insert(token.to_owned(), proof.to_owned());
    }

    /// Shows this certificate (DER) and its key (PKCS #8) in handshakes for this name
    /// (`tls-alpn-01`).
    ///
    /// # Errors
    /// The key is unusable.
    pub fn show(&self, name: &str, certificate: Vec<u8>, key: Vec<u8>) -> Result<(), TlsError> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(key);
        let key = key.map_err(|error| TlsError {
            path: name.into(),
            problem: format!("the key for the ACME challenge can't be used: {error}"),
        })?;
        // Not checked: its critical ACME extension is one that only CAs accept.
        let shown = CertifiedKey::new(vec![CertificateDer::from(certificate)], key);
        self.lock().certificates.insert(name.to_owned(), Arc::new(shown));
        Ok(())
    }

    /// Withdraws the response for this token or name.
    pub fn forget(&self, shown: &str) {
        let mut pending = self.lock();
        pending.proofs.remove(shown);
        pending.certificates.remove(shown);
    }

    /// The response to a request for this path, if it is a pending challenge.
    pub fn proof(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(PATH)?;
        self.lock().proofs.get(token).cloned()
    }

    pub(crate) fn certificate(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        self.lock().certificates.get(&name?.to_ascii_lowercase()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_for_its_token_alone_and_only_while_it_is_pending() {
        let challenges = Challenges::default();
        challenges.answer("abc", "abc.xyz");
        assert_eq!(challenges.proof("/.well-known/acme-challenge/abc"), Some("abc.xyz".to_owned()));
        for path in [
            "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/abcd",
            "/.well-known/acme-challenge/ABC",
            "/.well-known/acme-challenge/abc/",
            "/abc",
            "",
        ] {
            assert_eq!(challenges.proof(path), None, "{path}");
        }
        challenges.answer("def", "def.xyz");
        challenges.forget("abc");
        assert_eq!(challenges.proof("/.well-known/acme-challenge/abc"), None);
        assert!(challenges.proof("/.well-known/acme-challenge/def").is_some(), "another order's");
    }

    #[test]
    fn an_invalid_key_is_refused() {
        let challenges = Challenges::default();
        assert!(challenges.show("a.test", vec![0], vec![0]).is_err());
        assert!(challenges.certificate(Some("a.test")).is_none());
    }
}

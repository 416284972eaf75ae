//! Verification of a target's or client's certificate, and the messages for refusals.
//!
//! A certificate is accepted if a CA in the given file has signed it, for the name and at this time (RFC
//! 5280, as webpki implements it). It is also accepted if it is itself in that file, byte for byte, even if
//! it is its own CA or X.509 version 1, which no chain can end in. Its validity, its name and its handshake
//! signature are still verified.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, OtherError, PeerMisbehaved, RootCertStore,
    SignatureScheme,
};
use x509_parser::prelude::X509Certificate;

use crate::pem::{TlsError, read_certificates};

use super::certificate::{
    PeerCertificate, common_name, defect, is_for, is_valid_at, names, odd, read, shown,
};
use super::clients::ClientVerifier;
use super::sessions::Sessions;

/// The certificates of a CA file.
#[derive(Clone, Debug)]
pub struct Authorities {
    pub(crate) roots: Arc<RootCertStore>,
    /// The same, as in the file.
    pub(crate) written: Vec<CertificateDer<'static>>,
}

/// The configuration key that names the CAs, for messages.
const OF_TARGETS: &str = "tls.ca";
pub(super) const OF_CLIENTS: &str = "client_auth.ca";

/// Verifies targets.
#[derive(Debug)]
pub(crate) struct TargetVerifier {
    chains: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
    sessions: Arc<Sessions>,
}

/// The reason of a refusal, in words.
#[derive(Debug)]
pub(crate) struct VerifyError {
    words: String,
    /// True if the certificate is for other names.
    pub(crate) names: bool,
}

impl Authorities {
    /// Reads the CAs of a file.
    ///
    /// # Errors
    /// The fault of the file, in words.
    pub fn read(path: &Path) -> Result<Self, TlsError> {
        let written = read_certificates(path)?;
        let mut roots = RootCertStore::empty();
        for (place, certificate) in written.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|error| TlsError {
                path: path.to_owned(),
                problem: format!("certificate {} cannot be used as a CA: {error}", place + 1),
            })?;
        }
        Ok(Self { roots: Arc::new(roots), written })
    }

    /// The certificates, as in the file.
    pub fn written(&self) -> &[CertificateDer<'static>] {
        &self.written
    }

    /// A verifier of clients that uses these CAs. `required`: a client without a certificate is refused.
    ///
    /// # Errors
    /// The library's reason, if it accepts none of them.
    pub fn client_verifier(&self, required: bool) -> Result<ClientVerifier, String> {
        ClientVerifier::new(self, required)
    }
}

impl TargetVerifier {
    pub(crate) fn new(
        authorities: Authorities,
        provider: Arc<CryptoProvider>,
        sessions: Arc<Sessions>,
    ) -> Result<Self, String> {
        let Authorities { roots, written } = authorities;
        let algorithms = provider.signature_verification_algorithms;
        let chains = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        let chains = chains.map_err(|error| error.to_string())?;
        Ok(Self { chains, pinned: written, algorithms, sessions })
    }
}

impl ServerCertVerifier for TargetVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unreadable = || verify_error("its certificate cannot be read".to_owned());
        let certificate = read(end_entity).ok_or_else(unreadable)?;
        if self.pinned.iter().any(|known| known == end_entity) {
            verify_pinned(&certificate, Some(server_name), now)?;
        } else {
            let verified = self.chains.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
            let name = Some(server_name);
            verified.map_err(|error| explain(&certificate, intermediates, name, error))?;
        }
        let chain: Vec<_> = std::iter::once(end_entity).chain(intermediates).cloned().collect();
        if let Some(shown) = PeerCertificate::of(&chain) {
            self.sessions.verified(server_name, shown.not_after);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// Verifies a certificate that is itself trusted. `name`: the name it must be for, if any.
pub(crate) fn verify_pinned(
    certificate: &X509Certificate<'_>,
    name: Option<&ServerName<'_>>,
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
    if !is_valid_at(certificate, now) {
        return Err(verify_error(out_of_time(certificate, now)));
    }
    match name {
        Some(name) if !is_for(certificate, name) => Err(not_for(certificate, name)),
        _ => Ok(()),
    }
}

/// Verifies a TLS 1.3 handshake signature with the key of a certificate of any version.
pub(crate) fn verify_tls13_signature(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    let certificate = read(cert).ok_or(CertificateError::BadEncoding)?;
    let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
    let verified =
        rustls::crypto::verify_tls13_signature_with_raw_key(message, &key, dss, algorithms);
    verified.map_err(|error| defective(&certificate, error))
}

/// The same for TLS 1.2, where a scheme names no curve.
pub(crate) fn verify_signature(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    let certificate = read(cert).ok_or(CertificateError::BadEncoding)?;
    if certificate.version() == x509_parser::x509::X509Version::V3 {
        let verified = rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms);
        return verified.map_err(|error| defective(&certificate, error));
    }
    let fits = algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
    let (_, fits) = fits.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let key = certificate.public_key();
    let bits = &key.subject_public_key.data;
    let is_verified = fits.iter().any(|algorithm| {
        is_of(key.algorithm.algorithm.as_bytes(), algorithm.public_key_alg_id().as_ref())
            && algorithm.verify_signature(bits, message, dss.signature()).is_ok()
    });
    if is_verified {
        return Ok(HandshakeSignatureValid::assertion());
    }
    Err(defective(&certificate, CertificateError::BadSignature.into()))
}

/// Returns true if an AlgorithmIdentifier begins with this object identifier; both DER, without outer tag.
fn is_of(oid: &[u8], identifier: &[u8]) -> bool {
    let length = u8::try_from(oid.len()).unwrap_or(u8::MAX);
    identifier.strip_prefix(&[6, length]).is_some_and(|rest| rest.starts_with(oid))
}

fn defective(certificate: &X509Certificate<'_>, error: rustls::Error) -> rustls::Error {
    defect(certificate).map_or(error, |why| verify_error(format!("its certificate {why}")))
}

/// The reason for which a chain is refused, in words.
pub(super) fn explain(
    certificate: &X509Certificate<'_>,
    intermediates: &[CertificateDer<'_>],
    name: Option<&ServerName<'_>>,
    error: rustls::Error,
) -> rustls::Error {
    let key = if name.is_some() { OF_TARGETS } else { OF_CLIENTS };
    let now = SystemTime::now();
    let rustls::Error::InvalidCertificate(reason) = &error else { return error };
    if let Some(why) = defect(certificate).or_else(|| odd(certificate)) {
        return verify_error(format!("its certificate {why}"));
    }
    let words = match reason {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            let alone = intermediates.iter().all(|one| **one == *certificate.as_raw());
            unknown_issuer(certificate, alone, key)
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            if is_valid_at(certificate, now) {
                "a certificate in its chain is not valid at this time; configure the target to send the \
                 newer intermediate certificates of its CA"
                    .to_owned()
            } else {
                out_of_time(certificate, now)
            }
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            return name.map_or(error.clone(), |name| not_for(certificate, name));
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            let purpose = if name.is_some() { "serverAuth" } else { "clientAuth" };
            format!(
                "its certificate is not valid for this use: its extendedKeyUsage lacks {purpose}; issue it \
                 with: -addext extendedKeyUsage={purpose}"
            )
        }
        other => format!("its certificate is not accepted: {other}"),
    };
    verify_error(words)
}

fn unknown_issuer(certificate: &X509Certificate<'_>, alone: bool, key: &str) -> String {
    let (subject, issuer) = (certificate.subject(), certificate.issuer());
    if subject == issuer {
        return format!("its certificate is self-signed and not in the file that {key} names");
    }
    let issuer = one_line(&issuer.to_string());
    let hint = if alone {
        "; it comes without an intermediate certificate, which may be missing"
    } else {
        ""
    };
    format!("its certificate is not signed by a trusted CA (see {key}), but by {issuer:?}{hint}")
}

fn out_of_time(certificate: &X509Certificate<'_>, now: SystemTime) -> String {
    let validity = certificate.validity();
    if now < super::certificate::time(validity.not_before) {
        let begin = shown(validity.not_before);
        return format!("its certificate is not valid before {begin}; is the clock right?");
    }
    format!("its certificate has expired on {}", shown(validity.not_after))
}

fn not_for(certificate: &X509Certificate<'_>, name: &ServerName<'_>) -> rustls::Error {
    refused(VerifyError { words: other_names(certificate, name), names: true })
}

fn other_names(certificate: &X509Certificate<'_>, name: &ServerName<'_>) -> String {
    let (wanted, names) = (name.to_str(), names(certificate));
    if !names.is_empty() {
        let names = one_line(&names.join(", "));
        return format!(
            "its certificate is for {names}, not for {wanted} (tls.server_name sets the expected \
             name)"
        );
    }
    let common = common_name(certificate).map(|name| one_line(&name)).unwrap_or_default();
    format!(
        "its certificate has no DNS name or address in its subjectAltName, and its common name \
         {common:?} does not count; issue it with: -addext subjectAltName=DNS:{wanted}"
    )
}

/// Text from the other side, made safe to show and bounded in length.
fn one_line(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '?' } else { c }).collect()
}

pub(super) fn verify_error(words: String) -> rustls::Error {
    refused(VerifyError { words, names: false })
}

fn refused(error: VerifyError) -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for VerifyError {}

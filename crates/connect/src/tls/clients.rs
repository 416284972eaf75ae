//! Verification of client certificates at the listeners: as for targets, but without a name to match.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

use super::certificate::read;
use super::verifier::{
    Authorities, explain, verify_error, verify_pinned, verify_signature, verify_tls13_signature,
};

/// Verifies clients.
#[derive(Debug)]
pub struct ClientVerifier {
    chains: Arc<dyn ClientCertVerifier>,
    pinned: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    /// A verifier that trusts these CAs. `required`: a client without a certificate is refused.
    pub(crate) fn new(authorities: &Authorities, required: bool) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let roots = authorities.roots.clone();
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
        let builder = if required { builder } else { builder.allow_unauthenticated() };
        let chains = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { chains, pinned: authorities.written.clone(), algorithms })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        self.chains.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chains.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let unreadable = || verify_error("its certificate cannot be read".to_owned());
        let certificate = read(end_entity).ok_or_else(unreadable)?;
        if self.pinned.iter().any(|known| known == end_entity) {
            verify_pinned(&certificate, None, now)?;
            return Ok(ClientCertVerified::assertion());
        }
        let verified = self.chains.verify_client_cert(end_entity, intermediates, now);
        verified.map_err(|error| explain(&certificate, intermediates, None, error))
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

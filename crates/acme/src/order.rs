//! One order: request a name, prove control of it, and get a certificate (RFC 8555 section 7.4).

use std::time::Duration;

use certificate::Challenges;
use config::Challenge;
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeHandle, ChallengeType, Error,
    Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};

use super::problem::is_final;

/// The polling intervals, and the time after which polling the CA is given up.
const PATIENCE: RetryPolicy = RetryPolicy::new().backoff(1.5).timeout(Duration::from_secs(120));

/// The challenge responses for one order. They are withdrawn when it is dropped.
struct PublishedResponses<'c> {
    challenges: &'c Challenges,
    all: Vec<String>,
}

/// The certificate of an accepted order: PEM, the chain and then the key.
///
/// # Errors
/// The reason why it was not issued.
pub(crate) async fn carry_out(
    mut order: Order,
    kind: Challenge,
    challenges: &Challenges,
) -> Result<String, Error> {
    let mut published = PublishedResponses { challenges, all: Vec::new() };
    prove(&mut order, kind, &mut published).await?;
    if order.poll_ready(&PATIENCE).await? != OrderStatus::Ready {
        return Err(refusal(&mut order).await);
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(format!("{}\n{key}", chain.trim_end()))
}

/// Orders a certificate for one name.
///
/// A CA may reject the claim that a certificate is replaced; then the order is made without it (RFC 9773 section 5).
pub(crate) async fn claim(
    account: &Account,
    name: &str,
    replaced: Option<CertificateIdentifier<'static>>,
) -> Result<Order, Error> {
    let names = [Identifier::Dns(name.to_owned())];
    if let Some(replaced) = replaced {
        let order = account.new_order(&NewOrder::new(&names).replaces(replaced)).await;
        match &order {
            Err(error) if !is_final(error) => {}
            _ => return order,
        }
    }
    account.new_order(&NewOrder::new(&names)).await
}

/// Has the CA validate each name that it has not validated yet.
async fn prove(
    order: &mut Order,
    kind: Challenge,
    published: &mut PublishedResponses<'_>,
) -> Result<(), Error> {
    let (wanted, word) = match kind {
        Challenge::TlsAlpn01 => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
        Challenge::Http01 => (ChallengeType::Http01, "http-01"),
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = authorization.challenge(wanted.clone());
        let Some(mut challenge) = challenge else {
            let why = format!("the CA does not offer {word}; set acme.challenge to another");
            return Err(Error::Other(why.into()));
        };
        published.show(&challenge, kind)?;
        challenge.set_ready().await?;
    }
    Ok(())
}

/// The reason why an order failed, as the CA reports its validation.
async fn refusal(order: &mut Order) -> Error {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let mut errors = state.challenges.iter().filter_map(|challenge| challenge.error.clone());
        if let Some(problem) = errors.next() {
            return Error::Api(problem);
        }
    }
    Error::Other("the CA refused the order without giving a reason".into())
}

impl PublishedResponses<'_> {
    fn show(&mut self, challenge: &ChallengeHandle<'_>, kind: Challenge) -> Result<(), Error> {
        let proof = challenge.key_authorization();
        match kind {
            Challenge::Http01 => {
                self.challenges.answer(&challenge.token, proof.as_str());
                self.all.push(challenge.token.clone());
                Ok(())
            }
            Challenge::TlsAlpn01 => {
                let name = challenge.identifier().to_string();
                let (certificate, key) = certificate(&name, proof.digest().as_ref())
                    .map_err(|error| Error::Other(Box::new(error)))?;
                let published = self.challenges.show(&name, certificate, key);
                self.all.push(name);
                published.map_err(|error| Error::Other(Box::new(error)))
            }
        }
    }
}

impl Drop for PublishedResponses<'_> {
    fn drop(&mut self) {
        self.all.iter().for_each(|published| self.challenges.forget(published));
    }
}

/// The `tls-alpn-01` response for a name (RFC 8737 section 3): certificate and key, DER.
fn certificate(name: &str, proof: &[u8]) -> Result<(Vec<u8>, Vec<u8>), rcgen::Error> {
    let mut parameters = CertificateParams::new([name.to_owned()])?;
    parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(proof)];
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok((certificate.der().to_vec(), key.serialize_der()))
}

//! One order: the name is claimed, proven to be ours, and a certificate given (RFC 8555 section 7.4).

use std::time::Duration;

use config::Challenge;
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeHandle, ChallengeType, Error,
    Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};
use proxy::Challenges;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use tokio::time::timeout;

/// How long all of it may take.
// lossless: L10
const WITHIN: Duration = Duration::from_secs(300);

/// How often the authority is asked whether it is done, and for how long.
const PATIENCE: RetryPolicy = RetryPolicy::new().backoff(1.5).timeout(Duration::from_secs(120));

/// Shows nothing to authorities any more when it is dropped.
struct Shown<'c>(&'c Challenges);

/// A certificate for one name, newly given: PEM, the chain and then the key.
///
/// # Errors
/// Why it was not given.
pub(super) async fn place(
    account: &Account,
    kind: Challenge,
    name: &str,
    challenges: &Challenges,
    replaced: Option<CertificateIdentifier<'static>>,
) -> Result<String, Error> {
    let shown = Shown(challenges);
    let placed = timeout(WITHIN, carry_out(account, kind, name, &shown, replaced)).await;
    placed.unwrap_or_else(|_| Err(Error::Other(format!("not done within {WITHIN:?}").into())))
}

async fn carry_out(
    account: &Account,
    kind: Challenge,
    name: &str,
    shown: &Shown<'_>,
    replaced: Option<CertificateIdentifier<'static>>,
) -> Result<String, Error> {
    let mut order = claim(account, name, replaced).await?;
    prove(&mut order, kind, shown).await?;
    if order.poll_ready(&PATIENCE).await? != OrderStatus::Ready {
        return Err(refusal(&mut order).await);
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(format!("{}\n{key}", chain.trim_end()))
}

/// An authority need not believe what is replaced, and then hears nothing of it (RFC 9773 section 5).
async fn claim(
    account: &Account,
    name: &str,
    replaced: Option<CertificateIdentifier<'static>>,
) -> Result<Order, Error> {
    let names = [Identifier::Dns(name.to_owned())];
    if let Some(replaced) = replaced {
        let order = account.new_order(&NewOrder::new(&names).replaces(replaced)).await;
        if order.is_ok() {
            return order;
        }
    }
    account.new_order(&NewOrder::new(&names)).await
}

/// Has the authority look wherever it has not done so yet.
async fn prove(order: &mut Order, kind: Challenge, shown: &Shown<'_>) -> Result<(), Error> {
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
            let why = format!("the authority does not offer {word}; set acme.challenge to another");
            return Err(Error::Other(why.into()));
        };
        shown.show(&challenge, kind)?;
        challenge.set_ready().await?;
    }
    Ok(())
}

/// Why an order came to nothing: what the authority met when it looked.
async fn refusal(order: &mut Order) -> Error {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let mut errors = state.challenges.iter().filter_map(|challenge| challenge.error.clone());
        if let Some(problem) = errors.next() {
            return Error::Api(problem);
        }
    }
    Error::Other("the authority refused the order without a reason".into())
}

impl Shown<'_> {
    fn show(&self, challenge: &ChallengeHandle<'_>, kind: Challenge) -> Result<(), Error> {
        let proof = challenge.key_authorization();
        match kind {
            Challenge::Http01 => {
                self.0.answer(&challenge.token, proof.as_str());
                Ok(())
            }
            Challenge::TlsAlpn01 => {
                let name = challenge.identifier().to_string();
                let (certificate, key) = certificate(&name, proof.digest().as_ref())
                    .map_err(|error| Error::Other(Box::new(error)))?;
                let shown = self.0.show(&name, certificate, key);
                shown.map_err(|error| Error::Other(Box::new(error)))
            }
        }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// What RFC 8737 section 3 has us show for a name: certificate and key, DER.
fn certificate(name: &str, proof: &[u8]) -> Result<(Vec<u8>, Vec<u8>), rcgen::Error> {
    let mut parameters = CertificateParams::new([name.to_owned()])?;
    parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(proof)];
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok((certificate.der().to_vec(), key.serialize_der()))
}

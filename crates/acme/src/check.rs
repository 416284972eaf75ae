//! One check of one name: orders a certificate if there is none or it expires soon. Checks of several
//! names run concurrently and independently.

use std::time::{Duration, SystemTime};

use certificate::Challenges;
use config::Acme;
use instant_acme::{CertificateIdentifier, Error};
use tokio::time::timeout;

use super::account::Accounts;
use super::problem::{Phase, words};
use super::retry_after;
use super::schedule::{self, Plan, Window};
use super::store::{Store, StoredCertificate};
use super::{OrderFailure, order};

/// The longest time that an order may take, including all its waits.
// lossless: L10
const WITHIN: Duration = Duration::from_secs(300);

/// A check to be made.
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) acme: Acme,
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    pub(crate) challenges: Challenges,
    /// The CA's latest suggestion of when to renew the certificate.
    pub(crate) window: Option<Window>,
}

/// The outcome of a check.
pub(crate) struct CheckOutcome {
    pub(crate) name: String,
    pub(crate) window: Option<Window>,
    /// True if there is a new certificate.
    pub(crate) issued: bool,
    /// The time of the next check, or the reason why there is no certificate.
    pub(crate) outcome: Result<SystemTime, OrderFailure>,
}

impl Check {
    pub(crate) async fn take(mut self) -> CheckOutcome {
        let mut issued = false;
        let attended = timeout(WITHIN, self.check(&mut issued));
        let (outcome, noted) = retry_after::noted(attended).await;
        let outcome = outcome.unwrap_or_else(|_| Err(format!("not done within {WITHIN:?}").into()));
        let outcome = outcome.map_err(|failure| {
            // The account's may have been named in the check of another name.
            OrderFailure { not_before: failure.not_before.or(noted), ..failure }
        });
        CheckOutcome { name: self.name, window: self.window, issued, outcome }
    }

    async fn check(&mut self, issued: &mut bool) -> Result<SystemTime, OrderFailure> {
        let stored = self.store.certificate(&self.name);
        if let Some(stored) = &stored {
            self.ask_when(stored).await;
            let next = self.plan(stored).next();
            if next > SystemTime::now() {
                return Ok(next);
            }
        }
        tracing::info!(name = self.name, directory = self.acme.directory, "ordering a certificate");
        let given = self.order(self.replaced(stored.as_ref())).await?;
        let stored = self.store.put(&self.name, &given)?;
        *issued = true;
        self.window = None; // it was the previous certificate's
        // No further order before this, however early the CA suggests one.
        let soonest = SystemTime::now() + schedule::DAY;
        Ok(soonest.min(self.plan(&stored).renewal()))
    }

    /// The certificate, PEM. An account that the CA has lost is replaced at once.
    async fn order(
        &self,
        replaced: Option<CertificateIdentifier<'static>>,
    ) -> Result<String, OrderFailure> {
        let said = |error: &Error| OrderFailure::from(words(error, Phase::Order, &self.acme));
        let account = self.accounts.get().await?;
        let order = match order::claim(&account, &self.name, replaced).await {
            Err(error) => match self.accounts.replace(&account, &error).await? {
                Some(account) => order::claim(&account, &self.name, None).await,
                None => Err(error),
            },
            claimed => claimed,
        };
        let order = order.map_err(|error| said(&error))?;
        let given = order::carry_out(order, self.acme.challenge, &self.challenges).await;
        given.map_err(|error| said(&error))
    }

    /// Asks the CA when to renew a certificate (RFC 9773), if its last answer is old. Without an answer the
    /// certificate's own lifetime decides.
    async fn ask_when(&mut self, stored: &StoredCertificate) {
        if self.window.as_ref().is_some_and(|window| window.ask_again > SystemTime::now()) {
            return;
        }
        self.window = Some(match self.accounts.get().await {
            Ok(account) => schedule::ask(&account, stored).await,
            Err(_) => schedule::unheard(), // the reason is logged when something is ordered
        });
    }

    fn plan(&self, stored: &StoredCertificate) -> Plan {
        let window = self.window.clone();
        Plan { not_before: stored.not_before, not_after: stored.not_after, window }
    }

    /// The certificate that a new one replaces, for a CA that wants to know.
    fn replaced(
        &self,
        stored: Option<&StoredCertificate>,
    ) -> Option<CertificateIdentifier<'static>> {
        let window = self.window.as_ref()?;
        window.at.and(stored?.identifier.clone())
    }
}

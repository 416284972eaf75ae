//! One look at one name: a certificate is ordered for it if there is none or its end comes near. Looks at
//! several names go on at the same time, and each does as if it were alone.

use std::time::{Duration, SystemTime};

use certificate::Challenges;
use config::Acme;
use instant_acme::{CertificateIdentifier, Error};
use tokio::time::timeout;

use super::account::Accounts;
use super::keep::{Keep, Kept};
use super::problem::{Phase, words};
use super::retry_after;
use super::schedule::{self, Plan, Window};
use super::{Trouble, order};

/// The longest that an order may take, with all that it waits for.
// lossless: L10
const WITHIN: Duration = Duration::from_secs(300);

/// A look that is about to be taken.
pub(crate) struct Look {
    pub(crate) name: String,
    pub(crate) acme: Acme,
    pub(crate) keep: Keep,
    pub(crate) accounts: Accounts,
    pub(crate) challenges: Challenges,
    /// The time at which the authority would have the certificate renewed, as it said last.
    pub(crate) window: Option<Window>,
}

/// The outcome of a look.
pub(crate) struct Done {
    pub(crate) name: String,
    pub(crate) window: Option<Window>,
    /// True: there is a new certificate.
    pub(crate) issued: bool,
    /// The time to look again, or the reason why there is no certificate.
    pub(crate) outcome: Result<SystemTime, Trouble>,
}

impl Look {
    pub(crate) async fn take(mut self) -> Done {
        let mut issued = false;
        let attended = timeout(WITHIN, self.attend(&mut issued));
        let (outcome, noted) = retry_after::noted(attended).await;
        let outcome = outcome.unwrap_or_else(|_| Err(format!("not done within {WITHIN:?}").into()));
        let outcome = outcome.map_err(|trouble| {
            // That of the account may have been named to the look at another name.
            Trouble { not_before: trouble.not_before.or(noted), ..trouble }
        });
        Done { name: self.name, window: self.window, issued, outcome }
    }

    async fn attend(&mut self, issued: &mut bool) -> Result<SystemTime, Trouble> {
        let kept = self.keep.certificate(&self.name);
        if let Some(kept) = &kept {
            self.ask_when(kept).await;
            let next = self.plan(kept).next();
            if next > SystemTime::now() {
                return Ok(next);
            }
        }
        tracing::info!(name = self.name, directory = self.acme.directory, "ordering a certificate");
        let given = self.order(self.replaced(kept.as_ref())).await?;
        let kept = self.keep.put(&self.name, &given)?;
        *issued = true;
        self.window = None; // that of the certificate before
        // However early the authority wishes the next one to be, it is not asked for before.
        let soonest = SystemTime::now() + schedule::DAY;
        Ok(soonest.min(self.plan(&kept).renewal()))
    }

    /// The certificate, PEM. An account that the authority has lost is replaced at once.
    async fn order(
        &self,
        replaced: Option<CertificateIdentifier<'static>>,
    ) -> Result<String, Trouble> {
        let said = |error: &Error| Trouble::from(words(error, Phase::Order, &self.acme));
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

    /// Asks the authority when it would have a certificate renewed (RFC 9773), if its last word is
    /// old. Without an answer the certificate's own time counts.
    async fn ask_when(&mut self, kept: &Kept) {
        if self.window.as_ref().is_some_and(|window| window.ask_again > SystemTime::now()) {
            return;
        }
        self.window = Some(match self.accounts.get().await {
            Ok(account) => schedule::ask(&account, kept).await,
            Err(_) => schedule::unheard(), // why is said when something is ordered
        });
    }

    fn plan(&self, kept: &Kept) -> Plan {
        let window = self.window.clone();
        Plan { not_before: kept.not_before, not_after: kept.not_after, window }
    }

    /// The certificate that a new one takes the place of, for an authority that wants to know.
    fn replaced(&self, kept: Option<&Kept>) -> Option<CertificateIdentifier<'static>> {
        let window = self.window.as_ref()?;
        window.at.and(kept?.identifier.clone())
    }
}

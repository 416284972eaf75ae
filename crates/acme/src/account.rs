//! The account at a CA: created at the first order, stored, and reused from then on. An account that the
//! CA no longer knows, or has deactivated, is replaced; it stays stored until then.

use std::sync::Arc;
use std::time::SystemTime;

use config::Acme;
use instant_acme::{Account, AccountCredentials, Error, NewAccount};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::client::Client;
use super::problem::{Phase, is_lost, is_unauthorized, is_unknown, words};
use super::store::Store;
use super::{OrderFailure, eab, retry_after};

/// The account for all orders at one CA. Clones share it.
#[derive(Clone)]
pub(crate) struct Accounts(Arc<Shared>);

struct Shared {
    acme: Acme,
    store: Store,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    account: Option<Account>,
    /// The CAs that its client trusts; `None`: those of this machine.
    trusted: Option<Vec<Vec<u8>>>,
    /// The reason why there is none: later orders of the same round do not ask again, nor does any before
    /// the time that the CA has named.
    failed: Option<OrderFailure>,
}

/// An account as it is stored.
#[derive(Serialize, Deserialize)]
struct Record {
    email: Option<String>,
    /// The external account that it was bound to when it was created.
    #[serde(default)]
    external: Option<String>,
    credentials: AccountCredentials,
}

impl Accounts {
    pub(crate) fn new(acme: &Acme, store: &Store) -> Self {
        let (acme, store) = (acme.clone(), store.clone());
        Self(Arc::new(Shared { acme, store, state: Mutex::default() }))
    }

    /// The account; opened or created on first use.
    pub(crate) async fn get(&self) -> Result<Account, OrderFailure> {
        let mut state = self.0.state.lock().await;
        self.fill(&mut state).await
    }

    /// A new account if this refusal of an order means that the CA has lost the old one; `None` if the
    /// refusal is about the order.
    pub(crate) async fn replace(
        &self,
        account: &Account,
        refusal: &Error,
    ) -> Result<Option<Account>, OrderFailure> {
        // Before taking the lock, which blocks other orders.
        if !self.has_lost(account, refusal).await {
            return Ok(None);
        }
        let mut state = self.0.state.lock().await;
        // Another order may have replaced it.
        if state.account.as_ref().is_none_or(|known| known.id() != account.id()) {
            return self.fill(&mut state).await.map(Some);
        }
        *state = State { trusted: self.trusted(), ..State::default() };
        let made = replacement(&self.0.acme, &self.0.store).await;
        self.take(&mut state, made).map(Some)
    }

    /// Asks for the account if the refusal alone does not tell, by setting the contacts that it already has.
    async fn has_lost(&self, account: &Account, refusal: &Error) -> bool {
        if !is_unauthorized(refusal) {
            return is_unknown(refusal);
        }
        let contact = contact(&self.0.acme);
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        account.update_contacts(&contact).await.is_err_and(|error| is_lost(&error))
    }

    /// Forgets that it could not be opened, unless the CA has asked to wait; also drops a client that trusts
    /// other CAs than `acme.ca` holds now. If that file is invalid, the client in use stays.
    pub(crate) fn retry(&self) {
        // An order that holds the lock right now is about to try again anyway.
        if let Ok(mut state) = self.0.state.try_lock() {
            let now = SystemTime::now();
            let waits = |failed: &OrderFailure| failed.not_before.is_some_and(|at| at > now);
            state.failed = state.failed.take().filter(waits);
            let now = self.trusted();
            if now.is_some() && state.trusted != now {
                state.account = None;
            }
        }
    }

    fn trusted(&self) -> Option<Vec<Vec<u8>>> {
        let read = connect::read_certificates(self.0.acme.ca.as_deref()?).ok()?;
        Some(read.iter().map(|certificate| certificate.to_vec()).collect())
    }

    async fn fill(&self, state: &mut State) -> Result<Account, OrderFailure> {
        match (&state.account, &state.failed) {
            (Some(account), _) => return Ok(account.clone()),
            (None, Some(failed)) => return Err(failed.clone()),
            (None, None) => {}
        }
        state.trusted = self.trusted();
        let opened = self.open().await;
        self.take(state, opened)
    }

    /// Records the outcome of opening or creating it.
    fn take(
        &self,
        state: &mut State,
        came: Result<Account, Error>,
    ) -> Result<Account, OrderFailure> {
        match came {
            Ok(account) => Ok(state.account.insert(account).clone()),
            Err(error) => {
                let words = words(&error, Phase::Account, &self.0.acme);
                let not_before = retry_after::last();
                Err(state.failed.insert(OrderFailure { words, not_before }).clone())
            }
        }
    }

    /// The stored account, with the email address that is configured now; else a new one.
    async fn open(&self) -> Result<Account, Error> {
        let Shared { acme, store, .. } = &*self.0;
        let bound = acme.eab.as_ref().map(|eab| &eab.key_id);
        let fits = |record: &Record| bound.is_none() || record.external.as_ref() == bound;
        let Some(Record { email, external, credentials }) = read(store).filter(fits) else {
            return make(acme, store).await;
        };
        let account = builder(acme)?.from_credentials(credentials).await?;
        if email != acme.email {
            let contact = contact(acme);
            let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
            match account.update_contacts(&contact).await {
                Err(error) if is_lost(&error) => return replacement(acme, store).await,
                told => told?,
            }
            // Read again, since the account has consumed the first copy.
            if let Some(stored) = read(store) {
                write(store, acme, external, stored.credentials)?;
            }
        }
        Ok(account)
    }
}

fn builder(acme: &Acme) -> Result<instant_acme::AccountBuilder, Error> {
    Ok(Account::builder_with_http(Box::new(Client::new(acme)?)))
}

/// Creates an account to replace a lost one, which stays stored until then.
async fn replacement(acme: &Acme, store: &Store) -> Result<Account, Error> {
    tracing::warn!(
        directory = acme.directory,
        "the CA no longer knows the account, or has deactivated it; creating another"
    );
    make(acme, store).await
}

async fn make(acme: &Acme, store: &Store) -> Result<Account, Error> {
    let key = acme.eab.as_ref().map(eab::read).transpose();
    let key = key.map_err(|why| Error::Other(format!("acme.eab: {why}").into()))?;
    let contact = contact(acme);
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let wish = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let made = builder(acme)?.create(&wish, acme.directory.clone(), key.as_ref()).await;
    let (account, credentials) = made?;
    let external = acme.eab.as_ref().map(|eab| eab.key_id.clone());
    write(store, acme, external, credentials)?;
    tracing::info!(directory = acme.directory, "created an ACME account");
    Ok(account)
}

fn contact(acme: &Acme) -> Option<String> {
    acme.email.as_ref().map(|email| format!("mailto:{email}"))
}

/// The stored account; none if there is no usable one.
fn read(store: &Store) -> Option<Record> {
    let text = store.account()?;
    let record = serde_json::from_str(&text);
    record
        .inspect_err(|error| {
            tracing::warn!("cannot read the stored account ({error}); creating a new one");
        })
        .ok()
}

fn write(
    store: &Store,
    acme: &Acme,
    external: Option<String>,
    credentials: AccountCredentials,
) -> Result<(), Error> {
    let record = Record { email: acme.email.clone(), external, credentials };
    let text = serde_json::to_string(&record)?;
    store.put_account(&text).map_err(|error| Error::Other(error.into()))
}

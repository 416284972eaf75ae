//! The account at an authority: made at the first order, kept, and used ever after.

use config::Acme;
use instant_acme::{Account, AccountCredentials, Error, NewAccount};
use serde::{Deserialize, Serialize};

use super::authority::Client;
use super::keep::Keep;

/// An account as it is kept.
#[derive(Serialize, Deserialize)]
struct Record {
    email: Option<String>,
    credentials: AccountCredentials,
}

/// The account that is kept, with the address of mail that is configured now; else a new one.
///
/// # Errors
/// The authority can't be reached, or refuses; or the account can't be kept.
pub(super) async fn open(acme: &Acme, keep: &Keep) -> Result<Account, Error> {
    let builder = Account::builder_with_http(Box::new(Client::new(acme)?));
    let Some(kept) = read(keep) else {
        let contact = contact(acme);
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let wish = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = builder.create(&wish, acme.directory.clone(), None).await?;
        write(keep, acme, credentials)?;
        tracing::info!(directory = acme.directory, "made an account at the authority");
        return Ok(account);
    };
    let Record { email, credentials } = kept;
    let account = builder.from_credentials(credentials).await?;
    if email != acme.email {
        let contact = contact(acme);
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        account.update_contacts(&contact).await?;
        // Read again, since what was read went into the account.
        if let Some(kept) = read(keep) {
            write(keep, acme, kept.credentials)?;
        }
    }
    Ok(account)
}

fn contact(acme: &Acme) -> Option<String> {
    acme.email.as_ref().map(|email| format!("mailto:{email}"))
}

/// The account of before; none if there is none that can be used.
fn read(keep: &Keep) -> Option<Record> {
    let text = keep.account()?;
    let record = serde_json::from_str(&text);
    record
        .inspect_err(|error| {
            tracing::warn!("the account that was kept can't be read ({error}); a new one is made");
        })
        .ok()
}

fn write(keep: &Keep, acme: &Acme, credentials: AccountCredentials) -> Result<(), Error> {
    let record = Record { email: acme.email.clone(), credentials };
    let text = serde_json::to_string(&record)?;
    keep.put_account(&text).map_err(|error| Error::Other(error.into()))
}

//! Certificates from an authority that speaks ACME (RFC 8555): ordered for each name that has none,
//! kept, and renewed in time.
//!
//! One name after the other, each by an order of its own, so that a name that fails keeps none else
//! waiting for a new try. Whatever goes wrong, what is in use stays. Only the Teal in charge orders:
//! the authority looks at the sockets that it has.

mod account;
mod authority;
mod keep;
mod order;
mod schedule;

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::{Duration, SystemTime};
use std::{io, thread};

use config::Config;
use control::api;
use instant_acme::{Account, CertificateIdentifier, Error};
use proxy::{CertificateFiles, Certificates, Challenges};
use rules::Time;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::reload::InForce;
use crate::exit::Failure;

use keep::{Keep, Kept};
use schedule::{Plan, Window};

/// The longest rest between two looks, whatever the plan: clocks are set, machines sleep.
const REST: Duration = Duration::from_secs(3600);

/// What is remembered of a name.
#[derive(Debug, Default)]
struct Entry {
    /// When the authority would have the certificate renewed, as it said last.
    window: Option<Window>,
    failures: u32,
    problem: Option<String>,
    /// When it is to be looked at next; `None`: now.
    next: Option<SystemTime>,
}

/// An authority, and how far we have come with it.
struct Authority {
    acme: config::Acme,
    keep: Keep,
    account: Option<Account>,
    entries: HashMap<String, Entry>,
}

/// Orders and renews until what it returns is dropped. On a thread of its own, since files are written
/// and keys are made.
///
/// # Errors
/// There is no room for a thread.
pub(super) fn start(
    in_force: InForce,
    challenges: Challenges,
) -> Result<oneshot::Sender<Infallible>, Failure> {
    let cannot =
        |error: io::Error| Failure::failed(format!("cannot start to order certificates: {error}"));
    let (ordering, end) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let thread = thread::Builder::new().name("acme".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = end => {}
                () = run(in_force, challenges) => {}
            }
        });
        runtime.shutdown_background(); // a name that is being looked up is not waited for
    });
    thread.map(|_| ordering).map_err(cannot)
}

async fn run(in_force: InForce, challenges: Challenges) {
    let mut reloaded = in_force.reloads.subscribe();
    let mut charge = in_force.charge.subscribe();
    let mut authority: Option<Authority> = None;
    loop {
        let _ = charge.wait_for(|ours| *ours).await; // its sending side is in `in_force`
        reloaded.mark_unchanged();
        let config = in_force.config();
        authority = Authority::of(&config, authority.take());
        let next = match &mut authority {
            Some(authority) => authority.work_through(&config, &in_force, &challenges).await,
            None => None,
        };
        let rest = next.map_or(REST, schedule::from_now).min(REST);
        tokio::select! {
            _ = reloaded.changed() => authority.iter_mut().for_each(Authority::try_again),
            () = tokio::time::sleep(rest) => {}
        }
    }
}

impl Authority {
    /// The authority of a configuration: the one that is known, if it is the same.
    fn of(config: &Config, known: Option<Self>) -> Option<Self> {
        let acme = config.acme.as_ref()?;
        let same = known.filter(|known| known.acme == *acme);
        Some(same.unwrap_or_else(|| Self {
            acme: acme.clone(),
            keep: Keep::of(config, acme),
            account: None,
            entries: HashMap::new(),
        }))
    }

    /// Forgets what went wrong: a reload may have mended it.
    fn try_again(&mut self) {
        for entry in self.entries.values_mut().filter(|entry| entry.failures > 0) {
            (entry.failures, entry.next) = (0, None);
        }
    }

    /// Looks at every name whose time has come; when the next one's is.
    async fn work_through(
        &mut self,
        config: &Config,
        in_force: &InForce,
        challenges: &Challenges,
    ) -> Option<SystemTime> {
        let names = match super::tls::load_configured(config) {
            Ok(configured) => wanted(config, &configured),
            // A file that is no good now says nothing of what it is for: the names stay.
            Err(_) => self.entries.keys().cloned().collect(),
        };
        self.entries.retain(|name, _| names.contains(name));
        for name in names {
            let entry = self.entries.entry(name.clone()).or_default();
            if entry.next.is_some_and(|next| next > SystemTime::now()) || !in_force.is_in_charge() {
                continue;
            }
            match self.attend(&name, in_force, challenges).await {
                Ok(next) => self.went_well(&name, next),
                Err(problem) => self.went_wrong(&name, &problem),
            }
            in_force.live.send_modify(|live| live.orders = self.shown());
        }
        in_force.live.send_modify(|live| live.orders = self.shown());
        self.entries.values().filter_map(|entry| entry.next).min()
    }

    /// Orders a certificate if there is none or its end comes near; when to look again.
    async fn attend(
        &mut self,
        name: &str,
        in_force: &InForce,
        challenges: &Challenges,
    ) -> Result<SystemTime, String> {
        let kept = self.keep.certificate(name);
        if let Some(kept) = &kept {
            self.ask_when(name, kept).await;
            let next = self.plan(name, kept).next();
            if next > SystemTime::now() {
                return Ok(next);
            }
        }
        tracing::info!(name, directory = self.acme.directory, "ordering a certificate");
        let replaced = self.replaced(name, kept.as_ref());
        let issued =
            self.order(name, challenges, replaced).await.map_err(|error| self.explain(&error))?;
        let kept = self.keep.put(name, &issued)?;
        if let Some(entry) = self.entries.get_mut(name) {
            entry.window = None; // that of the certificate before
        }
        in_force.renew();
        // However early the authority wishes the next one to be, it is not asked for before.
        let soonest = SystemTime::now() + schedule::DAY;
        Ok(soonest.min(self.plan(name, &kept).renewal()))
    }

    async fn order(
        &mut self,
        name: &str,
        challenges: &Challenges,
        replaced: Option<CertificateIdentifier<'static>>,
    ) -> Result<String, Error> {
        let kind = self.acme.challenge;
        let account = self.account().await?;
        order::place(&account, kind, name, challenges, replaced).await
    }

    async fn account(&mut self) -> Result<Account, Error> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let account = account::open(&self.acme, &self.keep).await?;
        Ok(self.account.insert(account).clone())
    }

    /// Asks the authority when it would have a certificate renewed (RFC 9773), if its last word is
    /// old. Without an answer the certificate's own time counts.
    async fn ask_when(&mut self, name: &str, kept: &Kept) {
        let known = self.entries.get(name).and_then(|entry| entry.window.as_ref());
        if known.is_some_and(|window| window.ask_again > SystemTime::now()) {
            return;
        }
        let window = match self.account().await {
            Ok(account) => schedule::ask(&account, kept).await,
            Err(_) => schedule::unheard(), // why is said when something is ordered
        };
        if let Some(entry) = self.entries.get_mut(name) {
            entry.window = Some(window);
        }
    }

    fn plan(&self, name: &str, kept: &Kept) -> Plan {
        let window = self.entries.get(name).and_then(|entry| entry.window.clone());
        Plan { not_before: kept.not_before, not_after: kept.not_after, window }
    }

    /// What a new certificate takes the place of, for an authority that wants to know.
    fn replaced(&self, name: &str, kept: Option<&Kept>) -> Option<CertificateIdentifier<'static>> {
        let window = self.entries.get(name)?.window.as_ref()?;
        window.at.and(kept?.identifier.clone())
    }

    /// An error in words. An account that the authority does not know is made anew the next time.
    fn explain(&mut self, error: &Error) -> String {
        if let Error::Api(problem) = error
            && problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:accountDoesNotExist")
        {
            self.account = None;
            self.keep.forget_account();
        }
        error.to_string()
    }

    fn went_well(&mut self, name: &str, next: SystemTime) {
        if let Some(entry) = self.entries.get_mut(name) {
            (entry.failures, entry.problem, entry.next) = (0, None, Some(next));
        }
    }

    fn went_wrong(&mut self, name: &str, problem: &str) {
        let has_one = self.keep.read(name).is_some_and(|kept| kept.is_ok());
        let Some(entry) = self.entries.get_mut(name) else { return };
        let pause = schedule::pause(entry.failures);
        entry.failures += 1;
        entry.next = Some(SystemTime::now() + pause);
        entry.problem = Some(problem.to_owned());
        let stays = if has_one { "; the one in use stays" } else { "" };
        tracing::error!(
            name,
            directory = self.acme.directory,
            "no certificate was given: {problem}{stays}; next try in {pause:?}, or at `teal reload`"
        );
    }

    fn shown(&self) -> Vec<api::Ordered> {
        let shown = self.entries.iter().map(|(name, entry)| api::Ordered {
            name: name.clone(),
            problem: entry.problem.clone(),
            next: entry.next.map(time),
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        shown
    }
}

/// The names that certificates are to be ordered for: those that no configured one has.
fn wanted(config: &Config, configured: &Certificates) -> Vec<String> {
    config.acme_names().filter(|name| !configured.has(name)).map(str::to_owned).collect()
}

/// The files of all certificates that are kept for a configuration, wanted and good. What is no good is
/// ordered again, and no reason not to start.
pub(super) fn files(config: &Config, configured: &Certificates) -> Vec<CertificateFiles> {
    let Some(acme) = &config.acme else { return Vec::new() };
    let keep = Keep::of(config, acme);
    wanted(config, configured).iter().filter_map(|name| keep.good(name)).collect()
}

fn time(at: SystemTime) -> Time {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

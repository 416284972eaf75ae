//! Certificates from an ACME CA (RFC 8555): ordered for each name that has none, stored, and renewed
//! in time.
//!
//! Each name has its own order, and several run at once, so that a name that fails or waits delays no
//! other. If an order fails, the current certificate stays in use. Only the Teal in control orders,
//! because the CA validates through its listening sockets.
//!
//! This crate never puts a certificate into use. It stores what the CA issued and reports it ([`Context`]).

#![forbid(unsafe_code)]

mod account;
mod check;
mod client;
mod eab;
mod order;
mod problem;
mod retry_after;
mod schedule;
mod store;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::time::{Duration, SystemTime};
use std::{fmt, io, thread};

use certificate::{CertificateFiles, Certificates, Challenges};
use config::Config;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};

use account::Accounts;
use check::{Check, CheckOutcome};
use schedule::Window;
use store::Store;

pub use eab::read_key;

/// The longest time between two checks, whatever the plan: clocks are set, machines sleep.
const REST: Duration = Duration::from_secs(3600);

/// The number of names that are checked at the same time.
const AT_ONCE: usize = 4;

/// Everything that this crate needs from the rest of the process.
pub struct Context {
    /// Notified at every reload, whether or not anything has changed.
    pub reloads: watch::Receiver<()>,
    /// True while this Teal is in control, and so orders. Its sender lives as long as `configured`.
    pub in_control: watch::Receiver<bool>,
    /// The configuration in force.
    pub config: Box<dyn Fn() -> Config + Send>,
    /// The certificates that a configuration names; `None` if a file is invalid now.
    pub configured: fn(&Config) -> Option<Certificates>,
    /// Puts newly issued certificates into use.
    pub renew: Box<dyn Fn() + Send>,
    /// Publishes the progress of the orders.
    pub show: Box<dyn Fn(Vec<CertificateOrder>) + Send>,
    /// The responses to the CA's challenges.
    pub challenges: Challenges,
}

/// The progress of the order for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateOrder {
    /// The name.
    pub name: String,
    /// The reason why there is no certificate, or no new one.
    pub problem: Option<String>,
    /// The time of the next check.
    pub next: Option<SystemTime>,
}

/// The state of a name.
#[derive(Debug, Default)]
struct Entry {
    /// The CA's latest suggestion of when to renew the certificate.
    window: Option<Window>,
    failures: u32,
    problem: Option<String>,
    /// The time of the next check; `None`: now.
    next: Option<SystemTime>,
    /// No new order before this moment, as the CA asked (`Retry-After`), even after a reload.
    not_before: Option<SystemTime>,
}

/// The reason why there is no certificate.
#[derive(Clone, Debug)]
struct OrderFailure {
    words: String,
    /// No further request before this moment, as the CA asked.
    not_before: Option<SystemTime>,
}

/// A CA, and the state of all orders at it.
struct CertificateAuthority {
    acme: config::Acme,
    store: Store,
    accounts: Accounts,
    entries: HashMap<String, Entry>,
    /// Checks in progress. They end when this is dropped.
    checks: JoinSet<CheckOutcome>,
    /// The names that they are for.
    checked: HashMap<Id, String>,
}

/// Orders and renews until the returned value is dropped. Runs on its own thread, because it writes
/// files and generates keys.
///
/// # Errors
/// The thread cannot be started.
pub fn start(context: Context) -> io::Result<oneshot::Sender<Infallible>> {
    let (ordering, end) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name("acme".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = end => {}
                () = run(context) => {}
            }
        });
        runtime.shutdown_background(); // does not wait for a DNS lookup in progress
    });
    thread.map(|_| ordering)
}

async fn run(mut context: Context) {
    let mut ca: Option<CertificateAuthority> = None;
    let mut fresh = true;
    loop {
        if fresh {
            context.reloads.mark_unchanged();
            let config = (context.config)();
            ca = CertificateAuthority::of(&config, ca.take());
            if let Some(ca) = &mut ca {
                // An invalid file does not tell which names it covers: keep the names.
                if let Some(configured) = (context.configured)(&config) {
                    ca.take_names(&config, &configured);
                }
            }
        }
        let mut next = None;
        let in_control = *context.in_control.borrow();
        if let Some(ca) = ca.as_mut().filter(|_| in_control) {
            next = ca.look_where_due(&context.challenges);
            (context.show)(ca.published());
        }
        let rest = next.map_or(REST, schedule::from_now).min(REST);
        tokio::select! {
            _ = context.reloads.changed() => {
                ca.iter_mut().for_each(CertificateAuthority::try_again);
                fresh = true;
            }
            done = done(&mut ca) => {
                if let Some(ca) = &mut ca
                    && ca.take_in(done)
                {
                    (context.renew)();
                }
                fresh = false;
            }
            _ = context.in_control.changed() => fresh = true, // its sending side is there, see `Context`
            () = tokio::time::sleep(rest) => fresh = true,
        }
    }
}

/// Waits for the next check to finish; pending for ever if none is running.
async fn done(ca: &mut Option<CertificateAuthority>) -> Result<(Id, CheckOutcome), JoinError> {
    if let Some(ca) = ca
        && let Some(done) = ca.checks.join_next_with_id().await
    {
        return done;
    }
    std::future::pending().await
}

impl CertificateAuthority {
    /// The CA of a configuration: the current one, if it is the same.
    fn of(config: &Config, known: Option<Self>) -> Option<Self> {
        let acme = config.acme.as_ref()?;
        let same = known.filter(|known| known.acme == *acme);
        Some(same.unwrap_or_else(|| {
            let store = Store::of(config, acme);
            Self {
                acme: acme.clone(),
                accounts: Accounts::new(acme, &store),
                store,
                entries: HashMap::new(),
                checks: JoinSet::new(),
                checked: HashMap::new(),
            }
        }))
    }

    /// Forgets what went wrong: a reload may have fixed it.
    fn try_again(&mut self) {
        self.accounts.retry();
        for entry in self.entries.values_mut().filter(|entry| entry.failures > 0) {
            (entry.failures, entry.next) = (0, entry.not_before);
        }
    }

    /// Sets the names that certificates are wanted for.
    fn take_names(&mut self, config: &Config, configured: &Certificates) {
        let names = wanted(config, configured);
        self.entries.retain(|name, _| names.contains(name));
        for name in names {
            self.entries.entry(name).or_default();
        }
    }

    /// Starts checks for names that are due; returns the time of the next one.
    fn look_where_due(&mut self, challenges: &Challenges) -> Option<SystemTime> {
        let now = SystemTime::now();
        let busy: HashSet<&String> = self.checked.values().collect();
        let idle = self.entries.iter().filter(|(name, _)| !busy.contains(name));
        let (mut due, later): (Vec<_>, Vec<_>) =
            idle.partition(|(_, entry)| entry.next.is_none_or(|next| next <= now));
        let next = later.iter().filter_map(|(_, entry)| entry.next).min();
        due.sort_unstable_by_key(|(name, entry)| (entry.next, *name));
        if self.checks.is_empty() && !due.is_empty() {
            // A new round: an account that could not be opened may be there now.
            self.accounts.retry();
        }
        let room = AT_ONCE.saturating_sub(self.checks.len());
        let checks = due.into_iter().take(room).map(|(name, entry)| Check {
            name: name.clone(),
            acme: self.acme.clone(),
            store: self.store.clone(),
            accounts: self.accounts.clone(),
            challenges: challenges.clone(),
            window: entry.window.clone(),
        });
        let checks: Vec<_> = checks.collect();
        for look in checks {
            let name = look.name.clone();
            let id = self.checks.spawn(look.take()).id();
            self.checked.insert(id, name);
        }
        next // the others start when one of these finishes
    }

    /// Records the outcome of a check; returns true if there is a new certificate.
    fn take_in(&mut self, done: Result<(Id, CheckOutcome), JoinError>) -> bool {
        let (id, done) = match done {
            Ok((id, done)) => (id, done),
            Err(error) => {
                if let Some(name) = self.checked.remove(&error.id()) {
                    self.went_wrong(
                        &name,
                        &"ordering it failed unexpectedly; please report this".to_owned().into(),
                    );
                }
                return false;
            }
        };
        self.checked.remove(&id);
        let CheckOutcome { name, window, issued, outcome } = done;
        if let Some(entry) = self.entries.get_mut(&name) {
            entry.window = window;
        }
        match outcome {
            Ok(next) => self.went_well(&name, next),
            Err(failure) => self.went_wrong(&name, &failure),
        }
        issued
    }

    fn went_well(&mut self, name: &str, next: SystemTime) {
        if let Some(entry) = self.entries.get_mut(name) {
            (entry.failures, entry.problem, entry.next) = (0, None, Some(next));
            entry.not_before = None;
        }
    }

    fn went_wrong(&mut self, name: &str, failure: &OrderFailure) {
        let OrderFailure { words: problem, not_before } = failure;
        let has_one = self.store.read(name).is_some_and(|stored| stored.is_ok());
        let Some(entry) = self.entries.get_mut(name) else { return };
        let own = SystemTime::now() + schedule::pause(entry.failures);
        let next = not_before.map_or(own, |not_before| not_before.max(own));
        entry.failures += 1;
        (entry.next, entry.not_before) = (Some(next), *not_before);
        entry.problem = Some(problem.clone());
        let stays = if has_one { "; the current one stays in use" } else { "" };
        // Some time has passed since `next` was computed: round up to a whole second.
        let pause = Duration::from_secs(schedule::from_now(next).as_secs() + 1);
        let reload = match not_before {
            Some(_) => ", not before then: the CA asked to wait",
            None => ", or at `teal reload`",
        };
        tracing::error!(
            name,
            directory = self.acme.directory,
            "no certificate was issued: {problem}{stays}; next try in {pause:?}{reload}"
        );
    }

    fn published(&self) -> Vec<CertificateOrder> {
        let published = self.entries.iter().map(|(name, entry)| CertificateOrder {
            name: name.clone(),
            problem: entry.problem.clone(),
            next: entry.next,
        });
        let mut published: Vec<_> = published.collect();
        published.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        published
    }
}

/// The names to order certificates for: those that no configured certificate covers.
fn wanted(config: &Config, configured: &Certificates) -> Vec<String> {
    config.acme_names().filter(|name| !configured.has(name)).map(str::to_owned).collect()
}

/// The files of all stored certificates that a configuration wants and that are valid. Invalid ones are
/// ordered again, and do not prevent a start.
pub fn files(config: &Config, configured: &Certificates) -> Vec<CertificateFiles> {
    let Some(acme) = &config.acme else { return Vec::new() };
    let store = Store::of(config, acme);
    wanted(config, configured).iter().filter_map(|name| store.good(name)).collect()
}

impl From<String> for OrderFailure {
    fn from(words: String) -> Self {
        Self { words, not_before: None }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

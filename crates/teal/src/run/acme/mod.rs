//! Certificates from an authority that speaks ACME (RFC 8555): ordered for each name that has none,
//! kept, and renewed in time.
//!
//! Each name has an order of its own, and several are under way at once, so that a name that fails or
//! waits keeps no other waiting. Whatever goes wrong, what is in use stays. Only the Teal in charge
//! orders: the authority looks at the sockets that it has.

mod account;
mod attend;
mod authority;
mod eab;
mod keep;
mod order;
mod problem;
mod retry_after;
mod schedule;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::time::{Duration, SystemTime};
use std::{io, thread};

use certificate::{CertificateFiles, Certificates, Challenges};
use config::Config;
use rules::Time;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::{Id, JoinError, JoinSet};

use super::reload::InForce;
use crate::exit::Failure;

use account::Accounts;
use attend::{Done, Look};
use keep::Keep;
use schedule::Window;

pub(in crate::run) use eab::read_key;

/// The longest rest between two looks, whatever the plan: clocks are set, machines sleep.
const REST: Duration = Duration::from_secs(3600);

/// Names that are looked at at the same time.
const AT_ONCE: usize = 4;

/// The memory of a name.
#[derive(Debug, Default)]
struct Entry {
    /// The time at which the authority would have the certificate renewed, as it said last.
    window: Option<Window>,
    failures: u32,
    problem: Option<String>,
    /// The time of the next look; `None`: now.
    next: Option<SystemTime>,
    /// The moment before which the authority wants to hear nothing of it, whatever an operator says.
    not_before: Option<SystemTime>,
}

/// The reason why there is no certificate.
#[derive(Clone, Debug)]
struct Trouble {
    words: String,
    /// The moment before which the authority wants to hear nothing more.
    not_before: Option<SystemTime>,
}

/// An authority, and how far we have come with it.
struct Authority {
    acme: config::Acme,
    keep: Keep,
    accounts: Accounts,
    entries: HashMap<String, Entry>,
    /// Looks that are being taken. They end when this is dropped.
    looks: JoinSet<Done>,
    /// The names that they are for.
    looked_at: HashMap<Id, String>,
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
    let mut fresh = true;
    loop {
        if fresh {
            reloaded.mark_unchanged();
            let config = in_force.config();
            authority = Authority::of(&config, authority.take());
            if let Some(authority) = &mut authority {
                authority.take_names(&config);
            }
        }
        let mut next = None;
        if let Some(authority) = authority.as_mut().filter(|_| in_force.is_in_charge()) {
            next = authority.look_where_due(&challenges);
            in_force.live.send_modify(|live| live.orders = authority.shown());
        }
        let rest = next.map_or(REST, schedule::from_now).min(REST);
        tokio::select! {
            _ = reloaded.changed() => {
                authority.iter_mut().for_each(Authority::try_again);
                fresh = true;
            }
            done = done(&mut authority) => {
                if let Some(authority) = &mut authority
                    && authority.take_in(done)
                {
                    in_force.renew();
                }
                fresh = false;
            }
            _ = charge.changed() => fresh = true, // its sending side is in `in_force`
            () = tokio::time::sleep(rest) => fresh = true,
        }
    }
}

/// The next look that is done; never without one under way.
async fn done(authority: &mut Option<Authority>) -> Result<(Id, Done), JoinError> {
    if let Some(authority) = authority
        && let Some(done) = authority.looks.join_next_with_id().await
    {
        return done;
    }
    std::future::pending().await
}

impl Authority {
    /// The authority of a configuration: the one that is known, if it is the same.
    fn of(config: &Config, known: Option<Self>) -> Option<Self> {
        let acme = config.acme.as_ref()?;
        let same = known.filter(|known| known.acme == *acme);
        Some(same.unwrap_or_else(|| {
            let keep = Keep::of(config, acme);
            Self {
                acme: acme.clone(),
                accounts: Accounts::new(acme, &keep),
                keep,
                entries: HashMap::new(),
                looks: JoinSet::new(),
                looked_at: HashMap::new(),
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

    /// Takes over the names that certificates are wanted for.
    fn take_names(&mut self, config: &Config) {
        // A file that is no good now says nothing of what it is for: the names stay.
        let Ok(configured) = super::tls::load_configured(config) else { return };
        let names = wanted(config, &configured);
        self.entries.retain(|name, _| names.contains(name));
        for name in names {
            self.entries.entry(name).or_default();
        }
    }

    /// Begins to look at names whose time has come; returns the time of the next one.
    fn look_where_due(&mut self, challenges: &Challenges) -> Option<SystemTime> {
        let now = SystemTime::now();
        let busy: HashSet<&String> = self.looked_at.values().collect();
        let idle = self.entries.iter().filter(|(name, _)| !busy.contains(name));
        let (mut due, later): (Vec<_>, Vec<_>) =
            idle.partition(|(_, entry)| entry.next.is_none_or(|next| next <= now));
        let next = later.iter().filter_map(|(_, entry)| entry.next).min();
        due.sort_unstable_by_key(|(name, entry)| (entry.next, *name));
        if self.looks.is_empty() && !due.is_empty() {
            // A new round: an account that could not be opened may be there now.
            self.accounts.retry();
        }
        let room = AT_ONCE.saturating_sub(self.looks.len());
        let looks = due.into_iter().take(room).map(|(name, entry)| Look {
            name: name.clone(),
            acme: self.acme.clone(),
            keep: self.keep.clone(),
            accounts: self.accounts.clone(),
            challenges: challenges.clone(),
            window: entry.window.clone(),
        });
        let looks: Vec<_> = looks.collect();
        for look in looks {
            let name = look.name.clone();
            let id = self.looks.spawn(look.take()).id();
            self.looked_at.insert(id, name);
        }
        next // those that found no room follow when one of them is done
    }

    /// Takes in what came of a look; true: there is a new certificate.
    fn take_in(&mut self, done: Result<(Id, Done), JoinError>) -> bool {
        let (id, done) = match done {
            Ok((id, done)) => (id, done),
            Err(error) => {
                if let Some(name) = self.looked_at.remove(&error.id()) {
                    self.went_wrong(&name, &"ordering it broke down".to_owned().into());
                }
                return false;
            }
        };
        self.looked_at.remove(&id);
        let Done { name, window, issued, outcome } = done;
        if let Some(entry) = self.entries.get_mut(&name) {
            entry.window = window;
        }
        match outcome {
            Ok(next) => self.went_well(&name, next),
            Err(trouble) => self.went_wrong(&name, &trouble),
        }
        issued
    }

    fn went_well(&mut self, name: &str, next: SystemTime) {
        if let Some(entry) = self.entries.get_mut(name) {
            (entry.failures, entry.problem, entry.next) = (0, None, Some(next));
            entry.not_before = None;
        }
    }

    fn went_wrong(&mut self, name: &str, trouble: &Trouble) {
        let Trouble { words: problem, not_before } = trouble;
        let has_one = self.keep.read(name).is_some_and(|kept| kept.is_ok());
        let Some(entry) = self.entries.get_mut(name) else { return };
        let own = SystemTime::now() + schedule::pause(entry.failures);
        let next = not_before.map_or(own, |not_before| not_before.max(own));
        entry.failures += 1;
        (entry.next, entry.not_before) = (Some(next), *not_before);
        entry.problem = Some(problem.clone());
        let stays = if has_one { "; the one in use stays" } else { "" };
        // Since `next` was reckoned a moment has passed: to the next whole second.
        let pause = Duration::from_secs(schedule::from_now(next).as_secs() + 1);
        let reload = match not_before {
            Some(_) => ", not before then: the CA asked to wait",
            None => ", or at `teal reload`",
        };
        tracing::error!(
            name,
            directory = self.acme.directory,
            "no certificate was given: {problem}{stays}; next try in {pause:?}{reload}"
        );
    }

    fn shown(&self) -> Vec<admin::Ordered> {
        let shown = self.entries.iter().map(|(name, entry)| admin::Ordered {
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

impl From<String> for Trouble {
    fn from(words: String) -> Self {
        Self { words, not_before: None }
    }
}

fn time(at: SystemTime) -> Time {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

//! From the journal to a running controller: the same rules and the same publish as live.
//!
//! What was decided is replayed; what was under way when Teal stopped is interrupted; then the
//! configuration is taken over as a reload would. Nothing is reset and nothing is guessed.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use connect::{AddressHistory, Vault};
use journal::{Entry, Journal, Opened};
use peer::UpColor;
use rules::{
    Actor, Color, Command, Event, Generation, GroupSpec, Limits, Refusal, ServiceSpec, State,
    Wanted, apply, check,
};
use tokio::sync::mpsc;
use traffic::{Publisher, Version};

use super::first_look::resolve_active;
use super::switch::published;
use super::{failover, refresh, tally};
use crate::ask::{Reloader, UpgradeWish};
use crate::clock::Clock;
use crate::core::{Calls, Core, Drains, Inside, Ledger, watch_disk, watch_journal};
use crate::health;
use crate::inbox::Handle;
use crate::record::{self, Recorded};
use crate::resolve::Resolver;
use crate::swap::Roster;
use crate::view::ReloadStatus;

/// What the controller is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// All services.
    pub services: Vec<ServiceSpec>,
    /// All groups of them.
    pub groups: Vec<GroupSpec>,
    /// What clients may send.
    pub limits: Limits,
    /// How to read the configuration again.
    pub reloader: Reloader,
    /// Who knows the addresses of names.
    pub resolver: Resolver,
    /// The targets that an older Teal uses, which this one takes over from: other addresses of their
    /// names are proven before they get traffic.
    pub used: Vec<UpColor>,
    /// What TLS to targets is made of.
    pub vault: Vault,
    /// What is known of the addresses of targets.
    pub history: AddressHistory,
    /// Who can replace this Teal by a newer one.
    pub upgrades: mpsc::Sender<UpgradeWish>,
    /// Returns the number of lines of Teal's own log that were dropped.
    pub log_dropped: fn() -> u64,
    /// Why the file that is there now is not what this starts with, if it is not: shown as a refused reload.
    pub not_in_force: Option<String>,
}

/// Why the controller did not start. Nothing was published.
#[derive(Debug)]
pub enum StartError {
    /// A record of the journal can't be read, though it is whole.
    Unreadable {
        /// The generation that it belongs to.
        generation: u64,
        /// Why.
        reason: String,
    },
    /// The records contradict each other.
    Contradiction(String),
    /// The services that the configuration adds or removes could not be made durable: their names, and
    /// why.
    Unwritten(Vec<String>, String),
    /// The rules refuse them.
    Refused(Refusal),
}

/// Starts the controller on the current tokio runtime: takes over what the journal says,
/// publishes the first table and begins to probe. Workers need not run yet.
pub async fn start(
    settings: Settings,
    publisher: Publisher,
    opened: Opened,
) -> Result<Handle, StartError> {
    let (journal, state) = recover(opened)?;
    let (handle, inbox) = Handle::pair();
    let Settings {
        services,
        groups,
        limits,
        reloader,
        resolver,
        used,
        vault,
        history,
        upgrades,
        log_dropped,
        not_in_force,
    } = settings;
    let ledger = Ledger::new(journal);
    let inside = Inside {
        state,
        roster: Roster::new(publisher.workers()),
        groups,
        limits,
        vault,
        history,
        drains: Drains::default(),
        calls: Calls::default(),
        in_hand: HashSet::new(),
        ailment: ledger.ailment(),
        last_reload: not_in_force.map(|problem| ReloadStatus {
            at: Clock::now(),
            actor: Actor::Teal,
            problem: Some(problem),
        }),
        ready: false,
        stopping: false,
        accepted: Clock::now(),
        log_dropped,
        reported: None,
    };
    let core = Arc::new(Core::new(publisher, resolver, inbox.news().clone(), ledger, inside));
    let moved = added_and_removed(&core.lock().state, &services);
    let changed = take_over(&core, services).await.map_err(|refusal| match refusal {
        Refusal::JournalUnavailable { reason } => StartError::Unwritten(moved, reason),
        refusal => StartError::Refused(refusal),
    })?;
    resolve_active(&core, &used).await;
    let version = {
        let inside = core.lock();
        core.publish(&inside)
    };
    tokio::spawn(become_ready(core.clone(), version, changed));
    spawn_probes(&core);
    tokio::spawn(health::listen(core.clone()));
    tokio::spawn(failover::watch(core.clone()));
    tokio::spawn(watch_disk(core.clone()));
    tokio::spawn(watch_journal(core.clone()));
    tokio::spawn(tally(core.clone()));
    tokio::spawn(refresh(core.clone()));
    tokio::spawn(super::run(core, inbox, reloader, upgrades));
    Ok(handle)
}

/// Starts to probe every target and to follow every name that is not yet.
pub(super) fn spawn_probes(core: &Arc<Core>) {
    let mut inside = core.lock();
    let colors = inside.roster.members.iter_mut().flat_map(|member| &mut member.colors);
    for seat in colors {
        for target in &mut seat.targets {
            if target.begins() {
                tokio::spawn(health::watch(core.clone(), target.id));
            }
        }
        for name in &mut seat.names {
            if !std::mem::replace(&mut name.is_followed, true) {
                tokio::spawn(health::follow_name(core.clone(), name.id));
            }
        }
    }
}

impl Core {
    /// Takes over what a newer Teal has left in the journal.
    pub(crate) fn restore(&self, opened: Opened) -> Result<Journal, StartError> {
        let (journal, state) = recover(opened)?;
        self.lock().state = state;
        Ok(journal)
    }
}

// lossless: L6 - the same `apply` as live.
fn recover(opened: Opened) -> Result<(Journal, State), StartError> {
    let (journal, entries) = match opened {
        Opened::Fresh(journal) => (journal, Vec::new()),
        Opened::Recovered { journal, entries, dropped } => {
            if let Some(dropped) = dropped {
                tracing::warn!("{dropped}");
            }
            (journal, entries)
        }
    };
    let mut state = State::default();
    for Entry { generation, payload, .. } in entries {
        let unreadable = |reason| StartError::Unreadable { generation, reason };
        match record::decode(&payload).map_err(unreadable)? {
            Recorded::Event(event) => apply(&mut state, event),
            Recorded::Snapshot(snapshot) => state = snapshot,
        }
    }
    check(&state).map_err(StartError::Contradiction)?;
    Ok((journal, state))
}

/// The names of services that only one of the configuration (`+`) and the journal (`-`) has.
fn added_and_removed(state: &State, services: &[ServiceSpec]) -> Vec<String> {
    let known = state.serving_names();
    let wanted: Vec<_> = services.iter().map(|spec| &spec.name).collect();
    let added = wanted.iter().filter(|name| !known.contains(name)).map(|name| format!("+{name}"));
    let removed = known.iter().filter(|name| !wanted.contains(name));
    added.chain(removed.map(|name| format!("-{name}"))).collect()
}

/// The generation that the configuration made, if it differs in services from the last one.
pub(super) async fn take_over(
    core: &Core,
    services: Vec<ServiceSpec>,
) -> Result<Option<Generation>, Refusal> {
    core.commit(|_| Ok(Command::Restart), |_, _| ()).await?;
    let wanted = services.iter().map(|spec| Wanted {
        name: spec.name.clone(),
        initial: spec.initial,
        moved: false,
    });
    let reload = Command::Reload { wanted: wanted.collect(), actor: Actor::Teal };
    let then = |inside: &mut Inside, _: &[Event]| {
        inside.roster.adopt(services);
        for (name, service) in inside.state.services() {
            let (active, generation) = (service.active, service.generation);
            if inside.state.serving(name).is_some() {
                tracing::info!(service = %name, %active, %generation, "serving");
            }
        }
        inside.state.publishing()
    };
    core.commit(|_| Ok(reload), then).await
}

async fn become_ready(core: Arc<Core>, version: Version, changed: Option<Generation>) {
    if core.acknowledged(version).await.is_err() {
        // An older Teal that hangs has not taken the table over; this one can serve all the same.
        // lossless: L10
        core.publisher.acknowledged_here(version).await;
    }
    core.lock().ready = true;
    core.probed.send_modify(|count| *count += 1); // a color may have been found down meanwhile
    core.publisher.acknowledged(version).await;
    if let Some(generation) = changed {
        published(&core, generation).await;
    }
}

// === impl Wanted ===

/// How a service of a configuration looks to the rules.
pub(super) fn wanted(spec: &ServiceSpec, before: Option<&ServiceSpec>, active: Color) -> Wanted {
    let moved = before.is_some_and(|before| {
        before.hosts != spec.hosts
            || before.path_prefix != spec.path_prefix
            || before.policy.strip_prefix != spec.policy.strip_prefix
            || before.color(active) != spec.color(active)
    });
    Wanted { name: spec.name.clone(), initial: spec.initial, moved }
}

// === impl StartError ===

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { generation, reason } => write!(
                f,
                "a record of generation {generation} in the journal can't be understood: {reason}; \
                 start the Teal that wrote it"
            ),
            Self::Contradiction(what) => write!(
                f,
                "the journal contradicts itself: {what}; start the Teal that wrote it, and report \
                 this"
            ),
            Self::Unwritten(services, reason) => write!(
                f,
                "the services of the configuration are not those of the last start ({}), and the \
                 change can't be written: {reason}; make the state directory writable, or start with \
                 the configuration of before",
                services.join(", ")
            ),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

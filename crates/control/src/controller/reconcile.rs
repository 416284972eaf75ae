//! Start of the controller from the journal, with the same rules and the same publish as later.
//!
//! Decisions are replayed, drains in progress when Teal stopped are interrupted, and then the
//! configuration is applied as by a reload. Nothing is reset and nothing is guessed.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use connect::{AddressHistory, TlsConfigCache};
use journal::{Entry, Journal, Opened};
use peer::{OfferedColor, SeriesMailbox};
use rules::{
    Actor, Color, Command, ConfiguredService, Event, Generation, GroupSpec, Limits, Refusal,
    ServiceSpec, State, TargetUrl, apply, check,
};
use tokio::sync::mpsc;
use traffic::{Publisher, Version, Versions};

use super::first_lookup::resolve_active;
use super::series::tally;
use super::switch::published;
use super::{failover, refresh, rollout};
use crate::clock::Clock;
use crate::core::{
    Calls, Core, Drains, Heartbeats, Inner, JournalWriter, watch_disk, watch_journal,
};
use crate::health;
use crate::inbox::Handle;
use crate::record::{self, Recorded};
use crate::request::{PendingUpgrade, Reloader};
use crate::resolve::Resolver;
use crate::series::{Inherited, SeriesClock};
use crate::swap::Roster;
use crate::view::ReloadStatus;
use crate::watched::AllWatched;

/// The settings that the controller is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// All services.
    pub services: Vec<ServiceSpec>,
    /// All groups of them.
    pub groups: Vec<GroupSpec>,
    /// The limits for client requests.
    pub limits: Limits,
    /// Reloads the configuration.
    pub reloader: Reloader,
    /// Looks up the addresses of names.
    pub resolver: Resolver,
    /// The targets used by the older Teal that this one takes over from: other addresses of their
    /// names must pass probes before they get traffic.
    pub used: Vec<OfferedColor>,
    /// The certificates and CAs for TLS to targets.
    pub tls_configs: TlsConfigCache,
    /// The history of connects to target addresses.
    pub history: AddressHistory,
    /// The way to ask the binary for an upgrade.
    pub upgrades: mpsc::Sender<PendingUpgrade>,
    /// The versions of colors, to be kept up to date for the access log.
    pub versions: Versions,
    /// Returns the number of dropped lines of Teal's own log.
    pub log_dropped: fn() -> u64,
    /// The reason the present configuration file is not the one in force, if so; shown as a refused reload.
    pub not_in_force: Option<String>,
    /// The recent traffic that older Teals hand over.
    pub series: SeriesMailbox,
}

/// The reason the controller did not start. Nothing was published.
#[derive(Debug)]
pub enum StartError {
    /// A record of the journal cannot be parsed, though it is intact.
    Unreadable {
        /// The generation that it belongs to.
        generation: u64,
        /// The reason.
        reason: String,
    },
    /// The records contradict each other.
    Contradiction(String),
    /// The services that the configuration adds or removes could not be made durable: their names, and
    /// the reason.
    Unwritten(Vec<String>, String),
    /// The rules refuse them.
    Refused(Refusal),
}

/// Starts the controller on the current tokio runtime: restores the state from the journal,
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
        tls_configs,
        history,
        upgrades,
        versions,
        log_dropped,
        not_in_force,
        series,
    } = settings;
    let journal = JournalWriter::new(journal);
    let inner = Inner {
        state,
        roster: Roster::new(publisher.workers()),
        groups,
        limits,
        tls_configs,
        history,
        drains: Drains::default(),
        calls: Calls::default(),
        heartbeats: Heartbeats::default(),
        watched: AllWatched::new(),
        changing: HashSet::new(),
        journal_problem: journal.problem(),
        journal_on_reserve: journal.is_on_reserve(),
        last_reload: not_in_force.map(|problem| ReloadStatus {
            at: Clock::now(),
            actor: Actor::Teal,
            problem: Some(problem),
        }),
        ready: false,
        stopping: false,
        accepted: Clock::now(),
        versions,
        log_dropped,
        reported: None,
        series_clock: SeriesClock::start(Clock::now()),
        inherited: Inherited::new(series),
    };
    inner.tell_versions();
    let core = Arc::new(Core::new(publisher, resolver, inbox.events().clone(), journal, inner));
    let moved = added_and_removed(&core.lock().state, &services);
    let changed = take_over(&core, services).await.map_err(|refusal| match refusal {
        Refusal::JournalUnavailable { reason } => StartError::Unwritten(moved, reason),
        refusal => StartError::Refused(refusal),
    })?;
    resolve_active(&core, &used).await;
    let version = {
        let inner = core.lock();
        core.publish(&inner)
    };
    tokio::spawn(become_ready(core.clone(), version, changed));
    spawn_probes(&core);
    tokio::spawn(health::listen(core.clone()));
    spawn_watchers(&core);
    tokio::spawn(refresh(core.clone()));
    tokio::spawn(super::run(core, inbox, reloader, upgrades));
    Ok(handle)
}

/// Starts what looks at the traffic and at the disk for as long as Teal runs.
fn spawn_watchers(core: &Arc<Core>) {
    tokio::spawn(failover::watch(core.clone()));
    tokio::spawn(rollout::watch(core.clone()));
    tokio::spawn(watch_disk(core.clone()));
    tokio::spawn(watch_journal(core.clone()));
    tokio::spawn(tally(core.clone()));
}

/// Starts probing every target and following every name that is not followed yet.
pub(super) fn spawn_probes(core: &Arc<Core>) {
    let mut inner = core.lock();
    let colors = inner.roster.members.iter_mut().flat_map(|member| &mut member.colors);
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

/// Returns the journal with the state that was left in it.
// lossless: L6 - the same `apply` as live.
pub(crate) fn recover(opened: Opened) -> Result<(Journal, State), StartError> {
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

/// Returns the services that are only in the configuration (`+`) or only in the journal (`-`).
fn added_and_removed(state: &State, services: &[ServiceSpec]) -> Vec<String> {
    let known = state.serving_names();
    let configured: Vec<_> = services.iter().map(|spec| &spec.name).collect();
    let added =
        configured.iter().filter(|name| !known.contains(name)).map(|name| format!("+{name}"));
    let removed = known.iter().filter(|name| !configured.contains(name));
    added.chain(removed.map(|name| format!("-{name}"))).collect()
}

/// Applies the configuration; returns its generation if it differs in services from the last one.
pub(super) async fn take_over(
    core: &Core,
    services: Vec<ServiceSpec>,
) -> Result<Option<Generation>, Refusal> {
    core.commit(|_| Ok(Command::Restart), |_, _| ()).await?;
    let specs = services.clone();
    let reload = |inner: &mut Inner| {
        let configured = specs.iter().map(|spec| ConfiguredService {
            name: spec.name.clone(),
            initial: spec.initial,
            moved: false,
            told: inner.told_now(spec),
        });
        Ok(Command::Reload { configured: configured.collect(), actor: Actor::Teal })
    };
    let then = |inner: &mut Inner, _: &[Event]| {
        let services = inner.with_told(services);
        inner.roster.adopt(services);
        for (name, service) in inner.state.services() {
            let (active, generation) = (service.split.stable(), service.generation);
            if inner.state.serving(name).is_some() {
                tracing::info!(service = %name, %active, %generation, "serving");
            }
        }
        inner.state.publishing()
    };
    core.commit(reload, then).await
}

async fn become_ready(core: Arc<Core>, version: Version, changed: Option<Generation>) {
    if core.acknowledged(version).await.is_err() {
        // An older Teal that hangs has not applied the table; this one can still serve.
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

// === impl ConfiguredService ===

/// Converts a service of a configuration for the rules.
pub(super) fn configured(
    spec: &ServiceSpec,
    before: Option<&ServiceSpec>,
    active: Color,
    told: [Vec<TargetUrl>; 2],
) -> ConfiguredService {
    let moved = before.is_some_and(|before| {
        before.hosts != spec.hosts
            || before.path_prefix != spec.path_prefix
            || before.policy.strip_prefix != spec.policy.strip_prefix
            || before.color(active).targets != spec.color(active).targets
    });
    ConfiguredService { name: spec.name.clone(), initial: spec.initial, moved, told }
}

// === impl StartError ===

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { generation, reason } => write!(
                f,
                "cannot parse a record of generation {generation} in the journal: {reason}; \
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
                 change cannot be written: {reason}; make the state directory writable, or start with \
                 the previous configuration",
                services.join(", ")
            ),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

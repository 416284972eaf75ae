//! The state shared by all verbs, and the three steps of every verb: commit, publish, report.
//!
//! The lock around the state is held briefly and never across an await. Changes of the state take
//! turns at the journal, so that a decision is still valid when it is durable.

mod calls;
mod drains;
mod frozen;
mod heartbeats;
mod journal_writer;
mod lock_order;
mod stall;
mod subject;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connect::{AddressHistory, TlsConfigCache};
use rules::{
    Actor, Command, Event, GroupSpec, Limits, Refusal, Rollout, RolloutEnd, RolloutEvent,
    RolloutResult, ServiceName, State, Time, apply, check, decide,
};
use tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore, mpsc, watch};
use tokio::time::timeout;
use traffic::{Publisher, ReloadEnd, Report, Version, Versions};

use crate::clock::Clock;
use crate::events::{EventBuffer, LiveEvent};
use crate::request::Scope;
use crate::resolve::Resolver;
use crate::series::{Inherited, SeriesClock};
use crate::swap::{self, Roster};
use crate::view::{CallStage, ReloadStatus};
use crate::watched::{AllWatched, Watched};

pub(crate) use calls::{Call, CallDetails, Calls, PendingCall};
pub(crate) use drains::Drains;
pub use frozen::Frozen;
pub(crate) use heartbeats::Heartbeats;
pub use journal_writer::ClosedJournal;
pub(crate) use journal_writer::JournalWriter;
pub(crate) use lock_order::RankedGuard;
pub(crate) use stall::{watch as watch_disk, watch_journal};

use journal_writer::JournalProblem;
use lock_order::{LockRank, take};

/// The time limit for workers to acknowledge a table.
const ACKNOWLEDGE: Duration = Duration::from_secs(1);

/// The counter cell that the control plane shares with a worker: the two never count the same things
/// there.
pub(crate) const CONTROL: usize = 0;

/// The maximum number of concurrent probes. Each needs a descriptor, and this many are enough to probe ten
/// thousand targets within an interval, unless more than this many do not respond.
const PROBES: usize = 512;

/// The state shared by all tasks of the controller. The order of its locks is in `lock_order`.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) clock: Clock,
    pub(crate) publisher: Publisher,
    pub(crate) resolver: Resolver,
    pub(crate) events: EventBuffer,
    /// Changes whenever a probe has ended.
    pub(crate) probed: watch::Sender<u64>,
    /// A permit for each probe in progress.
    pub(crate) probing: Semaphore,
    /// Notified when workers need to learn of a change of a target. One table then carries all changes
    /// noticed up to then.
    pub(crate) refresh: Notify,
    /// Notified when the retirement of a color may have ended.
    pub(crate) unretired: Notify,
    /// Notified when a rollout has begun.
    pub(crate) released: Notify,
    /// Held from the decision of a change of routing until it is published, so that changes of
    /// several services queue up instead of refusing each other.
    turn: Arc<AsyncMutex<()>>,
    /// True while this Teal is in control: not while a newer one takes over, and never afterwards.
    in_control: watch::Sender<bool>,
    journal: Arc<AsyncMutex<JournalWriter>>,
    /// The start of the disk operation in progress.
    writing: watch::Receiver<Option<Instant>>,
    /// The same, once the disk has stalled.
    stalled: watch::Sender<Option<Instant>>,
    inner: Mutex<Inner>,
}

/// The controller's state. A holder of its lock may read and change it, but not wait.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) roster: Roster,
    pub(crate) groups: Vec<GroupSpec>,
    pub(crate) limits: Limits,
    /// The certificates and CAs for TLS to targets.
    pub(crate) tls_configs: TlsConfigCache,
    /// The history of connects to target addresses.
    pub(crate) history: AddressHistory,
    pub(crate) drains: Drains,
    pub(crate) calls: Calls,
    /// The signs of life of the command lines of deploys.
    pub(crate) heartbeats: Heartbeats,
    /// The evidence about all open rollouts.
    pub(crate) watched: AllWatched,
    /// Services with a change between its gate and its publish.
    pub(crate) changing: HashSet<ServiceName>,
    /// The reason no change can be made durable at present.
    pub(crate) journal_problem: JournalProblem,
    /// True if the disk is full and the journal uses its preallocated reserve.
    pub(crate) journal_on_reserve: bool,
    /// The outcome of the last reload of the configuration.
    pub(crate) last_reload: Option<ReloadStatus>,
    /// True once the first table was acknowledged by every worker.
    pub(crate) ready: bool,
    pub(crate) stopping: bool,
    /// The time at which the configuration was last accepted.
    pub(crate) accepted: Time,
    /// The versions of colors, for the access log.
    pub(crate) versions: Versions,
    /// Returns the number of dropped lines of Teal's own log.
    pub(crate) log_dropped: fn() -> u64,
    /// The receiver of the data plane's reports while another Teal is in control.
    pub(crate) reported: Option<mpsc::UnboundedSender<Report>>,
    /// The seconds of the series of all services.
    pub(crate) series_clock: SeriesClock,
    /// The series that older Teals hand over.
    pub(crate) inherited: Inherited,
}

/// Marks services as having a change in progress, until dropped.
#[derive(Debug)]
pub(crate) struct ChangeInProgress {
    core: Arc<Core>,
    services: Vec<ServiceName>,
}

// === impl Core ===

impl Core {
    pub(crate) fn new(
        publisher: Publisher,
        resolver: Resolver,
        events: EventBuffer,
        journal: JournalWriter,
        inner: Inner,
    ) -> Self {
        Self {
            clock: Clock::start(),
            publisher,
            resolver,
            events,
            probed: watch::Sender::new(0),
            probing: Semaphore::new(PROBES),
            refresh: Notify::new(),
            unretired: Notify::new(),
            released: Notify::new(),
            turn: Arc::default(),
            in_control: watch::Sender::new(true),
            writing: journal.writing(),
            stalled: watch::Sender::new(None),
            journal: Arc::new(AsyncMutex::new(journal)),
            inner: Mutex::new(inner),
        }
    }

    /// Locks the state, even after a panic elsewhere: tasks change it in complete steps.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides, makes durable, applies. `command` is called when its turn has come;
    /// `then` runs in the same step in which the events are applied, so that no table is built between.
    // lossless: L6 - durable first, visible after.
    pub(crate) async fn commit<T>(
        &self,
        command: impl FnOnce(&mut Inner) -> Result<Command, Refusal>,
        then: impl FnOnce(&mut Inner, &[Event]) -> T,
    ) -> Result<T, Refusal> {
        let mut journal = self.journal_in_control().await?;
        let (before, events) = {
            let mut inner = self.lock();
            let command = command(&mut inner)?;
            let events = decide(&inner.state, command, Clock::now())?;
            let changes = events.iter().any(Event::is_decision);
            if inner.stopping && changes {
                return Err(Refusal::Stopping);
            }
            (inner.state.generation(), events)
        };
        if !events.is_empty() {
            let result = journal.append(before, &events).await;
            let mut inner = self.lock();
            inner.note_journal(&journal);
            if let Err(reason) = result {
                // Without a decision among them the events are notes: valid whether durable or not.
                if events.iter().any(Event::is_decision) {
                    inner.journal_problem.get_or_insert_with(|| reason.clone());
                    return Err(Refusal::JournalUnavailable { reason });
                }
                tracing::warn!(reason, "a note was not written to the journal");
            }
        }
        let outcome = {
            let mut inner = self.lock();
            inner.apply(&events, &self.publisher);
            then(&mut inner, &events)
        };
        self.tell_rollouts(&events);
        // Not before a switch returns to its caller: the end of its drain is soon enough.
        let is_switch = events.iter().any(|event| matches!(event, Event::Moved { .. }));
        if journal.wants_compaction() && !is_switch {
            let state = self.lock().state.clone();
            journal.compact(&state).await;
        }
        Ok(outcome)
    }

    /// Applies notes at once and writes them in the background, before anything that is decided later:
    /// they are valid whether durable or not, so no caller waits for the disk.
    pub(crate) async fn note(self: &Arc<Self>, command: Command) -> Result<(), Refusal> {
        let journal = self.journal_in_control().await?;
        let (before, events) = {
            let mut inner = self.lock();
            let events = decide(&inner.state, command, Clock::now())?;
            debug_assert!(!events.iter().any(Event::is_decision));
            let before = inner.state.generation();
            inner.apply(&events, &self.publisher);
            (before, events)
        };
        let (core, mut journal) = (self.clone(), journal.handed_on());
        tokio::spawn(async move {
            let result = journal.append(before, &events).await;
            core.lock().note_journal(&journal);
            if let Err(reason) = result {
                tracing::warn!(reason, "a note was not written to the journal");
            }
        });
        Ok(())
    }

    /// Gives every worker the table that follows from the current state; none while another Teal is in
    /// control.
    pub(crate) fn publish(&self, inner: &Inner) -> Version {
        if !self.is_in_control() {
            return self.publisher.version();
        }
        let draining = inner.drains.listed();
        let generation = inner.state.generation();
        tracing::debug!(%generation, draining = draining.len(), "publishing a table");
        let table = swap::build(&inner.state, &inner.roster, inner.limits, draining);
        self.publisher.publish(table)
    }

    /// Waits until every worker has acknowledged a version; returns the late ones if that takes
    /// more than a second.
    // lossless: L2 L10
    pub(crate) async fn acknowledged(&self, version: Version) -> Result<(), Vec<usize>> {
        let all = timeout(ACKNOWLEDGE, self.publisher.acknowledged(version)).await;
        all.map_err(|_| self.publisher.silent(version))
    }

    /// Marks services as being changed: all or none. Refused if one is marked already; nothing waits
    /// here, so there is no deadlock.
    pub(crate) fn begin_change(
        self: &Arc<Self>,
        services: &[ServiceName],
    ) -> Result<ChangeInProgress, Refusal> {
        let mut inner = self.lock();
        if !self.is_in_control() {
            return Err(Refusal::UpgradeInProgress);
        }
        if inner.is_any_changing(services) {
            return Err(Refusal::SwitchInProgress { generation: inner.state.publishing() });
        }
        inner.changing.extend(services.iter().cloned());
        Ok(ChangeInProgress { core: self.clone(), services: services.to_vec() })
    }

    /// Returns true if this Teal is in control.
    pub(crate) fn is_in_control(&self) -> bool {
        *self.in_control.borrow()
    }

    /// Waits until this Teal is in control.
    pub(crate) async fn until_in_control(&self) {
        let mut in_control = self.in_control.subscribe();
        let _ = in_control.wait_for(|ours| *ours).await; // the core keeps the sending side
    }

    /// Runs work to its end, or refuses as soon as another Teal is in control: for work that waits for
    /// probes, which pause then.
    pub(crate) async fn while_in_control<T>(
        &self,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let mut in_control = self.in_control.subscribe();
        tokio::select! {
            biased;
            _ = in_control.wait_for(|ours| !*ours) => Err(Refusal::UpgradeInProgress),
            outcome = work => outcome,
        }
    }

    /// Takes the turn for a call that has decided nothing yet; refused as soon as another Teal is in
    /// control, and while the disk has stalled.
    pub(crate) async fn turn_of(&self, call: u64) -> Result<RankedGuard<()>, Refusal> {
        self.queue(call)?;
        self.while_in_control(async { Ok(take(LockRank::Turn, &self.turn).await) }).await
    }

    /// Notes that a call waits for its turn; refused while the disk has stalled.
    pub(crate) fn queue(&self, call: u64) -> Result<(), Refusal> {
        if let Some(reason) = self.stall() {
            return Err(Refusal::JournalUnavailable { reason });
        }
        self.lock().calls.reach(call, CallStage::Queued);
        Ok(())
    }

    /// Takes the journal, in its turn; refused while another Teal is in control.
    async fn journal_in_control(&self) -> Result<RankedGuard<JournalWriter>, Refusal> {
        let refused = || (!self.is_in_control()).then_some(Refusal::UpgradeInProgress);
        refused().map_or(Ok(()), Err)?;
        let journal = take(LockRank::Journal, &self.journal).await;
        refused().map_or(Ok(journal), Err)
    }

    /// Suspends control between two changes: from here on nothing is decided, journaled or
    /// published. The returned locks keep others out until they are dropped.
    pub(crate) async fn suspend_control(&self) -> (RankedGuard<()>, RankedGuard<JournalWriter>) {
        let turn = take(LockRank::Turn, &self.turn).await;
        let journal = take(LockRank::Journal, &self.journal).await;
        let inner = self.lock(); // a table that is being built is published first
        self.in_control.send_replace(false);
        drop(inner);
        (turn.handed_on(), journal.handed_on())
    }

    /// Takes control back.
    pub(crate) fn resume_control(&self) {
        self.in_control.send_replace(true);
    }

    /// Waits until the change in progress is done, then refuses all others. Does not wait for a stalled
    /// disk.
    // lossless: L10
    pub(crate) async fn stop(&self) {
        self.lock().stopping = true;
        if !self.is_in_control() {
            return; // nothing is in progress here
        }
        let done = async {
            drop(take(LockRank::Turn, &self.turn).await);
            drop(take(LockRank::Journal, &self.journal).await);
        };
        tokio::select! {
            () = done => {}
            () = self.has_stalled() => tracing::error!(
                "stopping without waiting for the disk: the last write may or may not be there at \
                 the next start"
            ),
        }
    }

    /// Tells of rollouts that began or ended.
    fn tell_rollouts(&self, events: &[Event]) {
        let changed = |event: &Event| match event {
            Event::Rollout(RolloutEvent::Began(rollout)) => Some(rollout.id),
            Event::Rollout(RolloutEvent::Ended { id, .. }) => Some(*id),
            _ => None,
        };
        for id in events.iter().filter_map(changed) {
            let Some(rollout) = self.lock().state.rollouts().get(id).cloned() else { continue };
            log_rollout(&rollout);
            self.emit(LiveEvent::Rollout { rollout: Box::new(rollout) });
            self.released.notify_one();
        }
    }

    /// Notes and counts the outcome of a reload that a caller asked for.
    pub(crate) fn count_reload(&self, end: ReloadEnd, status: ReloadStatus) {
        self.publisher.connections().cell(CONTROL).reloaded(end);
        let mut inner = self.lock();
        if status.problem.is_none() {
            inner.accepted = status.at;
        }
        inner.last_reload = Some(status);
    }

    /// Adds counts from elsewhere to the counters.
    pub(crate) fn count_own(&self) {
        let dropped = self.lock().log_dropped;
        self.publisher.connections().cell(CONTROL).own_log_dropped.set(dropped());
    }

    pub(crate) fn emit(&self, events: LiveEvent) {
        self.events.emit(Clock::now(), events);
    }

    /// Logs a refusal and emits an event.
    pub(crate) fn refused(&self, scope: Scope, actor: &Actor, refusal: &Refusal) {
        let (code, reason) = (refusal.code(), refusal.to_string());
        let (service, group) = match &scope {
            Scope::Only => (None, None),
            Scope::Service(service) => (Some(service.as_str()), None),
            Scope::Group(group) => (None, Some(group.as_str())),
        };
        tracing::warn!(service, group, %actor, code, reason = reason.replace(":\n", ": ").replace('\n', "; "), "refused");
        let actor = actor.clone();
        self.emit(LiveEvent::Refused { scope, actor, code, reason });
    }
}

fn log_rollout(rollout: &Rollout) {
    let Rollout { id, candidate, .. } = rollout;
    let names: Vec<_> = rollout.names().map(ServiceName::as_str).collect();
    let services = names.join(", ");
    match &rollout.ended {
        None => tracing::info!(rollout = %id, services, %candidate, "a rollout has begun"),
        Some(RolloutEnd { result, detail, .. }) if *result == RolloutResult::Stuck => {
            tracing::error!(
                rollout = %id, services, %candidate, %result, detail,
                "the candidate failed, and nothing was moved: a person must look"
            );
        }
        Some(RolloutEnd { result, detail, .. }) => {
            tracing::info!(rollout = %id, services, %candidate, %result, detail, "a rollout has ended");
        }
    }
}

// === impl Inner ===

impl Inner {
    /// Returns true if one of these has a change between its gate and its publish.
    pub(crate) fn is_any_changing(&self, services: &[ServiceName]) -> bool {
        services.iter().any(|service| self.changing.contains(service))
    }

    /// Notes the health of the journal after it was used.
    pub(super) fn note_journal(&mut self, journal: &JournalWriter) {
        self.journal_problem = journal.problem();
        self.journal_on_reserve = journal.is_on_reserve();
    }

    fn apply(&mut self, events: &[Event], publisher: &Publisher) {
        for event in events {
            apply(&mut self.state, event.clone());
        }
        debug_assert_eq!(check(&self.state), Ok(()));
        for event in events {
            // Before the switch is published: all that its candidate answers is evidence.
            if let Event::Rollout(RolloutEvent::Began(rollout)) = event {
                let watched = Watched::begin(&self.roster, publisher, rollout);
                self.watched.insert(rollout.id, watched);
            }
        }
        let tells_versions = |event: &Event| match event {
            Event::Deploy(_) => true,
            Event::Moved { remarks, .. } => remarks.version.is_some(),
            _ => false,
        };
        if events.iter().any(tells_versions) {
            self.tell_versions();
        }
    }

    /// Tells the access log which versions the colors have.
    pub(crate) fn tell_versions(&self) {
        let services = self.state.services();
        self.versions.replace(services.map(|(name, service)| (name, &service.versions)));
    }
}

// === impl ChangeInProgress ===

impl Drop for ChangeInProgress {
    fn drop(&mut self) {
        let mut inner = self.core.lock();
        for service in &self.services {
            inner.changing.remove(service);
        }
    }
}

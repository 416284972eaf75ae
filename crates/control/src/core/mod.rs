//! The state shared by all verbs, and the three steps of every verb: commit, publish, report.
//!
//! The lock around the state is held briefly and never across an await. Changes of the state take
//! turns at the ledger, so that a decision is still valid when it is durable.

mod calls;
mod drains;
mod frozen;
mod ledger;
mod order;
mod stall;
mod subject;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connect::{AddressHistory, TlsConfigCache};
use rules::{
    Actor, Command, Event, GroupSpec, Limits, Refusal, ServiceName, State, Time, apply, check,
    decide,
};
use tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore, mpsc, watch};
use tokio::time::timeout;
use traffic::{Publisher, ReloadEnd, Report, Version};

use crate::ask::Scope;
use crate::clock::Clock;
use crate::news::{News, NewsDesk};
use crate::resolve::Resolver;
use crate::swap::{self, Roster};
use crate::view::{CallStage, ReloadStatus};

pub(crate) use calls::{About, Call, Calls, Waiting};
pub(crate) use drains::Drains;
pub use frozen::Frozen;
pub use ledger::Closed;
pub(crate) use ledger::Ledger;
pub(crate) use order::Ranked;
pub(crate) use stall::{watch as watch_disk, watch_journal};

use ledger::Ailment;
use order::{Rank, take};

/// The time limit for workers to acknowledge a table.
const ACKNOWLEDGE: Duration = Duration::from_secs(1);

/// The counter cell that the control plane shares with a worker: the two never count the same things
/// there.
pub(crate) const CONTROL: usize = 0;

/// The maximum number of concurrent probes. Each needs a descriptor, and this many are enough to probe ten
/// thousand targets within an interval, unless more than this many do not respond.
const PROBES: usize = 512;

/// The state shared by all tasks of the controller. The order of its locks is in `order`.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) clock: Clock,
    pub(crate) publisher: Publisher,
    pub(crate) resolver: Resolver,
    pub(crate) news: NewsDesk,
    /// Changes whenever a probe has ended.
    pub(crate) probed: watch::Sender<u64>,
    /// A permit for each probe in progress.
    pub(crate) probing: Semaphore,
    /// Notified when workers need to learn of a change of a target. One table then carries all changes
    /// noticed up to then.
    pub(crate) refresh: Notify,
    /// Held from the decision of a change of routing until it is published, so that changes of
    /// several services queue up instead of refusing each other.
    turn: Arc<AsyncMutex<()>>,
    /// True while this Teal is in control: not while a newer one takes over, and never afterwards.
    charge: watch::Sender<bool>,
    ledger: Arc<AsyncMutex<Ledger>>,
    /// The start of the disk operation in progress.
    writing: watch::Receiver<Option<Instant>>,
    /// The same, once the disk has stalled.
    stalled: watch::Sender<Option<Instant>>,
    inside: Mutex<Inside>,
}

/// The controller's state. A holder of its lock may read and change it, but not wait.
#[derive(Debug)]
pub(crate) struct Inside {
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
    /// Services with a change between its gate and its publish.
    pub(crate) in_hand: HashSet<ServiceName>,
    /// The reason no change can be made durable at present.
    pub(crate) ailment: Ailment,
    /// The outcome of the last reload of the configuration.
    pub(crate) last_reload: Option<ReloadStatus>,
    /// True once the first table was acknowledged by every worker.
    pub(crate) ready: bool,
    pub(crate) stopping: bool,
    /// The time at which the configuration was last accepted.
    pub(crate) accepted: Time,
    /// Returns the number of dropped lines of Teal's own log.
    pub(crate) log_dropped: fn() -> u64,
    /// The receiver of the data plane's reports while another Teal is in control.
    pub(crate) reported: Option<mpsc::UnboundedSender<Report>>,
}

/// Marks services as having a change in progress, until dropped.
#[derive(Debug)]
pub(crate) struct InHand {
    core: Arc<Core>,
    services: Vec<ServiceName>,
}

// === impl Core ===

impl Core {
    pub(crate) fn new(
        publisher: Publisher,
        resolver: Resolver,
        news: NewsDesk,
        ledger: Ledger,
        inside: Inside,
    ) -> Self {
        Self {
            clock: Clock::start(),
            publisher,
            resolver,
            news,
            probed: watch::Sender::new(0),
            probing: Semaphore::new(PROBES),
            refresh: Notify::new(),
            turn: Arc::default(),
            charge: watch::Sender::new(true),
            writing: ledger.writing(),
            stalled: watch::Sender::new(None),
            ledger: Arc::new(AsyncMutex::new(ledger)),
            inside: Mutex::new(inside),
        }
    }

    /// Locks the state, even after a panic elsewhere: tasks change it in complete steps.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides, makes durable, applies. `command` is called when its turn has come;
    /// `then` runs in the same step in which the events are applied, so that no table is built between.
    // lossless: L6 - durable first, visible after.
    pub(crate) async fn commit<T>(
        &self,
        command: impl FnOnce(&mut Inside) -> Result<Command, Refusal>,
        then: impl FnOnce(&mut Inside, &[Event]) -> T,
    ) -> Result<T, Refusal> {
        let mut ledger = self.ledger_in_charge().await?;
        let (before, events) = {
            let mut inside = self.lock();
            let command = command(&mut inside)?;
            let events = decide(&inside.state, command, Clock::now())?;
            let changes = events.iter().any(Event::is_decision);
            if inside.stopping && changes {
                return Err(Refusal::Stopping);
            }
            (inside.state.generation(), events)
        };
        if !events.is_empty() {
            let result = ledger.append(before, &events).await;
            let mut inside = self.lock();
            inside.ailment = ledger.ailment();
            if let Err(reason) = result {
                // Without a decision among them the events are notes: valid whether durable or not.
                if events.iter().any(Event::is_decision) {
                    inside.ailment.get_or_insert_with(|| reason.clone());
                    return Err(Refusal::JournalUnavailable { reason });
                }
                tracing::warn!(reason, "a note was not written to the journal");
            }
        }
        let outcome = {
            let mut inside = self.lock();
            inside.apply(&events);
            then(&mut inside, &events)
        };
        // Not before a switch returns to its caller: the end of its drain is soon enough.
        let is_switch = events.iter().any(|event| matches!(event, Event::Moved { .. }));
        if ledger.wants_compaction() && !is_switch {
            let state = self.lock().state.clone();
            ledger.compact(&state).await;
        }
        Ok(outcome)
    }

    /// Applies notes at once and writes them in the background, before anything that is decided later:
    /// they are valid whether durable or not, so no caller waits for the disk.
    pub(crate) async fn note(self: &Arc<Self>, command: Command) -> Result<(), Refusal> {
        let ledger = self.ledger_in_charge().await?;
        let (before, events) = {
            let mut inside = self.lock();
            let events = decide(&inside.state, command, Clock::now())?;
            debug_assert!(!events.iter().any(Event::is_decision));
            let before = inside.state.generation();
            inside.apply(&events);
            (before, events)
        };
        let (core, mut ledger) = (self.clone(), ledger.handed_on());
        tokio::spawn(async move {
            let result = ledger.append(before, &events).await;
            core.lock().ailment = ledger.ailment();
            if let Err(reason) = result {
                tracing::warn!(reason, "a note was not written to the journal");
            }
        });
        Ok(())
    }

    /// Gives every worker the table that follows from the current state; none while another Teal is in
    /// control.
    pub(crate) fn publish(&self, inside: &Inside) -> Version {
        if !self.is_in_charge() {
            return self.publisher.version();
        }
        let draining = inside.drains.listed();
        let generation = inside.state.generation();
        tracing::debug!(%generation, draining = draining.len(), "publishing a table");
        let table = swap::build(&inside.state, &inside.roster, inside.limits, draining);
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
    pub(crate) fn take_in_hand(
        self: &Arc<Self>,
        services: &[ServiceName],
    ) -> Result<InHand, Refusal> {
        let mut inside = self.lock();
        if !self.is_in_charge() {
            return Err(Refusal::UpgradeInProgress);
        }
        if inside.is_any_in_hand(services) {
            return Err(Refusal::SwitchInProgress { generation: inside.state.publishing() });
        }
        inside.in_hand.extend(services.iter().cloned());
        Ok(InHand { core: self.clone(), services: services.to_vec() })
    }

    /// Returns true if this Teal is in control.
    pub(crate) fn is_in_charge(&self) -> bool {
        *self.charge.borrow()
    }

    /// Waits until this Teal is in control.
    pub(crate) async fn in_charge(&self) {
        let mut charge = self.charge.subscribe();
        let _ = charge.wait_for(|ours| *ours).await; // the core keeps the sending side
    }

    /// Runs work to its end, or refuses as soon as another Teal is in control: for work that waits for
    /// probes, which pause then.
    pub(crate) async fn while_in_charge<T>(
        &self,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let mut charge = self.charge.subscribe();
        tokio::select! {
            biased;
            _ = charge.wait_for(|ours| !*ours) => Err(Refusal::UpgradeInProgress),
            outcome = work => outcome,
        }
    }

    /// Takes the turn for a call that has decided nothing yet; refused as soon as another Teal is in
    /// control, and while the disk has stalled.
    pub(crate) async fn turn_of(&self, call: u64) -> Result<Ranked<()>, Refusal> {
        self.queue(call)?;
        self.while_in_charge(async { Ok(take(Rank::Turn, &self.turn).await) }).await
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
    async fn ledger_in_charge(&self) -> Result<Ranked<Ledger>, Refusal> {
        let refused = || (!self.is_in_charge()).then_some(Refusal::UpgradeInProgress);
        refused().map_or(Ok(()), Err)?;
        let ledger = take(Rank::Ledger, &self.ledger).await;
        refused().map_or(Ok(ledger), Err)
    }

    /// Suspends control between two changes: from here on nothing is decided, journaled or
    /// published. The returned locks keep others out until they are dropped.
    pub(crate) async fn lay_down(&self) -> (Ranked<()>, Ranked<Ledger>) {
        let turn = take(Rank::Turn, &self.turn).await;
        let ledger = take(Rank::Ledger, &self.ledger).await;
        let inside = self.lock(); // a table that is being built is published first
        self.charge.send_replace(false);
        drop(inside);
        (turn.handed_on(), ledger.handed_on())
    }

    /// Takes control back.
    pub(crate) fn take_up(&self) {
        self.charge.send_replace(true);
    }

    /// Waits until the change in progress is done, then refuses all others. Does not wait for a stalled
    /// disk.
    // lossless: L10
    pub(crate) async fn stop(&self) {
        self.lock().stopping = true;
        if !self.is_in_charge() {
            return; // nothing is in progress here
        }
        let done = async {
            drop(take(Rank::Turn, &self.turn).await);
            drop(take(Rank::Ledger, &self.ledger).await);
        };
        tokio::select! {
            () = done => {}
            () = self.has_stalled() => tracing::error!(
                "stopping without waiting for the disk: the last write may or may not be there at \
                 the next start"
            ),
        }
    }

    /// Notes and counts the outcome of a reload that a caller asked for.
    pub(crate) fn count_reload(&self, end: ReloadEnd, status: ReloadStatus) {
        self.publisher.connections().cell(CONTROL).reloaded(end);
        let mut inside = self.lock();
        if status.problem.is_none() {
            inside.accepted = status.at;
        }
        inside.last_reload = Some(status);
    }

    /// Adds counts from elsewhere to the counters.
    pub(crate) fn count_own(&self) {
        let dropped = self.lock().log_dropped;
        self.publisher.connections().cell(CONTROL).own_log_dropped.set(dropped());
    }

    pub(crate) fn print(&self, news: News) {
        self.news.print(Clock::now(), news);
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
        self.print(News::Refused { scope, actor, code, reason });
    }
}

// === impl Inside ===

impl Inside {
    /// Returns true if one of these has a change between its gate and its publish.
    pub(crate) fn is_any_in_hand(&self, services: &[ServiceName]) -> bool {
        services.iter().any(|service| self.in_hand.contains(service))
    }

    fn apply(&mut self, events: &[Event]) {
        for event in events {
            apply(&mut self.state, event.clone());
        }
        debug_assert_eq!(check(&self.state), Ok(()));
    }
}

// === impl InHand ===

impl Drop for InHand {
    fn drop(&mut self) {
        let mut inside = self.core.lock();
        for service in &self.services {
            inside.in_hand.remove(service);
        }
    }
}

//! The calls in progress: shown in the status, superseded by later commands, and ended with their
//! callers.
//!
//! A call is undecided until [`Calls::decide`], which happens in the same step as the decision.
//! Until then it ends when its caller disconnects or when an operator gives another command about
//! the same service. From then on nothing ends it.

use std::sync::Arc;
use std::time::Duration;

use rules::{Actor, Color, Command, Refusal, ServiceName, Time, Verb, WaitEnd};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Core, Inner};
use crate::clock::Clock;
use crate::events::LiveEvent;
use crate::request::Scope;
use crate::view::{CallStage, CallStatus};

/// A received call. It is listed once the services it concerns are known.
#[derive(Debug)]
pub(crate) struct Call {
    id: u64,
    /// Notified when the disk is slow to confirm the decision of this call.
    slow: oneshot::Sender<Duration>,
}

/// The content of a call.
#[derive(Clone, Debug)]
pub(crate) struct CallDetails {
    pub(crate) verb: Verb,
    pub(crate) scope: Scope,
    /// The services it concerns; none: all.
    pub(crate) services: Vec<ServiceName>,
    pub(crate) actor: Actor,
    /// The time for which the caller wants to wait for the gate, if given.
    pub(crate) patience: Option<Duration>,
    pub(crate) dry_run: bool,
}

/// All calls in progress, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    received: u64,
    under_way: Vec<ListedCall>,
}

#[derive(Debug)]
struct ListedCall {
    id: u64,
    details: CallDetails,
    /// The color to move to, if known.
    to: Option<Color>,
    since: Time,
    until: Option<Instant>,
    stage: CallStage,
    /// `None` once it is decided.
    end: Option<oneshot::Sender<Refusal>>,
    slow: Option<oneshot::Sender<Duration>>,
}

/// A listed call, until dropped.
#[derive(Debug)]
pub(crate) struct PendingCall {
    core: Arc<Core>,
    id: u64,
    details: CallDetails,
    since: Time,
    ended: oneshot::Receiver<Refusal>,
}

impl Core {
    /// Lists a call and supersedes earlier ones. `may` is called in the same step.
    // lossless: L10
    pub(crate) fn begin<T>(
        self: &Arc<Self>,
        call: Call,
        details: CallDetails,
        may: impl FnOnce(&Inner) -> Result<T, Refusal>,
    ) -> Result<(T, PendingCall), Refusal> {
        let mut inner = self.lock();
        let allowed = may(&inner)?;
        if !details.dry_run {
            inner.calls.supersede(&details);
        }
        let (since, id) = (Clock::now(), call.id);
        let ended = inner.calls.list(call, details.clone(), since);
        drop(inner);
        if details.patience.is_some() {
            let CallDetails { verb, scope, actor, .. } = details.clone();
            self.emit(LiveEvent::Waiting { verb, scope, actor });
        }
        Ok((allowed, PendingCall { core: self.clone(), id, details, since, ended }))
    }
}

// === impl Calls ===

impl Calls {
    /// Creates a received call, and the channel that tells it that the disk is slow.
    pub(crate) fn receive(&mut self) -> (Call, oneshot::Receiver<Duration>) {
        self.received += 1;
        let (slow, told) = oneshot::channel();
        (Call { id: self.received, slow }, told)
    }

    fn list(
        &mut self,
        call: Call,
        details: CallDetails,
        since: Time,
    ) -> oneshot::Receiver<Refusal> {
        let (end, ended) = oneshot::channel();
        self.under_way.push(ListedCall {
            id: call.id,
            to: details.verb.color(),
            since,
            until: details.patience.map(|patience| Instant::now() + patience),
            details,
            stage: CallStage::Gate,
            end: Some(end),
            slow: Some(call.slow),
        });
        ended
    }

    /// Returns true if such a call is in progress.
    pub(crate) fn is_under_way(&self, verb: Verb) -> bool {
        self.under_way.iter().any(|entry| entry.details.verb == verb)
    }

    /// Ends earlier calls about the same services that are still undecided.
    fn supersede(&mut self, later: &CallDetails) {
        let refusal = Refusal::Superseded { by: later.verb, actor: later.actor.clone() };
        self.end(|entry| entry.is_superseded_by(later), &refusal);
    }

    /// Ends a call whose caller has disconnected, if nothing is decided yet.
    pub(crate) fn abandon(&mut self, call: u64) {
        self.end(|entry| entry.id == call, &Refusal::Abandoned);
    }

    /// Ends the calls that wait for a stalled disk. Calls whose decision is being written learn of
    /// the stall.
    pub(crate) fn stalled(&mut self, silent: Duration) {
        let refusal = Refusal::JournalUnavailable { reason: stall(silent) };
        self.end(|entry| entry.stage == CallStage::Queued, &refusal);
        for entry in self.under_way.iter_mut().filter(|entry| entry.stage == CallStage::Writing) {
            let slow = entry.slow.take();
            let _ = slow.map(|slow| slow.send(silent)); // there may be no receiver
        }
    }

    fn end(&mut self, which: impl Fn(&ListedCall) -> bool, refusal: &Refusal) {
        self.under_way.retain_mut(|entry| {
            if !which(entry) {
                return true;
            }
            let Some(end) = entry.end.take() else { return true };
            let _ = end.send(refusal.clone()); // its task may have ended by itself
            false
        });
    }

    /// Notes the color that a call would move to.
    pub(crate) fn aims_at(&mut self, call: u64, color: Color) {
        self.change(call, |entry| entry.to = Some(color));
    }

    /// Notes the stage of a call.
    pub(crate) fn reach(&mut self, call: u64, stage: CallStage) {
        self.change(call, |entry| entry.stage = stage);
    }

    fn change(&mut self, call: u64, change: impl FnOnce(&mut ListedCall)) {
        if let Some(entry) = self.under_way.iter_mut().find(|entry| entry.id == call) {
            change(entry);
        }
    }

    /// Marks the call as decided, so that nothing ends it any more; refused if it has ended.
    // lossless: L10
    pub(crate) fn decide(&mut self, call: u64) -> Result<(), Refusal> {
        let entry = self.under_way.iter_mut().find(|entry| entry.id == call);
        let entry = entry.ok_or(Refusal::Abandoned)?; // its task hears the reason first
        entry.end = None;
        entry.stage = CallStage::Writing;
        Ok(())
    }

    /// Returns all of them, for the status; `reason` returns why a color does not pass the gate.
    pub(crate) fn status(
        &self,
        reason: impl Fn(&ServiceName, Color) -> Option<String>,
    ) -> Vec<CallStatus> {
        let now = Instant::now();
        let status = |entry: &ListedCall| {
            let CallDetails { verb, scope, services, actor, dry_run, .. } = entry.details.clone();
            let at_gate = entry.to.filter(|_| entry.stage == CallStage::Gate);
            let why = |to| services.iter().find_map(|service| reason(service, to));
            CallStatus {
                reason: at_gate.and_then(why),
                to: entry.to,
                since: entry.since,
                left: entry.until.map(|until| until.saturating_duration_since(now)),
                stage: entry.stage,
                group: match scope {
                    Scope::Group(group) => Some(group),
                    Scope::Only | Scope::Service(_) => None,
                },
                verb,
                services,
                actor,
                dry_run,
            }
        };
        self.under_way.iter().map(status).collect()
    }
}

/// Returns the reason nothing can be made durable while the disk has stalled.
pub(crate) fn stall(silent: Duration) -> String {
    format!("the disk has not confirmed a write for {} s", silent.as_secs())
}

// === impl Call, ListedCall ===

impl Call {
    /// Returns its number.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl ListedCall {
    /// The operator's last command counts. A reload says nothing about where traffic goes, so it and the
    /// others do not affect each other; a resume contradicts nothing, nor does a maintenance. Targets are superseded by
    /// other targets only.
    fn is_superseded_by(&self, later: &CallDetails) -> bool {
        let shares = || self.details.services.iter().any(|name| later.services.contains(name));
        match (self.details.verb, later.verb) {
            (Verb::Reload, Verb::Reload) => true,
            (Verb::Targets, Verb::Targets) => shares(),
            (Verb::Failover | Verb::Maintenance | Verb::Reload | Verb::Targets, _)
            | (
                _,
                Verb::Failover | Verb::Maintenance | Verb::Resume | Verb::Reload | Verb::Targets,
            ) => false,
            _ => shares(),
        }
    }
}

// === impl PendingCall ===

impl PendingCall {
    /// Returns the number of the call.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Runs work to its end, or returns why the call ended before anything was decided.
    pub(crate) async fn until_ended<T>(
        &mut self,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let refusal = tokio::select! {
            biased;
            refusal = ended(&mut self.ended) => refusal,
            outcome = work => return outcome,
        };
        self.record(&refusal);
        Err(refusal)
    }

    /// Records a call with a waiting time in the history; others are not recorded.
    fn record(&self, refusal: &Refusal) {
        let CallDetails { verb, services, actor, patience, dry_run, .. } = self.details.clone();
        let end = match refusal.clone() {
            Refusal::Superseded { by, actor } => WaitEnd::Superseded { by, actor },
            Refusal::Abandoned => WaitEnd::Abandoned,
            _ => return,
        };
        if dry_run || patience.is_none() && verb != Verb::Reload {
            return;
        }
        let command = Command::EndWait { verb, services, actor, since: self.since, end };
        let core = self.core.clone();
        tokio::spawn(async move { core.note(command).await }); // a note may be lost
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        let id = self.id;
        self.core.lock().calls.under_way.retain(|entry| entry.id != id);
    }
}

/// Waits for the end of a call; forever, once it is decided.
async fn ended(end: &mut oneshot::Receiver<Refusal>) -> Refusal {
    match end.await {
        Ok(refusal) => refusal,
        Err(_) => std::future::pending().await,
    }
}

//! Signals, and the graceful stop.
//!
//! SIGTERM and SIGINT stop gracefully, a second one at once; SIGHUP reloads the configuration;
//! SIGUSR1 reopens log files; SIGUSR2 starts an upgrade. The parent receives them and passes
//! them on as orders. This process also handles SIGTERM and SIGINT itself, but only once:
//! a terminal and most service managers send them to every process of a service, which is one request
//! and not two.

use std::pin::pin;
use std::time::Duration;

use control::{Handle, PendingUpgrade, ReloadRequest, UpgradeRequest};
use proxy::{LogWriter, Proxy, Pulse};
use rules::{Actor, Refusal};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use traffic::UpgradeEnd;

use super::books;
use super::parent::{Parent, ParentRequest};
use super::upgrade::{LeaveOutcome, Leaving};
use crate::exit::Failure;

/// The time limit for workers to end what was cut.
const LAST: Duration = Duration::from_secs(5);

/// The parts that signals concern, besides the two planes.
#[derive(Debug)]
pub(super) struct SignalContext<'a> {
    pub(super) log: Option<&'a LogWriter>,
    pub(super) parent: &'a Parent,
    pub(super) pulse: Pulse,
}

/// The time limit for the parent to close the sockets that it keeps.
// lossless: L10
const LETS_GO_WITHIN: Duration = Duration::from_secs(1);

/// The longest delay of a sign of life.
const LIVES_WITHIN: Duration = Duration::from_secs(30);

/// The signals and orders that a running Teal handles.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    orders: mpsc::UnboundedReceiver<ParentRequest>,
    /// The progress of a stop.
    stop: Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    None,
    /// Requested by a signal that the parent may not know of.
    Signalled,
    Ordered,
}

/// Serves until a signal asks to stop, then waits for requests to end, at most for the drain timeout of
/// the services; or until a newer Teal has taken over and nothing is left here.
///
/// # Errors
/// A second signal, or a worker that has failed.
pub(super) async fn until_stopped(
    mut leaving: Leaving<'_>,
    mut signals: Signals,
    context: &SignalContext<'_>,
) -> Result<(), Failure> {
    let name = loop {
        tokio::select! {
            name = signals.stop(leaving.handle, context) => break name,
            report = leaving.proxy.ended() => {
                return Err(Failure::failed(format!(
                    "all workers ended unexpectedly, {} by a panic; please report this",
                    report.failed_workers
                )));
            }
            () = leaving.in_force.socket_gone.notified() => leaving.make_socket_again(),
            Some(request) = leaving.replaceable.pending_upgrades.recv() => {
                match replace(&mut leaving, request, &mut signals, context).await {
                    LeaveOutcome::Gone => return Ok(()),
                    LeaveOutcome::Back => {}
                    LeaveOutcome::Stopped(name) => break name,
                }
            }
        }
    };
    let Leaving { handle, proxy, in_force, mut serving_newer, replaceable, .. } = leaving;
    replaceable.give_up();
    let patience = *in_force.patience.borrow();
    tracing::info!("{name}: stopping, requests have {patience:?} to end");
    signals.let_go(patience + LAST, context).await;
    proxy.leave();
    let older = replaceable.older.clone();
    let mut finished = pin!(finish(handle, proxy, patience));
    let stopped = loop {
        let next = tokio::select! {
            () = &mut finished => break Ok(()),
            next = context.parent.newer() => next,
            name = signals.stop(handle, context) => {
                break Err(Failure::failed(format!("{name} again: stopped at once, without waiting")));
            }
        };
        // The previous newer Teal has died: the next one is informed of the requests still open here.
        // lossless: L4
        if let Some(before) = serving_newer.take() {
            serving_newer = Some(before.follow_instead(next, older.clone()).await);
        }
    };
    books::tell(handle).await;
    if let Some(serving_newer) = serving_newer {
        serving_newer.farewell().await;
    }
    stopped
}

/// Carries out an upgrade, as far as it goes.
async fn replace(
    leaving: &mut Leaving<'_>,
    (ask, reply): PendingUpgrade,
    signals: &mut Signals,
    context: &SignalContext<'_>,
) -> LeaveOutcome {
    tracing::info!(actor = %ask.actor, "upgrade");
    let handle = leaving.handle.clone();
    let serving_newer = tokio::select! {
        serving_newer = leaving.hand_over() => serving_newer,
        name = signals.stop(&handle, context) => return LeaveOutcome::Stopped(name),
    };
    let serving_newer = match serving_newer {
        Ok(serving_newer) => serving_newer,
        Err(refusal) => {
            tracing::error!(reason = %refusal, "not upgraded");
            leaving.count(UpgradeEnd::Failed);
            drop(reply.send(Err(refusal))); // the caller may have gone
            leaving.replaceable.refuse_the_rest();
            return LeaveOutcome::Back;
        }
    };
    let name = serving_newer.name();
    tracing::info!(newer = name.pid, version = name.version, "upgraded");
    leaving.count(UpgradeEnd::Done);
    drop(reply.send(Ok(name))); // the caller may have gone
    leaving.replaceable.refuse_the_rest();
    leaving.in_force.in_control.send_replace(false);
    let outcome = leaving.leave(serving_newer, signals, context).await;
    leaving.in_force.in_control.send_replace(outcome == LeaveOutcome::Back);
    if outcome == LeaveOutcome::Back {
        leaving.count(UpgradeEnd::Failed);
    }
    outcome
}

// lossless: L3 - nothing is cut silently.
async fn finish(handle: &Handle, proxy: &mut Proxy, patience: Duration) {
    let before = books::cut_so_far(handle).await;
    if tokio::time::timeout(patience, proxy.ended()).await.is_ok() {
        tracing::info!("stopped, nothing was cut");
        return;
    }
    proxy.cut();
    if tokio::time::timeout(LAST, proxy.ended()).await.is_err() {
        tracing::error!("workers did not end within {LAST:?}");
    }
    let cut = books::cut_so_far(handle).await.saturating_sub(before);
    tracing::warn!(cut, "stopped, {cut} requests were cut after {patience:?}");
}

impl Signals {
    /// Handles them from here on.
    pub(super) fn watch(parent: &Parent) -> std::io::Result<Self> {
        let signals = Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            orders: parent.commands()?,
            stop: Stop::None,
        };
        ::parent::take_stop_signals()?;
        Ok(signals)
    }

    /// Carries out every other signal until one asks to stop, or, after that, to stop at once. Returns its
    /// name.
    pub(super) async fn stop(
        &mut self,
        handle: &Handle,
        context: &SignalContext<'_>,
    ) -> &'static str {
        let mut reloads = JoinSet::new();
        loop {
            let order = tokio::select! {
                _ = self.terminate.recv() => {
                    if self.signalled() {
                        return "SIGTERM";
                    }
                    continue;
                }
                _ = self.interrupt.recv() => {
                    if self.signalled() {
                        return "SIGINT";
                    }
                    continue;
                }
                Some(_) = reloads.join_next() => {
                    context.parent.reloaded();
                    continue;
                }
                Some(order) = self.orders.recv() => order,
            };
            match order {
                ParentRequest::Live => drop(tokio::spawn(live(
                    handle.clone(),
                    context.pulse.clone(),
                    context.parent.clone(),
                ))),
                ParentRequest::Reload => drop(reloads.spawn(reload(handle.clone()))),
                ParentRequest::Reopen => reopen(context.log),
                ParentRequest::Upgrade => drop(tokio::spawn(upgrade(handle.clone()))),
                ParentRequest::Stop(name) => {
                    let known = std::mem::replace(&mut self.stop, Stop::Ordered);
                    if known == Stop::None {
                        return name;
                    }
                }
                ParentRequest::StopNow(name) => {
                    self.stop = Stop::Ordered;
                    return name;
                }
                ParentRequest::Gone => {
                    let known = std::mem::replace(&mut self.stop, Stop::Ordered);
                    if known == Stop::None {
                        return "the parent process has ended";
                    }
                }
            }
        }
    }

    /// Returns true if this is the first one that asks to stop.
    fn signalled(&mut self) -> bool {
        let first = self.stop == Stop::None;
        if first {
            self.stop = Stop::Signalled;
        }
        first
    }

    /// Tells the parent that this Teal stops, and waits until it has closed its listening sockets:
    /// connections queued on one that it closes later would be reset.
    // lossless: L7
    async fn let_go(&mut self, within: Duration, context: &SignalContext<'_>) {
        context.parent.stopping(within);
        let ordered = async {
            while self.stop != Stop::Ordered {
                match self.orders.recv().await {
                    Some(
                        ParentRequest::Stop(_) | ParentRequest::StopNow(_) | ParentRequest::Gone,
                    )
                    | None => {
                        self.stop = Stop::Ordered;
                    }
                    Some(_) => {}
                }
            }
        };
        // If it is too late for that, the parent may still be informed later.
        let _ = tokio::time::timeout(LETS_GO_WITHIN, ordered).await;
    }
}

/// Sends a sign of life, if the controller and all workers are alive. This thread is, since it runs this.
// lossless: L10
async fn live(handle: Handle, pulse: Pulse, parent: Parent) {
    let felt = async { handle.is_ready().await && pulse.felt().await };
    if tokio::time::timeout(LIVES_WITHIN, felt).await == Ok(true) {
        parent.alive();
    }
}

fn reopen(log: Option<&LogWriter>) {
    if let Some(log) = log {
        log.reopen();
    } else {
        tracing::info!("SIGUSR1: there is no access log to reopen");
    }
}

async fn upgrade(handle: Handle) {
    // The outcome is logged where it is carried out.
    if let Err(Refusal::UpgradeInProgress) =
        handle.upgrade(UpgradeRequest { actor: Actor::Teal }).await
    {
        tracing::warn!("SIGUSR2: an upgrade is already in progress");
    }
}

async fn reload(handle: Handle) {
    match handle.reload(ReloadRequest { actor: Actor::Teal }).await {
        Ok(reloaded) if reloaded.changes.is_empty() => {
            tracing::info!("SIGHUP: nothing has changed");
        }
        Ok(reloaded) => tracing::info!("SIGHUP: reloaded: {}", reloaded.changes.join("; ")),
        Err(refusal) => tracing::error!("SIGHUP: not reloaded, nothing has changed: {refusal}"),
    }
}

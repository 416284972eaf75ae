//! Signals, and the stop that two of them ask for.
//!
//! SIGTERM and SIGINT stop gracefully, a second one at once; SIGHUP reads the configuration
//! again; SIGUSR1 opens log files again.

use std::time::Duration;

use control::{Handle, ReloadAsk};
use proxy::{LogWriter, Proxy};
use rules::Actor;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::books;
use super::systemd::Manager;
use crate::exit::Failure;

/// How long workers may take to end what was cut.
const LAST: Duration = Duration::from_secs(5);

/// What signals are about, besides the two planes.
#[derive(Debug)]
pub(super) struct Around<'a> {
    pub(super) log: Option<&'a LogWriter>,
    pub(super) manager: &'a Manager,
}

/// The signals that a running Teal answers.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user1: Signal,
    user2: Signal,
}

/// Serves until a signal asks to stop, then lets requests end for at most the `patience` of that
/// moment.
///
/// # Errors
/// A second signal, or a worker that has failed.
pub(super) async fn until_stopped(
    handle: &Handle,
    mut proxy: Proxy,
    patience: watch::Receiver<Duration>,
    around: &Around<'_>,
) -> Result<(), Failure> {
    let cannot = |error| Failure::failed(format!("cannot watch for signals: {error}"));
    let mut signals = Signals::watch().map_err(cannot)?;
    tokio::select! {
        name = signals.stop(handle, around) => {
            tracing::info!("{name}: stopping, requests may end for {:?}", *patience.borrow());
        }
        report = proxy.ended() => {
            return Err(Failure::failed(format!(
                "all workers have ended by themselves, {} by a panic; please report this",
                report.failed_workers
            )));
        }
    }
    around.manager.tell_stopping();
    proxy.leave();
    let patience = *patience.borrow();
    let stopped = tokio::select! {
        () = finish(handle, &mut proxy, patience) => Ok(()),
        name = signals.stop(handle, around) => {
            Err(Failure::failed(format!("{name} again: stopped at once, without waiting")))
        }
    };
    books::tell(handle).await;
    stopped
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
    fn watch() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Carries out every other signal until one asks to stop; its name.
    async fn stop(&mut self, handle: &Handle, around: &Around<'_>) -> &'static str {
        let mut reloads = JoinSet::new();
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => {
                    around.manager.tell_reloading();
                    reloads.spawn(reload(handle.clone()));
                }
                Some(_) = reloads.join_next() => around.manager.tell_reloaded(),
                _ = self.user1.recv() => reopen(around.log),
                _ = self.user2.recv() => tracing::warn!("SIGUSR2: this version cannot replace itself, restart it"),
            }
        }
    }
}

fn reopen(log: Option<&LogWriter>) {
    if let Some(log) = log {
        log.reopen();
    } else {
        tracing::info!("SIGUSR1: there is no access log to open again");
    }
}

async fn reload(handle: Handle) {
    match handle.reload(ReloadAsk { actor: Actor::Teal }).await {
        Ok(reloaded) if reloaded.changes.is_empty() => {
            tracing::info!("SIGHUP: nothing has changed");
        }
        Ok(reloaded) => tracing::info!("SIGHUP: reloaded: {}", reloaded.changes.join("; ")),
        Err(refusal) => tracing::error!("SIGHUP: not reloaded, nothing has changed: {refusal}"),
    }
}

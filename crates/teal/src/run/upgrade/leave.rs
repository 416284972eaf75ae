//! The older Teal once a newer one serves: it finishes its requests and exits; or serves again, if the
//! newer one fails before it has proven itself.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use control::{Handle, NewerStatus};
use peer::{Host, OfferedColor, PeerConnection};
use proxy::Proxy;
use rules::Refusal;
use tokio::time::{Instant, sleep_until};
use traffic::{Publisher, UpgradeEnd};

use super::confirm;
use super::hand_over::{Newer, hand_over, take_back};
use super::{PROBATION, Replaceable};
use crate::exit::Failure;
use crate::run::admin::Admin;
use crate::run::copied::ConfigCopy;
use crate::run::reload::InForce;
use crate::run::signal::{SignalContext, Signals};
use crate::run::{books, state};

/// The time limit for workers to end what was cut.
const LAST: Duration = Duration::from_secs(5);

/// The parts of a Teal that leaves.
#[derive(Debug)]
pub(in crate::run) struct Leaving<'a> {
    pub(in crate::run) handle: &'a Handle,
    pub(in crate::run) proxy: &'a mut Proxy,
    pub(in crate::run) admin: &'a mut Admin,
    pub(in crate::run) replaceable: &'a mut Replaceable,
    pub(in crate::run) in_force: &'a InForce,
    /// The text of the configuration in use.
    pub(in crate::run) copy: Option<Arc<ConfigCopy>>,
    /// The counters of upgrades.
    pub(in crate::run) publisher: &'a Publisher,
    /// The newer one, if a signal came while this one was leaving: it is followed to the end.
    pub(in crate::run) serving_newer: Option<ServingNewer>,
}

/// The way it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run) enum LeaveOutcome {
    /// Nothing is left here, the newer one serves.
    Gone,
    /// The newer one has failed, and this one serves again.
    Back,
    /// A signal asked to stop, with its name.
    Stopped(&'static str),
}

impl Leaving<'_> {
    /// Recreates the admin socket after it was removed, also for a Teal that is started after this one dies.
    pub(in crate::run) fn make_socket_again(&mut self) {
        let config = self.in_force.config();
        let path = config.admin.socket.display();
        let mut made = || {
            let group = state::group::id(&config)?;
            let socket = state::bind_socket_again(&config, group)?;
            let opened = self.admin.reopen(socket);
            opened.map_err(|error| Failure::failed(error.to_string()))?;
            self.replaceable.keep(self.admin, self.copy.as_deref(), &self.in_force.contents)
        };
        match made() {
            Ok(()) => tracing::warn!("the admin socket {path} was removed; created it again"),
            Err(failure) => tracing::error!(
                "the admin socket {path} was removed and cannot be created again yet: {}",
                failure.message
            ),
        }
    }

    /// Counts the outcome of an upgrade. The newer Teal gets the count with the rest of the books.
    pub(in crate::run) fn count(&self, end: UpgradeEnd) {
        self.publisher.connections().cell(0).upgraded(end);
    }

    /// Hands over to a newer Teal. Tries once more if it gave up because of a color that this one finds down,
    /// too, meanwhile: the newer one is not the cause.
    pub(in crate::run) async fn hand_over(&mut self) -> Result<ServingNewer, Refusal> {
        let up = confirm::up(self.handle).await?;
        let refusal = match self.try_hand_over(up.clone()).await {
            Err(refusal) if confirm::is_about_health(&refusal) => refusal,
            other => return other,
        };
        if !confirm::has_gone_down(&up, self.handle).await? {
            return Err(refusal);
        }
        tracing::info!(%refusal, "a color went down just now: trying the upgrade again without it");
        let up = confirm::up(self.handle).await?;
        self.try_hand_over(up).await
    }

    async fn try_hand_over(&mut self, up: Vec<OfferedColor>) -> Result<ServingNewer, Refusal> {
        let config = self.in_force.config();
        let (state_dir, binary) = (&config.state_dir, config.upgrade.binary.as_deref());
        let newer =
            hand_over(self.replaceable, self.handle, self.admin, state_dir, binary, up).await?;
        Ok(ServingNewer(newer))
    }

    /// Leaves, and exits when nothing is left here.
    // lossless: L7
    pub(in crate::run) async fn leave(
        &mut self,
        ServingNewer(mut newer): ServingNewer,
        signals: &mut Signals,
        context: &SignalContext<'_>,
    ) -> LeaveOutcome {
        let began = Instant::now();
        self.proxy.step_aside();
        let closing = self.admin.close();
        tokio::pin!(closing);
        let mut closed = false;
        let failed = loop {
            tokio::select! {
                () = &mut closing, if !closed => closed = true,
                status = newer.follower.next() => match status {
                    NewerStatus::Serving => {}
                    NewerStatus::Confirmed => break false,
                    NewerStatus::Failed(_) | NewerStatus::Lost => break true,
                },
                () = sleep_until(began + PROBATION) => break false,
                name = signals.stop(self.handle, context) => {
                    newer.process.let_go();
                    self.serving_newer = Some(ServingNewer(newer));
                    return LeaveOutcome::Stopped(name);
                }
            }
        };
        if !closed {
            closing.await; // two seconds at most
        }
        if failed {
            return self.come_back(newer, began).await;
        }
        newer.process.settle();
        self.proxy.withdraw();
        // From here on nothing is taken back. Connections queued on a listener that the newer one does not
        // have are refused rather than kept waiting.
        self.replaceable.give_up();
        self.admin.give_up();
        tracing::info!(newer = newer.process.pid, "leaving: finishing open requests");
        self.end(newer, signals, context).await
    }

    /// The newer one has failed: takes everything back.
    async fn come_back(&mut self, mut newer: Newer, began: Instant) -> LeaveOutcome {
        let how = newer.process.end().await;
        let how = how.map_or("for an unknown reason".to_owned(), |status| format!("({status})"));
        tracing::error!(
            newer = newer.process.pid,
            "the newer Teal ended {how} {:.1} s after it began to serve; this one serves again",
            began.elapsed().as_secs_f64()
        );
        self.proxy.step_back();
        let state_dir = self.in_force.config().state_dir;
        let frozen = newer.follower.stop().await;
        let back = take_back(frozen, &newer.process, &state_dir, self.replaceable).await;
        if let Err(reason) = back {
            tracing::error!(%reason, "traffic goes on, but nothing can be changed; restart Teal");
        }
        if let Err(error) = self.admin.open() {
            tracing::error!(%error, "cannot reopen the admin API; restart Teal");
        }
        LeaveOutcome::Back
    }

    /// Ends open connections, or cuts them at the deadline.
    // lossless: L3 L10
    async fn end(
        &mut self,
        mut newer: Newer,
        signals: &mut Signals,
        context: &SignalContext<'_>,
    ) -> LeaveOutcome {
        let patience = self.in_force.config().upgrade.drain;
        let mut deadline = Instant::now() + patience;
        let before = books::cut_so_far(self.handle).await;
        let older = self.replaceable.older.clone();
        // Teals that leave through this one have the same deadline, which began before ours.
        let others = async {
            if let Some(older) = &older {
                older.gone().await;
            }
        };
        tokio::pin!(others);
        let (mut idle, mut last) = (false, false);
        let (mut cut, mut alone) = (false, false);
        while !(idle && last) {
            tokio::select! {
                _ = self.proxy.ended(), if !idle => idle = true,
                () = &mut others, if !last => last = true,
                status = newer.follower.next(), if !alone => if status == NewerStatus::Lost {
                    alone = true;
                    tracing::warn!("the newer Teal has gone; stopping once open requests have ended");
                    self.proxy.leave();
                },
                next = context.parent.newer() => match follow_instead(newer, next, older.clone()).await {
                    Ok(next) => {
                        newer = next;
                        alone = false;
                    }
                    Err(next) => newer = next,
                },
                () = sleep_until(deadline) => {
                    if cut {
                        tracing::error!("requests that were cut did not end within {LAST:?}");
                        break;
                    }
                    cut = true;
                    deadline = Instant::now() + LAST;
                    self.proxy.cut();
                }
                name = signals.stop(self.handle, context) => {
                    self.serving_newer = Some(ServingNewer(newer));
                    return LeaveOutcome::Stopped(name);
                }
            }
        }
        let count = books::cut_so_far(self.handle).await.saturating_sub(before);
        if count > 0 {
            tracing::warn!(cut = count, "{count} requests were cut, upgrade.drain is {patience:?}");
        }
        books::tell(self.handle).await;
        newer.follower.farewell().await;
        tracing::info!("left");
        LeaveOutcome::Gone
    }
}

/// Follows the Teal at the other end of this socket instead, if it can be talked to.
async fn follow_instead(newer: Newer, next: OwnedFd, older: Option<Host>) -> Result<Newer, Newer> {
    let Ok(connection) = PeerConnection::new(UnixStream::from(next)) else { return Err(newer) };
    tracing::info!("another newer Teal was started: reporting to it the requests still open here");
    let follower = newer.follower.follow_instead(connection, older).await;
    Ok(Newer { follower, ..newer })
}

/// A newer Teal that serves.
#[derive(Debug)]
pub(in crate::run) struct ServingNewer(Newer);

// === impl ServingNewer ===

impl ServingNewer {
    /// Sends it the books for the last time.
    pub(in crate::run) async fn farewell(self) {
        self.0.follower.farewell().await;
    }

    /// Follows the Teal at the other end of this socket instead.
    pub(in crate::run) async fn follow_instead(self, next: OwnedFd, older: Option<Host>) -> Self {
        match follow_instead(self.0, next, older).await {
            Ok(newer) | Err(newer) => Self(newer),
        }
    }

    /// Its process and its version.
    pub(in crate::run) fn name(&self) -> control::Upgraded {
        control::Upgraded { pid: self.0.process.pid, version: self.0.version.clone() }
    }
}

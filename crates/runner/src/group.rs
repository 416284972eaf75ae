//! A process group: signalled and ended as a whole.
//!
//! Its id is that of its first process, which is not waited for until the group has had its last signal. So the id
//! cannot pass to a stranger meanwhile.

use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

/// The polling interval for the end of a process, if there is no notice of it.
const GLANCE: Duration = Duration::from_millis(10);

/// The group of a child that leads one and has not been waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group(Pid);

/// Kills a group when dropped.
#[derive(Debug)]
pub(crate) struct KillOnDrop(pub(crate) Option<Group>);

impl Group {
    /// The group that a child leads; `None` if it has been waited for.
    pub(crate) fn of(child: &Child) -> Option<Self> {
        child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw).map(Self)
    }

    /// Asks the group to end, gives it time until `patience` is over, and kills what is left. Returns true if its
    /// first process had to be killed. The caller waits for that process afterwards.
    pub(crate) async fn end(self, patience: Duration) -> bool {
        self.signal(Signal::TERM);
        let killed = timeout(patience, self.first_exit()).await.is_err();
        self.kill();
        killed
    }

    /// Waits until its first process has exited. The wait is repeatable, and leaves the process to be waited for.
    pub(crate) async fn first_exit(self) {
        let mut ends = signal(SignalKind::child()).ok();
        while !self.first_has_exited() {
            match &mut ends {
                Some(ends) => {
                    ends.recv().await;
                }
                None => sleep(GLANCE).await,
            }
        }
    }

    /// Kills what is left of it.
    pub(crate) fn kill(self) {
        self.signal(Signal::KILL);
    }

    fn signal(self, signal: Signal) {
        let _ = kill_process_group(self.0, signal); // ignored: all have ended, or run as another user
    }

    fn first_has_exited(self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.0), options), Ok(None))
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            group.kill();
        }
    }
}

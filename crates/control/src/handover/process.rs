//! The process of an older Teal, watched until it has ended.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::time::{Instant, sleep};

use super::hosting::LATE;

/// The interval of checks whether an older Teal that cannot be talked to has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The process of an older Teal.
pub(super) struct Process {
    pid: u32,
    /// It alone, even if its number is used again; `None`: it can't be watched.
    watched: Option<OwnedFd>,
}

// === impl Process ===

impl Process {
    pub(super) fn watch(pid: u32) -> Self {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let watched = number.and_then(|number| pidfd_open(number, PidfdFlags::empty()).ok());
        Self { pid, watched }
    }

    /// Waits until it has ended, however long that takes: as long as it lives it may send requests to
    /// a color that is no longer active, and must not be taken for dead. At once where the kernel does
    /// not let it be watched, or does not know it.
    // lossless: L2 L4
    pub(super) async fn ended(&self) {
        let Some(watched) = &self.watched else { return };
        let (late, pid) = (Instant::now() + LATE, self.pid);
        let mut complained = false;
        while !has_ended(watched) {
            if !complained && Instant::now() >= late {
                complained = true;
                tracing::error!(
                    pid,
                    "the older Teal can't be talked to, but still serves: no change is complete \
                     before it has ended; end it: kill {pid}"
                );
            }
            sleep(LOOK).await;
        }
    }
}

/// Whether a process has ended, by a descriptor of it (`pidfd_open(2)`), which is readable then.
fn has_ended(process: &OwnedFd) -> bool {
    let mut look = [PollFd::new(process, PollFlags::IN)];
    poll(&mut look, Some(&Timespec::default())) != Ok(0) // an error says that nothing can be known
}

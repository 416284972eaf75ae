//! The process of an older Teal, watched until it has ended.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};
use tokio::time::{Instant, sleep};

/// The time after which an older Teal is reported as late.
pub(crate) const LATE: Duration = Duration::from_secs(1);

/// The interval of checks whether an older Teal without a connection has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The process of an older Teal.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    handle: ProcessHandle,
}

#[derive(Debug)]
enum ProcessHandle {
    /// The process itself, even if its id is reused.
    Process(OwnedFd),
    /// Its id, because a filter forbids `pidfd_open(2)` or the kernel does not have it.
    Number(Pid),
    /// There is no such process.
    Ended,
}

// === impl Process ===

impl Process {
    pub(crate) fn watch(pid: u32) -> Self {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let opened = |number| ProcessHandle::by(number, pidfd_open(number, PidfdFlags::empty()));
        Self { pid, handle: number.map_or(ProcessHandle::Ended, opened) }
    }

    /// Waits until it has ended, however long that takes: as long as it lives it may send requests to
    /// a color that is no longer active, and must not count as dead.
    // lossless: L2 L4
    pub(crate) async fn ended(&self) {
        let (late, pid) = (Instant::now() + LATE, self.pid);
        let mut complained = false;
        while !self.handle.has_ended() {
            if !complained && Instant::now() >= late {
                complained = true;
                tracing::error!(
                    pid,
                    "the connection to the older Teal is lost, but it still serves: no change completes \
                     before it has ended; end it: kill {pid}"
                );
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}

impl ProcessHandle {
    /// Creates the handle of a process from its id and the result of `pidfd_open(2)`.
    fn by(number: Pid, opened: Result<OwnedFd, Errno>) -> Self {
        match opened {
            Ok(process) => Self::Process(process),
            Err(Errno::SRCH) => Self::Ended,
            Err(_) => Self::Number(number),
        }
    }

    fn has_ended(&self) -> bool {
        match self {
            // It is readable then; an error means that nothing can be known.
            Self::Process(process) => {
                let mut look = [PollFd::new(process, PollFlags::IN)];
                poll(&mut look, Some(&Timespec::default())) != Ok(0)
            }
            // The parent reaps ended processes. A new process with this id belongs to another user, or is
            // waited for needlessly: better than declaring one dead that serves.
            Self::Number(number) => {
                matches!(test_kill_process(*number), Err(Errno::SRCH | Errno::PERM))
            }
            Self::Ended => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn r63_a_process_is_watched_by_its_number_where_a_filter_forbids_more() {
        // L4
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep can be started");
        let number = Pid::from_child(&child);
        let by = |error| ProcessHandle::by(number, Err(error));
        let handle = [Process::watch(child.id()).handle, by(Errno::PERM), by(Errno::NOSYS)];
        assert!(handle.iter().all(|handle| !handle.has_ended()));
        child.kill().expect("it is there");
        child.wait().expect("it is reaped");
        assert!(handle.iter().all(ProcessHandle::has_ended), "{handle:?}");
        assert!(by(Errno::SRCH).has_ended());
    }
}

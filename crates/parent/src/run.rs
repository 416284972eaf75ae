//! The parent's event loop.

use std::fs;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Resource, WaitOptions, getrlimit, setrlimit, wait};

use crate::log::tell;
use crate::notify::Manager;
use crate::signals::Signals;
use crate::supervisor::Supervisor;
use crate::watchdog::Watchdog;
use crate::{activation, resume};

/// The longest wait for an event.
const ROUND: Duration = Duration::from_secs(3600);

/// The status of a process whose status is unknown: exit code 1.
const UNKNOWN: i32 = 1 << 8;

/// Runs the parent: starts the serving Teal, and returns when the last one has ended.
pub fn run() -> ExitCode {
    let activated = activation::take(); // while nothing else is open
    // Before anything slow: from here on no signal is lost, and none kills this process.
    let signals = match Signals::take() {
        Ok(signals) => signals,
        Err(error) => return failed(&format!("cannot watch for signals: {error}")),
    };
    let _ = fs::write("/proc/self/comm", "teal: parent"); // ignored: only a name
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit); // ignored: the kept sockets may still fit
    let manager = Manager::from_environment().unwrap_or_else(|told| {
        tell(&told, false);
        Manager::nobody()
    });
    let watchdog =
        if manager.is_somebody() { Watchdog::from_environment() } else { Watchdog::nobody() };
    let mut supervisor = match resume::resumed((manager, watchdog)) {
        Ok(Ok(supervisor)) => supervisor,
        Ok(Err(manager)) => match Supervisor::begin(manager, activated) {
            Ok(supervisor) => supervisor,
            Err(error) => return failed(&format!("cannot start the serving process: {error}")),
        },
        Err(error) => return failed(&format!("cannot continue as the parent: {error}")),
    };
    loop {
        if let Some(code) = supervisor.outcome() {
            return ExitCode::from(code);
        }
        watch(&supervisor, &signals);
        supervisor.listen();
        while let Some(signal) = signals.next() {
            supervisor.signal(signal);
        }
        let ended = ended(&supervisor);
        supervisor.listen(); // messages from before they ended
        for (pid, status) in ended {
            supervisor.ended(pid, status);
        }
        supervisor.see_to_it(Instant::now());
        resume::renew(&mut supervisor);
    }
}

/// Waits until there is something to do.
fn watch(supervisor: &Supervisor, signals: &Signals) {
    let talking = supervisor.children.iter().filter(|child| !child.silent);
    let mut look: Vec<PollFd<'_>> = talking
        .map(|child| PollFd::from_borrowed_fd(child.control.as_fd(), PollFlags::IN))
        .collect();
    look.push(PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN));
    let due = supervisor.due();
    let patience = due.map_or(ROUND, |due| due.saturating_duration_since(Instant::now()));
    // Rounded up, so that the deadline has passed on waking.
    let patience = Timespec::try_from(patience + Duration::from_millis(1)).ok();
    let _ = poll(&mut look, patience.as_ref()); // ignored: everything is checked anyway
}

/// The processes that have ended, with their status: our children, and orphans if this is process 1.
fn ended(supervisor: &Supervisor) -> Vec<(u32, i32)> {
    let mut ended = Vec::new();
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                ended.push((pid.as_raw_nonzero().get().cast_unsigned(), status.as_raw()));
            }
            Err(Errno::INTR) => {}
            // SIGCHLD is ignored, as inherited from our own parent, so the kernel reaps.
            Err(Errno::CHILD) => {
                let gone = supervisor.children.iter().filter(|child| child.silent);
                let known = |pid: u32| ended.iter().any(|(known, _)| *known == pid);
                let gone: Vec<_> = gone.map(|child| child.pid).filter(|pid| !known(*pid)).collect();
                ended.extend(gone.into_iter().map(|pid| (pid, UNKNOWN)));
                return ended;
            }
            Ok(None) | Err(_) => return ended,
        }
    }
}

fn failed(text: &str) -> ExitCode {
    tell(text, false);
    ExitCode::FAILURE
}

//! The parent's event loop.

use std::fs;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Resource, WaitOptions, getrlimit, setrlimit, wait};

use crate::family::Family;
use crate::log::tell;
use crate::notify::Manager;
use crate::signals::Signals;
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
    let mut family = match resume::resumed((manager, watchdog)) {
        Ok(Ok(family)) => family,
        Ok(Err(manager)) => match Family::begin(manager, activated) {
            Ok(family) => family,
            Err(error) => return failed(&format!("cannot start the serving process: {error}")),
        },
        Err(error) => return failed(&format!("cannot continue as the parent: {error}")),
    };
    loop {
        if let Some(code) = family.outcome() {
            return ExitCode::from(code);
        }
        watch(&family, &signals);
        family.listen();
        while let Some(signal) = signals.next() {
            family.signal(signal);
        }
        let ended = ended(&family);
        family.listen(); // messages from before they ended
        for (pid, status) in ended {
            family.ended(pid, status);
        }
        family.see_to_it(Instant::now());
        resume::renew(&mut family);
    }
}

/// Waits until there is something to do.
fn watch(family: &Family, signals: &Signals) {
    let talking = family.children.iter().filter(|child| !child.silent);
    let mut look: Vec<PollFd<'_>> = talking
        .map(|child| PollFd::from_borrowed_fd(child.control.as_fd(), PollFlags::IN))
        .collect();
    look.push(PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN));
    let due = family.due();
    let patience = due.map_or(ROUND, |due| due.saturating_duration_since(Instant::now()));
    // Rounded up, so that the deadline has passed on waking.
    let patience = Timespec::try_from(patience + Duration::from_millis(1)).ok();
    let _ = poll(&mut look, patience.as_ref()); // ignored: everything is checked anyway
}

/// The processes that have ended, with their status: our children, and orphans if this is process 1.
fn ended(family: &Family) -> Vec<(u32, i32)> {
    let mut ended = Vec::new();
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                ended.push((pid.as_raw_nonzero().get().cast_unsigned(), status.as_raw()));
            }
            Err(Errno::INTR) => {}
            // SIGCHLD is ignored, as inherited from our own parent, so the kernel reaps.
            Err(Errno::CHILD) => {
                let gone = family.children.iter().filter(|child| child.silent);
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

//! System calls that no safe crate we use offers: the signal mask, a descriptor for signals, and inherited
//! descriptors by their numbers. All of Teal's unsafe code is here.
//!
//! The standard library has none of them. rustix has no signalfd(2), and its change of the mask is unsafe and
//! bypasses the C library. With handlers instead of a mask a signal could kill the parent, or a serving Teal,
//! before they are in place.
//!
//! An inherited descriptor is known by its number alone, and taking it by that is unsafe. The alternative,
//! `pidfd_getfd(2)`, is meant for debuggers, and forbidden in hardened services and containers.

#![expect(unsafe_code, reason = "calls of the C library on what this module owns")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{
    F_GETFD, F_SETFD, FD_CLOEXEC, SFD_CLOEXEC, SFD_NONBLOCK, SIG_BLOCK, SIG_UNBLOCK, sigset_t,
};

/// The size of one signal record (`struct signalfd_siginfo`).
pub(crate) const SIGNAL_BYTES: usize = size_of::<libc::signalfd_siginfo>();

/// The first descriptor after standard input, output and error.
const FIRST: i32 = 3;

/// Takes this many inherited descriptors, from descriptor 3 on, each with its number, and marks them
/// close-on-exec. Works once: a second call returns none.
///
/// One that is already close-on-exec is refused: exec would have closed it, so this process has opened it, and
/// another owner has it. Rust's standard library and Teal open all descriptors that way, so this never breaks
/// I/O safety.
pub(crate) fn inherited(count: i32) -> Vec<(i32, io::Result<OwnedFd>)> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let take = |number: i32| {
        // SAFETY: the call takes any number, and refuses one that is not open.
        let flags = unsafe { libc::fcntl(number, F_GETFD) };
        if flags < 0 {
            return Err(io::Error::last_os_error());
        }
        if flags & FD_CLOEXEC != 0 {
            return Err(io::Error::other("it was opened by this process, not passed to it"));
        }
        // SAFETY: as above.
        if unsafe { libc::fcntl(number, F_SETFD, FD_CLOEXEC) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is open, and has no other owner: it was inherited through exec, and each is taken
        // once.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    };
    (FIRST..FIRST.saturating_add(count)).map(|number| (number, take(number))).collect()
}

/// Blocks signals for this thread and everything that it starts.
pub(crate) fn block(signals: &[i32]) -> io::Result<()> {
    change(SIG_BLOCK, signals)
}

/// Unblocks signals.
pub(crate) fn unblock(signals: &[i32]) -> io::Result<()> {
    change(SIG_UNBLOCK, signals)
}

/// A non-blocking descriptor to read blocked signals from.
pub(crate) fn signal_descriptor(signals: &[i32]) -> io::Result<OwnedFd> {
    let set = set_of(signals)?;
    // SAFETY: the set is initialized and outlives the call, which only reads it.
    let descriptor = unsafe { libc::signalfd(-1, &raw const set, SFD_CLOEXEC | SFD_NONBLOCK) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open and new, so no other code closes it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn change(how: i32, signals: &[i32]) -> io::Result<()> {
    let set = set_of(signals)?;
    // SAFETY: the set is initialized and outlives the call, which only reads it; a null pointer says that
    // the old one is not asked for.
    let error = unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) };
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

fn set_of(signals: &[i32]) -> io::Result<sigset_t> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the pointer is to room for a set, which the call initializes whole.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: the set is initialized, and the call refuses invalid signals.
        if unsafe { libc::sigaddset(set.as_mut_ptr(), *signal) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: sigemptyset(3) has initialized it; it fails for no valid pointer.
    Ok(unsafe { set.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_that_this_process_has_opened_is_not_taken_for_one_that_was_handed_over() {
        let files: Vec<_> =
            (0..8).map(|_| std::fs::File::open("/").expect("it is there")).collect();
        let opened: Vec<_> = files.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect();
        let taken: Vec<_> = inherited(64).into_iter().filter(|(_, taken)| taken.is_ok()).collect();
        assert!(taken.iter().all(|(number, _)| !opened.contains(number)), "{taken:?}");
        assert!(files.iter().all(|file| file.metadata().is_ok()));
        assert!(inherited(64).is_empty(), "once");
        let _open: &[_] = taken.leak(); // the harness may have been started with some that it needs
    }

    #[test]
    fn an_invalid_signal_is_refused() {
        assert_eq!(SIGNAL_BYTES, 128);
        assert!(signal_descriptor(&[libc::SIGUSR1]).is_ok());
        for wrong in [0, -1, 1000] {
            assert!(signal_descriptor(&[wrong]).is_err() && block(&[wrong]).is_err(), "{wrong}");
        }
    }
}

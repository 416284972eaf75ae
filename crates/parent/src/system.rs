//! System calls that no safe crate of ours offers: which signals are blocked, and a descriptor for
//! them; and descriptors that were inherited by their numbers. All of the unsafe code there is.
//!
//! The standard library has neither. rustix has no signalfd(2), and its change of the mask is unsafe and
//! goes past the C library. Handlers instead of a blocked set would let a signal end the parent, or a
//! serving Teal, before they are in place.
//!
//! Whoever inherits a descriptor knows its number alone, and taking it by that is unsafe. The way around it
//! by `pidfd_getfd(2)` is a call of debuggers, which hardened services and containers may not make.

#![expect(unsafe_code, reason = "calls of the C library on what this module owns")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{
    F_GETFD, F_SETFD, FD_CLOEXEC, SFD_CLOEXEC, SFD_NONBLOCK, SIG_BLOCK, SIG_UNBLOCK, sigset_t,
};

/// How long what is read of a signal is (`struct signalfd_siginfo`).
pub(crate) const SIGNAL_BYTES: usize = size_of::<libc::signalfd_siginfo>();

/// The first descriptor after those of standard input and output.
const FIRST: i32 = 3;

/// So many descriptors that this process was started with, from the third on, each with its number. They
/// are closed on exec from here on. Once: whoever asks again gets none.
///
/// One that closes on exec is refused: exec would have closed it, so this process has opened it, and it is
/// somebody else's. All that Rust's standard library opens is of that kind, and all that Teal opens, so that this
/// breaks no I/O safety whenever it is called.
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
            return Err(io::Error::other("it was opened by this process, and not handed over"));
        }
        // SAFETY: as above.
        if unsafe { libc::fcntl(number, F_SETFD, FD_CLOEXEC) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is open, and it is nobody else's: it has come through exec, and each is taken
        // once.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    };
    (FIRST..FIRST.saturating_add(count)).map(|number| (number, take(number))).collect()
}

/// Blocks signals, for this thread and whatever it starts.
pub(crate) fn block(signals: &[i32]) -> io::Result<()> {
    change(SIG_BLOCK, signals)
}

/// Lets signals through again.
pub(crate) fn unblock(signals: &[i32]) -> io::Result<()> {
    change(SIG_UNBLOCK, signals)
}

/// A descriptor that blocked signals are read from, without waiting.
pub(crate) fn signal_descriptor(signals: &[i32]) -> io::Result<OwnedFd> {
    let set = set_of(signals)?;
    // SAFETY: the set is initialized and outlives the call, which only reads it.
    let descriptor = unsafe { libc::signalfd(-1, &raw const set, SFD_CLOEXEC | SFD_NONBLOCK) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open and new, so nobody else closes it.
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
        // SAFETY: the set is initialized, and the call refuses what is not a signal.
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
    fn what_is_not_a_signal_is_refused() {
        assert_eq!(SIGNAL_BYTES, 128);
        assert!(signal_descriptor(&[libc::SIGUSR1]).is_ok());
        for wrong in [0, -1, 1000] {
            assert!(signal_descriptor(&[wrong]).is_err() && block(&[wrong]).is_err(), "{wrong}");
        }
    }
}

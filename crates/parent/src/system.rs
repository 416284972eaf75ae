//! System calls that no safe crate of ours offers: which signals are blocked, and a descriptor for
//! them. All of the unsafe code there is.

#![expect(unsafe_code, reason = "three calls of the C library on a set that this module owns")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use libc::{SFD_CLOEXEC, SFD_NONBLOCK, SIG_BLOCK, SIG_UNBLOCK, sigset_t};

/// How long what is read of a signal is (`struct signalfd_siginfo`).
pub(crate) const SIGNAL_BYTES: usize = 128;

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
    let set = set_of(signals);
    // SAFETY: the set is initialized and outlives the call; the descriptor is new and ours alone.
    unsafe {
        match libc::signalfd(-1, &raw const set, SFD_CLOEXEC | SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            descriptor => Ok(OwnedFd::from_raw_fd(descriptor)),
        }
    }
}

fn change(how: i32, signals: &[i32]) -> io::Result<()> {
    let set = set_of(signals);
    // SAFETY: the set is initialized and outlives the call; the old one is not asked for.
    let error = unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) };
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

fn set_of(signals: &[i32]) -> sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset(3) initializes the whole set, and sigaddset(3) refuses what is not a signal.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

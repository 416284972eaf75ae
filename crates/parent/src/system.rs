//! System calls that no safe crate of ours offers: which signals are blocked, and a descriptor for
//! them. All of the unsafe code there is.
//!
//! The standard library has neither. rustix has no signalfd(2), and its change of the mask is unsafe and
//! goes past the C library. Handlers instead of a blocked set would let a signal end the parent, or a
//! serving Teal, before they are in place.

#![expect(unsafe_code, reason = "calls of the C library on a set that this module owns")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use libc::{SFD_CLOEXEC, SFD_NONBLOCK, SIG_BLOCK, SIG_UNBLOCK, sigset_t};

/// How long what is read of a signal is (`struct signalfd_siginfo`).
pub(crate) const SIGNAL_BYTES: usize = size_of::<libc::signalfd_siginfo>();

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
    fn what_is_not_a_signal_is_refused() {
        assert_eq!(SIGNAL_BYTES, 128);
        assert!(signal_descriptor(&[libc::SIGUSR1]).is_ok());
        for wrong in [0, -1, 1000] {
            assert!(signal_descriptor(&[wrong]).is_err() && block(&[wrong]).is_err(), "{wrong}");
        }
    }
}

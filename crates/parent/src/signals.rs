//! The parent's signals, read from a descriptor; and the signal mask of a serving Teal.
//!
//! The parent blocks them before anything else, so that none kills it in the first milliseconds. The
//! mask is inherited: a serving Teal, too, cannot be killed by a signal that it does not handle yet.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

use crate::system;

/// A signal that the parent handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Terminate,
    Interrupt,
    Hangup,
    User1,
    User2,
    /// A child has ended, or an orphan has.
    Child,
}

/// The pending signals.
#[derive(Debug)]
pub(crate) struct Signals(File);

impl Signals {
    /// Blocks all signals that the parent handles.
    pub(crate) fn take() -> io::Result<Self> {
        let answered = Signal::ALL.map(|(number, _)| number);
        system::block(&answered)?;
        system::signal_descriptor(&answered).map(|descriptor| Self(File::from(descriptor)))
    }

    /// The next pending one.
    pub(crate) fn next(&self) -> Option<Signal> {
        let mut arrived = [0; system::SIGNAL_BYTES];
        (&self.0).read_exact(&mut arrived).ok()?;
        let [a, b, c, d, ..] = arrived; // signalfd(2): the number comes first
        let number = i32::from_ne_bytes([a, b, c, d]);
        Signal::ALL.iter().find(|(known, _)| *known == number).map(|(_, signal)| *signal)
    }
}

impl Signal {
    const ALL: [(i32, Self); 6] = [
        (libc::SIGTERM, Self::Terminate),
        (libc::SIGINT, Self::Interrupt),
        (libc::SIGHUP, Self::Hangup),
        (libc::SIGUSR1, Self::User1),
        (libc::SIGUSR2, Self::User2),
        (libc::SIGCHLD, Self::Child),
    ];
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Unblocks SIGTERM and SIGINT for this serving Teal. Call it once their handlers are in place. The others
/// arrive as commands from the parent and stay blocked: if a service manager signals every process of a
/// service, they would be carried out twice.
///
/// # Errors
/// The kernel's error.
pub fn take_stop_signals() -> io::Result<()> {
    system::unblock(&[libc::SIGTERM, libc::SIGINT])
}

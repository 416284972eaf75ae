//! The signals of the parent, read from a descriptor; and what a serving Teal does about them.
//!
//! The parent blocks them before anything else, so that none ends it in the first milliseconds. The
//! blocked set is inherited: a serving Teal, too, cannot be ended by a signal that it does not answer
//! yet.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

use crate::system;

/// A signal that the parent answers.
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

/// Signals that have arrived and not been answered.
#[derive(Debug)]
pub(crate) struct Signals(File);

impl Signals {
    /// Takes all signals that the parent answers.
    pub(crate) fn take() -> io::Result<Self> {
        let answered = Signal::ALL.map(|(number, _)| number);
        system::block(&answered)?;
        system::signal_descriptor(&answered).map(|descriptor| Self(File::from(descriptor)))
    }

    /// The next one that has arrived.
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

/// Lets SIGTERM and SIGINT reach this serving Teal. To be called once they are answered. The others
/// come as orders of the parent, and stay blocked: a service manager that signals every process of a
/// service would have them carried out twice.
///
/// # Errors
/// As the kernel has them.
pub fn take_stop_signals() -> io::Result<()> {
    system::unblock(&[libc::SIGTERM, libc::SIGINT])
}

//! One Teal that the parent has started.

use std::env;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{Pid, Signal, kill_process};

use crate::descriptors::{ArrivingDescriptors, KeptDescriptors};
use crate::program::Program;
use crate::wire::{self, Message};
use crate::{ROLE, SERVE, activation, notify, watchdog};

/// A serving Teal, one that is starting, or one that is leaving.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: u32,
    pub(crate) control: OwnedFd,
    /// True if its control socket has closed or failed.
    pub(crate) silent: bool,
    pub(crate) program: Program,
    /// The older Teal that takes over again if this one fails; none once its trial is over.
    pub(crate) watched_by: Option<u32>,
    /// True if it serves.
    pub(crate) ready: bool,
    /// True if it answers liveness checks.
    pub(crate) answers: bool,
    /// The version of the state that its program can resume as a parent ([`crate::resume::VERSION`]).
    pub(crate) state_version: String,
    /// True if a newer one has replaced it, or it is stopping.
    pub(crate) leaving: bool,
    /// The one that replaced it, to which it reports its leases.
    pub(crate) newer: Option<u32>,
    /// The time when it was started, or became ready.
    pub(crate) since: Instant,
    pub(crate) arriving: ArrivingDescriptors,
    /// Its sockets, during its trial.
    pub(crate) kept: Option<KeptDescriptors>,
}

impl Child {
    /// Starts this program with our own arguments, and a control socket as its standard input.
    pub(crate) fn start(path: &Path, watched_by: Option<u32>) -> io::Result<Self> {
        let (control, theirs) = wire::pair()?;
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_default();
        let program = Program::at(path.to_owned());
        let mut command = Command::new(path);
        for own in activation::VARIABLES.iter().chain(&watchdog::VARIABLES) {
            command.env_remove(own);
        }
        let child = command
            .arg0(name)
            .args(arguments)
            .env(ROLE, SERVE)
            .env_remove(notify::SOCKET)
            .stdin(Stdio::from(theirs))
            .spawn()?;
        Ok(Self::known(child.id(), control, program, watched_by))
    }

    pub(crate) fn known(
        pid: u32,
        control: OwnedFd,
        program: Program,
        watched_by: Option<u32>,
    ) -> Self {
        Self {
            pid,
            control,
            silent: false,
            program,
            watched_by,
            ready: false,
            answers: false,
            state_version: String::new(),
            leaving: false,
            newer: None,
            since: Instant::now(),
            arriving: ArrivingDescriptors::default(),
            kept: None,
        }
    }

    pub(crate) fn say(&self, message: &Message) {
        // Ignored: it has ended, or has not read hundreds of commands.
        let _ = self.send(message, &[]);
    }

    pub(crate) fn send(&self, message: &Message, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        wire::send(&self.control, message, descriptors)
    }

    /// Every message that it has sent.
    pub(crate) fn heard(&mut self) -> Vec<Message> {
        let mut heard = Vec::new();
        while !self.silent {
            match wire::receive(self.control.as_fd(), RecvFlags::DONTWAIT) {
                Ok(Some(message)) => heard.push(message),
                Ok(None) => self.silent = true,
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::AGAIN) => break,
                    // It died with unread commands. The messages that it sent before can still be read.
                    None | Some(Errno::CONNRESET | Errno::INTR) => {}
                    Some(_) => self.silent = true,
                },
            }
        }
        heard
    }

    pub(crate) fn kill(&self) {
        if let Some(pid) = Pid::from_raw(self.pid.cast_signed()) {
            let _ = kill_process(pid, Signal::KILL); // ignored: it has ended already
        }
    }
}

//! The serving Teal's end of the control socket: messages to its parent, and commands from it.

use std::env;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::RecvFlags;

use crate::descriptors::{self, ArrivingDescriptors, KeptDescriptors};
use crate::wire::{self, Message};
use crate::{ROLE, SERVE};

/// The time limit for the parent to read a message, or to send the first command.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// The control socket to the parent.
#[derive(Debug)]
pub struct ControlSocket(OwnedFd);

/// The parent's instruction for a start.
#[derive(Debug)]
pub enum StartMode {
    /// Start alone; with the kept sockets, if it is not the first.
    Start {
        /// The kept sockets.
        kept: KeptDescriptors,
        /// The sockets passed by the service manager, with one line per descriptor that names it; empty
        /// once others are kept.
        activated: KeptDescriptors,
        /// A description of how the previous one ended; empty for the first.
        died: String,
        /// Leaving Teals that have no newer one to report to: process and socket.
        older: Vec<(u32, OwnedFd)>,
        /// The number of further Teals that report through these.
        behind: usize,
    },
    /// Take over from a running Teal, which is at the other end of this socket.
    TakeOver(OwnedFd),
}

/// A command from the parent.
#[derive(Debug)]
pub enum ParentCommand {
    /// Answer a liveness check: [`ControlSocket::alive`].
    Live,
    /// Reload the configuration.
    Reload,
    /// Reopen the log files.
    Reopen,
    /// Upgrade: have a newer Teal take over.
    Upgrade,
    /// Stop gracefully. With the name of the signal.
    Stop(String),
    /// Stop at once. With the name of the signal.
    StopNow(String),
    /// The requested program was started, as this process.
    Started(u32),
    /// The requested program could not be started; the reason.
    NotStarted(String),
    /// A process that this one has requested has ended.
    Ended(u32, ExitStatus),
    /// The newer Teal has died while this one is leaving: the next one is at the other end of this socket.
    Follow(OwnedFd),
    /// The second process has ended. The first one, which reported to it, is at the other end of this
    /// socket.
    Inherit(OwnedFd, u32, u32),
    /// This process has ended, and all that reported to it were reconnected.
    Gone(u32),
}

/// Returns true if a parent has started this process.
pub fn is_child() -> bool {
    env::var_os(ROLE).is_some_and(|role| role == SERVE)
}

// === impl ControlSocket ===

impl ControlSocket {
    /// The control socket to the parent, which is standard input, and its instruction for the start.
    ///
    /// # Errors
    /// Standard input is not a parent's control socket.
    pub fn from_stdin() -> io::Result<(Self, StartMode)> {
        let socket = Self(io::stdin().as_fd().try_clone_to_owned()?);
        let (mut arriving, mut kept) = (ArrivingDescriptors::default(), KeptDescriptors::default());
        let (mut arriving_activated, mut activated) =
            (ArrivingDescriptors::default(), KeptDescriptors::default());
        loop {
            socket.wait(PollFlags::IN)?;
            let message = socket.receive()?.ok_or(ErrorKind::UnexpectedEof)?;
            match message.verb() {
                b"sockets" => kept = arriving.take(message).unwrap_or(kept),
                b"activated" => activated = arriving_activated.take(message).unwrap_or(activated),
                b"start" => {
                    let died = message.text("died");
                    let (pids, count) = (message.text("older"), message.count("behind"));
                    let pids = pids.split(',').filter_map(|pid| pid.parse().ok());
                    let older = pids.zip(message.descriptors).collect();
                    let behind = usize::try_from(count).unwrap_or_default();
                    return Ok((socket, StartMode::Start { kept, activated, died, older, behind }));
                }
                b"take-over" => {
                    let older = message.descriptors.into_iter().next();
                    return Ok((socket, StartMode::TakeOver(older.ok_or(ErrorKind::InvalidData)?)));
                }
                _ => {}
            }
        }
    }

    /// The next command, without waiting. `None`: the parent has ended.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] if there is none.
    pub fn next(&self) -> io::Result<Option<ParentCommand>> {
        loop {
            let Some(mut message) = self.receive()? else { return Ok(None) };
            let command = match message.verb() {
                b"live" => ParentCommand::Live,
                b"reload" => ParentCommand::Reload,
                b"reopen" => ParentCommand::Reopen,
                b"upgrade" => ParentCommand::Upgrade,
                b"stop" => ParentCommand::Stop(message.text("signal")),
                b"stop-now" => ParentCommand::StopNow(message.text("signal")),
                b"started" => ParentCommand::Started(message.pid()),
                b"not-started" => ParentCommand::NotStarted(message.text("why")),
                b"ended" => {
                    let status = i32::try_from(message.count("status")).unwrap_or_default();
                    ParentCommand::Ended(message.pid(), ExitStatus::from_raw(status))
                }
                b"follow" => match message.descriptors.pop() {
                    Some(newer) => ParentCommand::Follow(newer),
                    None => continue,
                },
                b"inherit" => {
                    let was = u32::try_from(message.count("was")).unwrap_or_default();
                    let pid = message.pid();
                    match message.descriptors.pop() {
                        Some(older) => ParentCommand::Inherit(older, pid, was),
                        None => continue,
                    }
                }
                b"gone" => ParentCommand::Gone(message.pid()),
                _ => continue, // from a later version
            };
            return Ok(Some(command));
        }
    }

    /// Hands over the sockets that the next serving Teal needs if this one dies, with a label.
    ///
    /// # Errors
    /// The message cannot be sent to the parent.
    pub fn keep(&self, label: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        descriptors::say("keep", label, descriptors, |message, descriptors| {
            self.send(message, descriptors)
        })
    }

    /// Reports that this one serves.
    ///
    /// # Errors
    /// The message cannot be sent to the parent.
    pub fn ready(&self, version: &str, json: bool) -> io::Result<()> {
        let ready = Message::new("ready").with("version", version).number("json", json);
        let ready = ready.number("answers", true);
        self.send(&ready.with("state", crate::resume::VERSION), &[])
    }

    /// Answers a liveness check.
    ///
    /// # Errors
    /// The message cannot be sent to the parent.
    pub fn alive(&self) -> io::Result<()> {
        self.send(&Message::new("alive"), &[])
    }

    /// Reports that a reload has finished.
    ///
    /// # Errors
    /// The message cannot be sent to the parent.
    pub fn reloaded(&self) -> io::Result<()> {
        self.send(&Message::new("reloaded"), &[])
    }

    /// Reports that this one is stopping, and within which time.
    ///
    /// # Errors
    /// The message cannot be sent to the parent.
    pub fn stopping(&self, within: Duration) -> io::Result<()> {
        let millis = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        self.send(&Message::new("stopping").number("within", millis), &[])
    }

    /// Asks the parent to start this program, to take over through this socket. Answered by
    /// [`ParentCommand::Started`] or [`ParentCommand::NotStarted`].
    ///
    /// # Errors
    /// The message cannot be sent to the parent.
    pub fn start(&self, program: &Path, talk: BorrowedFd<'_>) -> io::Result<()> {
        self.send(&Message::new("spawn").with("program", program), &[talk])
    }

    /// Asks the parent to kill a process that this one has requested.
    ///
    /// # Errors
    /// The message cannot be sent to the parent.
    pub fn kill(&self, pid: u32) -> io::Result<()> {
        self.send(&Message::new("kill").number("pid", pid), &[])
    }

    /// Reports that the trial of a process is over: it has replaced this one for good.
    ///
    /// # Errors
    /// The message cannot be sent to the parent.
    pub fn settled(&self, pid: u32) -> io::Result<()> {
        self.send(&Message::new("settled").number("pid", pid), &[])
    }

    fn receive(&self) -> io::Result<Option<Message>> {
        match wire::receive(self.0.as_fd(), RecvFlags::DONTWAIT) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.receive(),
            received => received,
        }
    }

    fn send(&self, message: &Message, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        match wire::send(&self.0, message, descriptors) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.wait(PollFlags::OUT)?;
                wire::send(&self.0, message, descriptors)
            }
            sent => sent,
        }
    }

    // lossless: L10
    fn wait(&self, until: PollFlags) -> io::Result<()> {
        let mut look = [PollFd::new(&self.0, until)];
        let ready = poll(&mut look, Some(&PATIENCE))? > 0;
        ready.then_some(()).ok_or_else(|| ErrorKind::TimedOut.into())
    }
}

impl AsFd for ControlSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

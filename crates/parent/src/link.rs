//! The serving Teal's end: what it tells its parent, and what it is told.

use std::env;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::RecvFlags;

use crate::kept::{self, Arriving, Kept};
use crate::wire::{self, Message};
use crate::{ROLE, SERVE};

/// How long the parent may take to read, or to say how to begin.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// The way to the parent.
#[derive(Debug)]
pub struct Link(OwnedFd);

/// How a serving Teal begins.
#[derive(Debug)]
pub enum Begin {
    /// By itself, with the sockets that are kept for it, if it is not the first.
    Start {
        /// What is kept.
        kept: Kept,
        /// What the service manager has handed over, with one line for each descriptor that says
        /// which it is; nothing once others are kept.
        activated: Kept,
        /// How the one before it ended; empty for the first.
        died: String,
        /// Teals that still leave, with nobody newer to tell what they have: process and socket.
        older: Vec<(u32, OwnedFd)>,
        /// How many more leave through these.
        behind: usize,
    },
    /// In the place of a Teal that runs and is at the other end of this socket.
    TakeOver(OwnedFd),
}

/// What the parent says.
#[derive(Debug)]
pub enum Order {
    /// Say that you live: [`Link::alive`].
    Live,
    /// Read the configuration again.
    Reload,
    /// Open log files again.
    Reopen,
    /// Have a newer Teal take over.
    Upgrade,
    /// Stop gracefully. With the name of the signal.
    Stop(String),
    /// Stop at once. With the name of the signal.
    StopNow(String),
    /// What was asked for has been started, as this process.
    Started(u32),
    /// It could not be started.
    NotStarted(String),
    /// A process that this one has asked for has ended.
    Ended(u32, ExitStatus),
    /// The newer Teal has died while this one leaves: the next one is at the other end of this socket.
    Follow(OwnedFd),
    /// The second process has ended. The first one, which has left through it, is at the other end of
    /// this socket.
    Inherit(OwnedFd, u32, u32),
    /// This process has ended, and all that have left through it were told.
    Gone(u32),
}

/// Returns true if a parent has started this process.
pub fn is_child() -> bool {
    env::var_os(ROLE).is_some_and(|role| role == SERVE)
}

// === impl Link ===

impl Link {
    /// The parent at the other end of standard input, and how it says to begin.
    ///
    /// # Errors
    /// If nobody is there who speaks as a parent does.
    pub fn from_stdin() -> io::Result<(Self, Begin)> {
        let link = Self(io::stdin().as_fd().try_clone_to_owned()?);
        let (mut arriving, mut kept) = (Arriving::default(), Kept::default());
        let (mut arriving_activated, mut activated) = (Arriving::default(), Kept::default());
        loop {
            link.wait(PollFlags::IN)?;
            let message = link.receive()?.ok_or(ErrorKind::UnexpectedEof)?;
            match message.verb() {
                b"sockets" => kept = arriving.take(message).unwrap_or(kept),
                b"activated" => activated = arriving_activated.take(message).unwrap_or(activated),
                b"start" => {
                    let died = message.text("died");
                    let (pids, count) = (message.text("older"), message.count("behind"));
                    let pids = pids.split(',').filter_map(|pid| pid.parse().ok());
                    let older = pids.zip(message.descriptors).collect();
                    let behind = usize::try_from(count).unwrap_or_default();
                    return Ok((link, Begin::Start { kept, activated, died, older, behind }));
                }
                b"take-over" => {
                    let older = message.descriptors.into_iter().next();
                    return Ok((link, Begin::TakeOver(older.ok_or(ErrorKind::InvalidData)?)));
                }
                _ => {}
            }
        }
    }

    /// The next order, without waiting. `None`: the parent has ended.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] if there is none.
    pub fn next(&self) -> io::Result<Option<Order>> {
        loop {
            let Some(mut message) = self.receive()? else { return Ok(None) };
            let order = match message.verb() {
                b"live" => Order::Live,
                b"reload" => Order::Reload,
                b"reopen" => Order::Reopen,
                b"upgrade" => Order::Upgrade,
                b"stop" => Order::Stop(message.text("signal")),
                b"stop-now" => Order::StopNow(message.text("signal")),
                b"started" => Order::Started(message.pid()),
                b"not-started" => Order::NotStarted(message.text("why")),
                b"ended" => {
                    let status = i32::try_from(message.count("status")).unwrap_or_default();
                    Order::Ended(message.pid(), ExitStatus::from_raw(status))
                }
                b"follow" => match message.descriptors.pop() {
                    Some(newer) => Order::Follow(newer),
                    None => continue,
                },
                b"inherit" => {
                    let was = u32::try_from(message.count("was")).unwrap_or_default();
                    let pid = message.pid();
                    match message.descriptors.pop() {
                        Some(older) => Order::Inherit(older, pid, was),
                        None => continue,
                    }
                }
                b"gone" => Order::Gone(message.pid()),
                _ => continue, // of a later version
            };
            return Ok(Some(order));
        }
    }

    /// Hands over what the next serving Teal needs if this one dies, and how this one calls it.
    ///
    /// # Errors
    /// If the parent does not take it.
    pub fn keep(&self, label: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        kept::say("keep", label, descriptors, |message, descriptors| {
            self.send(message, descriptors)
        })
    }

    /// Says that this one serves.
    ///
    /// # Errors
    /// If the parent does not take it.
    pub fn ready(&self, version: &str, json: bool) -> io::Result<()> {
        let ready = Message::new("ready").with("version", version).number("json", json);
        let ready = ready.number("answers", true);
        self.send(&ready.with("state", crate::resume::VERSION), &[])
    }

    /// Says that this one lives, as it was asked.
    ///
    /// # Errors
    /// If the parent does not take it.
    pub fn alive(&self) -> io::Result<()> {
        self.send(&Message::new("alive"), &[])
    }

    /// Says that a reload has ended.
    ///
    /// # Errors
    /// If the parent does not take it.
    pub fn reloaded(&self) -> io::Result<()> {
        self.send(&Message::new("reloaded"), &[])
    }

    /// Says that this one stops, within this time.
    ///
    /// # Errors
    /// If the parent does not take it.
    pub fn stopping(&self, within: Duration) -> io::Result<()> {
        let millis = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        self.send(&Message::new("stopping").number("within", millis), &[])
    }

    /// Asks for this program to be started, to take over by this socket. Answered by
    /// [`Order::Started`] or [`Order::NotStarted`].
    ///
    /// # Errors
    /// If the parent does not take it.
    pub fn start(&self, program: &Path, talk: BorrowedFd<'_>) -> io::Result<()> {
        self.send(&Message::new("spawn").with("program", program), &[talk])
    }

    /// Asks for a process to be killed that this one has asked for.
    ///
    /// # Errors
    /// If the parent does not take it.
    pub fn kill(&self, pid: u32) -> io::Result<()> {
        self.send(&Message::new("kill").number("pid", pid), &[])
    }

    /// Says that the trial of a process is over: it has the place of this one for good.
    ///
    /// # Errors
    /// If the parent does not take it.
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

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

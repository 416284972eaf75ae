//! The newer Teal's part: says whether it can take over, and takes what it is handed.

use std::env;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use config::Config;
use control::handover::{
    self, Host, Link, Offer, PROTOCOL, Place, Reply, Taking, receive, receive_descriptors, send,
};
use proxy::HandedOver;
use rules::Actor;
use traffic::Seat;

use super::MARK;
use crate::exit::Failure;

/// How long the older Teal may take for what it says. It waits for drains meanwhile.
// lossless: L10
const PATIENCE: Duration = Duration::from_secs(120);

/// The older Teal, before anything is agreed.
#[derive(Debug)]
pub(in crate::run) struct Arrival {
    older: UnixStream,
    offer: Offer,
}

/// What it hands over.
#[derive(Debug)]
pub(in crate::run) struct Inherited {
    older: UnixStream,
    pid: u32,
    /// The lock of the state directory.
    pub(in crate::run) lock: OwnedFd,
    /// The admin listener, if it is to stay where it is.
    pub(in crate::run) admin: Option<TcpListener>,
    /// The admin socket.
    pub(in crate::run) socket: UnixListener,
    /// The sockets of the public listeners.
    pub(in crate::run) listeners: Vec<HandedOver>,
}

/// A way to the older one that outlives the start.
#[derive(Debug)]
pub(in crate::run) struct Word(UnixStream);

// === impl Arrival ===

impl Arrival {
    /// Who started this process, if it was a Teal that is to be replaced.
    pub(in crate::run) fn from_environment() -> Result<Option<Self>, Failure> {
        if env::var_os(MARK).is_none() {
            return Ok(None);
        }
        let input = io::stdin().as_fd().try_clone_to_owned();
        let older = input.map(UnixStream::from).and_then(|older| {
            older.set_read_timeout(Some(PATIENCE))?;
            older.set_write_timeout(Some(PATIENCE))?;
            Ok(older)
        });
        let talk = older.and_then(|older| Ok((receive::<Offer>(&older)?, older)));
        let (offer, older) = talk.map_err(|error| {
            Failure::usage(format!(
                "{MARK} is set, but no Teal is at the other end of standard input: {error}; \
                 `teal upgrade` sets it for the program that it starts"
            ))
        })?;
        Ok(Some(Self { older, offer }))
    }

    /// Says that it can't be, and why.
    pub(in crate::run) fn refuse(&self, reason: &str) {
        // Ignored: if it has gone, nobody is to be told.
        let _ = send(&self.older, &Reply::Refused { reason: reason.to_owned() });
    }

    /// What speaks against it.
    pub(in crate::run) fn check(&self, config: &Config) -> Result<(), Failure> {
        let Offer { protocol, version, state_dir, .. } = &self.offer;
        if *protocol != PROTOCOL {
            return Err(Failure::failed(format!(
                "Teal {version} speaks version {protocol} of the hand-over, this one ({}) version \
                 {PROTOCOL}; restart Teal instead",
                env!("CARGO_PKG_VERSION")
            )));
        }
        if *state_dir != config.state_dir {
            return Err(Failure::usage(format!(
                "state_dir is {} now and {} for the Teal that runs: state does not move in an \
                 upgrade; stop Teal, move the directory, and start it",
                config.state_dir.display(),
                state_dir.display()
            )));
        }
        Ok(())
    }

    /// Says that it can be, and takes what the older one has; waits for it to lay its charge down.
    pub(in crate::run) fn take(self, config: &Config) -> Result<Inherited, Failure> {
        let Self { older, offer } = self;
        let (version, pid) = (env!("CARGO_PKG_VERSION").to_owned(), std::process::id());
        let talk = || -> io::Result<(Taking, Vec<OwnedFd>)> {
            send(&older, &Reply::Ready { version, pid })?;
            let taking = receive::<Taking>(&older)?;
            let descriptors = receive_descriptors(&older, taking.descriptors())?;
            Ok((taking, descriptors))
        };
        let (taking, descriptors) = talk().map_err(|error| {
            Failure::failed(format!("the Teal that runs has not handed over after all: {error}"))
        })?;
        let mut descriptors = descriptors.into_iter();
        let mut next = || descriptors.next().ok_or(io::Error::from(ErrorKind::UnexpectedEof));
        let mut take = || -> io::Result<Inherited> {
            let (lock, admin, socket) = (next()?, next()?, next()?);
            let mut listeners = Vec::new();
            for listening in &taking.listeners {
                let sockets = (0..listening.sockets).map(|_| next().map(TcpListener::from));
                let sockets = sockets.collect::<io::Result<Vec<_>>>()?;
                listeners.push(HandedOver { configured: listening.place.configured, sockets });
            }
            let Place { configured, bound } = taking.admin;
            let stays = [configured, bound].contains(&config.admin.listen);
            Ok(Inherited {
                older: older.try_clone()?,
                pid: offer.pid,
                lock,
                admin: stays.then(|| TcpListener::from(admin)),
                socket: UnixListener::from(socket),
                listeners,
            })
        };
        take().map_err(|error| {
            Failure::failed(format!(
                "what the Teal that runs has handed over is not whole: {error}"
            ))
        })
    }
}

// === impl Inherited ===

impl Inherited {
    /// A way to the older one for a last word.
    pub(in crate::run) fn word(&self) -> Result<Word, Failure> {
        self.older.try_clone().map(Word).map_err(|error| cannot_talk(&error))
    }

    /// Gives the older Teal its place among the workers, on the current runtime.
    pub(in crate::run) fn host(self, seat: Seat) -> Result<Host, Failure> {
        let link = Link::new(self.older).map_err(|error| cannot_talk(&error))?;
        let host = handover::host(seat.host(), link, self.pid);
        tracing::info!(older = self.pid, by = %Actor::Teal, "taking over");
        Ok(host)
    }
}

fn cannot_talk(error: &io::Error) -> Failure {
    Failure::failed(format!("cannot talk to the Teal that runs: {error}"))
}

// === impl Word ===

impl Word {
    /// Says why this one does not serve with what it was handed. To be followed by the end.
    pub(in crate::run) fn give_up(&self, reason: &str) {
        handover::give_up(&self.0, reason);
    }
}

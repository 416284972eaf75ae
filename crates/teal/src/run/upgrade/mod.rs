//! Teal replaces itself: one file per step of it.
//!
//! `hand_over` is the older Teal's: it has the parent start the newer one, asks it, lays the charge down
//! and hands over what it has. `arrive` is the newer one's, which serves only if `confirm` finds up what
//! was up. `leave` is what the older one does from then on,
//! or how it comes back.
//!
//! Guaranteed: at every instant somebody accepts on every public socket, and no socket is closed
//! (L7). Until the newer one has said that it serves, and for [`PROBATION`] after that, the older one
//! can take everything back. Never here: a program that a caller names.

mod arrive;
mod confirm;
mod hand_over;
mod leave;
mod process;

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use control::UpgradeWish;
use peer::Host;
use proxy::{BindError, Sockets};
use rules::Refusal;
use tokio::sync::mpsc;

use super::parent::Parent;

pub(super) use arrive::{Arrival, Handed, Older};
pub(super) use confirm::confirm;
pub(super) use leave::{Leaving, Left};

/// How long the newer Teal is watched after it has begun to serve.
const PROBATION: Duration = Duration::from_secs(5);

/// How many Teals may be leaving at once, each through the next newer one.
const GENERATIONS: usize = 16;

/// What a running Teal needs to be replaced.
#[derive(Debug)]
pub(super) struct Replaceable {
    /// Upgrades that are asked for.
    pub(super) wishes: mpsc::Receiver<UpgradeWish>,
    /// The program at the path of the one that runs, as it was at the start; or why it is not known.
    program: Result<PathBuf, String>,
    /// The lock of the state directory, to be passed on; `None`: given up.
    lock: Option<OwnedFd>,
    /// The public listeners: configured, bound, and all sockets.
    listeners: Vec<(SocketAddr, SocketAddr, Vec<TcpListener>)>,
    /// The admin listener: configured and bound.
    admin: (SocketAddr, SocketAddr),
    /// The listener of metrics, if there is one: the same.
    metrics: Option<(SocketAddr, SocketAddr)>,
    /// The Teal that this one has taken over from.
    pub(super) older: Option<Host>,
    /// Who starts the newer one.
    pub(super) parent: Parent,
}

impl Replaceable {
    pub(super) fn new(
        wishes: mpsc::Receiver<UpgradeWish>,
        lock: OwnedFd,
        configured: &[SocketAddr],
        sockets: &Sockets,
        (admin, metrics): ((SocketAddr, SocketAddr), Option<(SocketAddr, SocketAddr)>),
        (older, parent): (Option<Host>, Parent),
    ) -> Result<Self, BindError> {
        let failed = |source| BindError { address: admin.0, source };
        let program = program().map_err(|error| {
            format!(
                "the path of the program that runs is not known ({error}); write upgrade.binary"
            )
        });
        let all = sockets.duplicate().map_err(failed)?;
        let places = configured.iter().zip(sockets.addresses()).zip(all);
        let listeners = places.map(|((configured, bound), all)| (*configured, *bound, all));
        let (lock, listeners) = (Some(lock), listeners.collect());
        Ok(Self { wishes, program, lock, listeners, admin, metrics, older, parent })
    }

    /// Keeps the public sockets and the state directory no longer: nobody will take over from this
    /// one, and who comes after it finds them free.
    pub(super) fn give_up(&mut self) {
        self.listeners.clear();
        self.lock = None; // the journal, while it is open here, has a lock of its own
    }

    /// Refuses who has asked while another upgrade was carried out.
    pub(super) fn refuse_the_rest(&mut self) {
        while let Ok((_, reply)) = self.wishes.try_recv() {
            drop(reply.send(Err(Refusal::UpgradeInProgress))); // whoever asked may have gone
        }
    }
}

/// The path of the program that runs, as it was called: where that is a link which is later made to
/// lead to a newer version, it is the link that counts.
fn program() -> io::Result<PathBuf> {
    let runs = std::env::current_exe()?;
    let called = std::env::args_os().next().map(PathBuf::from).and_then(|name| {
        if name.components().count() > 1 {
            return std::path::absolute(name).ok();
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|dir| dir.join(&name)).find(|path| path.is_file())
    });
    let file = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    let own = file(&runs)?;
    // Whoever starts a program can give it any name.
    Ok(called.filter(|path| file(path).is_ok_and(|called| called == own)).unwrap_or(runs))
}

//! Upgrades: one file per step.
//!
//! `hand_over` is the older Teal's part: it asks the parent to start the newer one, checks that it can take
//! over, stops deciding and hands over what it has. `arrive` is the newer one's part, which serves only if
//! `confirm` finds up what was up. `leave` is the older one's part from then on: it leaves, or serves again.
//!
//! Guaranteed: at every instant one of them accepts on every public socket, and no socket is closed
//! (L7). Until the newer one has reported that it serves, and for [`PROBATION`] after that, the older one
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

use control::PendingUpgrade;
use peer::Host;
use proxy::{BindError, Sockets};
use rules::Refusal;
use tokio::sync::mpsc;

use super::parent::Parent;

pub(super) use arrive::{Older, PassedState, Takeover, TealSockets};
pub(super) use confirm::confirm;
pub(super) use leave::{LeaveOutcome, Leaving};

/// The time the newer Teal is watched after it has begun to serve.
const PROBATION: Duration = Duration::from_secs(5);

/// The most Teals that may be leaving at once, each through the next newer one.
const GENERATIONS: usize = 16;

/// The parts of a running Teal that an upgrade needs.
#[derive(Debug)]
pub(super) struct Replaceable {
    /// Requests for upgrades.
    pub(super) pending_upgrades: mpsc::Receiver<PendingUpgrade>,
    /// The path of the running program, as at the start; or why it is not known.
    program: Result<PathBuf, String>,
    /// The lock of the state directory, from the hand-over until the newer one's trial ends or this one has the
    /// journal open again.
    lock: Option<OwnedFd>,
    /// The public listeners: configured, bound, and all sockets.
    listeners: Vec<(SocketAddr, SocketAddr, Vec<TcpListener>)>,
    /// The admin listener: configured and bound.
    admin: (SocketAddr, SocketAddr),
    /// The listener of metrics, if there is one: the same.
    metrics: Option<(SocketAddr, SocketAddr)>,
    /// The Teal that this one has taken over from.
    pub(super) older: Option<Host>,
    /// The parent, which starts the newer one.
    pub(super) parent: Parent,
}

impl Replaceable {
    pub(super) fn new(
        pending_upgrades: mpsc::Receiver<PendingUpgrade>,
        configured: &[SocketAddr],
        sockets: &Sockets,
        (admin, metrics): ((SocketAddr, SocketAddr), Option<(SocketAddr, SocketAddr)>),
        (older, parent): (Option<Host>, Parent),
    ) -> Result<Self, BindError> {
        let failed = |source| BindError { address: admin.0, source };
        let program = program().map_err(|error| {
            format!("the path of the running program is not known ({error}); set upgrade.binary")
        });
        let all = sockets.duplicate().map_err(failed)?;
        let places = configured.iter().zip(sockets.addresses()).zip(all);
        let listeners = places.map(|((configured, bound), all)| (*configured, *bound, all));
        let (lock, listeners) = (None, listeners.collect());
        Ok(Self { pending_upgrades, program, lock, listeners, admin, metrics, older, parent })
    }

    /// Releases the public sockets and the state directory: no Teal will take over from this one, and the
    /// next one finds them free.
    pub(super) fn give_up(&mut self) {
        self.listeners.clear();
        self.lock = None; // the journal, while it is open here, has a lock of its own
    }

    /// Refuses requests made while another upgrade was carried out.
    pub(super) fn refuse_the_rest(&mut self) {
        while let Ok((_, reply)) = self.pending_upgrades.try_recv() {
            drop(reply.send(Err(Refusal::UpgradeInProgress))); // the caller may have gone
        }
    }
}

/// The path of the running program, as it was called: if that is a symbolic link, the link itself, which
/// may later point to a newer version.
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
    // The caller of a program can give it any name.
    Ok(called.filter(|path| file(path).is_ok_and(|called| called == own)).unwrap_or(runs))
}

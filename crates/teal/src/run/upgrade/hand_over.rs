//! The older Teal's part: starts the newer one, asks if it can take over, and hands over.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use control::{ClosedJournal, Follower, Frozen, Handle, NewerStatus};
use journal::{FileStorage, Journal, Opened};
use peer::{
    Handover, Host, ListenAddress, Offer, OfferedColor, OfferedListener, PROTOCOL, PeerConnection,
    Reply, receive, send, send_descriptors,
};
use rules::Refusal;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::confirm;
use super::process::{Process, ProcessProblem};
use super::{GENERATIONS, Replaceable};
use crate::exit::Failure;
use crate::run::admin::{Admin, AdminSockets};
use crate::run::contents::Contents;
use crate::run::copied::ConfigCopy;

/// The time limit for the newer one to read its configuration and agree to take over.
// lossless: L10
const SAYS_WITHIN: Duration = Duration::from_secs(10);

/// The time limit for it to serve with what it was handed.
// lossless: L10
const SERVES_WITHIN: Duration = Duration::from_secs(15);

/// A newer Teal that serves, and may still fail.
#[derive(Debug)]
pub(super) struct Newer {
    pub(super) process: Process,
    pub(super) version: String,
    pub(super) follower: Follower,
}

/// Hands over to a newer Teal. After an error, everything is as it was.
pub(super) async fn hand_over(
    replaceable: &mut Replaceable,
    handle: &Handle,
    admin: &Admin,
    state_dir: &Path,
    binary: Option<&Path>,
    up: Vec<OfferedColor>,
) -> Result<Newer, Refusal> {
    let leaving = replaceable.leaving();
    if leaving > GENERATIONS {
        return Err(Refusal::UpgradeFailed {
            reason: format!(
                "{GENERATIONS} older Teals are still finishing their last requests; try again \
                 when they have (at the latest after upgrade.drain)"
            ),
        });
    }
    let program = binary.map_or_else(|| replaceable.program.clone(), |path| Ok(path.to_owned()));
    let program = program.map_err(failed)?;
    let started = Process::start(&replaceable.parent, &program).await;
    let (mut process, talk) = started.map_err(|error| Refusal::UpgradeFailed {
        reason: format!("cannot start {}: {error}", program.display()),
    })?;
    let offer = Offer {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        state_dir: state_dir.to_owned(),
        through: leaving - 1,
        up,
        used: confirm::used(handle).await?,
    };
    let version = match ask(&talk, offer, process.pid).await {
        Ok(version) => version,
        Err(why) => return Err(failed(process.explain(why).await)),
    };
    if let Some(older) = &replaceable.older {
        older.say_confirmed(); // whatever comes: if we fail now, we serve on
    }
    let mut frozen = handle.freeze().await?;
    let recorded = match close_journal(&mut frozen).await {
        Ok(ClosedJournal { lock, recorded }) => {
            replaceable.lock = lock;
            recorded
        }
        Err(reason) => {
            process.end().await;
            return Err(failed(reason));
        }
    };
    let connection =
        replaceable.give(&talk, admin, recorded).and_then(|()| PeerConnection::new(talk));
    let mut follower = match connection {
        Ok(connection) => frozen.follow(connection, replaceable.older.clone()),
        Err(error) => {
            process.end().await;
            take_back(frozen, &process, state_dir, replaceable).await?;
            return Err(failed(format!("cannot hand over what it needs: {error}")));
        }
    };
    let why = match timeout(SERVES_WITHIN, follower.next()).await {
        Ok(NewerStatus::Serving) => return Ok(Newer { process, version, follower }),
        Ok(NewerStatus::Failed(reason)) => ProcessProblem(reason),
        Ok(_) => ProcessProblem("it ended before it served".to_owned()),
        Err(_) => ProcessProblem(format!("it did not serve within {SERVES_WITHIN:?}")),
    };
    let reason = process.explain(why).await;
    take_back(follower.stop().await, &process, state_dir, replaceable).await?;
    Err(failed(reason))
}

/// Closes the journal, once it is where the newer Teal reads it.
// lossless: L6
async fn close_journal(frozen: &mut Frozen) -> Result<ClosedJournal, String> {
    frozen.look_at_journal().await.map_err(|reason| {
        format!(
            "the journal is gone and cannot be rewritten: {reason}; make the state directory usable, \
             then try again"
        )
    })?;
    frozen.close_journal().map_err(|error| format!("cannot pass on the lock: {error}"))
}

/// Takes everything back from a newer one that has ended, or goes on without the journal, which it may still
/// write to.
///
/// # Errors
/// Nothing can be changed from here on.
// lossless: L6
pub(super) async fn take_back(
    frozen: Frozen,
    process: &Process,
    state_dir: &Path,
    replaceable: &mut Replaceable,
) -> Result<(), Refusal> {
    let opened = match &replaceable.lock {
        Some(lock) if !process.is_left() => reopen(state_dir, lock).await,
        _ => Err(format!(
            "the newer Teal, process {}, cannot be killed, and may still write to it; kill it, then \
             restart Teal",
            process.pid
        )),
    };
    match opened {
        Ok(opened) => {
            let back = frozen.take_back(opened).await.map_err(|error| error.to_string());
            back.inspect(|()| replaceable.lock = None) // the open journal has a lock of its own
        }
        Err(reason) => {
            frozen.go_on_without_journal(&reason);
            Err(reason)
        }
    }
    .map_err(|reason| Refusal::JournalUnavailable { reason })
}

fn failed(reason: String) -> Refusal {
    Refusal::UpgradeFailed { reason }
}

/// Reads the journal as the newer one has left it, under the lock that was never given up.
async fn reopen(state_dir: &Path, lock: &OwnedFd) -> Result<Opened, String> {
    let lock = lock.try_clone().map_err(|error| error.to_string())?;
    let state_dir = state_dir.to_owned();
    // On its own thread: a disk that does not answer must not stop this one's signs of life.
    let opened = spawn_blocking(move || {
        let storage =
            FileStorage::with_lock(&state_dir, lock).map_err(|failure| failure.to_string())?;
        Journal::open(Box::new(storage), None).map_err(|error| error.to_string())
    });
    opened.await.map_err(|error| error.to_string())?
}

/// Returns its version, if it can take over and is process `started`.
async fn ask(talk: &UnixStream, offer: Offer, started: u32) -> Result<String, ProcessProblem> {
    let talk = talk.try_clone().map_err(|error| ProcessProblem(error.to_string()))?;
    let answer = spawn_blocking(move || -> io::Result<Reply> {
        talk.set_read_timeout(Some(SAYS_WITHIN))?;
        talk.set_write_timeout(Some(SAYS_WITHIN))?;
        send(&talk, &offer)?;
        receive(&talk)
    });
    match answer.await {
        Ok(Ok(Reply::Ready { version, pid })) if pid == started => Ok(version),
        Ok(Ok(Reply::Ready { pid, .. })) => Err(ProcessProblem(format!(
            "process {started} was started but process {pid} answered; a script around Teal must \
             end with: exec teal \"$@\""
        ))),
        Ok(Ok(Reply::Refused { reason })) => Err(ProcessProblem(reason)),
        Ok(Err(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Err(ProcessProblem(format!("it did not answer within {SAYS_WITHIN:?}")))
        }
        Ok(Err(error)) if is_end(&error) => {
            Err(ProcessProblem("it ended without an answer".to_owned()))
        }
        Ok(Err(error)) => Err(ProcessProblem(format!("it cannot be understood: {error}"))),
        Err(broken) => Err(ProcessProblem(broken.to_string())),
    }
}

/// Returns true if the other side has gone.
fn is_end(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | BrokenPipe | ConnectionReset)
}

// === impl Replaceable ===

impl Replaceable {
    /// The number of Teals that would be leaving after an upgrade now, including this one.
    fn leaving(&self) -> usize {
        1 + self.older.as_ref().map_or(0, Host::leaving)
    }

    /// The sockets to hand over, by their addresses.
    fn handover(&self, recorded: Option<u64>) -> Handover {
        let place = |(configured, bound)| ListenAddress { configured, bound };
        let listeners = self.listeners.iter().map(|(configured, bound, sockets)| OfferedListener {
            place: place((*configured, *bound)),
            sockets: sockets.len(),
        });
        Handover {
            admin: place(self.admin),
            metrics: self.metrics.map(place),
            listeners: listeners.collect(),
            recorded,
        }
    }

    /// The same as descriptors: all sockets of the admin API and of the listeners.
    fn ways<'a>(&'a self, admin: &'a Admin) -> io::Result<Vec<BorrowedFd<'a>>> {
        let AdminSockets { tcp, unix, metrics } = admin.listeners().ok_or(ErrorKind::NotFound)?;
        let own = [tcp.as_fd(), unix.as_fd()].into_iter().chain(metrics.as_ref().map(AsFd::as_fd));
        let sockets = self.listeners.iter().flat_map(|(_, _, sockets)| sockets);
        Ok(own.chain(sockets.map(AsFd::as_fd)).collect())
    }

    /// Announces what is handed over, and hands it over.
    fn give(&self, talk: &UnixStream, admin: &Admin, recorded: Option<u64>) -> io::Result<()> {
        let lock = self.lock.as_ref().ok_or(ErrorKind::NotFound)?;
        let mut descriptors = vec![lock.as_fd()];
        descriptors.extend(self.ways(admin)?);
        send(talk, &self.handover(recorded))?;
        send_descriptors(talk, &descriptors)
    }

    /// Leaves with the parent what a Teal needs that is started after this one dies.
    // lossless: L7
    pub(in crate::run) fn keep(
        &self,
        admin: &Admin,
        copy: Option<&ConfigCopy>,
        contents: &Contents,
    ) -> Result<(), Failure> {
        let left = || {
            let mut descriptors = self.ways(admin)?;
            descriptors.extend(copy.map(AsFd::as_fd));
            descriptors.extend(contents.memory().filter(|_| copy.is_some()));
            self.parent.keep(&serde_json::to_vec(&self.handover(None))?, &descriptors)
        };
        left().map_err(|error: io::Error| {
            Failure::failed(format!("cannot leave the listening sockets with the parent: {error}"))
        })
    }
}

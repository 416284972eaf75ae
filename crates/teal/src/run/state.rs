//! The state directory: the journal in it, and the admin socket.

pub(super) mod group;
pub(super) mod private;

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use config::Config;
use control::Handle;
use journal::{FileStorage, Journal, Opened};

use super::upgrade::PassedState;
use crate::exit::{Exit, Failure};

/// Takes the state directory for this process, with the lock of the Teal that it takes over from if
/// there is one, and reads the journal.
pub(super) fn open(
    state_dir: &Path,
    adopt: Option<u64>,
    inherited: Option<&PassedState>,
) -> Result<Opened, Failure> {
    let open = || match inherited {
        Some(PassedState { lock, .. }) => {
            let lock = lock.try_clone();
            let lock = lock.map_err(|error| format!("cannot keep the lock: {error}"))?;
            FileStorage::with_lock(state_dir, lock).map_err(|failure| failure.to_string())
        }
        None => FileStorage::open(state_dir).map_err(|failure| failure.to_string()),
    };
    let storage = open().map_err(|failure| {
        Failure::failed(format!(
            "{failure}; the state directory must be writable for the user that Teal runs as \
             (choose another with state_dir or --state-dir)"
        ))
    })?;
    private::check_directory(state_dir);
    let opened = Journal::open(Box::new(storage), adopt);
    let opened = opened.map_err(|error| Failure::failed(error.to_string()))?;
    let known = inherited.and_then(|passed| passed.recorded);
    match known.and_then(|known| lost(known, &opened, state_dir)) {
        Some(lost) => Err(Failure::failed(format!(
            "{lost}: the directory was removed or replaced (by an older copy, say), or another one is seen there \
             (by a mount, say); see to it that both see the same, then try the upgrade again. The Teal that runs \
             goes on with its own state"
        ))),
        None => Ok(opened),
    }
}

/// The difference from the journal that the older Teal has closed, which was of this generation, if something
/// is missing.
// lossless: L6 - never start empty or earlier where a state was.
fn lost(known: u64, opened: &Opened, state_dir: &Path) -> Option<String> {
    let state_dir = state_dir.display();
    match opened {
        Opened::Fresh(_) => Some(format!(
            "there is no state in {state_dir}, where the Teal that runs had one of generation {known} a moment ago"
        )),
        Opened::Recovered { journal, .. } if journal.generation() < known => Some(format!(
            "the state in {state_dir} is of generation {}, older than that of the Teal that runs, which is of \
             generation {known}",
            journal.generation()
        )),
        Opened::Recovered { .. } => None,
    }
}

/// Creates the admin socket, or takes over that of the older Teal. If the directory cannot be written,
/// that is logged and an unnamed socket takes its place: traffic goes on.
pub(super) fn bind_socket(
    config: &Config,
    group: Option<u32>,
    inherited: Option<&UnixListener>,
) -> Result<UnixListener, Failure> {
    let path = &config.admin.socket;
    let made = bind(config, group, inherited).or_else(|error| {
        if !is_unwritable(&error) {
            return Err(error);
        }
        tracing::error!(
            "cannot create the admin socket {}: {error}; only the TCP admin listener serves until a \
             start with a writable directory",
            path.display()
        );
        let name = format!("teal-{}", super::token::random_hex(16));
        let socket = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
        socket.set_nonblocking(true).map(|()| socket)
    });
    made.map_err(|error| cannot_bind(path, &error))
}

/// Recreates the admin socket after its path was removed, or fails.
pub(super) fn bind_socket_again(
    config: &Config,
    group: Option<u32>,
) -> Result<UnixListener, Failure> {
    bind(config, group, None).map_err(|error| cannot_bind(&config.admin.socket, &error))
}

fn cannot_bind(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot create the admin socket {}: {error}", path.display()))
}

fn bind(
    config: &Config,
    group: Option<u32>,
    inherited: Option<&UnixListener>,
) -> io::Result<UnixListener> {
    let path = &config.admin.socket;
    let (listener, given) = match inherited {
        Some(socket) => match admin::claim_socket(path, group) {
            // The directory was removed and recreated: the old socket can no longer be reached.
            Err(error) if error.kind() == io::ErrorKind::NotFound => made(path, group)?,
            Err(error) if !is_unwritable(&error) => return Err(error),
            claimed => (socket.try_clone()?, claimed.unwrap_or(Ok(()))),
        },
        None => made(path, group)?,
    };
    match (given, group) {
        (Err(error), Some(gid)) => tracing::error!("{}", group::not_given(config, gid, &error)),
        (Ok(()), Some(gid)) => {
            if let Some(closed) = group::unreachable(config, gid) {
                tracing::warn!("{closed}");
            }
        }
        (_, None) => {}
    }
    listener.set_nonblocking(true).map(|()| listener)
}

fn made(path: &Path, group: Option<u32>) -> io::Result<(UnixListener, io::Result<()>)> {
    // Anyone who may write there can replace our socket with their own.
    path.parent().inspect(|directory| private::check_socket_directory(directory));
    let (listener, given) = admin::bind_socket(path, group)?;
    Ok((listener.into_std()?, given))
}

/// Returns true if the disk is the cause, so that the existing state can still be served.
pub(super) fn is_unwritable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    )
}

/// Ends the process if the journal still waits for a disk that does not answer: everything else has
/// ended, and the runtime would wait for that disk.
// lossless: L10
#[expect(clippy::exit, reason = "nothing else ends a thread that waits for a disk")]
pub(super) async fn leave(handle: &Handle) {
    if handle.metrics().await.is_ok_and(|metrics| !metrics.journal_available) {
        crate::log::finish();
        std::process::exit(Exit::Done as i32);
    }
}

//! The folder of one environment: its lock, its control socket and the record of its process.
//!
//! The supervisor holds the lock for as long as it lives, so a lock that is free proves that there is none. The record
//! identifies the process by more than its id, which may have passed to a stranger.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

/// The folder of one environment.
#[derive(Clone, Debug)]
pub(crate) struct Place(PathBuf);

/// The processes of a supervisor, for a successor after its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) process: Identity,
    pub(crate) version: Option<String>,
    pub(crate) port: Option<u16>,
}

/// One process of one boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    /// Its start, in clock ticks since the boot.
    started: u64,
    boot: String,
}

// === impl Place ===

impl Place {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// Makes the folder, for this user alone.
    pub(crate) fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.0.join("control")
    }

    /// Takes the lock; `None` if another process has it.
    pub(crate) fn lock(&self) -> io::Result<Option<File>> {
        let file = private().write(true).create(true).open(self.0.join("lock"))?;
        Ok(taken(&file, FlockOperation::NonBlockingLockExclusive)?.then_some(file))
    }

    /// Returns true if a supervisor has the lock.
    pub(crate) fn is_locked(&self) -> io::Result<bool> {
        match File::open(self.0.join("lock")) {
            Ok(file) => Ok(!taken(&file, FlockOperation::NonBlockingLockShared)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Replaces the record, whole or not at all.
    pub(crate) fn write(&self, record: &Record) -> io::Result<()> {
        let (new, path) = (self.0.join("process.new"), self.0.join("process"));
        let mut file = private().write(true).create(true).truncate(true).open(&new)?;
        serde_json::to_writer(&mut file, record)?;
        file.sync_all()?;
        fs::rename(new, path)
    }

    /// The record; `None` if there is none that can be read.
    pub(crate) fn record(&self) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.0.join("process")).ok()?).ok()
    }

    /// Removes what says that something runs.
    pub(crate) fn clear(&self) {
        for path in [self.0.join("process"), self.control()] {
            let _ = fs::remove_file(path); // ignored: it is gone, or the next supervisor replaces it
        }
    }
}

// === impl Identity ===

impl Identity {
    /// The identity of a process that has not been waited for.
    pub(crate) fn of(pid: i32) -> io::Result<Self> {
        let (started, _) = started_and_state(pid)?;
        Ok(Self { pid, started, boot: boot()? })
    }

    /// Returns true if this very process runs.
    pub(crate) fn runs(&self) -> bool {
        let now = started_and_state(self.pid);
        let same = now
            .is_ok_and(|(started, state)| started == self.started && !matches!(state, 'Z' | 'X'));
        same && boot().is_ok_and(|boot| boot == self.boot)
    }

    /// Signals it, with the process group that it leads.
    pub(crate) fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.runs()) else { return };
        // Ignored: it has ended, or runs as another user, which its end will show.
        let _ = match getpgid(Some(pid)) {
            Ok(group) if group == pid => kill_process_group(pid, signal),
            _ => kill_process(pid, signal),
        };
    }
}

fn private() -> fs::OpenOptions {
    let mut options = File::options();
    options.mode(0o600);
    options
}

fn taken(file: &File, operation: FlockOperation) -> io::Result<bool> {
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn boot() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned())
}

/// Fields 22 and 3 of `/proc/PID/stat` (proc(5)). The name in field 2 may contain anything, so the fields are counted
/// from its end.
fn started_and_state(pid: i32) -> io::Result<(u64, char)> {
    let stat = fs::read(format!("/proc/{pid}/stat"))?;
    let stat = String::from_utf8_lossy(&stat);
    let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let state = fields.next().and_then(|state| state.chars().next());
    let started = fields.nth(18).and_then(|started| started.parse().ok());
    started.zip(state).ok_or_else(|| io::Error::other("/proc has no such fields"))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_known_by_more_than_its_id() {
        let mut child =
            Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().expect("it starts");
        let pid = i32::try_from(child.id()).expect("the kernel has no larger ids");
        let identity = Identity::of(pid).expect("it runs");
        assert!(identity.runs());
        let later = Identity { started: identity.started + 1, ..identity.clone() };
        let rebooted = Identity { boot: "another".to_owned(), ..identity.clone() };
        for stranger in [later, rebooted] {
            assert!(!stranger.runs());
            stranger.signal(Signal::KILL);
        }
        assert!(child.try_wait().expect("it is ours").is_none(), "a stranger is not signalled");
        identity.signal(Signal::KILL);
        child.wait().expect("it ends");
        assert!(!identity.runs());
    }

    #[test]
    fn a_lock_has_one_holder_and_a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let place = Place::new(folder.path().join("web.green"));
        assert!(!place.is_locked().expect("there is no lock"));
        place.create().expect("it can be made");
        let held = place.lock().expect("it works").expect("it is free");
        assert!(place.lock().expect("it works").is_none() && place.is_locked().expect("it works"));
        drop(held);
        assert!(!place.is_locked().expect("it works"));

        let process = Identity { pid: 1, started: 2, boot: "b".to_owned() };
        let record = Record { process, version: Some("v42".to_owned()), port: Some(8082) };
        place.write(&record).expect("it can be written");
        assert_eq!(place.record(), Some(record));
        fs::write(place.folder().join("process"), "{").expect("it is ours");
        assert_eq!(place.record(), None);
        place.clear();
        place.clear();
    }
}

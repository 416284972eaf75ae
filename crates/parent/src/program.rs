//! The program to start.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A program that has been started: its path, and the file that was there at the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) file: Option<(u64, u64)>,
}

impl Program {
    pub(crate) fn at(path: PathBuf) -> Self {
        let file = file(&path).ok();
        Self { path, file }
    }

    /// The program of this process.
    pub(crate) fn own() -> Self {
        Self::at(of_process("self"))
    }

    /// The path for restarting this program, which is known to work: its path while the same file is there,
    /// else the program of this process. A file installed since then takes over only through an upgrade.
    pub(crate) fn again(&self) -> PathBuf {
        let same = self.file.is_some() && file(&self.path).ok() == self.file;
        if same { self.path.clone() } else { of_process("self") }
    }
}

/// The program that a process runs: its path, or the link in `/proc` if there is another file at that
/// path meanwhile.
fn of_process(id: &str) -> PathBuf {
    let link = PathBuf::from(format!("/proc/{id}/exe"));
    let runs = file(&link);
    match fs::read_link(&link) {
        Ok(path) if runs.as_ref().is_ok_and(|runs| file(&path).is_ok_and(|at| at == *runs)) => path,
        Ok(_) => link,
        // Without /proc: the name it was started by.
        Err(_) => env::args_os().next().map(PathBuf::from).unwrap_or(link),
    }
}

/// The program of a process, if it differs from the one of this process.
pub(crate) fn other_than_own(pid: u32) -> Option<PathBuf> {
    let runs = file(Path::new(&format!("/proc/{pid}/exe"))).ok()?;
    let own = file(Path::new("/proc/self/exe")).ok()?;
    (runs != own).then(|| of_process(&pid.to_string()))
}

fn file(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

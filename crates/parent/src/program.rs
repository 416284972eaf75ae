//! Which program is started.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A program that has been started, by its path, and which file that was then.
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

    /// What to start if this program, which works, is to be started again: by its path while the same
    /// file is there, else the program of this process. Whatever has been installed since takes over
    /// by an upgrade alone.
    pub(crate) fn again(&self) -> PathBuf {
        let same = self.file.is_some() && file(&self.path).ok() == self.file;
        if same { self.path.clone() } else { of_process("self") }
    }
}

/// The program that a process runs: its path, or, if that is another file by now, a name of the
/// kernel's for it.
fn of_process(id: &str) -> PathBuf {
    let link = PathBuf::from(format!("/proc/{id}/exe"));
    let runs = file(&link);
    match fs::read_link(&link) {
        Ok(path) if runs.as_ref().is_ok_and(|runs| file(&path).is_ok_and(|at| at == *runs)) => path,
        Ok(_) => link,
        // Without /proc: what it was called.
        Err(_) => env::args_os().next().map(PathBuf::from).unwrap_or(link),
    }
}

/// The program of a process, if it is another than the one of this process.
pub(crate) fn other_than_own(pid: u32) -> Option<PathBuf> {
    let runs = file(Path::new(&format!("/proc/{pid}/exe"))).ok()?;
    let own = file(Path::new("/proc/self/exe")).ok()?;
    (runs != own).then(|| of_process(&pid.to_string()))
}

fn file(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

//! Writing a set of files into a directory: all of them or none, and never over one that is there.
//!
//! Each file is written in full and synced in a directory beside them first. Then each gets its name by a hard link,
//! which fails where the name is taken, so that no race can overwrite a file. If one fails, those before it are removed
//! again.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::files::File;

/// A set of files that could not be written. Nothing is left of it.
#[derive(Debug)]
pub struct Unwritten {
    path: PathBuf,
    why: io::Error,
}

/// A set of files that was written.
#[derive(Debug)]
#[must_use = "what was written may have to be taken back"]
pub struct Written {
    /// Directories and files in the order in which they were made.
    made: Vec<Made>,
}

#[derive(Debug)]
enum Made {
    Directory(PathBuf),
    File(PathBuf),
}

/// Those of the files that exist already, whatever they are.
pub fn existing(directory: &Path, files: &[File]) -> Vec<PathBuf> {
    let paths = files.iter().map(|file| directory.join(&file.path));
    paths.filter(|path| fs::symlink_metadata(path).is_ok()).collect()
}

/// Writes all files.
///
/// # Errors
/// The path that could not be made. Everything before it is removed again.
pub fn write(directory: &Path, files: &[File]) -> Result<Written, Unwritten> {
    let mut written = Written { made: Vec::new() };
    let stage = directory.join(format!(".teal-init-{}", std::process::id()));
    let result = written
        .directories(directory)
        .and_then(|()| staged(&stage, files))
        .and_then(|()| written.named(directory, &stage, files));
    for index in 0..files.len() {
        let _may_not_be_there = fs::remove_file(stage.join(index.to_string()));
    }
    let _may_not_be_there = fs::remove_dir(&stage);
    match result {
        Ok(()) => Ok(written),
        Err(unwritten) => {
            written.undo();
            Err(unwritten)
        }
    }
}

// === impl Written ===

impl Written {
    /// Removes everything that was made.
    pub fn undo(self) {
        for made in self.made.into_iter().rev() {
            // What somebody put there meanwhile keeps its directory.
            let _removed = match made {
                Made::Directory(path) => fs::remove_dir(path),
                Made::File(path) => fs::remove_file(path),
            };
        }
    }

    /// Makes a directory and what is missing above it.
    fn directories(&mut self, directory: &Path) -> Result<(), Unwritten> {
        let mut missing: Vec<&Path> = Vec::new();
        for above in directory.ancestors().filter(|above| !above.as_os_str().is_empty()) {
            if above.exists() {
                break;
            }
            missing.push(above);
        }
        for path in missing.into_iter().rev() {
            fs::create_dir(path).map_err(|why| at(path, why))?;
            self.made.push(Made::Directory(path.to_owned()));
        }
        Ok(())
    }

    /// Gives each file its name.
    fn named(&mut self, directory: &Path, stage: &Path, files: &[File]) -> Result<(), Unwritten> {
        for (index, file) in files.iter().enumerate() {
            let path = directory.join(&file.path);
            if let Some(parent) = path.parent() {
                self.directories(parent)?;
            }
            fs::hard_link(stage.join(index.to_string()), &path).map_err(|why| at(&path, why))?;
            self.made.push(Made::File(path));
        }
        let opened = fs::File::open(directory);
        opened.and_then(|opened| opened.sync_all()).map_err(|why| at(directory, why))
    }
}

/// Writes each file under its number.
fn staged(stage: &Path, files: &[File]) -> Result<(), Unwritten> {
    fs::create_dir(stage).map_err(|why| at(stage, why))?;
    for (index, file) in files.iter().enumerate() {
        let path = stage.join(index.to_string());
        let mode = if file.executable { 0o777 } else { 0o666 }; // without those of the umask
        let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        let synced = opened.and_then(|mut opened| {
            opened.write_all(file.text.as_bytes())?;
            opened.sync_all()
        });
        synced.map_err(|why| at(&path, why))?;
    }
    Ok(())
}

fn at(path: &Path, why: io::Error) -> Unwritten {
    Unwritten { path: path.to_owned(), why }
}

// === impl Unwritten ===

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if self.why.kind() == io::ErrorKind::AlreadyExists {
            return write!(f, "{path} exists by now, and is never overwritten");
        }
        write!(f, "cannot write {path}: {}", self.why)
    }
}

impl std::error::Error for Unwritten {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.why)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn set() -> [File; 3] {
        [("teal.toml", false), ("hooks/start", true), ("deploy.sh", true)].map(
            |(path, executable)| File { path: path.to_owned(), text: path.to_owned(), executable },
        )
    }

    /// All paths below a directory.
    fn below(directory: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                found.extend(below(&path));
            }
            found.push(path);
        }
        found
    }

    #[test]
    fn a_set_is_written_with_the_directories_that_it_needs() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = place.path().join("new/place");
        let _written = write(&directory, &set()).expect("written");
        assert_eq!(below(&directory).len(), 4);
        let executable = |path: &str| {
            fs::metadata(directory.join(path)).expect(path).permissions().mode() & 0o100 != 0
        };
        assert!(executable("hooks/start") && executable("deploy.sh") && !executable("teal.toml"));
        assert_eq!(fs::read_to_string(directory.join("hooks/start")).expect("text"), "hooks/start");
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_kept_and_nothing_else_is_left() {
        for taken in ["teal.toml", "hooks/start", "deploy.sh"] {
            let place = tempfile::tempdir().expect("a directory");
            let path = place.path().join(taken);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(&path, "mine").expect("written");
            let before = below(place.path());
            assert_eq!(existing(place.path(), &set()), std::slice::from_ref(&path));
            let said = write(place.path(), &set()).expect_err("taken").to_string();
            assert!(said.contains(taken) && said.contains("never overwritten"), "{said}");
            assert_eq!(below(place.path()), before);
            assert_eq!(fs::read_to_string(&path).expect("text"), "mine");
        }
    }

    #[test]
    fn a_dangling_link_counts_as_a_file() {
        let place = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink("nowhere", place.path().join("deploy.sh")).expect("a link");
        assert_eq!(existing(place.path(), &set()).len(), 1);
        write(place.path(), &set()).expect_err("taken");
        assert_eq!(below(place.path()).len(), 1);
    }

    #[test]
    fn what_was_written_can_be_taken_back_with_its_directories() {
        let place = tempfile::tempdir().expect("a directory");
        write(&place.path().join("new/place"), &set()).expect("written").undo();
        assert!(below(place.path()).is_empty());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let place = tempfile::tempdir().expect("a directory");
        fs::write(place.path().join("file"), "").expect("written");
        let said = write(&place.path().join("file/place"), &set()).expect_err("no directory");
        assert!(said.to_string().contains("cannot write"), "{said}");
        assert_eq!(below(place.path()).len(), 1);
    }
}

//! The contents of files as they were read, TLS files above all, and loading from them instead of the files.
//!
//! The files in force were read once. A Teal that replaces a dead one loads the same contents again,
//! whatever the files hold by then.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files that were read, with their contents.
pub type FilesRead = BTreeMap<PathBuf, Vec<u8>>;

/// The override and the record of what this thread reads.
struct Scope {
    /// Returned instead of the contents of the files.
    given: FilesRead,
    read: FilesRead,
}

thread_local! {
    static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Runs `work` on this thread. Where it reads TLS files, or others by [`read_once`], it gets the given contents, or the file itself if
/// none are given. Also returns the contents of everything that it has read.
pub fn reading<T>(given: FilesRead, work: impl FnOnce() -> T) -> (T, FilesRead) {
    let before = SCOPE.replace(Some(Scope { given, read: FilesRead::new() }));
    let done = work();
    let read = SCOPE.replace(before).map(|scope| scope.read);
    (done, read.unwrap_or_default())
}

/// Returns the given contents for this path, or reads the file by `read`; also records them.
///
/// # Errors
/// Those of `read`.
pub fn read_once<E>(
    path: &Path,
    read: impl FnOnce(&Path) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let bytes = given(path).map_or_else(|| read(path), Ok)?;
    note(path, &bytes);
    Ok(bytes)
}

fn given(path: &Path) -> Option<Vec<u8>> {
    SCOPE.with_borrow(|scope| scope.as_ref()?.given.get(path).cloned())
}

fn note(path: &Path, bytes: &[u8]) {
    SCOPE.with_borrow_mut(|scope| {
        if let Some(scope) = scope {
            scope.read.insert(path.to_owned(), bytes.to_vec());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pem::read;

    #[test]
    fn a_file_is_read_again_as_it_was_whatever_it_holds_now() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("cert.pem");
        std::fs::write(&path, "first").expect("written");
        let (first, files) = reading(FilesRead::new(), || read(&path).expect("it is there"));
        std::fs::write(&path, "second").expect("written");
        let again = || reading(files.clone(), || read(&path).expect("it was there"));
        assert_eq!((first, again()), (b"first".to_vec(), (b"first".to_vec(), files.clone())));
        std::fs::remove_file(&path).expect("it was there");
        assert_eq!(again().0, b"first");
        assert!(read(&path).is_err(), "only within");
        assert!(reading(FilesRead::new(), || read(&path)).0.is_err());
    }
}

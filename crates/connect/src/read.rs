//! Contents of files of TLS as they were read, and reading by them instead of the files.
//!
//! The files in force were read once. A Teal that starts in the place of a dead one reads the same again,
//! whatever the files hold by then.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files that were read, with their contents.
pub type FilesRead = BTreeMap<PathBuf, Vec<u8>>;

/// The use of what this thread reads.
struct Scope {
    /// Found in the place of what the files hold.
    given: FilesRead,
    read: FilesRead,
}

thread_local! {
    static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Does something on this thread that finds the given contents where it reads files of TLS, and the files
/// themselves where none are given. Returns the contents of all that it has read, too.
pub fn reading<T>(given: FilesRead, work: impl FnOnce() -> T) -> (T, FilesRead) {
    let before = SCOPE.replace(Some(Scope { given, read: FilesRead::new() }));
    let done = work();
    let read = SCOPE.replace(before).map(|scope| scope.read);
    (done, read.unwrap_or_default())
}

/// The contents that are given for this path.
pub(crate) fn given(path: &Path) -> Option<Vec<u8>> {
    SCOPE.with_borrow(|scope| scope.as_ref()?.given.get(path).cloned())
}

/// Notes what was read.
pub(crate) fn note(path: &Path, bytes: &[u8]) {
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
    fn what_was_read_is_read_again_whatever_the_file_holds() {
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

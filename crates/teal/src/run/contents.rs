//! A copy of the TLS files and error pages in use, for a Teal that is started after a crash.
//!
//! It is kept like the configuration ([`super::copied`]): a certificate that is replaced by a broken file at
//! the moment of a crash must not become an outage. The copy is in anonymous memory held by the parent. The
//! files themselves are used again as soon as they are valid, as at any time.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use connect::FilesRead;

use super::copied::ConfigCopy;

/// Them, and the memory.
#[derive(Clone, Debug)]
pub(super) struct Contents(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Mutex<FilesRead>,
    /// `None` if the system provides none.
    memory: Option<ConfigCopy>,
}

impl Contents {
    pub(super) fn of(files: FilesRead) -> Self {
        let memory = ConfigCopy::of(&encode(&files)).inspect_err(warn).ok();
        Self(Arc::new(Inner { files: Mutex::new(files), memory }))
    }

    /// Reads the memory of a Teal that has died.
    pub(super) fn read(memory: &ConfigCopy) -> io::Result<FilesRead> {
        decode(&memory.bytes()?).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Adds files whose contents are in use from here on, or replaces their contents.
    // lossless: L6
    pub(super) fn add(&self, files: FilesRead) {
        let mut all = self.0.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.iter().all(|(path, bytes)| all.get(path) == Some(bytes)) {
            return;
        }
        all.extend(files);
        self.put(&all);
    }

    /// Replaces all files.
    // lossless: L6
    pub(super) fn replace(&self, files: FilesRead) {
        let mut all = self.0.files.lock().unwrap_or_else(PoisonError::into_inner);
        *all = files;
        self.put(&all);
    }

    fn put(&self, all: &FilesRead) {
        if let Some(memory) = &self.0.memory {
            let _ = memory.put(&encode(all)).inspect_err(warn);
        }
    }

    pub(super) fn memory(&self) -> Option<BorrowedFd<'_>> {
        self.0.memory.as_ref().map(AsFd::as_fd)
    }
}

fn warn(error: &io::Error) {
    tracing::warn!(
        "cannot keep a copy of certificates and keys: {error}; after a crash Teal would read their files again"
    );
}

/// Encodes each path and its contents, with their lengths before them.
fn encode(files: &FilesRead) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (path, content) in files {
        for part in [path.as_os_str().as_bytes(), content] {
            bytes.extend_from_slice(&(part.len() as u64).to_ne_bytes());
            bytes.extend_from_slice(part);
        }
    }
    bytes
}

fn decode(mut bytes: &[u8]) -> Option<FilesRead> {
    let mut part = || {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (part, rest) =
            rest.split_at_checked(usize::try_from(u64::from_ne_bytes(*length)).ok()?)?;
        bytes = rest;
        Some((part.to_vec(), rest.is_empty()))
    };
    let mut files = BTreeMap::new();
    loop {
        let Some((path, _)) = part() else { return files.is_empty().then_some(files) };
        let (content, is_last) = part()?;
        files.insert(PathBuf::from(std::ffi::OsString::from_vec(path)), content);
        if is_last {
            return Some(files);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_contents_are_read_back() {
        let file = |path: &str, content: &[u8]| (PathBuf::from(path), content.to_vec());
        for files in [
            FilesRead::from([]),
            FilesRead::from([file("/a", b"")]),
            FilesRead::from([file("/a", b"one\0\xff"), file("/b c", &vec![7; 100_000])]),
        ] {
            let encoded = encode(&files);
            assert_eq!(decode(&encoded).as_ref(), Some(&files));
            if !encoded.is_empty() {
                assert_eq!(decode(&encoded[..encoded.len() - 1]), None, "it is cut short");
            }
            let contents = Contents::of(FilesRead::default());
            contents.replace(files.clone());
            contents.add(FilesRead::from([file("/new", b"x")]));
            let memory = contents.0.memory.as_ref().expect("memory");
            let mut all = files;
            all.extend([file("/new", b"x")]);
            assert_eq!(Contents::read(memory).expect("it is whole"), all);
        }
    }
}

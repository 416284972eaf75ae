//! A copy of the configuration in use, for a Teal that is started after a crash.
//!
//! A crash changes nothing: later changes of the file, if it still exists and is readable, take effect only
//! by a reload. The copy is the text in anonymous memory, which the parent holds beside the sockets: the secrets
//! of the file are in no second one, and a full disk prevents nothing.
//!
//! The memory begins with the offset and the length of the text in use. The next text is written beside it
//! before these change, so that a kill at any instant leaves one of the two, whole.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use config::{Config, KeyPositions, Problems};
use connect::FilesRead;
use parent::KeptDescriptors;
use rustix::fs::{FileType, MemfdFlags, Mode, fchmod, fstat, memfd_create};

use super::contents::Contents;
use super::precondition;
use super::reload::Source;

/// The size of the two numbers at the beginning.
const HEADER: u64 = 16;

/// The memory.
#[derive(Debug)]
pub(super) struct ConfigCopy(File);

impl ConfigCopy {
    pub(super) fn of(bytes: &[u8]) -> io::Result<Self> {
        let memory = memfd_create("teal in force", MemfdFlags::CLOEXEC)?;
        fchmod(&memory, Mode::RUSR | Mode::WUSR)?;
        let copy = Self(File::from(memory));
        copy.0.set_len(HEADER)?;
        copy.put(bytes)?;
        Ok(copy)
    }

    /// Takes them from what the parent has kept: those at the end that are not sockets, of which the
    /// configuration is the first.
    fn from_kept(kept: &mut KeptDescriptors) -> Vec<Self> {
        let is_file = |stat: rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode).is_file();
        let is_file = |descriptor: &OwnedFd| fstat(descriptor).is_ok_and(is_file);
        let sockets =
            kept.descriptors.iter().rposition(|one| !is_file(one)).map_or(0, |last| last + 1);
        kept.descriptors.drain(sockets..).map(File::from).map(Self).collect()
    }

    /// Replaces the content in use with the next one. One at a time.
    // lossless: L6
    pub(super) fn put(&self, bytes: &[u8]) -> io::Result<()> {
        let (begin, length) = self.place()?;
        let size = bytes.len() as u64;
        let before = HEADER + size <= begin;
        let at = if before { HEADER } else { HEADER.max(begin + length) };
        self.0.write_all_at(bytes, at)?;
        self.0.write_all_at([at.to_ne_bytes(), size.to_ne_bytes()].as_flattened(), 0)
    }

    /// The content in use.
    pub(super) fn bytes(&self) -> io::Result<Vec<u8>> {
        let (begin, length) = self.place()?;
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.0.read_exact_at(&mut bytes, begin)?;
        Ok(bytes)
    }

    fn text(&self) -> io::Result<String> {
        String::from_utf8(self.bytes()?).map_err(io::Error::other)
    }

    /// The offset of the text in use, and its length.
    fn place(&self) -> io::Result<(u64, u64)> {
        let mut numbers = [[0; 8]; 2];
        self.0.read_exact_at(numbers.as_flattened_mut(), 0)?;
        let [begin, length] = numbers.map(u64::from_ne_bytes);
        let end = begin.checked_add(length).ok_or(ErrorKind::InvalidData)?;
        let whole = end <= self.0.metadata()?.len();
        whole.then_some((begin, length)).ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }
}

impl AsFd for ConfigCopy {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The configuration that was in use when a Teal died.
pub(super) struct CopiedConfig {
    pub(super) config: Config,
    pub(super) places: KeyPositions,
    /// The contents of the TLS files.
    pub(super) files: FilesRead,
    /// The reason why the current file is not used: it is invalid, or it has changed.
    pub(super) not_in_force: Option<String>,
}

/// The configuration that was in use when the Teal before this one died, if it was from a file. Logs
/// the problems of the current file, or that it has changed.
pub(super) fn after_crash(source: &Source, kept: &mut KeptDescriptors) -> Option<CopiedConfig> {
    let mut copies = ConfigCopy::from_kept(kept).into_iter();
    let text = copies.next()?.text().map_err(|error| error.to_string());
    let files = copies.next().map_or_else(|| Ok(FilesRead::new()), |copy| Contents::read(&copy));
    let files = files.unwrap_or_else(|error| {
        tracing::warn!("cannot use the copy of certificates and keys: {error}; reading the files");
        FilesRead::new()
    });
    let (config, places) = text
        .and_then(|text| source.parse(text).ok_or("it is invalid".to_owned()))
        .inspect_err(|why| {
            tracing::warn!("cannot use the copy of the configuration: {why}; reading the file");
        })
        .ok()?;
    let stays = "serving with the configuration in use before the crash";
    let refused = |problems: Problems| {
        let problems = one_line(&problems);
        tracing::warn!("{stays} until the file is fixed and reloaded by `teal reload`: {problems}");
        Some(problems)
    };
    let not_in_force = match source.read() {
        Err(problems) => refused(problems),
        Ok((now, _)) if now == config => None,
        Ok((now, places)) => {
            if let Err(problems) = precondition::examine(&now, &places) {
                refused(problems)
            } else {
                tracing::warn!("{stays}: the file has changed since; use it with `teal reload`");
                Some("the file has changed since then; use it with `teal reload`".to_owned())
            }
        }
    };
    // Anything essential that is not among the kept files fails where it is used.
    if let Err(problems) = precondition::examine(&config, &places) {
        tracing::warn!("{stays}, which now has problems: {}", one_line(&problems));
    }
    Some(CopiedConfig { config, places, files, not_in_force })
}

fn one_line(problems: &Problems) -> String {
    problems.to_string().replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_next_text_leaves_the_one_in_force_alone_and_has_its_place_then() {
        let copy = ConfigCopy::of(b"").expect("memory");
        assert_eq!(copy.0.metadata().expect("it is there").mode() & 0o777, 0o600);
        for length in [5, 5, 5, 3, 0, 900, 10, 1000, 1001, 1002, 1, 4 << 20, 2, 4 << 20] {
            let (begin, end) = copy.place().map(|(at, length)| (at, at + length)).expect("a place");
            let text = "é".repeat(length / 2);
            copy.put(text.as_bytes()).expect("it is put");
            let (at, size) = copy.place().expect("a place");
            assert!(at + size <= begin || at >= end, "{at} {size} over {begin} to {end}");
            assert_eq!(copy.text().expect("text"), text);
        }
        assert!(copy.0.metadata().expect("it is there").len() < 9 << 20, "it does not grow");
    }

    #[test]
    fn a_truncated_copy_or_one_that_is_not_text_is_an_error() {
        let copy = ConfigCopy::of(b"text").expect("memory");
        for (begin, length) in [(16, 5), (u64::MAX, 2), (20, 1), (16, u64::MAX)] {
            let numbers = [u64::to_ne_bytes(begin), u64::to_ne_bytes(length)];
            copy.0.write_all_at(numbers.as_flattened(), 0).expect("written");
            assert!(copy.text().is_err() && copy.put(b"other").is_err(), "{begin} {length}");
        }
        copy.0.set_len(3).expect("cut");
        assert!(copy.text().is_err());
    }

    #[test]
    fn a_parent_that_has_kept_sockets_alone_has_no_copy() {
        let (one, other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let descriptors = [one, other].map(OwnedFd::from).into();
        let mut kept = KeptDescriptors { label: Vec::new(), descriptors };
        assert!(ConfigCopy::from_kept(&mut kept).is_empty());
        kept.descriptors.push(ConfigCopy::of(b"text").expect("memory").0.into());
        kept.descriptors.push(ConfigCopy::of(b"files").expect("memory").0.into());
        let copies = ConfigCopy::from_kept(&mut kept);
        let texts: Vec<_> = copies.iter().map(|copy| copy.text().expect("text")).collect();
        assert_eq!(
            (texts, kept.descriptors.len()),
            (vec!["text".to_owned(), "files".to_owned()], 2)
        );
    }
}

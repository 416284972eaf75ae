//! The log of a supervised program: a file that it writes itself, rotated by size.
//!
//! The program appends to the file without its supervisor, so it neither waits for it nor ends with it. Rotation
//! copies the end of the file to `.1` and empties it. Lines that are written between these two steps are lost.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::lines::{KEPT, last};

/// The most bytes that are read for the last lines.
const READ_MAX: u64 = 256 << 10;

/// Opens a log to append to.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o600).open(path)
}

/// The beginning of the line that the supervisor appends when it starts a version.
const STARTING: &str = "teal: starting ";

/// Appends the line about the start of a version.
pub(crate) fn note_start(path: &Path, version: &str) {
    append(path, &format!("{STARTING}{version}"));
}

/// Appends a line of the supervisor.
pub(crate) fn note(path: &Path, line: &str) {
    append(path, &format!("teal: {line}"));
}

fn append(path: &Path, line: &str) {
    // Ignored: on a full disk the program's own lines are lost too, and it still runs.
    let _ = open(path).and_then(|mut log| writeln!(log, "{line}"));
}

/// A place in a log, from which on lines are wanted.
#[derive(Debug)]
pub(crate) struct Mark {
    length: u64,
    /// The time of the last rotation.
    rotated: Option<SystemTime>,
}

/// The end of a log as it is now.
pub(crate) fn mark(path: &Path) -> Mark {
    Mark { length: length(path), rotated: rotated(path) }
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

fn rotated(path: &Path) -> Option<SystemTime> {
    beside(path, ".1").metadata().and_then(|metadata| metadata.modified()).ok()
}

/// Rotates a log that is longer than `most` bytes.
pub(crate) fn rotate(path: &Path, most: u64) -> io::Result<()> {
    let length = length(path);
    if length <= most {
        return Ok(());
    }
    let mut log = File::options().read(true).write(true).open(path)?;
    log.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let new = beside(path, ".new");
    let mut old = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    io::copy(&mut (&log).take(most), &mut old)?;
    fs::rename(new, beside(path, ".1"))?;
    log.set_len(0)
}

/// The last lines of a log and of the rotated one before it, without those of the version that ran before.
pub(crate) fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let mut bytes = end_of(&beside(path, ".1"), 0);
    bytes.extend(end_of(path, 0));
    let mut lines = last(&bytes, usize::MAX);
    let others = of_others(&lines);
    lines.drain(..others.max(lines.len().saturating_sub(count)));
    lines
}

/// Returns the number of lines that are in front of the first start of the version started last.
fn of_others(lines: &[String]) -> usize {
    let starts = lines.iter().enumerate().filter(|(_, line)| line.starts_with(STARTING));
    let mut starts = starts.rev();
    let Some((mut first, newest)) = starts.next() else { return 0 };
    for (earlier, line) in starts {
        if line != newest {
            return first;
        }
        first = earlier;
    }
    0
}

/// The last lines that were written after a mark. After a rotation they may begin with older ones.
pub(crate) fn lines_after(path: &Path, mark: &Mark) -> Vec<String> {
    if rotated(path) != mark.rotated {
        return last_lines(path, KEPT);
    }
    last(&end_of(path, mark.length), KEPT)
}

fn end_of(path: &Path, offset: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let from = offset.max(length(path).saturating_sub(READ_MAX));
    let _ = File::open(path).and_then(|mut log| {
        log.seek(SeekFrom::Start(from))?;
        log.take(READ_MAX).read_to_end(&mut bytes)
    }); // ignored: there is no such log, or what could be read of it counts
    bytes
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_version_before_are_not_told() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("log");
        note_start(&path, "v1");
        note(&path, "stopped");
        note_start(&path, "v2");
        note(&path, "ended with code 3; next start in 1s");
        note_start(&path, "v2");
        let told = last_lines(&path, 9);
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[0], "teal: starting v2");
        assert_eq!(last_lines(&path, 1), ["teal: starting v2"]);
    }

    #[test]
    fn a_log_is_rotated_by_size_while_its_writer_appends() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("log");
        assert!(rotate(&path, 10).is_ok() && last_lines(&path, 3).is_empty());
        let mut writer = open(&path).expect("it can be made");
        writer.write_all(b"one\ntwo\n").expect("there is room");
        rotate(&path, 8).expect("it is not too long");
        writer.write_all(b"three\n").expect("there is room");
        let before = mark(&path);
        rotate(&path, 8).expect("it can be rotated");
        assert_eq!(length(&path), 0);
        writer.write_all(b"four\n").expect("there is room");
        note(&path, "five");
        assert_eq!(last_lines(&path, 3), ["three", "four", "teal: five"]);
        assert_eq!(last_lines(&path, 9)[0], "o", "the end of what was too long");
        assert_eq!(lines_after(&path, &before).len(), 4, "it has been rotated since");
        let now = mark(&path);
        assert!(lines_after(&path, &now).is_empty());
        note(&path, "six");
        assert_eq!(lines_after(&path, &now), ["teal: six"]);
    }
}

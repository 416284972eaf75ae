//! Finds out if the lock of a state directory is held.
//!
//! Asks the kernel's list: to try the lock itself could refuse a Teal that starts in this instant.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

/// A device as the kernel numbers it.
type Device = (u32, u32);

/// Returns true if a process holds a lock on this file.
///
/// # Errors
/// The file can't be looked at.
pub(super) fn is_held(path: &Path) -> io::Result<bool> {
    let inode = fs::metadata(path)?.ino();
    let devices = devices(path)?;
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    Ok(locks.lines().any(|line| names(line, inode, &devices)))
}

/// Returns true if a line of `/proc/locks` is of a lock on this file, as in
/// `1: FLOCK  ADVISORY  WRITE 708 fe:01:1234 0 EOF`.
fn names(line: &str, inode: u64, devices: &[Device]) -> bool {
    let mut fields = line.split_whitespace().filter(|field| *field != "->"); // the mark of a waiting process
    let Some((kind, place)) = fields.nth(1).zip(fields.nth(3)) else { return false };
    let mut place = place.split(':');
    let mut hex = || u32::from_str_radix(place.next()?, 16).ok();
    let Some(device) = hex().zip(hex()) else { return false };
    let number = place.next().and_then(|number| number.parse().ok());
    kind == "FLOCK" && number == Some(inode) && devices.contains(&device)
}

/// The devices that the list may name for a file: its own, and that of the mount that it is on, which is
/// another where each part of a file system has a number of its own (btrfs).
fn devices(path: &Path) -> io::Result<Vec<Device>> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    let found = statx(CWD, path, AtFlags::empty(), wanted)?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = found.stx_mnt_id.to_string();
    let of_mount = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (major, minor) =
            (fields.next()? == mount).then(|| fields.nth(1)?.split_once(':'))??;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    Ok([(found.stx_dev_major, found.stx_dev_minor)].into_iter().chain(of_mount).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FlockOperation, flock};

    #[test]
    fn a_lock_is_known_by_its_device_and_its_number() {
        let line = "1: FLOCK  ADVISORY  WRITE 708 fe:01:1234 0 EOF";
        assert!(names(line, 1234, &[(0xfe, 1)]));
        assert!(names(line, 1234, &[(8, 2), (0xfe, 1)]));
        assert!(!names(line, 1234, &[(0xfe, 2)]), "the same number on another device");
        assert!(!names(line, 234, &[(0xfe, 1)]));
        assert!(!names(&line.replace("FLOCK", "POSIX"), 1234, &[(0xfe, 1)]));
        assert!(names("2: -> FLOCK  ADVISORY  WRITE 709 fe:01:1234 0 EOF", 1234, &[(0xfe, 1)]));
        for cut in ["", "1:", "1: FLOCK", "1: FLOCK ADVISORY WRITE 708 fe:01", "a b c d e f g h"] {
            assert!(!names(cut, 1234, &[(0xfe, 1)]), "{cut}");
        }
    }

    #[test]
    fn a_lock_is_held_from_when_it_is_taken_until_it_is_let_go() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        assert!(is_held(&path).is_err(), "there is none");
        let file = fs::File::create(&path).expect("made");
        assert!(!is_held(&path).expect("it is there"));
        flock(&file, FlockOperation::NonBlockingLockExclusive).expect("no other process has it");
        assert!(is_held(&path).expect("it is there"));
        drop(file);
        assert!(!is_held(&path).expect("it is there"));
    }
}

//! The journal on a real disk: its files, its lock, its size.

#![expect(clippy::panic, reason = "what the tests share fails by panicking, as the tests do")]

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use journal::{Entry, FileStorage, Health, Journal, OpenError, Opened, Storage as _};

fn open(path: &Path) -> Result<Opened, OpenError> {
    Journal::open(Box::new(FileStorage::open(path)?), None)
}

fn fresh(path: &Path) -> Journal {
    match open(path).expect("the directory can be written") {
        Opened::Fresh(journal) => journal,
        Opened::Recovered { entries, .. } => panic!("there is a state already: {entries:?}"),
    }
}

fn entries(path: &Path) -> Vec<Entry> {
    match open(path).expect("it is whole") {
        Opened::Fresh(_) => Vec::new(),
        Opened::Recovered { journal, entries, dropped } => {
            assert_eq!(journal.health(), Health::Ready);
            assert_eq!(dropped, None);
            entries
        }
    }
}

fn entry(generation: u64, decision: bool, size: usize) -> Entry {
    Entry { generation, decision, payload: vec![b'p'; size] }
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

// L6
#[test]
fn appended_records_are_there_after_a_restart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut journal = fresh(directory.path());
    let appended = [entry(1, true, 10), entry(1, false, 0), entry(2, true, 2_000)];
    for entry in &appended {
        journal.append(std::slice::from_ref(entry)).expect("the disk works");
    }
    drop(journal);
    assert_eq!(entries(directory.path()), appended);
    assert_eq!(entries(directory.path()), appended, "opening changes nothing");
}

#[test]
fn a_missing_directory_is_made_for_its_owner_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("a").join("state");
    let mut journal = fresh(&path);
    journal.append(&[entry(1, true, 10)]).expect("the disk works");
    journal.compact(&[entry(1, true, 5)]).expect("the disk works");
    assert_eq!(mode(&path), 0o700);
    let mut names = Vec::new();
    for file in path.read_dir().expect("it is a directory") {
        let file = file.expect("it can be listed");
        assert_eq!(mode(&file.path()), 0o600, "{}", file.path().display());
        names.push(file.file_name());
    }
    names.sort();
    assert_eq!(names, ["head", "journal", "lock"], "and nothing is left behind");
}

#[test]
fn a_state_directory_that_is_not_a_directory_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state");
    std::fs::write(&path, "not a directory").expect("the disk works");
    let refused = open(&path).expect_err("it is a file").to_string();
    assert!(refused.contains(&path.display().to_string()), "{refused}");
    assert!(refused.contains("check that the state directory"), "{refused}");
}

#[test]
fn a_second_teal_is_refused_with_the_process_id_of_the_first() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let first = fresh(directory.path());
    let refused = open(directory.path()).expect_err("the directory is in use");
    let OpenError::Locked { pid, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
    assert!(refused.to_string().contains(&directory.path().display().to_string()), "{refused}");
    drop(first);
    fresh(directory.path());
}

#[test]
fn a_lock_that_is_passed_on_stays_held_and_opens_for_its_new_owner() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let storage = FileStorage::open(directory.path()).expect("the directory can be written");
    let passed_on = storage.lock_descriptor().expect("a descriptor is free").expect("it is a file");
    let opened = Journal::open(Box::new(storage), None).expect("nobody else is here");
    drop(opened);

    let stranger = open(directory.path()).expect_err("the descriptor still holds the lock");
    assert!(matches!(stranger, OpenError::Locked { .. }), "{stranger:?}");
    let heir = FileStorage::with_lock(directory.path(), passed_on).expect("it is a directory");
    Journal::open(Box::new(heir), None).expect("the lock was passed on");
}

// L6
#[test]
fn room_is_set_aside_on_the_disk_before_it_is_needed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut journal = fresh(directory.path());
    for generation in 1..=100 {
        journal.append(&[entry(generation, true, 2_000)]).expect("the disk works");
        let end = generation * 2_000;
        let metadata = directory.path().join("journal").metadata().expect("it is there");
        assert!(metadata.len() >= end + 65_536, "{} bytes at {end}", metadata.len());
        assert!(metadata.blocks() * 512 >= end + 65_536, "{} blocks", metadata.blocks());
    }
}

// L6
#[test]
fn compaction_bounds_the_size_and_is_wanted_rarely() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut journal = fresh(directory.path());
    let mut compactions = 0;
    for generation in 1..=2_000 {
        let last = entry(generation, true, 1_000);
        journal.append(&[entry(generation, false, 100), last.clone()]).expect("the disk works");
        if journal.wants_compaction() {
            journal.compact(&[last, entry(generation, false, 200_000)]).expect("the disk works");
            assert!(!journal.wants_compaction(), "right after compaction");
            compactions += 1;
        }
        let size = directory.path().join("journal").metadata().expect("it is there").len();
        assert!(size < 1_500_000, "{size} bytes at generation {generation}");
    }
    assert!((1..10).contains(&compactions), "{compactions} compactions");
    drop(journal);
    let found = entries(directory.path());
    assert_eq!(found.iter().map(|entry| entry.generation).max(), Some(2_000));
}

#[test]
fn a_snapshot_of_another_generation_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut journal = fresh(directory.path());
    journal.append(&[entry(7, true, 10)]).expect("the disk works");
    for generation in [0, 6, 8] {
        let refused = journal.compact(&[entry(generation, true, 10)]).expect_err("it is not 7");
        assert!(refused.to_string().contains("of generation 7"), "{refused}");
    }
    journal.compact(&[]).expect_err("an empty snapshot would be a reset");
    drop(journal);
    assert_eq!(entries(directory.path()), [entry(7, true, 10)]);
}

#[test]
fn an_entry_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut journal = fresh(directory.path());
    let limit = 16 * 1024 * 1024;
    let refused = journal.append(&[entry(1, true, limit + 1)]).expect_err("it is too large");
    assert!(refused.to_string().contains("limit of 16777216 bytes"), "{refused}");
    journal.append(&[entry(1, true, limit)]).expect("the disk works");
    drop(journal);
    assert_eq!(entries(directory.path()), [entry(1, true, limit)]);
}

// L6
#[test]
fn a_directory_that_cannot_be_made_again_at_first_is_made_by_a_later_look() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state");
    let mut journal = fresh(&path);
    journal.append(&[entry(1, true, 10)]).expect("the disk works");
    journal.look().expect("all is where it was");
    std::fs::remove_dir_all(&path).expect("removed");
    std::fs::write(&path, "in the way").expect("written");
    for _ in 0..2 {
        journal.look().expect_err("there can be no directory");
        assert!(matches!(journal.health(), Health::Refusing { .. }));
    }
    std::fs::remove_file(&path).expect("removed");
    journal.look().expect("now it can be made");
    assert_eq!(journal.health(), Health::Ready);
    drop(journal);
    assert_eq!(entries(&path), [entry(1, true, 10)]);
}

/// The inode of a file.
fn inode(file: impl AsFd) -> u64 {
    rustix::fs::fstat(file).expect("it is open").st_ino
}

#[test]
fn the_lock_that_is_passed_on_is_that_of_the_directory_as_it_was_made_again() {
    // L6
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state");
    let mut journal = fresh(&path);
    journal.append(&[entry(1, true, 10)]).expect("the disk works");
    let first = journal.lock_descriptor().expect("a descriptor is free").expect("it is a file");
    std::fs::remove_dir_all(&path).expect("removed");
    journal.look().expect("it is made again");
    let second = journal.lock_descriptor().expect("a descriptor is free").expect("it is a file");
    let named = File::open(path.join("lock")).expect("it is there");
    assert_ne!(inode(&first), inode(&named));
    assert_eq!(inode(&second), inode(&named));
    drop(journal);
    let stranger = open(&path).expect_err("what is passed on still holds the lock");
    assert!(matches!(stranger, OpenError::Locked { .. }), "{stranger:?}");
    let heir = FileStorage::with_lock(&path, second).expect("it is a directory");
    let heir = Journal::open(Box::new(heir), None).expect("the lock was passed on");
    let Opened::Recovered { journal, .. } = heir else { panic!("{heir:?}") };
    assert!(!journal.is_empty());
}

#[test]
fn the_files_of_another_teal_that_holds_the_directory_stay_as_they_are() {
    // L6
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state");
    let mut journal = fresh(&path);
    journal.append(&[entry(1, true, 10)]).expect("the disk works");
    std::fs::remove_dir_all(&path).expect("removed");
    // The other one has the lock, and is about to give its journal a name.
    let mut other = FileStorage::open(&path).expect("it is made");
    other.lock().expect("nobody else is here");
    std::fs::write(path.join("journal.new"), "another's").expect("written");
    for name in ["journal.new", "journal", "head"] {
        std::fs::write(path.join(name), "another's").expect("written");
        let refused = journal.append(&[entry(2, true, 10)]).expect_err("it is not ours");
        assert!(refused.to_string().contains("another Teal has taken"), "{refused}");
        journal.look().expect_err("it is not ours");
        let there = std::fs::read_to_string(path.join(name)).expect("it is there");
        assert_eq!(there, "another's", "{name}");
    }
    // It has gone, and what it wrote is there: whose that is, a person has to say.
    drop(other);
    let refused = journal.append(&[entry(2, true, 10)]).expect_err("it is not ours");
    assert!(refused.to_string().contains("may be another Teal's"), "{refused}");
    for name in ["journal.new", "journal", "head"] {
        std::fs::remove_file(path.join(name)).expect("removed");
    }
    journal.append(&[entry(2, true, 10)]).expect("it is ours again");
    drop(journal);
    assert_eq!(entries(&path), [entry(1, true, 10), entry(2, true, 10)]);
}

/// The journal of a start under a lock that is only readable, as on a read-only disk.
fn opened_to_read(path: &Path, lock: &Path) -> Journal {
    let lock = File::open(lock).expect("it is there");
    let storage = FileStorage::with_lock(path, lock.into()).expect("it is a directory");
    let opened = Journal::open(Box::new(storage), None).expect("nobody else is here");
    let Opened::Recovered { journal, .. } = opened else { panic!("{opened:?}") };
    journal
}

#[test]
fn a_lock_that_could_not_be_named_at_the_start_is_named_by_a_later_look() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (path, lock) = (directory.path(), directory.path().join("lock"));
    fresh(path).append(&[entry(1, true, 10)]).expect("the disk works");
    std::fs::write(&lock, "1\n").expect("the one before has left its name");
    // Nothing can be written under this name, not even by root.
    let aside = path.join("aside");
    std::fs::rename(&lock, &aside).expect("renamed");
    std::os::unix::fs::symlink("/proc/self/nothing", &lock).expect("made");
    let mut journal = opened_to_read(path, &aside);
    std::fs::rename(&aside, &lock).expect("renamed");
    assert_eq!(std::fs::read_to_string(&lock).expect("there"), "1\n", "as on a read-only disk");
    journal.look().expect("all is where it was");
    let named = std::fs::read_to_string(&lock).expect("there");
    assert_eq!(named.trim(), std::process::id().to_string());
    let OpenError::Locked { pid, .. } = open(path).expect_err("it is in use") else {
        panic!("not locked")
    };
    assert_eq!(pid, Some(std::process::id()));
}

#[test]
fn a_lock_of_the_directory_itself_becomes_a_lock_file_once_there_can_be_one() {
    // L6
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (path, lock) = (directory.path(), directory.path().join("lock"));
    fresh(path).append(&[entry(1, true, 10)]).expect("the disk works");
    std::fs::remove_file(&lock).expect("removed");
    let mut journal = opened_to_read(path, path);
    assert!(!lock.exists(), "as on a read-only disk");
    journal.look().expect("all is where it was");
    assert_eq!(mode(&lock), 0o600);
    let OpenError::Locked { pid, .. } = open(path).expect_err("it is in use") else {
        panic!("not locked")
    };
    assert_eq!(pid, Some(std::process::id()));
    journal.append(&[entry(2, true, 10)]).expect("the disk works");
    drop(journal);
    assert_eq!(entries(path), [entry(1, true, 10), entry(2, true, 10)]);
}

#[test]
fn the_first_to_create_the_lock_file_has_the_directory() {
    // L6
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path();
    fresh(path).append(&[entry(1, true, 10)]).expect("the disk works");
    std::fs::remove_file(path.join("lock")).expect("removed");
    let mut journal = opened_to_read(path, path);
    let other = open(path).expect("it makes a lock file, and locks it");
    for _ in 0..2 {
        journal.append(&[entry(2, true, 10)]).expect_err("it is not ours any more");
        journal.look().expect_err("it is not ours any more");
    }
    drop(other);
    assert_eq!(entries(path), [entry(1, true, 10)], "nothing was written there");
}

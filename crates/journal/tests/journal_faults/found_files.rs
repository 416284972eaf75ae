//! The outcome for each combination of files found, row by row of the journal's own table.

use journal::{Journal, OpenError, Opened};

use crate::fault_storage::Disk;
use crate::model::{Run, Step, decision, parts};

type File = (&'static str, Vec<u8>);

/// The journal and the head after this many decisions.
fn files(decisions: u64) -> [File; 2] {
    files_of(&run(decisions))
}

fn run(decisions: u64) -> Run {
    let mut run = Run::start(Disk::new(1));
    for generation in 1..=decisions {
        let payload = generation as u8;
        run.take(&Step::Append(vec![decision(generation, payload)]), &mut |_, _| {});
    }
    run
}

fn files_of(run: &Run) -> [File; 2] {
    ["journal", "head"].map(|name| (name, run.disk.content(name).expect("it is there")))
}

fn compacted(decisions: u64) -> [File; 2] {
    let mut run = run(decisions);
    let snapshot = vec![decision(decisions, decisions as u8)];
    run.take(&Step::Compact(snapshot), &mut |_, _| {});
    files_of(&run)
}

/// The file, the reason and the last good generation of the refusal.
fn refusal(files: &[File]) -> (String, String, Option<u64>) {
    let disk = Disk::holding(files.iter().cloned());
    match Journal::open(disk.storage(), None) {
        Err(OpenError::Damaged { path, reason, last_good_generation, .. }) => {
            for (name, bytes) in files {
                assert_eq!(disk.content(name).as_ref(), Some(bytes), "a refusal changes nothing");
            }
            (path.display().to_string(), reason, last_good_generation)
        }
        other => panic!("not refused as damaged: {other:?}"),
    }
}

fn is_fresh(files: &[File]) -> bool {
    let disk = Disk::holding(files.iter().cloned());
    matches!(Journal::open(disk.storage(), None), Ok(Opened::Fresh(_)))
}

// L6
#[test]
fn a_directory_without_a_journal_and_a_head_is_a_first_start() {
    assert!(is_fresh(&[]));
    assert!(is_fresh(&[("lock", b"12\n".to_vec()), ("admin.token", b"x".to_vec())]));
    assert!(is_fresh(&[("journal.new", Vec::new())]), "the first start was interrupted");
    assert!(is_fresh(&[("journal.new", files(0)[0].1.clone())]), "the same, a little later");
    assert!(is_fresh(&files(0)[..1]), "the same, later still");
    assert!(is_fresh(&files(0)), "nothing was recorded yet");
}

// L6
#[test]
fn a_head_or_a_rotation_without_a_journal_is_not_a_first_start() {
    let [journal, head] = files(2);
    let (path, reason, good) = refusal(&[head]);
    assert_eq!((path.as_str(), good), ("/state/journal", None));
    assert!(reason.contains("missing"), "{reason}");
    let (_, reason, _) = refusal(&[("journal.new", journal.1.clone())]);
    assert!(reason.contains("`journal.new` is there"), "{reason}");
    let (_, reason, _) = refusal(&[("journal.damaged-7", journal.1)]);
    assert!(reason.contains("`journal.damaged-7` is there"), "{reason}");
}

// L6
#[test]
fn a_journal_without_a_head_is_refused_and_can_be_adopted() {
    let [journal, _] = files(3);
    let (path, _, good) = refusal(std::slice::from_ref(&journal));
    assert_eq!((path.as_str(), good), ("/state/head", Some(3)));
    let disk = Disk::holding([journal]);
    let (_, entries) = parts(Journal::open(disk.storage(), Some(3)).expect("3 is good"));
    assert_eq!(entries, [decision(1, 1), decision(2, 2), decision(3, 3)]);
}

// L6
#[test]
fn an_empty_file_is_not_a_first_start() {
    let [journal, head] = files(1);
    assert_eq!(refusal(&[("journal", Vec::new()), head.clone()]).2, None);
    assert_eq!(refusal(&[("journal", vec![0; 65_536]), head]).2, None);
    assert_eq!(refusal(&[journal.clone(), ("head", Vec::new())]).2, Some(1));
    assert_eq!(refusal(&[journal, ("head", vec![0; 8_192])]).2, Some(1));
    assert_eq!(refusal(&[("journal", Vec::new())]).2, None);
}

// L6
#[test]
fn a_journal_older_than_the_head_is_refused() {
    let [old, _] = files(2);
    let [_, new] = compacted(3);
    let (path, reason, good) = refusal(&[old, new]);
    assert_eq!((path.as_str(), good), ("/state/journal", Some(2)));
    assert!(reason.contains("older than the file"), "{reason}");
}

// L6
#[test]
fn a_head_older_than_the_journal_is_refused() {
    let [_, old] = files(1);
    let [new, _] = files(3);
    let (path, reason, good) = refusal(&[new, old]);
    assert_eq!((path.as_str(), good), ("/state/head", Some(3)));
    assert!(reason.contains("more decisions than it describes"), "{reason}");
}

// L6
#[test]
fn a_head_of_an_earlier_file_is_an_interrupted_rotation() {
    let [_, old] = files(3);
    let [new, _] = compacted(3);
    let disk = Disk::holding([new, old]);
    let (journal, entries) = parts(Journal::open(disk.storage(), None).expect("it is whole"));
    assert_eq!(entries, [decision(3, 3)]);
    drop(journal);
    let (_, entries) = parts(Journal::open(disk.storage(), None).expect("it is whole"));
    assert_eq!(entries, [decision(3, 3)]);
}

// L6
#[test]
fn a_decision_that_was_never_acknowledged_is_dropped_and_reported_once() {
    let [_, old] = files(2);
    let [new, _] = files(3);
    let disk = Disk::holding([new, old]);
    let opened = Journal::open(disk.storage(), None).expect("it is whole");
    let Opened::Recovered { journal, entries, dropped: Some(dropped) } = opened else {
        panic!("a tail was dropped: {opened:?}")
    };
    assert_eq!(entries, [decision(1, 1), decision(2, 2)]);
    assert_eq!(dropped.generation, Some(3));
    assert!(dropped.to_string().contains("never acknowledged (generation 3)"), "{dropped}");
    drop(journal);
    let again = Journal::open(disk.storage(), None).expect("it is whole");
    assert!(matches!(again, Opened::Recovered { dropped: None, .. }), "{again:?}");
}

// L6
#[test]
fn files_of_another_version_are_refused_by_name() {
    for version in [0_u32, 2, u32::MAX] {
        for which in 0..2 {
            let mut files = files(1);
            let bytes = &mut files[which].1;
            bytes[8..12].copy_from_slice(&version.to_le_bytes());
            let crc = crc32fast::hash(&bytes[..12]);
            bytes[12..16].copy_from_slice(&crc.to_le_bytes());
            let name = files[which].0;
            let disk = Disk::holding(files);
            let refused = Journal::open(disk.storage(), Some(1)).expect_err("another version");
            let age = if version == 0 { "older" } else { "newer" };
            let text = refused.to_string();
            assert!(
                text.contains(&format!("/state/{name} has format version {version}")),
                "{text}"
            );
            assert!(text.contains(&format!("a Teal {age} than this one")), "{text}");
            assert!(matches!(refused, OpenError::UnknownVersion { supported: 1, .. }));
        }
    }
}

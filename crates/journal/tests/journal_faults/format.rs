//! The bytes of version 1, written here a second time from their description alone: files of
//! today must open in every later Teal. And files that are intact but absurd.

use journal::{Entry, Journal, Opened};

use crate::fault_storage::{Disk, Random};
use crate::model::{Run, Step, decision, note, parts};

const HEADER: u64 = 44;

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes
}

fn numbered(magic: &str, numbers: &[u64]) -> Vec<u8> {
    let preamble = [magic.as_bytes(), &1_u32.to_le_bytes()].concat();
    let mut bytes = sealed(preamble);
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    sealed(bytes)
}

/// File number, end of the snapshot, base.
fn header(numbers: [u64; 3]) -> Vec<u8> {
    numbered("TEALJRNL", &numbers)
}

/// Sequence, file number, generation, end.
fn slot(numbers: [u64; 4]) -> Vec<u8> {
    numbered("TEALHEAD", &numbers)
}

fn records(file: u64, entries: &[(Entry, bool)]) -> Vec<u8> {
    let mut chain = crc32fast::hash(&file.to_le_bytes());
    let mut bytes = Vec::new();
    for (entry, more) in entries {
        let kind = 1 + u8::from(entry.decision) + if *more { 128 } else { 0 };
        let length = (entry.payload.len() as u32).to_le_bytes();
        let rest = [&entry.generation.to_le_bytes()[..], &[kind], &entry.payload].concat();
        chain = crc32fast::hash(&[&chain.to_le_bytes()[..], &length, &rest].concat());
        bytes.extend([&length[..], &chain.to_le_bytes(), &rest].concat());
    }
    bytes
}

fn head(first: [u64; 4], second: [u64; 4]) -> Vec<u8> {
    let mut bytes = slot(first);
    bytes.resize(4_096, 0);
    bytes.extend(slot(second));
    bytes.resize(8_192, 0);
    bytes
}

fn entries_of(opened: Opened) -> Vec<Entry> {
    let (journal, entries) = parts(opened);
    drop(journal);
    entries
}

// L6
#[test]
fn the_files_are_laid_out_as_described() {
    let mut run = Run::start(Disk::new(1));
    run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
    let snapshot = [decision(1, 2), note(1, 3)];
    run.take(&Step::Compact(snapshot.to_vec()), &mut |_, _| {});
    let after = [note(1, 4), decision(2, 5)];
    run.take(&Step::Append(after.to_vec()), &mut |_, _| {});

    let [a, b] = snapshot;
    let [c, d] = after;
    let all = records(2, &[(a, false), (b, false), (c, true), (d, false)]);
    let (base, end) = (HEADER + 22 + 20, HEADER + 22 + 20 + 20 + 22);
    let mut journal = header([2, base, base]);
    journal.extend(all);
    assert_eq!(journal.len() as u64, end);
    journal.resize(131_072, 0);
    assert_eq!(run.disk.content("journal"), Some(journal));
    let expected = head([3, 2, 1, base], [4, 2, 2, end]);
    assert_eq!(run.disk.content("head"), Some(expected));
}

/// A journal of two decisions and its head, with one number of one of them replaced, intact.
fn absurd(which: usize, value: u64) -> [(&'static str, Vec<u8>); 2] {
    let entries = [(decision(1, 1), false), (decision(2, 2), false)];
    let end = HEADER + 44;
    let mut numbers = [7, HEADER, HEADER, 5, 7, 2, end, 4, 7, 1, end - 22];
    numbers[which] = value;
    let [file, snapshot, base, ref slots @ ..] = numbers;
    let (first, second) = slots.split_at(4);
    let mut journal = header([file, snapshot, base]);
    journal.extend(records(7, &entries));
    journal.resize(70_000, 0);
    let slots = [first, second].map(|slot| slot.try_into().expect("four numbers each"));
    [("journal", journal), ("head", head(slots[0], slots[1]))]
}

// L6
#[test]
fn intact_files_with_absurd_numbers_are_read_exactly_or_refused() {
    let near = [HEADER, HEADER + 22, HEADER + 44, 70_000, 0, u64::MAX, 1 << 32, 1 << 63];
    let values = near.iter().flat_map(|near| [near.wrapping_sub(1), *near, near.wrapping_add(1)]);
    let values: Vec<_> = values.chain(2..10).collect();
    let all = [decision(1, 1), decision(2, 2)];
    let mut refused = 0;
    for which in 0..11 {
        for value in &values {
            let disk = Disk::holding(absurd(which, *value));
            match Journal::open(disk.storage(), None) {
                Ok(opened) => {
                    let entries = entries_of(opened);
                    // A sequence that makes the older slot the newer one is a head that was not
                    // moved yet.
                    let swapped = which == 3 || which == 7;
                    assert!(
                        entries == all || (swapped && entries == all[..1]),
                        "number {which} is {value}: {entries:?}"
                    );
                }
                Err(_) => refused += 1,
            }
            for generation in [1, 2, u64::MAX] {
                let disk = Disk::holding(absurd(which, *value));
                drop(Journal::open(disk.storage(), Some(generation)));
            }
        }
    }
    assert!(refused > 100, "only {refused} refused");
}

// L6
#[test]
fn records_that_are_intact_but_make_no_sense_are_refused() {
    let good = (decision(1, 1), false);
    for (position, byte) in [(16, 0), (16, 3), (16, 0x7f), (3, 0xff), (3, 0x01)] {
        let mut last = records(7, &[good.clone(), (decision(2, 2), false)]).split_off(22);
        last[position] = byte;
        // Chained and checksummed as if it were right.
        let first = records(7, std::slice::from_ref(&good));
        let content = [&first[4..8], &last[..4], &last[8..]].concat();
        last[4..8].copy_from_slice(&crc32fast::hash(&content).to_le_bytes());
        let mut journal = header([7, HEADER, HEADER]);
        journal.extend([first, last].concat());
        journal.resize(70_000, 0);
        let head = head([5, 7, 2, HEADER + 44], [4, 7, 1, HEADER + 22]);
        let disk = Disk::holding([("journal", journal), ("head", head)]);
        let refused = Journal::open(disk.storage(), None).expect_err("no such record exists");
        assert!(refused.to_string().contains("`teal run --adopt 1`"), "{refused}");
    }
}

// L6
#[test]
fn files_of_random_bytes_are_refused() {
    for seed in 0..3_000 {
        let mut random = Random::new(seed);
        let [mut journal, mut head] = absurd(0, 7);
        for bytes in [&mut journal.1, &mut head.1] {
            for _ in 0..=random.below(8) {
                let (at, length) = (random.below(120), random.below(60));
                bytes[at..at + length].fill_with(|| random.next() as u8);
            }
        }
        let disk = Disk::holding([journal, head]);
        for adopt in [None, Some(1), Some(2)] {
            if let Ok(opened) = Journal::open(disk.storage(), adopt) {
                let entries = entries_of(opened);
                let all = [decision(1, 1), decision(2, 2)];
                let right = entries == all || (adopt == Some(1) && entries == all[..1]);
                assert!(right, "failing seed {seed}, adopting {adopt:?}: {entries:?}");
                break;
            }
        }
    }
}

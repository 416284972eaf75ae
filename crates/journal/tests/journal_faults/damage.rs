//! Files that were cut short or of which a bit has changed: recovered exactly, or refused.

use journal::{Entry, Journal, OpenError, Opened};

use crate::fault_storage::Disk;
use crate::model::{Append, Run, Step, decision, expect_usable, find, note, parts};

/// The size of a slot of the head.
const SLOT: usize = 52;

/// A state at rest, and what it must be read as. What was under way may be read, too.
pub(crate) struct Rest {
    name: &'static str,
    pub(crate) journal: Vec<u8>,
    pub(crate) head: Vec<u8>,
    appends: Vec<Append>,
    under_way: Option<Append>,
}

fn rest(name: &'static str, appends: &[Append]) -> Rest {
    let mut run = Run::start(Disk::new(1));
    for append in appends {
        run.take(&Step::Append(append.clone()), &mut |_, _| {});
    }
    rest_of(name, &run.disk, appends)
}

fn rest_of(name: &'static str, disk: &Disk, appends: &[Append]) -> Rest {
    let content = |name| disk.content(name).expect("it is there");
    let (journal, head) = (content("journal"), content("head"));
    Rest { name, journal, head, appends: appends.to_vec(), under_way: None }
}

pub(crate) fn rests() -> Vec<Rest> {
    let appends = [
        vec![decision(1, 1)],
        vec![note(1, 2), decision(2, 3), note(2, 4)],
        vec![decision(3, 5), decision(3, 6)],
    ];
    let mut noted = appends.to_vec();
    noted.extend([vec![note(3, 7)], vec![note(3, 8), note(3, 9)]]);

    let mut run = Run::start(Disk::new(1));
    run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
    let snapshot = vec![decision(1, 2), note(1, 3)];
    run.take(&Step::Compact(snapshot.clone()), &mut |_, _| {});
    let just_compacted = rest_of("just compacted", &run.disk, std::slice::from_ref(&snapshot));
    run.take(&Step::Append(vec![decision(2, 4)]), &mut |_, _| {});
    let compacted = rest_of("compacted", &run.disk, &[snapshot, vec![decision(2, 4)]]);

    let mut run = Run::start(Disk::new(1));
    run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
    run.take(&Step::Reopen, &mut |_, _| {});
    let reopened = rest_of("reopened", &run.disk, &[vec![decision(1, 1)]]);

    let first = rest("first decision", &appends[..1]);
    let (older, newer) = (rest("", &appends[..2]), rest("", &appends));
    let under_way = Some(appends[2].clone());
    let crashed =
        Rest { name: "crashed before the head", journal: newer.journal, under_way, ..older };

    let decided = rest("decisions", &appends);
    let noted = rest("decisions, then notes", &noted);
    vec![first, decided, noted, just_compacted, compacted, reopened, crashed]
}

impl Rest {
    /// The offset behind the last byte that means anything.
    pub(crate) fn journal_end(&self) -> usize {
        self.journal.iter().rposition(|byte| *byte != 0).expect("it has a header") + 1
    }

    /// Opens the files as they are given: exactly what was, or a refusal that changes nothing
    /// and offers only what was.
    pub(crate) fn check(&self, journal: &[u8], head: &[u8], what: &str) -> Outcome {
        let what = format!("{}, {what}", self.name);
        let disk = Disk::holding([("journal", journal.to_vec()), ("head", head.to_vec())]);
        match Journal::open(disk.storage(), None) {
            Ok(Opened::Fresh(_)) => panic!("{what}: started empty"),
            Ok(opened) => {
                let (journal, entries) = parts(opened);
                drop(journal);
                assert!(self.is_state(&entries), "{what}: read as {entries:?}");
                expect_usable(&disk);
                Outcome::Whole
            }
            Err(OpenError::Damaged { last_good_generation, .. }) => {
                assert_eq!(disk.content("journal").as_deref(), Some(journal), "{what}");
                assert_eq!(disk.content("head").as_deref(), Some(head), "{what}");
                self.check_adoption(&disk, last_good_generation, &what);
                Outcome::Refused(last_good_generation)
            }
            Err(other) => panic!("{what}: {other}"),
        }
    }

    fn is_state(&self, entries: &[Entry]) -> bool {
        let mut next = self.appends.clone();
        next.extend(self.under_way.clone());
        find(&[&self.appends, &next], entries).is_some()
    }

    fn check_adoption(&self, disk: &Disk, good: Option<u64>, what: &str) {
        let wrong = Journal::open(disk.storage(), Some(good.map_or(0, |good| good + 1)));
        let wrong = wrong.expect_err("another generation than the last good one");
        assert!(matches!(wrong, OpenError::WrongAdoption { right, .. } if right == good), "{what}");
        let Some(good) = good else { return };
        let (journal, entries) = parts(
            Journal::open(disk.storage(), Some(good)).unwrap_or_else(|e| panic!("{what}: {e}")),
        );
        drop(journal);
        let last = entries.iter().rfind(|entry| entry.decision).expect("a decision is adopted");
        assert_eq!(last.generation, good, "{what}");
        let all: Vec<_> = self.appends.iter().chain(&self.under_way).flatten().cloned().collect();
        assert!(all.starts_with(&entries), "{what}: adopted {entries:?}");
        expect_usable(disk);
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Whole,
    Refused(Option<u64>),
}

// L6
#[test]
fn a_journal_cut_short_at_any_byte_is_read_exactly_or_refused() {
    for rest in rests() {
        let end = rest.journal_end();
        let mut refused = 0;
        for length in 0..=end + 64 {
            let outcome = rest.check(
                &rest.journal[..length],
                &rest.head,
                &format!("journal cut at {length}"),
            );
            refused += usize::from(outcome != Outcome::Whole);
            assert!(length < end || outcome == Outcome::Whole, "nothing that counts was cut");
        }
        assert!(refused > 60, "{}: only {refused} cuts noticed", rest.name);
    }
}

// L6
#[test]
fn preallocated_room_that_was_cut_at_any_byte_loses_nothing() {
    let rest = rests().swap_remove(1);
    for length in rest.journal_end()..rest.journal.len() {
        if length % 61 == 0 || length + 70 > rest.journal.len() {
            let outcome =
                rest.check(&rest.journal[..length], &rest.head, &format!("cut at {length}"));
            assert_eq!(outcome, Outcome::Whole);
        }
    }
}

// L6
#[test]
fn a_head_cut_short_at_any_byte_is_read_exactly_or_refused() {
    for rest in rests() {
        for length in (0..200).chain(4_000..4_300).chain(8_100..rest.head.len()) {
            let what = format!("head cut at {length}");
            let outcome = rest.check(&rest.journal, &rest.head[..length], &what);
            assert_eq!(outcome == Outcome::Whole, length >= SLOT, "{}, {what}", rest.name);
        }
    }
}

// L6
#[test]
fn any_single_bit_that_changes_in_the_journal_is_harmless_or_refused() {
    for rest in rests() {
        let end = rest.journal_end();
        // All of what means something, and a sample of the zeros behind it.
        let bits =
            (0..(end + 32) * 8).chain(((end + 32) * 8..rest.journal.len() * 8).step_by(4_001));
        for bit in bits {
            let mut journal = rest.journal.clone();
            journal[bit / 8] ^= 1 << (bit % 8);
            rest.check(&journal, &rest.head, &format!("bit {bit} of the journal"));
        }
    }
}

// L6
#[test]
fn any_single_bit_that_changes_in_the_head_is_harmless() {
    for rest in rests() {
        for bit in (0..64 * 8).chain(4_090 * 8..4_160 * 8) {
            let mut head = rest.head.clone();
            head[bit / 8] ^= 1 << (bit % 8);
            let outcome = rest.check(&rest.journal, &head, &format!("bit {bit} of the head"));
            assert_eq!(outcome, Outcome::Whole, "{}, bit {bit}", rest.name);
        }
    }
}

// L6
#[test]
fn a_damaged_decision_is_refused_and_the_one_before_it_is_offered() {
    let rest = rests().swap_remove(1);
    let mut journal = rest.journal.clone();
    let last = rest.journal_end() - 1;
    journal[last] ^= 1;
    let outcome = rest.check(&journal, &rest.head, "the last byte of generation 3");
    assert_eq!(outcome, Outcome::Refused(Some(2)));
}

// L6
#[test]
fn a_damaged_snapshot_is_never_offered_in_part() {
    let mut run = Run::start(Disk::new(1));
    run.take(&Step::Append(vec![decision(5, 1)]), &mut |_, _| {});
    // One decision for each of three services: two of them are not a state.
    let snapshot = vec![decision(3, 2), decision(4, 3), decision(5, 4)];
    run.take(&Step::Compact(snapshot.clone()), &mut |_, _| {});
    let rest = rest_of("snapshot", &run.disk, &[snapshot]);
    let mut journal = rest.journal.clone();
    let last = rest.journal_end() - 1;
    journal[last] ^= 1;
    let outcome = rest.check(&journal, &rest.head, "the last byte of the snapshot");
    assert_eq!(outcome, Outcome::Refused(None));
}

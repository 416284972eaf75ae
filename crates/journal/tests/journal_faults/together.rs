//! Decisions that were made together, as those for the services of a group, come back together.

use journal::{Entry, Journal};

use crate::fault_storage::Disk;
use crate::model::{Run, Step, decision, expect_one_of, expect_usable, note, parts};

const FILES: [&str; 2] = ["journal", "head"];

/// The end of an older drain, and three services that move in generation 2.
fn together() -> Vec<Entry> {
    vec![note(1, 2), decision(2, 3), decision(2, 4), decision(2, 5)]
}

// L6
#[test]
fn a_power_loss_at_any_instant_leaves_all_of_them_or_none() {
    for seed in 0..200 {
        let mut run = Run::start(Disk::new(seed));
        run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
        let mut found = [false; 2];
        let mut crash = seed * 1_000;
        run.take(&Step::Append(together()), &mut |disk, allowed| {
            crash += 1;
            let disk = disk.after_power_loss(crash);
            let appends = expect_one_of(&disk, allowed);
            found[usize::from(appends.len() > 1)] = true;
            expect_usable(&disk);
        });
        assert_eq!(found, [true; 2], "seed {seed}: both the old and the new state are found");
    }
}

// L6
#[test]
fn a_record_of_them_torn_at_any_byte_takes_none_of_them() {
    let mut run = Run::start(Disk::new(1));
    run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
    let before = FILES.map(|name| run.disk.content(name).expect("it is there"));
    run.take(&Step::Append(together()), &mut |_, _| {});
    let after = run.disk.content("journal").expect("it is there");
    let [journal, head] = before;
    let differs = |place: &usize| journal.get(*place) != after.get(*place);
    let first = (0..after.len()).find(differs).expect("something was written");
    let last = (0..after.len()).rfind(differs).expect("something was written");
    for torn in first..last {
        // The bytes up to `torn` have reached the disk; the head still speaks of what was before.
        let mut bytes = journal.clone();
        bytes[..torn].copy_from_slice(&after[..torn]);
        let disk = Disk::holding([("journal", bytes), ("head", head.clone())]);
        let (_, entries) = parts(Journal::open(disk.storage(), None).expect("it is whole"));
        assert_eq!(entries, [decision(1, 1)], "torn at byte {torn} of {first}..{last}");
        expect_usable(&disk);
    }
}

// L6
#[test]
fn they_take_no_more_operations_of_the_disk_than_one_decision_alone() {
    let operations = |entries: Vec<Entry>| {
        let mut run = Run::start(Disk::new(1));
        let before = run.disk.operations();
        run.journal().append(&entries).expect("the disk works");
        run.disk.operations() - before
    };
    let one = operations(vec![decision(1, 1)]);
    assert_eq!(operations(vec![decision(1, 1), decision(1, 2), decision(1, 3)]), one);
}

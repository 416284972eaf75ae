//! One fault of each kind at each single operation of a fixed script.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use journal::{AppendError, Health, Journal, OpenError};

use crate::fault_storage::{Disk, Fault};
use crate::model::{Run, Step, decision, expect_one_of, expect_usable, note, parts};

fn script() -> Vec<Step> {
    vec![
        Step::Append(vec![decision(1, 1)]),
        Step::Append(vec![note(1, 2)]),
        Step::Append(vec![note(1, 3), decision(2, 4), note(2, 5)]),
        Step::Compact(vec![decision(2, 6), note(2, 7)]),
        Step::Append(vec![decision(3, 8)]),
        Step::Reopen,
        Step::Append(vec![decision(4, 9), decision(4, 10)]),
    ]
}

/// Plays the script with `count` failures from the operation `skip` on; at every operation the
/// power may fail as well. Then the disk works again, and so must the journal.
fn play(seed: u64, skip: u64, count: u64, fault: Fault) -> u64 {
    let mut run = Run::start(Disk::new(seed));
    let before = run.disk.operations();
    run.disk.fail(skip, count, fault);
    let mut crash = seed;
    for step in script() {
        if matches!(step, Step::Compact(_)) && run.generation() != 2 {
            continue; // its decision was refused, so there is nothing that it stands for
        }
        run.take(&step, &mut |disk, allowed| {
            crash += 1;
            expect_one_of(&disk.after_power_loss(crash), allowed);
        });
    }
    let operations = run.disk.operations() - before;
    run.disk.heal();
    run.take(&Step::Append(vec![decision(9, 9)]), &mut |_, _| {});
    assert_eq!(run.health(), Health::Ready, "the disk works again");
    expect_usable(&run.disk.after_power_loss(crash));
    operations
}

fn play_each_operation(fault: Fault) {
    let all = play(0, u64::MAX / 2, 1, fault);
    assert!(all > 30, "the script does only {all} operations");
    for skip in 0..all {
        for count in [1, 3, u64::MAX / 2] {
            for seed in 0..3 {
                let outcome =
                    catch_unwind(AssertUnwindSafe(|| play(seed * 1_000, skip, count, fault)));
                if let Err(failed) = outcome {
                    eprintln!(
                        "failing: {fault:?} {count} times from operation {skip}, seed {seed}"
                    );
                    resume_unwind(failed);
                }
            }
        }
    }
}

// L6
#[test]
fn a_broken_disk_at_any_operation_loses_nothing_that_was_acknowledged() {
    play_each_operation(Fault::Broken);
}

// L6
#[test]
fn a_full_disk_at_any_operation_loses_nothing_that_was_acknowledged() {
    play_each_operation(Fault::Full);
}

// L6
#[test]
fn a_file_that_failed_once_is_not_written_to_again() {
    for (skip, what) in
        ["journal written", "journal synced", "head written", "head synced"].into_iter().enumerate()
    {
        let mut run = Run::start(Disk::new(1));
        let number = run.disk.content("journal").expect("it is there")[16..24].to_vec();
        run.disk.fail(skip as u64, 1, Fault::Broken);
        run.journal().append(&[decision(1, 1)]).expect("a fresh file takes it");
        let fresh = run.disk.content("journal").expect("it is there")[16..24].to_vec();
        assert_ne!(number, fresh, "{what}");
    }
}

// L6
#[test]
fn while_no_file_can_be_written_appends_are_refused_with_the_reason() {
    let mut run = Run::start(Disk::new(2));
    run.journal().append(&[decision(1, 1)]).expect("the disk works");
    run.disk.fail(0, u64::MAX / 2, Fault::Broken);

    let refused = run.journal().append(&[decision(2, 2)]).expect_err("the disk is broken");
    assert!(matches!(refused, AppendError::Failed { first: Some(_), .. }), "{refused:?}");
    assert!(refused.to_string().contains("cannot write to /state/journal"), "{refused}");
    assert!(refused.to_string().contains("Input/output error"), "{refused}");
    assert!(refused.to_string().contains("no restart is needed"), "{refused}");
    let Health::Refusing { reason } = run.health() else { panic!("{:?}", run.health()) };
    assert!(reason.contains("journal.new"), "{reason}");

    run.disk.heal();
    run.journal().append(&[decision(2, 3)]).expect("the disk works again");
    assert_eq!(run.health(), Health::Ready);
    let expected = [vec![decision(1, 1)], vec![decision(2, 3)]];
    expect_one_of(&run.disk.after_power_loss(3), &[&expected]);
}

// L6
#[test]
fn a_compaction_that_fails_leaves_the_journal_in_use() {
    let mut run = Run::start(Disk::new(3));
    run.journal().append(&[decision(1, 1)]).expect("the disk works");
    run.disk.fail(2, 1, Fault::Full);
    run.journal().compact(&[decision(1, 2)]).expect_err("the disk is full");
    assert_eq!(run.health(), Health::Ready);
    assert!(!run.disk.names().contains(&"journal.new".to_owned()), "it takes room for nothing");
    run.journal().append(&[decision(2, 3)]).expect("the disk works");
    let expected = [vec![decision(1, 1)], vec![decision(2, 3)]];
    expect_one_of(&run.disk.after_power_loss(4), &[&expected]);
}

// L6
#[test]
fn a_state_that_can_be_read_and_not_written_is_served_and_refuses_appends() {
    let mut run = Run::start(Disk::new(5));
    run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
    let disk = run.disk.after_kill();
    // Locking is not an operation; listing and the reads of three files are four.
    disk.fail(4, u64::MAX / 2, Fault::Broken);
    let opened = Journal::open(disk.storage(), None).expect("it can be read");
    let (mut journal, entries) = parts(opened);
    assert_eq!(entries, [decision(1, 1)]);
    assert!(matches!(journal.health(), Health::Refusing { .. }), "{:?}", journal.health());
    journal.append(&[decision(2, 2)]).expect_err("the disk is broken");
    disk.heal();
    journal.append(&[decision(2, 3)]).expect("the disk works again");
    drop(journal);
    let expected = [vec![decision(1, 1)], vec![decision(2, 3)]];
    expect_one_of(&disk.after_power_loss(6), &[&expected]);
}

// L6
#[test]
fn an_unreadable_state_is_not_a_first_start() {
    let mut run = Run::start(Disk::new(7));
    run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
    for operation in 0..4 {
        let disk = run.disk.after_kill();
        disk.fail(operation, 1, Fault::Broken);
        let refused = Journal::open(disk.storage(), None).expect_err("a read fails");
        assert!(matches!(refused, OpenError::Io(_)), "{refused:?}");
        expect_one_of(&disk, &[&[vec![decision(1, 1)]]]);
    }
}

//! `--adopt N`: a person accepts a loss, by its exact extent.

use journal::{Journal, OpenError, Opened};

use crate::fault_storage::{Disk, Fault};
use crate::model::{Run, Step, decision, expect_one_of, expect_usable, note, parts};

/// Generations 1 to 3, with the decision of generation 3 damaged.
fn damaged() -> Disk {
    let mut run = Run::start(Disk::new(1));
    for append in [vec![decision(1, 1)], vec![decision(2, 2)], vec![note(2, 3)]] {
        run.take(&Step::Append(append), &mut |_, _| {});
    }
    run.take(&Step::Append(vec![decision(3, 4)]), &mut |_, _| {});
    let mut journal = run.disk.content("journal").expect("it is there");
    let last = journal.iter().rposition(|byte| *byte != 0).expect("it is not empty");
    journal[last] ^= 1;
    let head = run.disk.content("head").expect("it is there");
    Disk::holding([("journal", journal), ("head", head)])
}

// L6
#[test]
fn the_last_good_generation_is_adopted_and_the_damaged_files_are_kept() {
    let disk = damaged();
    let (journal, head) = (disk.content("journal"), disk.content("head"));
    let refused = Journal::open(disk.storage(), None).expect_err("it is damaged");
    assert!(refused.to_string().contains("`teal run --adopt 2`"), "{refused}");
    assert!(refused.to_string().contains("/state/journal at byte"), "{refused}");

    let opened = Journal::open(disk.storage(), Some(2)).expect("2 is the last good one");
    let Opened::Recovered { journal: adopted, entries, dropped } = opened else {
        panic!("it is not a first start")
    };
    assert_eq!(entries, [decision(1, 1), decision(2, 2)]);
    assert_eq!(adopted.generation(), 2);
    let dropped = dropped.expect("generation 3 was lost");
    assert!(dropped.to_string().contains("/state/journal.damaged-2"), "{dropped}");
    assert_eq!(disk.content("journal.damaged-2"), journal);
    assert_eq!(disk.content("head.damaged-2"), head);
    drop(adopted);

    expect_usable(&disk.after_power_loss(1));
}

// L6
#[test]
fn another_generation_is_refused_naming_the_right_one() {
    for asked in [0, 1, 3, 4, u64::MAX] {
        let disk = damaged();
        let before = disk.names();
        let refused = Journal::open(disk.storage(), Some(asked)).expect_err("2 is the right one");
        assert!(refused.to_string().contains(&format!("generation {asked} ")), "{refused}");
        assert!(refused.to_string().contains("`teal run --adopt 2`"), "{refused}");
        assert_eq!(disk.names(), before, "a refusal changes nothing");
    }
}

// L6
#[test]
fn a_whole_journal_accepts_its_own_generation_only() {
    let mut run = Run::start(Disk::new(1));
    run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
    let disk = run.disk.after_kill();
    let (journal, entries) =
        parts(Journal::open(disk.storage(), Some(1)).expect("it is where it is"));
    assert_eq!(entries, [decision(1, 1)]);
    drop(journal);
    let refused = Journal::open(disk.storage(), Some(2)).expect_err("there is no generation 2");
    assert!(matches!(refused, OpenError::WrongAdoption { asked: 2, right: Some(1), .. }));
}

// L6
#[test]
fn nothing_can_be_adopted_where_there_is_no_state() {
    let disk = Disk::new(1);
    let refused = Journal::open(disk.storage(), Some(1)).expect_err("there is nothing");
    assert!(refused.to_string().contains("check `state_dir`"), "{refused}");
    assert_eq!(disk.names(), Vec::<String>::new());
}

// L6
#[test]
fn a_second_adoption_of_the_same_generation_keeps_the_files_of_both() {
    let disk = damaged();
    drop(Journal::open(disk.storage(), Some(2)).expect("2 is the last good one"));
    let mut journal = disk.content("journal").expect("it is there");
    journal[0] ^= 1;
    let first = disk.content("journal.damaged-2").expect("it was kept");
    let head = disk.content("head").expect("it is there");
    let files =
        [("journal", journal.clone()), ("head", head), ("journal.damaged-2", first.clone())];
    let disk = Disk::holding(files);
    drop(Journal::open(disk.storage(), Some(2)).expect("2 is still the last good one"));
    assert_eq!(disk.content("journal.damaged-2"), Some(first));
    assert_eq!(disk.content("journal.damaged-2.2"), Some(journal));
}

// L6
#[test]
fn a_crash_or_a_fault_at_any_operation_of_an_adoption_leaves_it_done_or_undone() {
    let whole = damaged();
    whole.record();
    drop(Journal::open(whole.storage(), Some(2)).expect("2 is the last good one"));
    let points = whole.recorded();
    assert!(points.len() > 20, "only {} operations", points.len());
    let adopted = [vec![decision(1, 1)], vec![decision(2, 2)]];
    for (operation, point) in points.iter().enumerate() {
        for seed in 0..20 {
            let disk = point.after_power_loss(seed);
            if let Err(refused) = Journal::open(disk.storage(), None).map(drop) {
                assert!(refused.to_string().contains("`teal run --adopt 2`"), "{refused}");
                drop(Journal::open(disk.storage(), Some(2)).expect("it is still right"));
            }
            expect_one_of(&disk, &[&adopted]);
        }
        let disk = damaged();
        disk.fail(operation as u64, 1, Fault::Broken);
        let failed = Journal::open(disk.storage(), Some(2)).map(drop).is_err();
        disk.heal();
        if failed {
            drop(Journal::open(disk.storage(), Some(2)).expect("it is still right"));
        }
        expect_one_of(&disk, &[&adopted]);
    }
}

//! A full disk must not stop a failover.

use journal::{AppendError, Entry, Health};

use crate::fault_storage::{Disk, Fault};
use crate::model::{Run, Step, decision, expect_one_of};

/// As much as a switch with its receipt takes.
fn switch(generation: u64) -> Entry {
    Entry { generation, decision: true, payload: vec![b'x'; 1_500] }
}

// L6
#[test]
fn a_full_disk_leaves_room_for_twenty_switches_and_then_refuses_and_recovers() {
    let mut run = Run::start(Disk::new(1));
    run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
    run.disk.fill();
    let mut generation = 1;
    let refused = loop {
        let next = switch(generation + 1);
        match run.journal().append(&[next]) {
            Ok(()) => generation += 1,
            Err(refused) => break refused,
        }
        assert!(generation < 1_000, "the disk is not full");
        expect_generation(&run.disk.after_power_loss(generation), generation);
    };
    assert!(generation > 20, "only {generation} switches fit");
    assert!(matches!(refused, AppendError::NoSpace(_)), "{refused:?}");
    assert!(refused.to_string().contains("free space"), "{refused}");
    let Health::RoomLow { room, .. } = run.health() else { panic!("{:?}", run.health()) };
    assert!(room < 2_000, "{room} bytes of room left, and still refused");

    run.journal().append(&[decision(generation + 1, 1)]).expect("a smaller one still fits");
    run.disk.heal();
    run.journal().append(&[switch(generation + 2)]).expect("there is space again");
    assert_eq!(run.health(), Health::Ready);
    expect_generation(&run.disk.after_power_loss(0), generation + 2);
}

// L6
#[test]
fn a_restart_on_a_full_disk_works_and_leaves_room_for_switches() {
    let mut run = Run::start(Disk::new(2));
    run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
    run.disk.fill();
    run.take(&Step::Reopen, &mut |_, _| {});
    run.journal().append(&[switch(2)]).expect("room was set aside");
    let crashed = run.disk.after_power_loss(1);
    expect_one_of(&crashed, &[&[vec![decision(1, 1)], vec![switch(2)]]]);
}

// L6
#[test]
fn an_append_larger_than_the_room_on_a_full_disk_harms_nothing() {
    let mut run = Run::start(Disk::new(3));
    run.take(&Step::Append(vec![decision(1, 1)]), &mut |_, _| {});
    run.disk.fail(0, 1, Fault::Full);
    let large = Entry { generation: 2, decision: true, payload: vec![1; 300_000] };
    run.journal().append(&[large]).expect_err("the disk is full");
    run.take(&Step::Append(vec![decision(2, 2)]), &mut |_, _| {});
    expect_one_of(&run.disk.after_power_loss(1), &[&[vec![decision(1, 1)], vec![decision(2, 2)]]]);
}

fn expect_generation(disk: &Disk, generation: u64) {
    let run = journal::Journal::open(disk.storage(), None).expect("it is whole");
    let (journal, _) = crate::model::parts(run);
    assert_eq!(journal.generation(), generation);
}

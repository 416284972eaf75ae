//! The state after a crash, and the consequences of a journal that cannot be written.

use rules::{Color, DrainEnd, Generation};
use testkit::wait_until;

use crate::world::{Fixture, SOON, name, to};

#[test]
fn a_restart_keeps_color_generation_and_receipts_whatever_initial_says() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    world.switch_fully(Color::Green);
    let before = world.receipt();
    world.crash();
    fixture.spec(|spec| spec.initial = Color::Blue);
    let world = fixture.start();
    assert_eq!(world.active(), (Color::Green, 1));
    assert_eq!(world.claim().1, Color::Green);
    assert_eq!(world.receipt(), before);
}

#[test]
fn a_crash_inside_a_drain_interrupts_the_receipt_and_nothing_else() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (_, _) = world.claim();
    world.switch(to(Color::Green)).unwrap();
    world.crash();
    let world = fixture.start_healthy();
    assert_eq!(world.active(), (Color::Green, 1));
    let receipt = world.receipt();
    assert_eq!(receipt.end(), Some(DrainEnd::Interrupted));
    assert!(world.color(Color::Blue).drained);
    assert_eq!(world.switch_fully(Color::Blue), DrainEnd::Drained);
}

#[test]
fn it_is_ready_when_every_worker_has_the_first_table_whatever_the_health() {
    let fixture = Fixture::new();
    fixture.blue.stop();
    fixture.green.stop();
    let world = fixture.start();
    wait_until(SOON, "it is ready", || world.wait(world.handle.is_ready()));
    assert!(!world.color(Color::Blue).healthy);
}

#[test]
fn a_journal_that_cannot_be_written_refuses_and_traffic_goes_on() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    fixture.disk.break_down(true);
    let refusal = world.switch(to(Color::Green)).unwrap_err();
    assert_eq!(refusal.code(), "journal_unavailable");
    assert!(refusal.to_string().contains("journal"), "{refusal}");
    assert_eq!(world.active(), (Color::Blue, 0));
    assert_eq!(world.claim().1, Color::Blue);
    let status = world.wait(world.handle.status()).unwrap();
    assert!(status.journal.is_some(), "status says why");
    fixture.disk.break_down(false);
    world.switch(to(Color::Green)).expect("it goes on when the disk does");
    assert!(world.wait(world.handle.status()).unwrap().journal.is_none());
    world.crash();
    assert_eq!(fixture.start().active(), (Color::Green, 1));
}

#[test]
fn a_drain_ends_also_if_its_note_cannot_be_written() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (lease, _) = world.claim();
    world.switch(to(Color::Green)).unwrap();
    fixture.disk.break_down(true);
    world.workers[0].release(lease);
    wait_until(SOON, "blue is drained", || world.color(Color::Blue).drained);
}

#[test]
fn services_may_come_and_go_while_teal_is_down() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    world.switch_fully(Color::Green);
    world.crash();
    let web = fixture.config.lock().unwrap().clone().unwrap();
    let mut other = web[0].clone();
    other.name = name("other");
    *fixture.config.lock().unwrap() = Ok(vec![other]);
    let world = fixture.start();
    assert_eq!(world.active(), (Color::Blue, 2), "a new service begins at its initial color");
    wait_until(SOON, "its generation is published", || {
        world.wait(world.handle.status()).unwrap().publishing.is_none()
    });
    world.crash();
    *fixture.config.lock().unwrap() = Ok(web);
    let world = fixture.start();
    assert_eq!(world.active(), (Color::Green, 3), "the old one comes back where it was");
}

#[test]
fn a_long_history_is_compacted_and_read_back_the_same() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let mut color = Color::Blue;
    for _ in 0..700 {
        color = color.other();
        world.switch_fully(color);
    }
    let before = world.wait(world.handle.history()).unwrap();
    let receipts = before.iter().filter(|entry| entry.receipt().is_some());
    assert_eq!(receipts.count(), rules::KEPT);
    let length = std::fs::metadata(fixture.directory.path().join("journal")).unwrap().len();
    assert!(length < 800 * 1024, "{length} bytes");
    world.crash();
    let world = fixture.start();
    assert_eq!(world.active(), (Color::Blue, 700));
    let after = world.wait(world.handle.history()).unwrap();
    let generations = |entries: &[rules::HistoryEntry]| -> Vec<Generation> {
        entries.iter().filter_map(|entry| Some(entry.receipt()?.generation)).collect()
    };
    assert_eq!(generations(&after), generations(&before));
}

#[test]
fn stopping_refuses_changes_and_answers_questions() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    world.wait(world.handle.stop());
    assert_eq!(world.switch(to(Color::Green)).unwrap_err().code(), "stopping");
    assert_eq!(world.active(), (Color::Blue, 0));
}

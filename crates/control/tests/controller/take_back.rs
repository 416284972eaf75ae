//! The older Teal takes everything back from a newer one that has died: with all that was decided, whatever has
//! become of the journal.

use std::time::Duration;

use control::{NewerStatus, ResumeRequest};
use journal::{FileStorage, Journal, Opened};
use rules::{Actor, Color, DrainEnd, Refusal, Standing};
use testkit::{Health, wait_until};
use traffic::Held;

use crate::upgrade::Newer;
use crate::world::{Fixture, SOON, World, to};

#[test]
fn without_a_journal_the_older_one_continues_and_changes_nothing() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (newer, follower) = Newer::take_over(&fixture, &world);
    drop(newer);
    world.wait(async { follower.stop().await.go_on_without_journal("another has it") });
    let refused = world.switch(to(Color::Green)).unwrap_err();
    assert!(matches!(refused, Refusal::JournalUnavailable { .. }), "{refused}");
    fixture.green.health(Health::Hang);
    let down = || world.color(Color::Green).targets[0].standing == Standing::Down;
    wait_until(SOON, "targets are still probed", down);
    assert_eq!(world.claim().1, Color::Blue);
}

#[test]
fn the_older_one_goes_on_where_the_newer_one_sent_traffic_though_it_has_no_journal() {
    // L2 L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (newer, follower) = Newer::take_over(&fixture, &world);
    let held = Some(Held { max_wait: Duration::from_secs(30) });
    let version = newer.publish_as(1, Color::Green, held);
    assert!(newer.has(&world, version, SOON));
    drop(newer);
    world.wait(async { follower.stop().await.go_on_without_journal("another has it") });
    assert_eq!(world.active(), (Color::Green, 1), "clients were answered by it");
    assert_eq!(held_now(&world), held);
    fixture.blue.health(Health::Hang);
    let down = || !world.color(Color::Blue).healthy;
    wait_until(SOON, "targets are still probed", down);
    assert_eq!((world.claim().1, held_now(&world)), (Color::Green, held), "also in later tables");
}

#[test]
fn the_older_one_takes_control_back_with_the_journal_of_the_newer_one() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    assert_eq!(world.switch_fully(Color::Green), DrainEnd::Drained);
    let (newer, mut follower) = Newer::take_over(&fixture, &world);
    let version = newer.publish_as(1, Color::Green, None);
    assert!(newer.has(&world, version, SOON));
    newer.host.say_serving();
    assert_eq!(world.wait(follower.next()), NewerStatus::Serving);
    newer.host.say_confirmed();
    assert_eq!(world.wait(follower.next()), NewerStatus::Confirmed);
    assert_eq!(world.switch(to(Color::Blue)).unwrap_err(), Refusal::UpgradeInProgress);
    // It journals a switch, and dies before the older one has its table.
    let journaling = fixture.start_healthy();
    assert_eq!(journaling.switch_fully(Color::Blue), DrainEnd::Drained);
    drop((journaling, newer));
    assert_eq!(world.claim().1, Color::Green);
    let opened = found(&fixture);
    world.wait(async { follower.stop().await.take_back(opened).await }).unwrap();
    assert_eq!(world.active(), (Color::Blue, 2), "what the journal says");
    wait_until(SOON, "workers know", || world.claim().1 == Color::Blue);
    wait_until(SOON, "it decides again", || world.switch(to(Color::Green)).is_ok());
    assert_eq!(world.active(), (Color::Green, 3));
}

/// The hold as workers are told of it.
fn held_now(world: &World) -> Option<Held> {
    world.publisher.table().services[0].held
}

/// The journal as it is found.
fn found(fixture: &Fixture) -> Opened {
    let files = FileStorage::open(fixture.directory.path()).unwrap();
    Journal::open(Box::new(files), None).unwrap()
}

/// The journal as it is found once somebody has removed it.
pub(crate) fn removed(fixture: &Fixture) -> Opened {
    for name in ["journal", "head"] {
        std::fs::remove_file(fixture.directory.path().join(name)).unwrap();
    }
    found(fixture)
}

#[test]
fn a_journal_that_was_removed_meanwhile_is_written_again_with_all_that_was_decided() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    assert_eq!(world.switch_fully(Color::Green), DrainEnd::Drained);
    let (newer, follower) = Newer::take_over(&fixture, &world);
    drop(newer);
    let opened = removed(&fixture);
    assert!(matches!(opened, Opened::Fresh(_)));
    world.wait(async { follower.stop().await.take_back(opened).await }).unwrap();
    assert_eq!(world.active(), (Color::Green, 1));
    let (lease, color) = world.claim();
    assert_eq!(color, Color::Green);
    world.workers[0].release(lease);
    assert_eq!(world.switch_fully(Color::Blue), DrainEnd::Drained);
    drop(world);
    let opened = found(&fixture);
    let Opened::Recovered { journal, .. } = opened else { panic!("{opened:?}") };
    assert_eq!(journal.generation(), 2);
    drop(journal);
    assert_eq!(fixture.start_healthy().active(), (Color::Blue, 2));
}

#[test]
fn without_a_journal_the_newest_table_of_the_newer_one_goes_on() {
    // L2 L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (newer, follower) = Newer::take_over(&fixture, &world);
    let version = newer.publish(Color::Green);
    assert!(newer.has(&world, version, SOON));
    drop(newer);
    let opened = removed(&fixture);
    assert!(matches!(opened, Opened::Fresh(_)));
    world.wait(async { follower.stop().await.take_back(opened).await }).unwrap();
    assert_eq!((world.active(), world.claim().1), ((Color::Green, 7), Color::Green));
    drop(world);
    let world = fixture.start_healthy();
    assert_eq!(world.active(), (Color::Green, 7), "durable, too");
    assert_eq!(world.switch_fully(Color::Blue), DrainEnd::Drained);
    assert_eq!(world.active(), (Color::Blue, 8));
}

#[test]
fn a_hold_by_a_newer_one_of_which_no_journal_is_left_goes_on() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (newer, follower) = Newer::take_over(&fixture, &world);
    let held = Some(Held { max_wait: Duration::from_secs(30) });
    let version = newer.publish_as(0, Color::Blue, held);
    assert!(newer.has(&world, version, SOON));
    drop(newer);
    let opened = removed(&fixture);
    world.wait(async { follower.stop().await.take_back(opened).await }).unwrap();
    assert_eq!(held_now(&world), held, "no generation tells of it");
    drop(world);
    let world = fixture.start_healthy();
    assert_eq!(held_now(&world), held, "durable, too");
    let resume = ResumeRequest { service: None, actor: Actor::Teal, if_generation: None };
    world.wait(world.handle.resume(resume)).unwrap();
    assert_eq!(held_now(&world), None);
}

#[test]
fn an_older_copy_of_the_journal_takes_nothing_back() {
    // L2 L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let files = ["journal", "head"].map(|name| {
        let path = fixture.directory.path().join(name);
        (std::fs::read(&path).unwrap(), path)
    });
    assert_eq!(world.switch_fully(Color::Green), DrainEnd::Drained);
    let (newer, follower) = Newer::take_over(&fixture, &world);
    drop(newer);
    for (bytes, path) in files {
        std::fs::write(path, bytes).unwrap();
    }
    let opened = found(&fixture);
    let Opened::Recovered { journal, .. } = &opened else { panic!("{opened:?}") };
    assert_eq!(journal.generation(), 0);
    world.wait(async { follower.stop().await.take_back(opened).await }).unwrap();
    assert_eq!((world.active(), world.claim().1), ((Color::Green, 1), Color::Green));
    drop(world);
    assert_eq!(fixture.start_healthy().active(), (Color::Green, 1));
}

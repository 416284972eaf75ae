//! Moving away from a dead color by itself: quickly, once, never back.

use std::time::{Duration, Instant};

use rules::{Cause, Color, Failover};
use testkit::wait_until;
use traffic::ReportKind;

use crate::world::{Fixture, SOON, to};

fn auto() -> Fixture {
    let fixture = Fixture::new();
    fixture.spec(|spec| spec.policy_mut().failover = Failover::Auto);
    fixture
}

async fn next_refusal(events: &mut control::EventReader) -> &'static str {
    loop {
        if let control::EventRead::Item(item) = events.next().await
            && let control::LiveEvent::Refused { code, .. } = item.event
        {
            return code;
        }
    }
}

#[test]
fn a_refused_connect_moves_traffic_in_milliseconds_and_leaves_a_receipt() {
    let fixture = auto();
    fixture.spec(|spec| {
        spec.health.interval = Duration::from_secs(60);
        spec.health.fast_interval = Duration::from_secs(60);
    });
    let world = fixture.start();
    for color in Color::BOTH {
        // The intervals are long: the gate makes the probes that are missing.
        let dry_run = true;
        drop(world.switch(control::SwitchRequest { dry_run, ..to(color) }));
    }
    world.switch_fully(Color::Green);
    world.switch_fully(Color::Blue);
    fixture.blue.stop();
    let killed = Instant::now();
    world.workers[0].report(ReportKind::Refused);
    wait_until(SOON, "traffic is on green", || world.active().0 == Color::Green);
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    let receipt = world.receipt();
    assert_eq!((receipt.cause, receipt.to), (Cause::Failover, Color::Green));
    assert_eq!(receipt.actor, rules::Actor::Teal);
}

#[test]
fn failover_never_goes_back_and_happens_at_most_once_a_minute() {
    let fixture = auto();
    let world = fixture.start_healthy();
    fixture.blue.stop();
    wait_until(SOON, "traffic is on green", || world.active().0 == Color::Green);
    fixture.blue.restart();
    wait_until(SOON, "blue is healthy again", || world.color(Color::Blue).healthy);
    assert_eq!(world.active(), (Color::Green, 1), "never back by itself");
    let mut events = world.handle.events(None);
    fixture.green.stop();
    assert_eq!(world.wait(next_refusal(&mut events)), "failover_cooling");
    assert_eq!(world.active(), (Color::Green, 1));
    world.switch(to(Color::Blue)).expect("an operator may");
    assert_eq!(world.active(), (Color::Blue, 2));
}

#[test]
fn a_crash_after_a_failover_comes_back_on_the_new_color_and_waits_its_minute() {
    // L6
    let fixture = auto();
    let world = fixture.start_healthy();
    let (_, _) = world.claim(); // so that blue drains until the crash
    fixture.blue.stop();
    wait_until(SOON, "traffic is on green", || world.active() == (Color::Green, 1));
    world.crash();
    fixture.spec(|spec| spec.initial = Color::Blue);
    fixture.blue.restart();
    let world = fixture.start_healthy();
    assert_eq!(world.active(), (Color::Green, 1));
    assert_eq!(world.claim().1, Color::Green);
    let receipt = world.receipt();
    assert_eq!((receipt.cause, receipt.actor), (Cause::Failover, rules::Actor::Teal));
    assert!(!receipt.evidence.is_empty());
    let mut events = world.handle.events(None);
    fixture.green.stop();
    assert_eq!(world.wait(next_refusal(&mut events)), "failover_cooling");
    assert_eq!(world.active(), (Color::Green, 1));
}

#[test]
fn a_failover_that_cannot_be_made_durable_does_not_happen() {
    // L6
    let fixture = auto();
    let world = fixture.start_healthy();
    let mut events = world.handle.events(None);
    fixture.disk.break_down(true);
    fixture.blue.stop();
    assert_eq!(world.wait(next_refusal(&mut events)), "journal_unavailable");
    assert_eq!((world.active(), world.claim().1), ((Color::Blue, 0), Color::Blue));
    world.crash();
    fixture.disk.break_down(false);
    assert_eq!(fixture.start().active().0, Color::Blue);
}

#[test]
fn there_is_no_failover_to_an_unproven_color() {
    // L9
    let fixture = auto();
    let world = fixture.start_healthy();
    fixture.green.stop();
    wait_until(SOON, "green is known to be down", || !world.color(Color::Green).healthy);
    fixture.blue.stop();
    wait_until(SOON, "blue is known to be down", || !world.color(Color::Blue).healthy);
    assert_eq!(world.active(), (Color::Blue, 0));
    let probes = fixture.blue.seen().probes().len();
    fixture.green.restart();
    wait_until(SOON, "it fails over as soon as green is proven", || {
        world.active().0 == Color::Green
    });
    assert_eq!(fixture.blue.seen().probes().len(), probes, "blue stayed dead");
}

#[test]
fn without_failover_a_dead_color_stays_active() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    fixture.blue.stop();
    wait_until(SOON, "blue is known to be down", || {
        world.color(Color::Blue).targets[0].standing == rules::Standing::Down
    });
    assert_eq!(world.active(), (Color::Blue, 0));
}

//! Moving away from a dead color by itself: quickly, once, never back.

use std::time::{Duration, Instant};

use rules::{Cause, Color, Failover};
use testkit::wait_until;
use traffic::ReportKind;

use crate::world::{Ground, SOON, to};

fn auto() -> Ground {
    let ground = Ground::new();
    ground.spec(|spec| spec.policy_mut().failover = Failover::Auto);
    ground
}

async fn next_refusal(news: &mut control::NewsReader) -> &'static str {
    loop {
        if let control::Read::Item(item) = news.next().await
            && let control::News::Refused { code, .. } = item.news
        {
            return code;
        }
    }
}

#[test]
fn a_refused_connect_moves_traffic_in_milliseconds_and_leaves_a_receipt() {
    let ground = auto();
    ground.spec(|spec| {
        spec.health.interval = Duration::from_secs(60);
        spec.health.fast_interval = Duration::from_secs(60);
    });
    let world = ground.start();
    for color in Color::BOTH {
        // The intervals are long: the gate makes the probes that are missing.
        let dry_run = true;
        drop(world.switch(control::SwitchAsk { dry_run, ..to(color) }));
    }
    world.switch_fully(Color::Green);
    world.switch_fully(Color::Blue);
    ground.blue.stop();
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
    let ground = auto();
    let world = ground.start_healthy();
    ground.blue.stop();
    wait_until(SOON, "traffic is on green", || world.active().0 == Color::Green);
    ground.blue.restart();
    wait_until(SOON, "blue is healthy again", || world.color(Color::Blue).healthy);
    assert_eq!(world.active(), (Color::Green, 1), "never back by itself");
    let mut news = world.handle.news(None);
    ground.green.stop();
    assert_eq!(world.wait(next_refusal(&mut news)), "failover_cooling");
    assert_eq!(world.active(), (Color::Green, 1));
    world.switch(to(Color::Blue)).expect("an operator may");
    assert_eq!(world.active(), (Color::Blue, 2));
}

#[test]
fn a_crash_after_a_failover_comes_back_on_the_new_color_and_waits_its_minute() {
    // L6
    let ground = auto();
    let world = ground.start_healthy();
    let (_, _) = world.claim(); // so that blue drains until the crash
    ground.blue.stop();
    wait_until(SOON, "traffic is on green", || world.active() == (Color::Green, 1));
    world.crash();
    ground.spec(|spec| spec.initial = Color::Blue);
    ground.blue.restart();
    let world = ground.start_healthy();
    assert_eq!(world.active(), (Color::Green, 1));
    assert_eq!(world.claim().1, Color::Green);
    let receipt = world.receipt();
    assert_eq!((receipt.cause, receipt.actor), (Cause::Failover, rules::Actor::Teal));
    assert!(!receipt.evidence.is_empty());
    let mut news = world.handle.news(None);
    ground.green.stop();
    assert_eq!(world.wait(next_refusal(&mut news)), "failover_cooling");
    assert_eq!(world.active(), (Color::Green, 1));
}

#[test]
fn a_failover_that_cannot_be_made_durable_does_not_happen() {
    // L6
    let ground = auto();
    let world = ground.start_healthy();
    let mut news = world.handle.news(None);
    ground.disk.break_down(true);
    ground.blue.stop();
    assert_eq!(world.wait(next_refusal(&mut news)), "journal_unavailable");
    assert_eq!((world.active(), world.claim().1), ((Color::Blue, 0), Color::Blue));
    world.crash();
    ground.disk.break_down(false);
    assert_eq!(ground.start().active().0, Color::Blue);
}

#[test]
fn there_is_no_failover_to_an_unproven_color() {
    // L9
    let ground = auto();
    let world = ground.start_healthy();
    ground.green.stop();
    wait_until(SOON, "green is known to be down", || !world.color(Color::Green).healthy);
    ground.blue.stop();
    wait_until(SOON, "blue is known to be down", || !world.color(Color::Blue).healthy);
    assert_eq!(world.active(), (Color::Blue, 0));
    let probes = ground.blue.seen().probes().len();
    ground.green.restart();
    wait_until(SOON, "it fails over as soon as green is proven", || {
        world.active().0 == Color::Green
    });
    assert_eq!(ground.blue.seen().probes().len(), probes, "blue stayed dead");
}

#[test]
fn without_failover_a_dead_color_stays_active() {
    let ground = Ground::new();
    let world = ground.start_healthy();
    ground.blue.stop();
    wait_until(SOON, "blue is known to be down", || {
        world.color(Color::Blue).targets[0].standing == rules::Standing::Down
    });
    assert_eq!(world.active(), (Color::Blue, 0));
}

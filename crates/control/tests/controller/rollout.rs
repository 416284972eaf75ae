//! Rollouts: a watched switch that is good, bad, or can't be told; and what a crash leaves of it.

use std::time::Duration;

use control::{LiveEvent, RolloutSelection, RolloutStatus, Switched};
use rules::{
    Bake, Cause, Color, JudgeSettings, OnFail, Remarks, RolloutResult, RolloutSettings, Version,
};
use testkit::{Health, wait_for, wait_until};

use crate::world::{Fixture, SOON, World, to};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3600);

fn fixture(bake: Duration, change: impl FnOnce(&mut RolloutSettings)) -> Fixture {
    let fixture = Fixture::new();
    let bake = Bake { duration: bake, on_fail: OnFail::Rollback };
    let mut settings = RolloutSettings { bake, judge: JudgeSettings::default() };
    change(&mut settings);
    fixture.spec(|spec| spec.rollout = Some(settings));
    fixture
}

/// Blue answers well, and the series has it.
fn before(world: &World) {
    world.workers[0].answer(2000, 200, 50);
    recorded(world, Color::Blue, 2000);
}

fn series(world: &World) -> control::SeriesView {
    world.wait(world.handle.series(control::SeriesRequest::default())).unwrap()
}

/// Waits until the series has so many requests of a color.
fn recorded(world: &World, color: Color, requests: u64) {
    wait_until(SOON, "the series has the requests", || {
        let view = series(world);
        let points = view.services[0].points.iter();
        points.map(|point| point.color(color).requests()).sum::<u64>() >= requests
    });
}

fn newest(world: &World) -> RolloutStatus {
    let mut all = world.wait(world.handle.rollouts(RolloutSelection::default())).unwrap();
    all.remove(0)
}

fn result(world: &World) -> Option<RolloutResult> {
    newest(world).rollout.ended.map(|end| end.result)
}

fn ended(world: &World) -> RolloutResult {
    let result = wait_for(SOON, "the rollout ends", || result(world));
    let is_published = || world.wait(world.handle.status()).unwrap().publishing.is_none();
    wait_until(SOON, "what follows is published", is_published);
    result
}

/// The release of a version to green.
fn release(world: &World, version: &str) {
    let remarks = Remarks { version: Version::new(version).ok(), reason: None };
    let request = control::SwitchRequest { remarks, ..to(Color::Green) };
    let switched = world.switch(request).unwrap();
    assert!(matches!(switched, Switched::Published { .. }), "{switched:?}");
}

/// Waits until the judge has seen so many requests.
fn seen(world: &World, requests: u64) {
    wait_until(SOON, "the requests are evidence", || {
        newest(world).evidence.first().is_some_and(|one| one.requests >= requests)
    });
}

#[test]
fn a_good_candidate_keeps_its_traffic_when_its_time_is_over() {
    let fixture = fixture(Duration::from_millis(700), |_| ());
    let world = fixture.start_healthy();
    before(&world);
    release(&world, "v2");
    world.workers[1].answer(3000, 200, 50);
    seen(&world, 3000);
    assert_eq!(world.service().rollout.map(|status| status.rollout.id.0), Some(1));
    assert_eq!(ended(&world), RolloutResult::Done);
    let detail = newest(&world).rollout.ended.unwrap().detail;
    assert!(detail.starts_with("web: 3000 requests, 0 failed; at most 0."), "{detail}");
    assert!(!detail.contains("inconclusive"), "{detail}");
    assert_eq!(world.active().0, Color::Green);
    assert_eq!(world.service().rollout, None);
}

#[test]
fn what_an_earlier_version_did_in_the_stable_color_excuses_nothing() {
    // L12
    let fixture = fixture(LONG, |_| ());
    let world = fixture.start_healthy();
    world.workers[0].answer(1000, 500, 50); // v1 in blue
    recorded(&world, Color::Blue, 1000);
    release(&world, "v2");
    world.switch_fully(Color::Blue); // where v3 runs by now
    let decided = world.receipt().decided.0.div_ceil(1000);
    wait_until(SOON, "the second of the switch is over", || series(&world).end > decided);
    world.workers[0].answer(2000, 200, 50);
    recorded(&world, Color::Blue, 3000);
    release(&world, "v4");
    let stable = newest(&world).rollout.services[0].clone();
    assert_eq!((stable.requests, stable.failed), (2000, 0));
}

#[test]
fn a_bad_candidate_is_taken_back_and_stays_out() {
    // L12
    let fixture = fixture(LONG, |_| ());
    let world = fixture.start_healthy();
    before(&world);
    release(&world, "v2");
    let mut events = world.handle.events(None);
    world.workers[0].answer(20, 500, 7);
    assert_eq!(ended(&world), RolloutResult::RolledBack);
    assert_eq!(world.active().0, Color::Blue);
    let receipt = world.receipt();
    assert_eq!((receipt.cause, receipt.actor), (Cause::Rollback, rules::Actor::Teal));
    let reason = receipt.reason.unwrap();
    assert_eq!(reason, "web: 20 of 20 requests failed; blue had 0 of 2000, so at most 1.1 % may");
    let told = wait_for(SOON, "the end is told", || {
        let control::EventRead::Item(item) = world.wait(events.next()) else { return None };
        match item.event {
            LiveEvent::Rollout { rollout } => rollout.ended,
            _ => None,
        }
    });
    assert_eq!((told.result, told.detail), (RolloutResult::RolledBack, reason));
    let again = world.switch(to(Color::Green)).unwrap_err();
    assert_eq!(again.code(), "quarantined");
    release(&world, "v3");
    assert_eq!(world.active().0, Color::Green);
}

#[test]
fn the_failures_of_one_client_are_not_enough() {
    // L12
    let fixture = fixture(LONG, |_| ());
    let world = fixture.start_healthy();
    before(&world);
    release(&world, "v2");
    world.workers[0].answer(500, 500, 1);
    seen(&world, 500);
    let status = newest(&world);
    let verdict = status.verdict.unwrap();
    assert!(
        verdict.contains("most of the failed requests are of fewer than 3 clients"),
        "{verdict}"
    );
    assert_eq!(world.active().0, Color::Green);
    world.workers[1].answer(300, 500, 64);
    assert_eq!(ended(&world), RolloutResult::RolledBack, "those of others are");
}

#[test]
fn one_client_is_enough_where_clients_are_not_told_apart() {
    let fixture = fixture(LONG, |settings| settings.judge.min_clients = 1);
    let world = fixture.start_healthy();
    before(&world);
    release(&world, "v2");
    world.workers[0].answer(20, 500, 1);
    assert_eq!(ended(&world), RolloutResult::RolledBack);
}

#[test]
fn nothing_moves_to_a_stable_color_that_is_not_healthy() {
    // L9 L12
    let fixture = fixture(LONG, |_| ());
    let world = fixture.start_healthy();
    before(&world);
    release(&world, "v2");
    fixture.blue.health(Health::Status(503));
    wait_until(SOON, "blue is down", || !world.color(Color::Blue).healthy);
    world.workers[0].answer(20, 500, 7);
    assert_eq!(ended(&world), RolloutResult::Stuck);
    let detail = newest(&world).rollout.ended.unwrap().detail;
    assert!(detail.contains("20 of 20 requests failed") && detail.contains("blue is not healthy"));
    assert_eq!(world.active().0, Color::Green);
    assert_eq!(world.service().generation.0, 1, "nothing was moved");
}

#[test]
fn a_service_that_must_not_go_back_is_told_and_stays() {
    let notify = |settings: &mut RolloutSettings| settings.bake.on_fail = OnFail::Notify;
    let fixture = fixture(LONG, notify);
    let world = fixture.start_healthy();
    before(&world);
    release(&world, "v2");
    world.workers[0].answer(50, 500, 7);
    assert_eq!(ended(&world), RolloutResult::Stuck);
    let detail = newest(&world).rollout.ended.unwrap().detail;
    assert!(detail.contains("50 of 50 requests failed"), "{detail}");
    assert_eq!(world.active().0, Color::Green);
}

#[test]
fn a_rollback_by_hand_ends_it_and_a_restart_goes_on_watching() {
    // L6 L12
    let fixture = fixture(LONG, |_| ());
    let world = fixture.start_healthy();
    before(&world);
    release(&world, "v2");
    world.crash();
    let world = fixture.start_healthy();
    assert_eq!(result(&world), None, "it goes on");
    seen(&world, 0);
    world.workers[0].answer(20, 500, 7);
    assert_eq!(ended(&world), RolloutResult::RolledBack);
    release(&world, "v3");
    let back = control::SwitchRequest { to: control::Destination::Previous, ..to(Color::Blue) };
    world.switch(back).unwrap();
    assert_eq!(ended(&world), RolloutResult::Aborted);
}

#[test]
fn without_the_key_no_switch_is_watched() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    before(&world);
    release(&world, "v2");
    assert_eq!(world.wait(world.handle.rollouts(RolloutSelection::default())).unwrap(), []);
}

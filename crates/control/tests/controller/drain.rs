//! The ends of drains: by themselves, at the deadline, or because of a newer change.

use std::time::Duration;

use control::{Role, Stuck, Switched};
use rules::{Color, Cut, DrainEnd, Generation};
use testkit::wait_until;
use traffic::SwitchEnd;

use crate::world::{Fixture, SOON, only, to};

#[test]
fn the_deadline_cuts_the_remaining_leases_and_the_receipt_counts_them() {
    // L3 L10
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (_, _) = world.claim();
    let (_, _) = world.claim();
    let hasty =
        control::SwitchRequest { drain: Some(Duration::from_millis(80)), ..to(Color::Green) };
    let Switched::Published { mut drain, .. } = world.switch(hasty).unwrap() else {
        panic!("not published")
    };
    let status = world.color(Color::Blue);
    assert_eq!((status.role, status.in_flight), (Role::Draining, 2));
    assert!(status.drain.unwrap().left <= Duration::from_millis(80));
    let cut = Cut { unanswered: 0, answering: 2, tunnels: 0 };
    assert_eq!(world.wait(drain.end()), DrainEnd::Cut(cut));
    let receipt = world.receipt();
    assert_eq!(receipt.end(), Some(DrainEnd::Cut(cut)));
    let blue = world.color(Color::Blue);
    assert!(blue.drained && blue.role == Role::Idle);
}

#[test]
fn a_drain_under_way_gets_a_closer_deadline_and_never_a_later_one() {
    // L3
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (_, _) = world.claim();
    let within = |seconds| control::SwitchRequest {
        drain: Some(Duration::from_secs(seconds)),
        ..to(Color::Green)
    };
    let Switched::Published { mut drain, .. } = world.switch(within(60)).unwrap() else {
        panic!("not published")
    };
    let left = || world.color(Color::Blue).drain.expect("it drains").left;
    let ask = |request| match world.switch(request).unwrap() {
        Switched::AlreadyOn { drain: Some(_), .. } => {}
        other => panic!("not joined: {other:?}"),
    };
    ask(within(600));
    assert!(left() <= Duration::from_secs(60), "never later");
    ask(control::SwitchRequest { dry_run: true, ..within(1) });
    let stale = Some(Generation(0));
    ask(control::SwitchRequest { if_generation: stale, ..within(1) });
    assert!(
        left() > Duration::from_secs(30),
        "neither a dry run nor a stale caller changes anything"
    );
    ask(within(10));
    assert!(left() <= Duration::from_secs(10));
    world.skip(Duration::from_secs(8));
    assert_eq!(drain.now(), None, "not before the new deadline");
    world.skip(Duration::from_secs(2));
    let cut = DrainEnd::Cut(Cut { unanswered: 0, answering: 1, tunnels: 0 });
    assert_eq!(world.wait(drain.end()), cut);
}

#[test]
fn a_worker_that_does_not_cut_keeps_the_drain_from_being_called_over() {
    // L3 L4
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (_, _) = world.claim();
    let hasty =
        control::SwitchRequest { drain: Some(Duration::from_millis(50)), ..to(Color::Green) };
    let Switched::Published { mut drain, .. } = world.switch(hasty).unwrap() else {
        panic!("not published")
    };
    world.workers[0].silence(true);
    wait_until(SOON, "the deadline passes", || {
        world.color(Color::Blue).drain.is_some_and(|drain| drain.cutting)
    });
    assert_eq!(drain.now(), None);
    assert!(!world.color(Color::Blue).drained);
    world.workers[0].silence(false);
    assert!(matches!(world.wait(drain.end()), DrainEnd::Cut(_)));
}

#[test]
fn a_caller_that_waits_for_a_worker_that_never_cuts_is_answered_in_time_and_the_drain_goes_on() {
    // L4 L10
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (_, _) = world.claim();
    let (_, _) = world.claim();
    let Switched::Published { mut drain, .. } = world.switch(to(Color::Green)).unwrap() else {
        panic!("not published")
    };
    world.workers[0].silence(true);
    assert_eq!(world.workers[0].claim().unwrap().1, Color::Green, "and it has heard of that");
    world.skip(Duration::from_secs(20)); // the deadline
    wait_until(SOON, "the deadline passes", || {
        world.color(Color::Blue).drain.is_some_and(|drain| drain.cutting)
    });
    world.skip(Duration::from_secs(10));
    let stuck = Err(Stuck { leases: 2, connections: 0 });
    assert_eq!(world.wait(drain.end_in_time()), stuck);
    let Switched::AlreadyOn { drain: Some(mut joined), .. } =
        world.switch(to(Color::Green)).unwrap()
    else {
        panic!("nothing to join")
    };
    assert_eq!(world.wait(joined.end_in_time()), stuck, "a caller that joins gets it at once");
    assert!(!world.color(Color::Blue).drained, "blue must not be stopped");
    assert_eq!(drain.now(), None, "it has not ended");
    world.workers[0].silence(false);
    let cut = DrainEnd::Cut(Cut { unanswered: 0, answering: 2, tunnels: 0 });
    assert_eq!(world.wait(drain.end()), cut);
    assert_eq!(world.wait(joined.end_in_time()), Ok(cut));
}

#[test]
fn a_switch_back_supersedes_the_drain_and_cuts_nothing() {
    // L3
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (on_blue, _) = world.claim();
    let Switched::Published { drain: mut first, .. } = world.switch(to(Color::Green)).unwrap()
    else {
        panic!("not published")
    };
    let (on_green, _) = world.claim();
    let Switched::Published { drain: mut second, .. } = world.switch(to(Color::Blue)).unwrap()
    else {
        panic!("not published")
    };
    let superseded = DrainEnd::Superseded { by: Generation(2) };
    assert_eq!(world.wait(first.end()), superseded);
    assert_eq!(world.color(Color::Blue).in_flight, 1, "the lease on blue goes on");
    world.workers[0].release(on_green);
    assert_eq!(world.wait(second.end()), DrainEnd::Drained, "blue's lease does not matter to it");
    let receipt = world.wait(world.handle.receipts(Some(Generation(1)))).map(only).unwrap();
    assert_eq!(receipt.end(), Some(superseded));
    assert!(receipt.figures.is_some(), "what was measured until then is kept");
    world.workers[0].release(on_blue);
    wait_until(SOON, "blue is empty", || world.color(Color::Blue).in_flight == 0);
}

#[test]
fn waiting_for_a_color_ends_when_it_is_safe_to_stop_and_is_refused_while_it_is_active() {
    // L4
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let refusal = world.wait(world.handle.wait_drained(None, Color::Blue)).unwrap_err();
    assert_eq!(refusal.code(), "color_active");
    world.wait(world.handle.wait_drained(None, Color::Green)).expect("idle from the start");
    let (lease, _) = world.claim();
    world.switch(to(Color::Green)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(!world.publisher.table().draining.is_empty());
            world.workers[0].release(lease);
        });
        let drained = world.wait(world.handle.wait_drained(None, Color::Blue)).unwrap();
        assert_eq!((drained.color, drained.generation), (Color::Blue, Generation(1)));
    });
    assert!(world.color(Color::Blue).drained);
    wait_until(SOON, "the table no longer lists it", || {
        world.publisher.table().draining.is_empty()
    });
}

#[test]
fn how_switches_ended_is_counted() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    world.switch_fully(Color::Green);
    world.switch_fully(Color::Blue);
    fixture.green.stop();
    world.switch(to(Color::Green)).unwrap_err();
    let metrics = world.wait(world.handle.metrics()).unwrap();
    let counts = metrics.services[0].sum.switches;
    let count = |end: SwitchEnd| counts[end as usize];
    let ends = [SwitchEnd::Drained, SwitchEnd::Refused, SwitchEnd::Cut];
    assert_eq!(ends.map(count), [2, 1, 0]);
    assert!(metrics.journal_available);
}

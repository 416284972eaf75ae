//! Holding and resuming.

use std::time::Duration;

use control::{HoldRequest, MaintenanceRequest, ResumeRequest, Scope};
use rules::{Actor, Color, DrainEnd, Generation, Notice};
use testkit::wait_until;

use crate::world::{Fixture, SOON, World, to};

fn hold(world: &World) -> control::Answer<control::HoldInForce> {
    let (service, drain) = (None, None);
    let (actor, max_wait) = (Actor::Uid(0), Some(Duration::from_secs(7)));
    world.wait(world.handle.hold(HoldRequest {
        service,
        actor,
        max_wait,
        drain,
        if_generation: None,
    }))
}

fn resume(world: &World) -> control::Answer<control::Resumed> {
    world.wait(world.handle.resume(ResumeRequest {
        service: None,
        actor: Actor::Uid(0),
        if_generation: None,
    }))
}

#[test]
fn a_hold_is_in_force_on_every_worker_and_drains_the_active_color() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (lease, _) = world.claim();
    let mut held = hold(&world).unwrap();
    let table = world.publisher.table();
    assert_eq!(table.services[0].held.unwrap().max_wait, Duration::from_secs(7));
    assert_eq!(held.color, Color::Blue);
    assert_eq!(held.drain.now(), None);
    assert!(!world.color(Color::Blue).drained);
    world.workers[0].release(lease);
    assert_eq!(world.wait(held.drain.end()), DrainEnd::Drained);
    assert!(world.color(Color::Blue).drained, "nothing comes while held: safe to stop");
    world.wait(world.handle.wait_drained(None, Color::Blue)).unwrap();
    assert_eq!(hold(&world).unwrap_err().code(), "already_held");
    let status = world.service();
    assert_eq!((status.held.unwrap().by, status.generation), (Actor::Uid(0), Generation(0)));
    assert_eq!(resume(&world).unwrap().color, Color::Blue);
    assert!(world.publisher.table().services[0].held.is_none());
    assert_eq!(resume(&world).unwrap_err().code(), "not_held");
}

#[test]
fn a_silent_worker_makes_a_hold_incomplete_and_its_drain_late_but_not_endless() {
    // L4 L10
    let fixture = Fixture::new();
    fixture.spec(|spec| spec.policy_mut().drain.timeout = Duration::from_millis(50));
    let world = fixture.start_healthy();
    let (_, _) = world.claim();
    world.workers[1].silence(true);
    assert_eq!(hold(&world).unwrap_err().code(), "publish_incomplete");
    assert!(!world.color(Color::Blue).drained, "the silent worker may still take leases");
    world.workers[1].silence(false);
    wait_until(SOON, "the lease is cut and blue is drained", || world.color(Color::Blue).drained);
}

#[test]
fn a_maintenance_ends_the_hold_and_its_drain_and_drains_nothing_itself() {
    // L3
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (lease, _) = world.claim();
    let mut held = hold(&world).unwrap();
    let notice = Notice { message: Some("soon".to_owned()), ..Notice::default() };
    let maintain = |notice: Option<Notice>| {
        let (scope, actor) = (Scope::Only, Actor::Uid(0));
        world.wait(world.handle.maintain(MaintenanceRequest { scope, actor, notice }))
    };
    maintain(Some(notice.clone())).unwrap();
    assert_eq!(world.wait(held.drain.end()), DrainEnd::Interrupted);
    let table = world.publisher.table();
    assert_eq!(table.services[0].maintenance.as_deref(), Some(&notice));
    assert!(table.services[0].held.is_none() && table.draining.is_empty());
    assert_eq!(hold(&world).unwrap_err().code(), "in_maintenance");
    let status = world.service();
    assert_eq!(status.maintenance.map(|one| one.by), Some(Actor::Uid(0)));
    maintain(None).unwrap();
    assert!(world.publisher.table().services[0].maintenance.is_none());
    assert_eq!(maintain(None).unwrap_err().code(), "not_in_maintenance");
    world.workers[0].release(lease);
}

#[test]
fn a_resume_interrupts_the_drain_of_the_hold_and_cuts_nothing() {
    // L3
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (_, _) = world.claim();
    let mut held = hold(&world).unwrap();
    resume(&world).unwrap();
    assert_eq!(world.wait(held.drain.end()), DrainEnd::Interrupted);
    assert!(world.publisher.table().draining.is_empty());
    assert_eq!(world.color(Color::Blue).in_flight, 1);
}

#[test]
fn switching_while_held_is_allowed_and_the_hold_stays() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (lease, _) = world.claim();
    let mut held = hold(&world).unwrap();
    world.switch(to(Color::Green)).unwrap();
    let superseded = DrainEnd::Superseded { by: Generation(1) };
    assert_eq!(world.wait(held.drain.end()), superseded);
    assert!(world.service().held.is_some());
    world.workers[0].release(lease);
    wait_until(SOON, "blue drains", || world.color(Color::Blue).drained);
    assert_eq!(resume(&world).unwrap().color, Color::Green);
}

#[test]
fn a_hold_outlives_a_crash() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    hold(&world).unwrap();
    world.crash();
    let world = fixture.start();
    assert!(world.service().held.is_some());
    wait_until(SOON, "workers hold", || world.publisher.table().services[0].held.is_some());
    resume(&world).unwrap();
}

//! A retired color: nothing is sent to it, until a switch or a deploy to it.

use std::collections::BTreeSet;
use std::time::Duration;

use control::{BeginDeployRequest, ColorRetired, ReportDeployRequest, RetireRequest, Scope};
use rules::{Actor, Color, DeployId, DeployStep, DrainEnd, HistoryEntry, Refusal};
use testkit::{Target, wait_until};

use crate::world::{Fixture, SOON, World, to};

fn retire(world: &World, color: Color) -> Result<ColorRetired, Refusal> {
    let request = RetireRequest { service: None, color, actor: Actor::Uid(7), if_generation: None };
    world.wait(world.handle.retire(request))
}

fn probes(target: &Target) -> usize {
    target.seen().probes().len()
}

/// Waits while the other color is probed a few times; then this many more probes have come to this one.
fn probed_meanwhile(target: &Target, other: &Target) -> usize {
    let (before, others) = (probes(target), probes(other));
    wait_until(SOON, "the other color is probed", || probes(other) >= others + 4);
    probes(target) - before
}

#[test]
fn a_retired_color_is_not_probed_and_a_switch_to_it_proves_it_anew() {
    // L9
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    retire(&world, Color::Green).unwrap();
    let status = world.color(Color::Green);
    assert!(status.retired && status.drained);
    let under_way = probed_meanwhile(&fixture.green, &fixture.blue);
    assert!(under_way <= 1, "{under_way} probes");
    world.crash();

    fixture.green.seen().forget();
    let world = fixture.start();
    wait_until(SOON, "blue is healthy", || world.color(Color::Blue).healthy);
    assert!(world.color(Color::Green).retired, "as the journal says");
    assert_eq!(probes(&fixture.green), 0);
    assert_eq!(world.switch_fully(Color::Green), DrainEnd::Drained);
    assert!(probes(&fixture.green) >= 2, "L9: back to back");
    assert!(!world.color(Color::Green).retired);
    assert!(probed_meanwhile(&fixture.blue, &fixture.green) > 0, "a rollback must be possible");
    assert!(probed_meanwhile(&fixture.green, &fixture.blue) > 0, "it is probed as always");
}

#[test]
fn a_retired_color_that_was_stopped_refuses_a_switch_with_its_reason() {
    // L9
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    retire(&world, Color::Green).unwrap();
    fixture.green.stop();
    let refusal = world.switch(to(Color::Green)).unwrap_err();
    assert!(refusal.to_string().contains("connection refused"), "{refusal}");
    assert!(world.color(Color::Green).retired, "nothing was changed");
}

#[test]
fn an_active_or_draining_color_is_not_retired() {
    // L4
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    assert_eq!(retire(&world, Color::Blue).unwrap_err().code(), "color_active");
    let (lease, _) = world.claim();
    world.switch(to(Color::Green)).unwrap();
    let refusal = retire(&world, Color::Blue).unwrap_err();
    assert_eq!(refusal.code(), "color_draining");
    assert!(refusal.to_string().contains("1 leases and"), "{refusal}");
    world.workers[0].release(lease);
    wait_until(SOON, "blue is drained", || world.color(Color::Blue).drained);
    retire(&world, Color::Blue).unwrap();
    retire(&world, Color::Blue).expect("a second retirement is not refused");
    let history = world.wait(world.handle.history()).unwrap();
    let retired = history.iter().filter(|entry| matches!(entry, HistoryEntry::Retire { .. }));
    assert_eq!(retired.count(), 1);
}

#[test]
fn a_deploy_that_starts_a_version_in_a_retired_color_has_it_probed_again() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    retire(&world, Color::Green).unwrap();
    let request = BeginDeployRequest {
        scope: Scope::Only,
        version: None,
        actor: Actor::Uid(7),
        by: None,
        reason: None,
        emergency: false,
        supersede: false,
        sweep: false,
        if_generation: None,
    };
    world.wait(world.handle.begin_deploy(request)).unwrap();
    assert!(world.color(Color::Green).retired, "not yet");
    let report = ReportDeployRequest {
        id: DeployId(1),
        actor: Actor::Uid(7),
        claim: Some(1),
        by: None,
        step: Some(DeployStep::Start),
        pause: false,
        result: None,
        detail: None,
        keep: None,
    };
    let before = probes(&fixture.green);
    world.wait(world.handle.report_deploy(report)).unwrap();
    assert!(!world.color(Color::Green).retired);
    wait_until(Duration::from_secs(5), "green is probed", || probes(&fixture.green) > before);
}

#[test]
fn no_failover_goes_to_a_retired_color() {
    let fixture = Fixture::new();
    fixture.spec(|spec| spec.policy_mut().failover = rules::Failover::Auto);
    let world = fixture.start_healthy();
    retire(&world, Color::Green).unwrap();
    fixture.blue.stop();
    wait_until(SOON, "blue is down", || !world.color(Color::Blue).healthy);
    let before = probes(&fixture.green);
    let mut failed = BTreeSet::new();
    wait_until(SOON, "blue is probed several times", || {
        let probe = world.color(Color::Blue).targets[0].last_probe.clone();
        failed.extend(probe.map(|probe| probe.moment));
        failed.len() > 4
    });
    assert!(probes(&fixture.green) <= before + 1, "nothing is sent to it");
    assert_eq!(world.active().0, Color::Blue);
}

//! Reading the configuration again: all or nothing.

use std::time::Duration;

use control::{EventRead, LiveEvent, ReloadRequest, Reloaded};
use rules::{Actor, Color, Cut, DrainEnd, Generation, Standing, TargetUrl};
use testkit::{Target, wait_until};
use traffic::TargetSum;

use crate::world::{Fixture, SOON, World, name, service, to, url};

fn reload(world: &World) -> control::Answer<Reloaded> {
    world.wait(world.handle.reload(ReloadRequest { actor: Actor::Teal }))
}

#[test]
fn a_faulty_configuration_changes_nothing_and_lists_all_problems() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let problems = vec!["line 3: unknown key".to_owned(), "line 9: no such color".to_owned()];
    *fixture.config.lock().unwrap() = Err(problems);
    let refusal = reload(&world).unwrap_err();
    assert_eq!(refusal.code(), "reload_problems");
    assert!(refusal.to_string().contains("line 3") && refusal.to_string().contains("line 9"));
    assert_eq!(world.active(), (Color::Blue, 0));
}

#[test]
fn a_reload_without_changes_is_not_a_change() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    assert_eq!(reload(&world).unwrap(), Reloaded { generation: None, changes: Vec::new() });
}

#[test]
fn settings_and_idle_targets_are_applied_at_once_without_a_generation() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let fresh = Target::start("fresh");
    fixture.spec(|spec| {
        spec.policy_mut().drain.timeout = Duration::from_secs(3);
        spec.colors[Color::Green.index()].targets = vec![url(&fresh)];
    });
    let reloaded = reload(&world).unwrap();
    assert_eq!(reloaded.generation, None, "green receives nothing");
    assert_eq!(reloaded.changes.len(), 3, "{:?}", reloaded.changes);
    let target = world.color(Color::Green).targets.remove(0);
    assert_eq!(target.url, url(&fresh));
    wait_until(SOON, "the new target is proven", || world.color(Color::Green).healthy);
    assert!(!fresh.seen().probes().is_empty());
}

#[test]
fn new_targets_of_an_active_color_must_pass_the_gate_first() {
    // L9
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let fresh = Target::stopped("fresh");
    fixture.spec(|spec| spec.colors[Color::Blue.index()].targets.push(url(&fresh)));
    let refusal = reload(&world).unwrap_err();
    assert_eq!(refusal.code(), "unhealthy");
    assert!(refusal.to_string().ends_with("connection refused"), "{refusal}");
    assert_eq!(world.color(Color::Blue).targets.len(), 1, "nothing has changed");
    fresh.restart();
    assert_eq!(reload(&world).unwrap().generation, Some(Generation(1)));
    let blue = world.color(Color::Blue);
    assert_eq!(blue.targets[1].standing, Standing::Up, "what the gate found out is kept");
    assert_eq!(world.active(), (Color::Blue, 1));
}

#[test]
fn other_hosts_or_another_prefix_are_a_generation_since_they_move_traffic() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    fixture.spec(|spec| spec.hosts = vec!["shop.example".to_owned()]);
    let changes = |key: &str| vec![format!("service web: {key} changed")];
    let generation = Some(Generation(1));
    assert_eq!(reload(&world).unwrap(), Reloaded { generation, changes: changes("hosts") });
    assert_eq!(world.active(), (Color::Blue, 1), "the color stays");
    fixture.spec(|spec| spec.path_prefix = "/shop".to_owned());
    let generation = Some(Generation(2));
    assert_eq!(reload(&world).unwrap(), Reloaded { generation, changes: changes("path_prefix") });
    assert_eq!(world.active(), (Color::Blue, 2));
    world.crash();
    assert_eq!(fixture.start().active(), (Color::Blue, 2), "and durable");
}

#[test]
fn a_repointed_active_color_gets_new_leases_and_the_old_targets_drain() {
    // L1 L4
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (lease, _) = world.claim();
    let fresh = Target::start("fresh");
    fixture.spec(|spec| spec.colors[Color::Blue.index()].targets = vec![url(&fresh)]);
    assert_eq!(reload(&world).unwrap().generation, Some(Generation(1)));
    let table = world.publisher.table();
    assert_eq!(table.draining.len(), 1);
    assert_ne!(table.draining[0].what, table.services[0].color(Color::Blue).id.into());
    assert_eq!(world.color(Color::Blue).in_flight, 0, "the old lease is on the old targets");
    world.workers[0].release(lease);
    wait_until(SOON, "the old targets are drained", || world.publisher.table().draining.is_empty());
}

#[test]
fn a_target_that_is_removed_from_a_color_drains_and_is_cut_while_the_others_keep_their_leases() {
    // L3 L4
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let second = Target::start("second");
    fixture.spec(|spec| spec.colors[0].targets.push(url(&second)));
    reload(&world).unwrap();
    let table = world.publisher.table();
    let targets = &table.services[0].color(Color::Blue).targets;
    let leases = || [0, 1].map(|n: usize| TargetSum::of(&targets[n].books).leases);
    wait_until(SOON, "both targets have leases", || {
        world.claim();
        leases().iter().all(|leases| *leases > 0)
    });
    let [kept, gone] = leases();
    let mut events = world.handle.events(None);
    fixture.spec(|spec| {
        spec.colors[0].targets.truncate(1);
        spec.policy_mut().drain.timeout = Duration::from_secs(30);
    });
    reload(&world).unwrap();
    let draining = || world.publisher.table().draining.clone();
    assert_eq!(draining().iter().map(|d| d.what).collect::<Vec<_>>(), [targets[1].id.into()]);
    assert_eq!(leases(), [kept, gone], "untouched until the deadline");
    wait_until(SOON, "the deadline passes", || {
        world.skip(Duration::from_secs(31)); // again, if the drain was not yet waiting for it
        leases()[1] == 0
    });
    let end = world.wait(async {
        loop {
            if let EventRead::Item(item) = events.next().await
                && let LiveEvent::DrainEnded { color, target, end, .. } = item.event
            {
                return (color, target, end);
            }
        }
    });
    let cut = Cut { answering: gone, ..Cut::default() };
    assert_eq!(end, (Color::Blue, Some(url(&second).into()), DrainEnd::Cut(cut)));
    assert_eq!(leases(), [kept, 0]);
    assert!(draining().is_empty());
}

#[test]
fn a_target_that_is_removed_and_added_again_is_a_new_one() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let second = Target::start("second");
    let blue_ids = || -> Vec<u32> {
        let table = world.publisher.table();
        let targets = table.services[0].color(Color::Blue).targets.iter();
        targets.map(|target| target.id.0).collect()
    };
    let only = blue_ids();
    fixture.spec(|spec| spec.colors[0].targets.push(url(&second)));
    reload(&world).unwrap();
    let both = blue_ids();
    assert_eq!(both[0], only[0], "what stays keeps its identity");
    fixture.spec(|spec| spec.colors[0].targets.truncate(1));
    reload(&world).unwrap();
    assert_eq!(blue_ids(), only);
    fixture.spec(|spec| spec.colors[0].targets.push(url(&second)));
    reload(&world).unwrap();
    assert!(!both.contains(&blue_ids()[1]));
}

#[test]
fn a_service_that_is_removed_and_added_again_is_where_it_was() {
    // L6
    let fixture = Fixture::new();
    let mut other = service("other", &fixture.blue, &fixture.green);
    other.hosts = vec!["other.test".to_owned()];
    let world = fixture.start_healthy();
    world.switch_fully(Color::Green);
    let web = fixture.config.lock().unwrap().clone().unwrap();
    *fixture.config.lock().unwrap() = Ok(vec![other.clone()]);
    reload(&world).unwrap();
    assert_eq!(world.service().name, name("other"));
    *fixture.config.lock().unwrap() = Ok(vec![web[0].clone(), other]);
    reload(&world).unwrap();
    assert_eq!(world.active(), (Color::Green, 3));
    wait_until(SOON, "the drains of what left are over", || {
        world.publisher.table().draining.is_empty()
    });
}

#[test]
fn a_switch_to_targets_added_by_a_reload_needs_their_evidence() {
    // L9
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    fixture.spec(|spec| {
        spec.colors[1].targets = vec![TargetUrl::parse("http://127.0.0.1:1").unwrap()];
    });
    reload(&world).unwrap();
    assert_eq!(world.switch(to(Color::Green)).unwrap_err().code(), "unhealthy");
}

#[test]
fn a_drain_under_way_continues_when_a_reload_removes_its_targets() {
    // L4
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (lease, _) = world.claim();
    world.switch(to(Color::Green)).unwrap();
    let fresh = Target::start("fresh");
    fixture.spec(|spec| spec.colors[Color::Blue.index()].targets = vec![url(&fresh)]);
    assert_eq!(reload(&world).unwrap().generation, None, "blue receives nothing");
    assert_eq!(world.publisher.table().draining.len(), 1, "the old blue is still listed");
    world.workers[0].release(lease);
    wait_until(SOON, "the receipt is complete", || {
        let receipt = world.receipt();
        receipt.end() == Some(DrainEnd::Drained)
    });
    wait_until(SOON, "nothing drains", || world.publisher.table().draining.is_empty());
    wait_until(SOON, "the new blue is proven", || world.color(Color::Blue).healthy);
    world.switch(to(Color::Blue)).unwrap();
}

#[test]
fn a_reload_that_cannot_be_made_durable_changes_nothing() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let fresh = Target::start("fresh");
    fixture.spec(|spec| spec.colors[Color::Blue.index()].targets = vec![url(&fresh)]);
    fixture.disk.break_down(true);
    assert_eq!(reload(&world).unwrap_err().code(), "journal_unavailable");
    assert_eq!(world.color(Color::Blue).targets[0].url, url(&fixture.blue));
    fixture.disk.break_down(false);
    assert_eq!(reload(&world).unwrap().generation, Some(Generation(1)));
}

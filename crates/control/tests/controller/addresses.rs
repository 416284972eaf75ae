//! From the name of a target to its addresses: when that is looked up, and what follows.

use std::net::SocketAddr;
use std::time::Duration;

use control::ReloadAsk;
use rules::{Actor, Color, Generation, Standing, TargetUrl};
use testkit::{Target, wait_until};
use traffic::ReportKind;

use crate::world::{Ground, SOON, World, to};

const NAME: &str = "app.test";

/// The one target of a color is known by its name, which leads to `target`.
fn named(ground: &Ground, color: Color, target: &Target) {
    ground.names.set(NAME, target.address());
    ground.spec(|spec| {
        let url = TargetUrl::parse(&format!("http://{NAME}:80")).unwrap();
        spec.colors[color.index()].targets = vec![url];
    });
}

/// Where workers would connect to now.
fn reached(world: &World, color: Color) -> Vec<SocketAddr> {
    let table = world.publisher.table();
    table.services[0].color(color).targets[0].addresses.clone()
}

fn last_reason(world: &World, color: Color) -> String {
    let last = world.color(color).targets[0].last_probe.clone();
    last.and_then(|probe| Some(probe.verdict.reason()?.to_owned())).unwrap_or_default()
}

#[test]
fn a_name_that_leads_elsewhere_is_followed_at_the_next_interval_by_probes_and_traffic() {
    let ground = Ground::new();
    named(&ground, Color::Blue, &ground.blue);
    let world = ground.start_healthy();
    assert_eq!(reached(&world, Color::Blue), [ground.blue.address()]);
    let moved = Target::start("moved");
    ground.names.set(NAME, moved.address());
    wait_until(SOON, "traffic goes to the new address", || {
        reached(&world, Color::Blue) == [moved.address()]
    });
    let probes = ground.blue.seen().probes().len();
    wait_until(SOON, "and so do probes", || moved.seen().probes().len() > 2);
    assert_eq!(ground.blue.seen().probes().len(), probes, "nobody knocks at the old one");
    assert_eq!(world.active(), (Color::Blue, 0), "that is no change of where traffic goes");
}

#[test]
fn a_connect_that_traffic_saw_refused_has_the_name_looked_up_at_once_and_nothing_else_has() {
    let ground = Ground::new();
    named(&ground, Color::Blue, &ground.blue);
    ground.spec(|spec| {
        spec.health.interval = Duration::from_secs(600);
        spec.health.fall = 3;
    });
    let world = ground.start_healthy();
    let moved = Target::start("moved");
    ground.names.set(NAME, moved.address());
    let before = ground.names.lookups();
    for _ in 0..100 {
        let (lease, color) = world.claim();
        assert_eq!(color, Color::Blue);
        world.workers[0].release(lease);
    }
    assert_eq!(ground.names.lookups(), before, "requests look nothing up");
    assert_eq!(reached(&world, Color::Blue), [ground.blue.address()]);
    ground.blue.stop();
    world.workers[0].report(ReportKind::Refused);
    wait_until(SOON, "traffic goes to the new address, long before the interval", || {
        reached(&world, Color::Blue) == [moved.address()]
    });
    wait_until(SOON, "a probe clears the suspicion", || !moved.seen().probes().is_empty());
    assert_eq!(world.color(Color::Blue).targets[0].standing, Standing::Up, "it was never down");
}

#[test]
fn traffic_keeps_the_last_addresses_of_a_name_that_is_not_resolved_any_more() {
    let ground = Ground::new();
    named(&ground, Color::Blue, &ground.blue);
    let world = ground.start_healthy();
    ground.names.forget(NAME);
    wait_until(SOON, "blue is down", || {
        world.color(Color::Blue).targets[0].standing == Standing::Down
    });
    assert_eq!(last_reason(&world, Color::Blue), "no address for app.test");
    assert_eq!(reached(&world, Color::Blue), [ground.blue.address()]);
    ground.names.set(NAME, ground.blue.address());
    wait_until(SOON, "blue is healthy again", || world.color(Color::Blue).healthy);
}

#[test]
fn a_name_without_an_address_says_so_where_a_switch_is_refused() {
    let ground = Ground::new();
    named(&ground, Color::Green, &ground.green);
    ground.names.forget(NAME);
    let world = ground.start();
    let refusal = world.switch(to(Color::Green)).unwrap_err();
    assert_eq!(refusal.code(), "unhealthy");
    assert!(refusal.to_string().ends_with("no address for app.test"), "{refusal}");
    assert_eq!(reached(&world, Color::Green), []);
}

#[test]
fn a_name_that_a_reload_puts_in_traffic_has_its_addresses_in_the_first_table() {
    // L9
    let ground = Ground::new();
    ground.spec(|spec| spec.health.interval = Duration::from_secs(600));
    let world = ground.start_healthy();
    let fresh = Target::start("fresh");
    named(&ground, Color::Blue, &fresh);
    ground.names.answer_only(2); // the two probes of the gate, and nobody after the reload
    let reloaded = world.wait(world.handle.reload(ReloadAsk { actor: Actor::Teal })).unwrap();
    assert_eq!(reloaded.generation, Some(Generation(1)));
    assert_eq!(reached(&world, Color::Blue), [fresh.address()]);
}

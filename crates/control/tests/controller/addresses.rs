//! From the name of a target to its addresses: when that is looked up, and what follows.

use std::collections::BTreeSet;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use control::ReloadRequest;
use peer::{OfferedColor, OfferedTarget};
use rules::{Actor, Color, Generation, Standing, TargetUrl};
use testkit::{Health, Target, wait_until};
use traffic::ReportKind;

use crate::world::{Fixture, SOON, World, to};

const NAME: &str = "app.test";

/// The one target of a color is known by its name, which leads to `target`.
fn named(fixture: &Fixture, color: Color, target: &Target) {
    fixture.names.set(NAME, target.address());
    fixture.spec(|spec| {
        let url = TargetUrl::parse(&format!("http://{NAME}:80")).unwrap();
        spec.colors[color.index()].targets = vec![url];
    });
}

/// The addresses that workers would connect to now.
fn reached(world: &World, color: Color) -> Vec<SocketAddr> {
    let table = world.publisher.table();
    table.services[0].color(color).targets[0].addresses.clone()
}

#[test]
fn a_name_that_leads_elsewhere_is_followed_at_the_next_interval_by_probes_and_traffic() {
    let fixture = Fixture::new();
    named(&fixture, Color::Blue, &fixture.blue);
    let world = fixture.start_healthy();
    assert_eq!(reached(&world, Color::Blue), [fixture.blue.address()]);
    let moved = Target::start("moved");
    fixture.names.set(NAME, moved.address());
    wait_until(SOON, "traffic goes to the new address", || {
        reached(&world, Color::Blue) == [moved.address()]
    });
    let probes = fixture.blue.seen().probes().len();
    wait_until(SOON, "and so do probes", || moved.seen().probes().len() > 2);
    assert_eq!(fixture.blue.seen().probes().len(), probes, "nobody knocks at the old one");
    assert_eq!(world.active(), (Color::Blue, 0), "traffic goes to the same place");
}

#[test]
fn a_connect_that_traffic_saw_refused_has_the_name_looked_up_at_once_and_nothing_else_has() {
    let fixture = Fixture::new();
    named(&fixture, Color::Blue, &fixture.blue);
    fixture.spec(|spec| {
        spec.health.interval = Duration::from_secs(600);
        spec.health.fall = 3;
    });
    let world = fixture.start_healthy();
    let moved = Target::start("moved");
    fixture.names.set(NAME, moved.address());
    let before = fixture.names.lookups();
    for _ in 0..100 {
        let (lease, color) = world.claim();
        assert_eq!(color, Color::Blue);
        world.workers[0].release(lease);
    }
    assert_eq!(fixture.names.lookups(), before, "requests look nothing up");
    assert_eq!(reached(&world, Color::Blue), [fixture.blue.address()]);
    fixture.blue.stop();
    world.workers[0].report(ReportKind::Refused);
    wait_until(SOON, "traffic goes to the new address, long before the interval", || {
        reached(&world, Color::Blue) == [moved.address()]
    });
    wait_until(SOON, "a probe clears the suspicion", || !moved.seen().probes().is_empty());
    assert_eq!(world.color(Color::Blue).targets[0].standing, Standing::Up, "it was never down");
}

fn no_address(world: &World) -> bool {
    reached(world, Color::Blue).is_empty()
}

#[test]
fn r62_the_last_address_of_a_name_that_is_gone_counts_only_while_the_target_is_up_there() {
    let fixture = Fixture::new();
    named(&fixture, Color::Blue, &fixture.blue);
    fixture.spec(|spec| spec.health.fall = 100);
    let world = fixture.start_healthy();
    fixture.names.forget(NAME);
    let before = fixture.blue.seen().probes().len();
    wait_until(SOON, "it is probed on", || fixture.blue.seen().probes().len() > before + 2);
    assert_eq!(reached(&world, Color::Blue), [fixture.blue.address()], "it is up there");
    fixture.blue.stop();
    wait_until(SOON, "the first failure there ends it", || no_address(&world));
    let stranger = Target::start("stranger");
    fixture.names.set(NAME, stranger.address());
    stranger.health(Health::Status(503));
    wait_until(SOON, "the stranger is asked", || stranger.seen().probes().len() > 3);
    assert!(no_address(&world), "and gets no traffic");
    assert!(!world.color(Color::Blue).healthy);
    stranger.health(Health::Healthy);
    wait_until(SOON, "until it is proven", || reached(&world, Color::Blue) == [stranger.address()]);
    let healthy = world.color(Color::Blue);
    assert!(healthy.healthy, "by the same evidence: {healthy:?}");
}

#[test]
fn r62_a_refused_connect_ends_the_last_address_of_a_name_that_is_gone_before_any_probe() {
    let fixture = Fixture::new();
    named(&fixture, Color::Blue, &fixture.blue);
    fixture.spec(|spec| {
        spec.health.fall = 100;
        spec.health.interval = Duration::from_secs(600);
    });
    let world = fixture.start_healthy();
    let probes = fixture.blue.seen().probes().len();
    fixture.names.forget(NAME);
    world.workers[0].report(ReportKind::Refused); // somebody else listens there by now
    wait_until(SOON, "no address is left", || no_address(&world));
    assert_eq!(
        fixture.blue.seen().probes().len(),
        probes,
        "the new process at that address is not probed"
    );
}

#[test]
fn r62_a_resolver_that_does_not_answer_takes_no_healthy_target_with_it() {
    let fixture = Fixture::new();
    named(&fixture, Color::Blue, &fixture.blue);
    let world = fixture.start_healthy();
    fixture.names.answer_only(0);
    let before = fixture.blue.seen().probes().len();
    wait_until(SOON, "it is probed on", || fixture.blue.seen().probes().len() > before + 2);
    assert_eq!(reached(&world, Color::Blue), [fixture.blue.address()]);
    assert!(world.color(Color::Blue).healthy);
}

#[test]
fn r62_an_address_that_did_not_answer_is_proven_before_it_is_used_again() {
    let fixture = Fixture::new();
    named(&fixture, Color::Blue, &fixture.blue);
    let world = fixture.start_healthy();
    fixture.blue.stop();
    wait_until(SOON, "the name stays, the address goes", || no_address(&world));
    let before = fixture.blue.seen().probes().len();
    fixture.blue.restart();
    wait_until(SOON, "it is used again", || {
        reached(&world, Color::Blue) == [fixture.blue.address()]
    });
    assert!(fixture.blue.seen().probes().len() >= before + 2, "after `rise` probes");
}

#[test]
fn r62_an_answer_that_is_not_good_does_not_take_the_address_of_the_name() {
    let fixture = Fixture::new();
    named(&fixture, Color::Blue, &fixture.blue);
    let world = fixture.start_healthy();
    fixture.blue.health(Health::Status(503));
    wait_until(SOON, "blue is down", || {
        world.color(Color::Blue).targets[0].standing == Standing::Down
    });
    assert_eq!(reached(&world, Color::Blue), [fixture.blue.address()], "the name still says so");
}

#[test]
fn a_name_without_an_address_says_so_where_a_switch_is_refused() {
    let fixture = Fixture::new();
    named(&fixture, Color::Green, &fixture.green);
    fixture.names.forget(NAME);
    let world = fixture.start();
    let refusal = world.switch(to(Color::Green)).unwrap_err();
    assert_eq!(refusal.code(), "unhealthy");
    assert!(refusal.to_string().ends_with("no address for app.test"), "{refusal}");
    assert_eq!(reached(&world, Color::Green), []);
}

#[test]
fn a_name_that_a_reload_puts_in_traffic_has_its_addresses_in_the_first_table() {
    // L9
    let fixture = Fixture::new();
    fixture.spec(|spec| spec.health.interval = Duration::from_secs(600));
    let world = fixture.start_healthy();
    let fresh = Target::start("fresh");
    named(&fixture, Color::Blue, &fresh);
    fixture.names.answer_only(2); // the two probes of the gate, and nobody after the reload
    let reloaded = world.wait(world.handle.reload(ReloadRequest { actor: Actor::Teal })).unwrap();
    assert_eq!(reloaded.generation, Some(Generation(1)));
    assert_eq!(reached(&world, Color::Blue), [fresh.address()]);
}

#[test]
fn r67_a_reload_takes_a_name_of_which_one_family_refuses() {
    // L9
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let fresh = Target::start("fresh");
    named(&fixture, Color::Blue, &fresh);
    let nobody = (Ipv6Addr::LOCALHOST, fresh.address().port()).into();
    fixture.names.set_all(NAME, &[fresh.address(), nobody]);
    let reloaded = world.wait(world.handle.reload(ReloadRequest { actor: Actor::Teal })).unwrap();
    assert_eq!(reloaded.generation, Some(Generation(1)));
}

/// All addresses that workers would connect to now.
fn used(world: &World) -> BTreeSet<SocketAddr> {
    let table = world.publisher.table();
    let targets = &table.services[0].color(Color::Blue).targets;
    targets.iter().flat_map(|target| target.addresses.clone()).collect()
}

fn addresses<'t>(targets: impl IntoIterator<Item = &'t Target>) -> BTreeSet<SocketAddr> {
    targets.into_iter().map(Target::address).collect()
}

#[test]
fn r67_no_such_name_beside_failed_probes_takes_no_target_before_it_is_down() {
    // L9
    for (fault, fall) in [(Health::Status(503), 6), (Health::Hang, 3)] {
        let fixture = Fixture::new();
        named(&fixture, Color::Blue, &fixture.blue);
        fixture.spec(|spec| spec.health.fall = fall);
        let world = fixture.start_healthy();
        let was_used = |probes: usize| {
            let seen = fixture.blue.seen().probes().len();
            seen >= probes || reached(&world, Color::Blue) == [fixture.blue.address()]
        };
        fixture.names.forget(NAME);
        let before = fixture.blue.seen().probes().len();
        fixture.blue.health(fault);
        wait_until(SOON, "it has failed more than once", || {
            assert!(was_used(before + fall as usize), "it is not down yet");
            fixture.blue.seen().probes().len() > before + 1
        });
        let lookups = fixture.names.lookups();
        wait_until(SOON, "it is down, and the name is gone", || no_address(&world));
        assert!(fixture.blue.seen().probes().len() >= before + fall as usize);
        assert!(fixture.names.lookups() >= lookups);
        let shown = world.color(Color::Blue).targets;
        assert_eq!(shown.len(), 1, "it is still shown: {shown:?}");
        assert!(!world.color(Color::Blue).healthy);
    }
}

#[test]
fn r67_of_several_addresses_those_that_are_up_stay_while_there_is_no_such_name() {
    let fixture = Fixture::new();
    let (second, third) = (Target::start("2"), Target::start("3"));
    named(&fixture, Color::Blue, &fixture.blue);
    let all = [&fixture.blue, &second, &third];
    fixture.names.set_all(NAME, &all.map(Target::address));
    let world = fixture.start_healthy();
    wait_until(SOON, "all are used", || used(&world) == addresses(all));
    fixture.names.forget(NAME);
    second.health(Health::Status(503));
    wait_until(SOON, "the one that fails is not", || {
        used(&world) == addresses([&fixture.blue, &third])
    });
    let before = third.seen().probes().len();
    wait_until(SOON, "probes go on", || third.seen().probes().len() > before + 3);
    assert_eq!(used(&world), addresses([&fixture.blue, &third]), "the others stay");
    let names = world.color(Color::Blue).names;
    let problem = names[0].problem(rules::Time(0)).unwrap();
    assert_eq!(problem, "no such name any more; 2 of its addresses stay in use while up");
}

#[test]
fn r67_a_name_that_moves_to_other_addresses_keeps_its_capacity_until_they_are_proven() {
    // L9
    let fixture = Fixture::new();
    let old = [Target::start("a"), Target::start("b"), Target::start("c")];
    let new = [Target::start("x"), Target::start("y"), Target::start("z")];
    named(&fixture, Color::Blue, &fixture.blue);
    fixture.names.set_all(NAME, &old.each_ref().map(Target::address));
    let world = fixture.start_healthy();
    wait_until(SOON, "all are used", || used(&world) == addresses(&old));
    for target in &new {
        target.health(Health::Status(503));
    }
    fixture.names.set_all(NAME, &new.each_ref().map(Target::address));
    let asked = |target: &Target| target.seen().probes().len() > 3;
    wait_until(SOON, "the new ones are being proven", || new.iter().all(asked));
    assert_eq!(used(&world), addresses(&old), "nothing better is there");
    for proven in 1..=2 {
        new[proven - 1].health(Health::Healthy);
        wait_until(SOON, "it is used", || used(&world).contains(&new[proven - 1].address()));
        wait_until(SOON, "in the place of one old address", || used(&world).len() == 3);
        let now = used(&world);
        assert!(addresses(&new[..proven]).is_subset(&now), "{proven}: {now:?}");
        assert_eq!(now.intersection(&addresses(&old)).count(), 3 - proven);
    }
    // The last one never comes up: it has had its time, and what the name no longer has goes.
    world.skip(Duration::from_secs(61));
    wait_until(SOON, "the last old one goes", || used(&world) == addresses(&new[..2]));
    fixture.names.set_all(NAME, &[new[0].address()]);
    wait_until(SOON, "fewer addresses are fewer at once", || used(&world) == addresses(&new[..1]));
}

/// The addresses that traffic uses in the first table after an upgrade, if the older Teal uses these addresses.
fn used_after_an_upgrade(
    fixture: &Fixture,
    by_the_older: &[&Target],
) -> (World, BTreeSet<SocketAddr>) {
    let url = format!("http://{NAME}:80");
    let told =
        |target: &&Target| OfferedTarget { url: url.clone(), address: Some(target.address()) };
    let targets = by_the_older.iter().map(told).collect();
    let (service, color) = ("web".to_owned(), "blue".to_owned());
    *fixture.used.lock().unwrap() = vec![OfferedColor { service, color, targets }];
    let world = fixture.start();
    let first = used(&world);
    (world, first)
}

#[test]
fn r67_an_upgrade_while_there_is_no_such_name_goes_on_with_the_addresses_in_use() {
    // L7 L9
    let (fixture, second) = (Fixture::new(), Target::start("2"));
    named(&fixture, Color::Blue, &fixture.blue);
    fixture.names.forget(NAME);
    let both = [&fixture.blue, &second];
    let (world, first) = used_after_an_upgrade(&fixture, &both);
    assert_eq!(first, addresses(both), "in the first table");
    wait_until(SOON, "they are probed", || second.seen().probes().len() > 3);
    assert_eq!(used(&world), addresses(both), "and as long as they are up");
}

#[test]
fn r67_an_upgrade_uses_what_the_older_one_uses_and_nothing_that_is_not_proven() {
    // L9
    let (fixture, third) = (Fixture::new(), Target::start("3"));
    named(&fixture, Color::Blue, &fixture.blue);
    third.health(Health::Status(503));
    fixture.names.set_all(NAME, &[fixture.blue.address(), third.address()]);
    let (world, first) = used_after_an_upgrade(&fixture, &[&fixture.blue]);
    assert_eq!(first, addresses([&fixture.blue]));
    wait_until(SOON, "the other one is being proven", || third.seen().probes().len() > 3);
    assert_eq!(used(&world), addresses([&fixture.blue]));
}

//! The charge, laid down for a newer Teal: nothing is decided meanwhile, and nothing is lost by it. And
//! the older one, followed by its place among the workers of the newer one.

use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use control::{Follower, HoldRequest, ReloadRequest, SwitchRequest};
use peer::{Host, PeerConnection, host};
use rules::{
    Actor, Color, DrainEnd, Generation, Limits, Refusal, ServiceSpec, Split, Standing, TargetUrl,
};
use testkit::{Health, Target, wait_until};
use tokio::time::{sleep, timeout};
use traffic::{
    ColorBooks, ColorEntry, ColorId, ColorSum, DrainBooks, Draining, Held, Publisher, Routes,
    Service, ServiceBooks, Table, TargetBooks, TargetEntry, TargetId, Version, table_channel,
};

use crate::world::{Fixture, SOON, World, service, to};

fn hold() -> HoldRequest {
    HoldRequest {
        service: None,
        actor: Actor::Teal,
        max_wait: None,
        drain: None,
        if_generation: None,
    }
}

#[test]
fn nothing_is_decided_during_the_hand_over_and_all_continues_afterwards() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let frozen = world.wait(world.handle.freeze()).unwrap();
    assert_eq!(world.switch(to(Color::Green)).unwrap_err(), Refusal::UpgradeInProgress);
    assert_eq!(world.wait(world.handle.hold(hold())).unwrap_err(), Refusal::UpgradeInProgress);
    fixture.spec(|spec| spec.policy_mut().drain.timeout = Duration::from_secs(7));
    let reload = world.handle.reload(ReloadRequest { actor: Actor::Teal });
    assert_eq!(world.wait(reload).unwrap_err(), Refusal::UpgradeInProgress);
    let again = world.wait(world.handle.freeze()).unwrap_err();
    assert_eq!(again, Refusal::UpgradeInProgress);
    assert_eq!(world.active(), (Color::Blue, 0), "and it says how things are");
    drop(frozen);
    assert_eq!(world.switch_fully(Color::Green), DrainEnd::Drained);
    assert_eq!(world.active(), (Color::Green, 1));
}

#[test]
fn probe_results_of_the_meantime_are_published_afterwards() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let frozen = world.wait(world.handle.freeze()).unwrap();
    fixture.blue.stop();
    drop(frozen);
    wait_until(SOON, "probes go on", || !world.color(Color::Blue).healthy);
    let usable = || world.publisher.table().services[0].color(Color::Blue).targets[0].usable;
    wait_until(SOON, "and workers know", || !usable());
}

#[test]
fn a_drain_under_way_ends_first_and_all_continues_until_then() {
    // L3 L4 L10
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (lease, color) = world.claim();
    assert_eq!(color, Color::Blue);
    let control::Switched::Published { .. } = world.switch(to(Color::Green)).unwrap() else {
        panic!("not published")
    };
    let handle = world.handle.clone();
    let freezing = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(handle.freeze())
    });
    let dry = SwitchRequest { dry_run: true, ..to(Color::Blue) };
    assert!(world.switch(dry).is_ok(), "the charge is not laid down yet");
    assert!(!freezing.is_finished(), "the drain of blue would be forgotten");
    world.workers[0].release(lease);
    let frozen = freezing.join().unwrap().unwrap();
    assert!(world.color(Color::Blue).drained);
    drop(frozen);
}

#[test]
fn a_long_drain_refuses_the_hand_over() {
    // L10
    let fixture = Fixture::new();
    fixture.spec(|spec| spec.policy_mut().drain.timeout = Duration::from_secs(600));
    let world = fixture.start_healthy();
    let (_lease, _) = world.claim();
    world.switch(to(Color::Green)).unwrap();
    let handle = world.handle.clone();
    let freezing = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(handle.freeze()).map(drop)
    });
    wait_until(SOON, "it gives up", || {
        world.skip(Duration::from_secs(20));
        freezing.is_finished()
    });
    assert_eq!(freezing.join().unwrap(), Err(Refusal::DrainUnderWay));
    // Its newest probe is as old as the skipped time until the next has ended.
    wait_until(SOON, "all goes on", || world.switch(to(Color::Blue)).is_ok());
}

#[test]
fn r67_drains_of_removed_addresses_do_not_refuse_the_hand_over_and_continue_in_the_older_one() {
    // L4 L7
    let fixture = Fixture::new();
    let moved = Target::start("moved");
    fixture.names.set("app.test", fixture.blue.address());
    fixture.spec(|spec| {
        spec.colors[0].targets = vec![TargetUrl::parse("http://app.test:80").unwrap()];
        spec.policy_mut().drain.timeout = Duration::from_secs(600);
    });
    let world = fixture.start_healthy();
    let (lease, _) = world.claim();
    fixture.names.set("app.test", moved.address());
    let draining = || world.publisher.table().draining.clone();
    wait_until(SOON, "the old address drains", || !draining().is_empty());
    let old = draining()[0].what;
    let (newer, _follower) = Newer::take_over(&fixture, &world);
    let version = newer.publish(Color::Blue);
    assert!(newer.has(&world, version, SOON));
    assert!(
        draining().iter().any(|draining| draining.what == old),
        "the newer one has never seen it"
    );
    world.skip(Duration::from_secs(700));
    // Nothing may happen, for which there is no condition to wait.
    world.wait(async { sleep(MOMENT).await });
    assert!(draining().iter().all(|draining| !draining.cut), "the older one's own end cuts it");
    world.workers[0].release(lease);
}

/// No process has this number.
const NOBODY: u32 = i32::MAX as u32;

/// The newer one, as far as the older one knows it: a channel with one place, which the older has.
pub(crate) struct Newer {
    publisher: Publisher,
    pub(crate) host: Host,
    blue: Arc<ColorBooks>,
    spec: ServiceSpec,
}

impl Newer {
    /// Takes over from this one, within its test's own runtime.
    pub(crate) fn take_over(fixture: &Fixture, world: &World) -> (Self, Follower) {
        Self::take_over_from(fixture, world, NOBODY)
    }

    /// The same, from an older one in this process.
    fn take_over_from(fixture: &Fixture, world: &World, pid: u32) -> (Self, Follower) {
        let mut frozen = world.wait(world.handle.freeze()).unwrap();
        frozen.close_journal().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (publisher, mut subscriptions) = table_channel(1, Table::empty(Limits::default()));
        let guest = subscriptions.pop().unwrap().into_guest();
        let (host, follower) = world.wait(async {
            let older = vec![(guest, PeerConnection::new(ours).unwrap(), pid)];
            let host = host(older, Vec::new(), peer::SeriesMailbox::default());
            (host, frozen.follow(PeerConnection::new(theirs).unwrap(), None))
        });
        let spec = service("web", &fixture.blue, &fixture.green);
        (Self { publisher, host, blue: Arc::new(ColorBooks::new(1)), spec }, follower)
    }

    /// Publishes that this color is active, under numbers of its own.
    pub(crate) fn publish(&self, active: Color) -> Version {
        self.publish_as(7, active, None)
    }

    /// The same with this generation, and held or not.
    pub(crate) fn publish_as(&self, generation: u64, active: Color, held: Option<Held>) -> Version {
        let entry = |color: Color, id, books| {
            let target = TargetEntry {
                id: TargetId(id),
                url: self.spec.color(color).targets[0].clone(),
                address: None,
                addresses: Vec::new(),
                moves: 0,
                usable: true,
                books: Arc::new(TargetBooks::new(1)),
            };
            ColorEntry { id: ColorId(id), targets: vec![Arc::new(target)], books }
        };
        let draining = if active == Color::Blue {
            Vec::new()
        } else {
            vec![Draining { what: ColorId(70).into(), cut: false, close_within: Duration::ZERO }]
        };
        let colors = [
            entry(Color::Blue, 70, self.blue.clone()),
            entry(Color::Green, 71, Arc::new(ColorBooks::new(1))),
        ];
        let name = self.spec.name.clone();
        let service = Service {
            generation: Generation(generation),
            split: Split::only(active),
            held,
            ..Service::new(name, colors, Arc::new(ServiceBooks::new(1)))
        };
        self.publisher.publish(Table {
            generation: Generation(generation),
            limits: Limits::default(),
            services: vec![Arc::new(service)],
            draining,
            routes: Routes::new([&self.spec]),
        })
    }

    /// Returns true if the older one has a version within this time.
    pub(crate) fn has(&self, world: &World, version: Version, within: Duration) -> bool {
        world.wait(async { timeout(within, self.publisher.acknowledged(version)).await.is_ok() })
    }
}

const MOMENT: Duration = Duration::from_millis(300);

#[test]
fn a_table_is_acknowledged_when_every_worker_of_the_older_one_has_it() {
    // L2
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (newer, _follower) = Newer::take_over(&fixture, &world);
    world.workers[1].silence(true);
    let version = newer.publish(Color::Green);
    assert!(!newer.has(&world, version, MOMENT), "a worker still sends requests to blue");
    world.workers[1].silence(false);
    assert!(newer.has(&world, version, SOON));
    assert_eq!(world.claim().1, Color::Green);
}

#[test]
fn results_of_the_older_one_are_not_published_over_those_of_the_newer_one() {
    // L2
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    fixture.green.health(Health::Hang);
    let last = || world.color(Color::Green).targets[0].last_probe.clone().unwrap();
    wait_until(SOON, "a probe has failed", || !last().outcome.passed());
    // The next one, once under way, makes the target one to be avoided.
    let probes = fixture.green.seen().probes().len();
    wait_until(SOON, "one is under way", || fixture.green.seen().probes().len() > probes);
    let (newer, _follower) = Newer::take_over(&fixture, &world);
    let version = newer.publish(Color::Green);
    assert!(newer.has(&world, version, SOON));
    let down = || world.color(Color::Green).targets[0].standing == Standing::Down;
    wait_until(SOON, "the older one believes that green is down", down);
    world.wait(async { sleep(MOMENT).await }); // in which a table would have been published
    assert_eq!(world.claim().1, Color::Green, "the newer one decides");
}

#[test]
fn the_leases_of_the_older_one_are_known_before_it_acknowledges() {
    // L4
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (newer, follower) = Newer::take_over(&fixture, &world);
    let version = newer.publish(Color::Blue);
    assert!(newer.has(&world, version, SOON));
    let (lease, color) = world.claim();
    assert_eq!(color, Color::Blue);
    let version = newer.publish(Color::Green);
    assert!(newer.has(&world, version, SOON));
    assert_eq!(newer.blue.remaining().leases, 1, "or it would be reported as drained");
    world.workers[0].release(lease);
    world.wait(newer.publisher.drained(&*newer.blue));
    assert_eq!(ColorSum::of(&newer.blue).taken, 1);
    world.wait(follower.farewell());
    world.wait(newer.host.gone());
    assert_eq!((newer.host.pid(), newer.host.leaving()), (None, 0));
    let version = newer.publish(Color::Blue);
    assert!(newer.has(&world, version, SOON), "nothing waits for a process that has gone");
}

#[test]
fn an_older_one_that_dies_no_longer_holds_anything() {
    // L4 L8 L10
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (newer, follower) = Newer::take_over(&fixture, &world);
    let (_lease, _) = world.claim();
    let version = newer.publish(Color::Green);
    assert!(newer.has(&world, version, SOON));
    assert_eq!(newer.blue.remaining().leases, 1);
    assert_eq!(newer.host.pid(), Some(NOBODY));
    drop(follower);
    world.wait(newer.publisher.drained(&*newer.blue));
    world.wait(newer.host.gone());
    let version = newer.publish(Color::Blue);
    assert!(newer.has(&world, version, SOON));
}

#[test]
fn an_older_one_that_cannot_be_reached_does_not_count_as_dead_while_its_process_lives() {
    // L2 L4
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let mut process = Command::new("sleep").arg("60").spawn().unwrap();
    let (newer, follower) = Newer::take_over_from(&fixture, &world, process.id());
    let (_lease, _) = world.claim();
    let version = newer.publish(Color::Green);
    assert!(newer.has(&world, version, SOON));
    drop(follower);
    let version = newer.publish(Color::Blue);
    assert!(!newer.has(&world, version, MOMENT), "it may still send requests to green");
    let again = newer.publish(Color::Green);
    assert!(!newer.has(&world, again, MOMENT));
    assert_eq!(newer.blue.remaining().leases, 1, "and it still has what it has");
    process.kill().unwrap();
    assert!(newer.has(&world, again, SOON));
    world.wait(newer.publisher.drained(&*newer.blue));
    process.wait().unwrap();
}

//! Publish, acknowledge, lease and drain, between real threads and step by step.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use rules::{Color, Generation, Limits, ServiceName, ServiceSpec, Split, TargetUrl};
use traffic::{
    ColorBooks, ColorEntry, ColorId, ColorSum, ConnectionHold, CutKind, DrainBooks, Draining,
    Reader, Routes, Service, ServiceBooks, Subscription, Table, TargetBooks, TargetEntry, TargetId,
    table_channel,
};

struct World {
    workers: usize,
    books: Arc<ServiceBooks>,
    colors: [Arc<ColorBooks>; 2],
    targets: Vec<[Arc<TargetBooks>; 2]>,
}

impl World {
    fn new(workers: usize, targets: usize) -> Self {
        Self {
            workers,
            books: Arc::new(ServiceBooks::new(workers)),
            colors: [Arc::new(ColorBooks::new(workers)), Arc::new(ColorBooks::new(workers))],
            targets: (0..targets)
                .map(|_| [Arc::new(TargetBooks::new(workers)), Arc::new(TargetBooks::new(workers))])
                .collect(),
        }
    }

    fn table(&self, generation: u64, active: Color, draining: &[Draining]) -> Table {
        self.table_with(generation, active, draining, |_| true)
    }

    fn table_with(
        &self,
        generation: u64,
        active: Color,
        draining: &[Draining],
        usable: impl Fn(u32) -> bool,
    ) -> Table {
        let url = TargetUrl::parse("http://127.0.0.1:1").unwrap();
        let entry = |color: Color| ColorEntry {
            id: ColorId(color.index() as u32),
            targets: (0u32..)
                .zip(&self.targets)
                .map(|(n, books)| {
                    Arc::new(TargetEntry {
                        id: TargetId(n * 2 + color.index() as u32),
                        url: url.clone(),
                        address: None,
                        addresses: Vec::new(),
                        moves: 0,
                        usable: usable(n),
                        books: books[color.index()].clone(),
                    })
                })
                .collect(),
            books: self.colors[color.index()].clone(),
        };
        let name = ServiceName::new("web").unwrap();
        let spec = ServiceSpec::new(name.clone(), vec![url.clone()], vec![url.clone()]);
        Table {
            generation: Generation(generation),
            limits: Limits::default(),
            services: vec![Arc::new(Service {
                generation: Generation(generation),
                split: Split::only(active),
                ..Service::new(name, Color::BOTH.map(entry), self.books.clone())
            })],
            draining: draining.to_vec(),
            routes: Routes::new([&spec]),
        }
    }

    fn color(&self, color: Color) -> &ColorBooks {
        &self.colors[color.index()]
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn poll<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn draining(color: Color, cut: bool) -> [Draining; 1] {
    [Draining { what: ColorId(color.index() as u32).into(), cut, close_within: Duration::ZERO }]
}

/// Returns the table after a reload that takes the target 2 from blue, which keeps the target 0.
fn without_second(world: &World, cut: bool) -> Table {
    let draining = [Draining { what: TargetId(2).into(), cut, close_within: Duration::ZERO }];
    let mut table = world.table(1, Color::Blue, &draining);
    let service = Arc::get_mut(&mut table.services[0]).unwrap();
    service.colors[Color::Blue.index()].targets.retain(|target| target.id != TargetId(2));
    table
}

fn readers(world: &World) -> (traffic::Publisher, Vec<Reader>) {
    let (publisher, subscriptions) = table_channel(world.workers, world.table(0, Color::Blue, &[]));
    (publisher, subscriptions.into_iter().map(Subscription::into_reader).collect())
}

#[test]
fn a_lease_is_counted_on_the_color_it_was_chosen_for() {
    // L1
    let world = World::new(2, 1);
    let (_publisher, readers) = readers(&world);
    let lease = readers[1].claim(0, &[], Instant::now()).unwrap();
    assert_eq!(lease.color(), Color::Blue);
    let sum = ColorSum::of(world.color(Color::Blue));
    assert_eq!((sum.leases, sum.taken), (1, 1));
    assert_eq!(ColorSum::of(world.color(Color::Green)).taken, 0);
    drop(lease);
    assert_eq!(ColorSum::of(world.color(Color::Blue)).leases, 0);
    assert!(readers[0].claim(1, &[], Instant::now()).is_none(), "no such service");
}

#[test]
fn a_publish_is_done_only_when_every_worker_has_swapped() {
    // L2
    let world = World::new(2, 1);
    let (publisher, readers) = readers(&world);
    let version = publisher.publish(world.table(1, Color::Green, &draining(Color::Blue, false)));
    assert_eq!(publisher.silent(version), [0, 1]);
    poll(readers[0].adopt()).unwrap();
    assert_eq!(publisher.silent(version), [1]);
    assert_eq!(poll(publisher.acknowledged(version)), None);
    let late = readers[1].claim(0, &[], Instant::now()).unwrap();
    assert_eq!(late.color(), Color::Blue, "not yet published: the old color is still right");
    poll(readers[1].adopt()).unwrap();
    assert_eq!(poll(publisher.acknowledged(version)), Some(()));
    for reader in &readers {
        assert_eq!(reader.claim(0, &[], Instant::now()).unwrap().color(), Color::Green);
    }
    assert!(late.is_draining());
}

#[test]
fn drained_waits_for_leases_and_connections_and_is_woken_by_the_last() {
    // L4
    let world = World::new(1, 1);
    let (publisher, readers) = readers(&world);
    let lease = readers[0].claim(0, &[], Instant::now()).unwrap();
    let connection = readers[0].hold_connection(&lease);
    publisher.publish(world.table(1, Color::Green, &draining(Color::Blue, false)));
    poll(readers[0].adopt()).unwrap();
    let blue = world.color(Color::Blue);
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    let mut waiting = pin!(publisher.drained(blue));
    let mut poll_waiting = || waiting.as_mut().poll(&mut Context::from_waker(&waker));
    assert_eq!(poll_waiting(), Poll::Pending);
    drop(lease);
    assert!(flag.0.swap(false, Ordering::SeqCst), "the end of a lease rings");
    assert_eq!(poll_waiting(), Poll::Pending, "the connection is still open");
    drop(connection);
    assert!(flag.0.load(Ordering::SeqCst), "the end of a connection rings");
    assert_eq!(poll_waiting(), Poll::Ready(()));
}

#[test]
fn a_cut_wakes_exactly_the_leases_of_that_color() {
    // L3
    let world = World::new(1, 1);
    let (publisher, readers) = readers(&world);
    let old = readers[0].claim(0, &[], Instant::now()).unwrap();
    publisher.publish(world.table(1, Color::Green, &draining(Color::Blue, false)));
    poll(readers[0].adopt()).unwrap();
    let new = readers[0].claim(0, &[], Instant::now()).unwrap();
    let flags = [Arc::new(Flag::default()), Arc::new(Flag::default())];
    for (lease, flag) in [&old, &new].into_iter().zip(&flags) {
        let waker = Waker::from(flag.clone());
        lease.watch_cut(&Context::from_waker(&waker));
    }
    publisher.publish(world.table(1, Color::Green, &draining(Color::Blue, true)));
    poll(readers[0].adopt()).unwrap();
    assert!(old.is_cut() && flags[0].0.load(Ordering::SeqCst));
    assert!(!new.is_cut() && !flags[1].0.load(Ordering::SeqCst));
}

#[test]
fn a_target_that_refuses_is_taken_again_after_a_second_or_if_there_is_no_other() {
    let (world, now) = (World::new(1, 2), Instant::now());
    let (publisher, readers) = readers(&world);
    let taken = |avoid: &[TargetId], now| {
        let leases = (0..50).map(|_| readers[0].claim(0, avoid, now).unwrap().target().id);
        leases.collect::<std::collections::HashSet<_>>()
    };
    let (one, other) = (TargetId(0), TargetId(2));
    assert_eq!(taken(&[], now).len(), 2);
    readers[0].claim_on(0, one, now).unwrap().target_refused(now);
    let soon = now + Duration::from_millis(999);
    assert_eq!(taken(&[], soon), [other].into());
    assert_eq!(taken(&[other], soon), [one].into(), "there is no other");
    assert_eq!(taken(&[], now + Duration::from_secs(1)).len(), 2);
    publisher.publish(world.table_with(1, Color::Blue, &[], |n| n == 0));
    poll(readers[0].adopt()).unwrap();
    readers[0].claim_on(0, one, now).unwrap().target_refused(now);
    assert_eq!(taken(&[], soon), [one].into(), "the other one is down");
    publisher.publish(world.table(2, Color::Blue, &[]));
    poll(readers[0].adopt()).unwrap();
    assert_eq!(taken(&[], soon).len(), 2, "a new table knows better");
}

#[test]
fn a_removed_target_is_drained_by_its_own_leases_and_connections_only() {
    // L4
    let world = World::new(1, 2);
    let (publisher, readers) = readers(&world);
    let kept = readers[0].claim(0, &[TargetId(2)], Instant::now()).unwrap();
    let gone = readers[0].claim(0, &[TargetId(0)], Instant::now()).unwrap();
    let connections = [&kept, &gone].map(|lease| readers[0].hold_connection(lease));
    publisher.publish(without_second(&world, false));
    poll(readers[0].adopt()).unwrap();
    assert!(gone.is_draining() && !kept.is_draining());
    assert_eq!(connections.each_ref().map(ConnectionHold::is_draining), [false, true]);
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    let books = &*world.targets[1][Color::Blue.index()];
    let mut waiting = pin!(publisher.drained(books));
    let mut poll_waiting = || waiting.as_mut().poll(&mut Context::from_waker(&waker));
    let [kept_connection, gone_connection] = connections;
    assert_eq!(poll_waiting(), Poll::Pending);
    drop(gone);
    assert!(flag.0.swap(false, Ordering::SeqCst), "the end of a lease rings");
    assert_eq!(poll_waiting(), Poll::Pending, "the connection is still open");
    drop(gone_connection);
    assert!(flag.0.swap(false, Ordering::SeqCst), "the end of a connection rings");
    assert_eq!(poll_waiting(), Poll::Ready(()));
    assert_eq!(world.color(Color::Blue).remaining().leases, 1, "the kept target's");
    drop((kept, kept_connection));
    assert_eq!(world.color(Color::Blue).remaining().connections, 0);
}

#[test]
fn a_cut_of_a_removed_target_ends_exactly_the_leases_on_it() {
    // L3
    let world = World::new(1, 2);
    let (publisher, readers) = readers(&world);
    let kept = readers[0].claim(0, &[TargetId(2)], Instant::now()).unwrap();
    let gone = readers[0].claim(0, &[TargetId(0)], Instant::now()).unwrap();
    for _ in 0..2 {
        publisher.publish(without_second(&world, false));
        poll(readers[0].adopt()).unwrap();
        assert!(gone.is_draining() && !gone.is_cut(), "also in the tables after the first");
    }
    let flag = Arc::new(Flag::default());
    gone.watch_cut(&Context::from_waker(&Waker::from(flag.clone())));
    publisher.publish(without_second(&world, true));
    poll(readers[0].adopt()).unwrap();
    assert!(gone.is_cut() && flag.0.load(Ordering::SeqCst));
    assert!(!kept.is_cut() && !kept.is_draining());
    let new = readers[0].claim(0, &[], Instant::now()).unwrap();
    assert!(!new.is_cut() && new.target().id == TargetId(0));
    gone.count_cut(CutKind::Answering);
    let cut = |books: &dyn DrainBooks| books.cut().answering;
    let targets = [0, 1].map(|n: usize| cut(&*world.targets[n][Color::Blue.index()]));
    assert_eq!((targets, cut(world.color(Color::Blue))), ([0, 1], 1));
}

#[test]
fn the_newest_table_replaces_one_that_was_not_taken() {
    let world = World::new(1, 1);
    let (publisher, readers) = readers(&world);
    let first = publisher.publish(world.table(1, Color::Green, &[]));
    let second = publisher.publish(world.table(2, Color::Blue, &[]));
    let table = poll(readers[0].adopt()).unwrap();
    assert_eq!(table.generation, Generation(2));
    assert!(publisher.silent(first).is_empty() && publisher.silent(second).is_empty());
    assert!(poll(readers[0].adopt()).is_none(), "nothing more to adopt");
}

#[test]
fn the_first_and_last_lease_of_a_generation_are_written_down() {
    let world = World::new(2, 1);
    let (publisher, readers) = readers(&world);
    let now = Instant::now();
    drop(readers[0].claim(0, &[], now + Duration::from_secs(1)));
    drop(readers[1].claim(0, &[], now + Duration::from_secs(2)));
    let sum = ColorSum::of(world.color(Color::Blue));
    assert!(sum.last_claim.unwrap() > sum.first_claim.unwrap());
    publisher.publish(world.table(5, Color::Blue, &[]));
    for reader in &readers {
        poll(reader.adopt()).unwrap();
    }
    drop(readers[0].claim(0, &[], now + Duration::from_secs(9)));
    let sum = ColorSum::of(world.color(Color::Blue));
    assert_eq!(sum.claimed_under, 5);
    assert_eq!(sum.first_claim, sum.last_claim, "the first lease of generation 5 is its last");
}

#[test]
fn the_oldest_lease_is_found_by_a_survey() {
    let world = World::new(1, 1);
    let (publisher, readers) = readers(&world);
    let now = Instant::now();
    let old = readers[0].claim(0, &[], now).unwrap();
    let _new = readers[0].claim(0, &[], now + Duration::from_secs(5)).unwrap();
    readers[0].survey();
    let oldest = || ColorSum::of(world.color(Color::Blue)).oldest.unwrap();
    assert!(oldest() <= publisher.now());
    drop(old);
    readers[0].survey();
    assert!(oldest() >= Duration::from_secs(5));
}

#[test]
fn targets_that_are_down_or_were_tried_are_taken_only_if_there_is_no_other() {
    let world = World::new(1, 3);
    let (publisher, readers) = readers(&world);
    let ids = |avoid: &[TargetId]| -> Vec<u32> {
        let claim = |_| readers[0].claim(0, avoid, Instant::now()).unwrap().target().id.0;
        let mut ids: Vec<u32> = (0..200).map(claim).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    assert_eq!(ids(&[]), [0, 2, 4]);
    assert_eq!(ids(&[TargetId(0)]), [2, 4]);
    publisher.publish(world.table_with(0, Color::Blue, &[], |n| n == 1));
    poll(readers[0].adopt()).unwrap();
    assert_eq!(ids(&[]), [2], "only the one that is up");
    assert_eq!(ids(&[TargetId(2)]), [0, 4], "a target that is down before the same again");
    assert_eq!(ids(&[TargetId(0), TargetId(2), TargetId(4)]), [2]);
    publisher.publish(world.table_with(0, Color::Blue, &[], |_| false));
    poll(readers[0].adopt()).unwrap();
    assert_eq!(ids(&[]), [0, 2, 4], "with no target up all are tried");
}

#[test]
fn fewer_leases_win_the_choice_of_two() {
    let world = World::new(1, 2);
    let (_publisher, readers) = readers(&world);
    let leases: Vec<_> =
        (0..100).map(|_| readers[0].claim(0, &[], Instant::now()).unwrap()).collect();
    let on_first = leases.iter().filter(|lease| lease.target().id == TargetId(0)).count();
    assert!((40..=60).contains(&on_first), "{on_first} of 100 on the first of two");
}

/// Workers claim and release without pause while the publisher switches and declares
/// drained: after each `drained`, nothing may be on the old color.
#[test]
fn no_lease_is_on_a_drained_color_whatever_the_threads_do() {
    // L1 L2 L4
    const SWITCHES: u64 = 20_000;
    let world = Arc::new(World::new(2, 1));
    let (publisher, subscriptions) = table_channel(2, world.table(0, Color::Blue, &[]));
    let barrier = Arc::new(Barrier::new(3));
    // The colors that may be used, as the publisher believes: bit 0 blue, bit 1 green.
    let allowed = Arc::new(AtomicU64::new(0b11));
    let stop = Arc::new(AtomicBool::new(false));
    let violations = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = subscriptions
        .into_iter()
        .map(|subscription| {
            let shared = (barrier.clone(), allowed.clone(), stop.clone(), violations.clone());
            thread::spawn(move || work(subscription, &shared))
        })
        .collect();
    barrier.wait();
    let deadline = Instant::now() + Duration::from_secs(60);
    let wait = |done: &dyn Fn() -> bool| {
        while !done() {
            assert!(Instant::now() < deadline, "no progress");
            thread::yield_now();
        }
    };
    let mut active = Color::Blue;
    for generation in 1..=SWITCHES {
        let old = active;
        active = active.other();
        allowed.store(0b11, Ordering::SeqCst);
        let version = publisher.publish(world.table(generation, active, &draining(old, false)));
        wait(&|| poll(publisher.acknowledged(version)).is_some());
        wait(&|| poll(publisher.drained(world.color(old))).is_some());
        allowed.store(1 << active.index(), Ordering::SeqCst); // from here on, none on old
        assert_eq!(ColorSum::of(world.color(old)).leases, 0);
    }
    stop.store(true, Ordering::SeqCst);
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(violations.load(Ordering::SeqCst), 0);
    assert!(ColorSum::of(world.color(Color::Green)).taken > 0);
}

type Shared = (Arc<Barrier>, Arc<AtomicU64>, Arc<AtomicBool>, Arc<AtomicU64>);

fn work(subscription: Subscription, (barrier, allowed, stop, violations): &Shared) {
    let reader = subscription.into_reader();
    barrier.wait();
    let mut held = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        drop(poll(reader.adopt()));
        let lease = reader.claim(0, &[], Instant::now()).unwrap();
        let connection = reader.hold_connection(&lease);
        held.push((connection, lease));
        if held.len() > (reader.random() % 4) as usize {
            held.clear();
        }
        // A lease that is held here must be on a color that is not reported as drained.
        let may = allowed.load(Ordering::SeqCst);
        let wrong = held.iter().any(|(_, lease)| may & (1 << lease.color().index()) == 0);
        violations.fetch_add(u64::from(wrong), Ordering::SeqCst);
        if held.is_empty() {
            thread::yield_now(); // there may be more threads than cores
        }
    }
}

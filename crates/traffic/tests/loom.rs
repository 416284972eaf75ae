//! The protocol of publish, acknowledge, lease and drain, in every order that its steps can
//! take and with every value that the memory model lets a thread read. Only with
//! `--cfg loom`; `make test` shows how. What the models catch is in docs/reference/guards.md.
//!
//! A controller that waits for something that never comes is a deadlock, which loom reports: so each model also
//! shows that no wake-up is lost.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use loom::future::block_on;
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::thread;
use rules::{Color, Generation, Limits, ServiceName, ServiceSpec, Split, TargetUrl};
use traffic::{
    ColorBooks, ColorEntry, ColorId, Draining, Lease, Leaving, Publisher, Reader, Routes, Service,
    ServiceBooks, Subscription, Table, TargetBooks, TargetEntry, TargetId, table_channel,
};

struct World {
    books: Arc<ServiceBooks>,
    colors: [Arc<ColorBooks>; 2],
    targets: [Arc<TargetBooks>; 2],
    blue_is_dead: AtomicBool,
    /// The work done under leases on blue. Relaxed: the drain has to order it.
    blue_did: AtomicU64,
}

impl World {
    /// Traffic on blue, `workers` subscriptions.
    fn new(workers: usize) -> (Arc<Self>, Publisher, Vec<Subscription>) {
        let world = Self {
            books: Arc::new(ServiceBooks::new(workers)),
            colors: [(); 2].map(|()| Arc::new(ColorBooks::new(workers))),
            targets: [(); 2].map(|()| Arc::new(TargetBooks::new(workers))),
            blue_is_dead: AtomicBool::new(false),
            blue_did: AtomicU64::new(0),
        };
        let (publisher, subscriptions) = table_channel(workers, world.table(0, Color::Blue, &[]));
        (Arc::new(world), publisher, subscriptions)
    }

    fn table(&self, generation: u64, active: Color, draining: &[Draining]) -> Table {
        let url = TargetUrl::parse("http://127.0.0.1:1").unwrap();
        let entry = |color: Color| ColorEntry {
            id: ColorId(color.index() as u32),
            targets: vec![Arc::new(TargetEntry {
                id: TargetId(color.index() as u32),
                url: url.clone(),
                address: None,
                addresses: Vec::new(),
                moves: 0,
                usable: true,
                books: self.targets[color.index()].clone(),
            })],
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

    /// The table that moves traffic to green.
    fn green(&self, generation: u64, cut: bool) -> Table {
        self.table(
            generation,
            Color::Green,
            &[Draining { what: Leaving::Color(ColorId(0)), cut, close_within: Duration::ZERO }],
        )
    }

    /// Switches to green, waits until blue is drained, and takes blue away. `done` is the work that must have
    /// been done on blue by then, whichever way the workers took.
    fn retire_blue(&self, publisher: &Publisher, done: u64) {
        let version = publisher.publish(self.green(1, false));
        block_on(publisher.acknowledged(version));
        block_on(publisher.drained(&*self.colors[0]));
        self.blue_is_dead.store(true, Ordering::SeqCst);
        let did = self.blue_did.load(Ordering::Relaxed);
        assert!(did >= done, "drained before all that was done on blue could be seen");
    }

    /// Does the work of a request while it has a lease.
    fn serve(&self, lease: &Lease) {
        if lease.color() == Color::Blue {
            let did = self.blue_did.load(Ordering::Relaxed);
            self.blue_did.store(did + 1, Ordering::Relaxed);
            assert!(!self.blue_is_dead.load(Ordering::SeqCst), "a lease on a drained color");
        }
    }
}

/// Every order with at most this many preemptions, where all orders would take minutes.
fn within(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn claim(reader: &Reader) -> Lease {
    reader.claim(0, &[], Instant::now()).unwrap()
}

fn poll_adopt(reader: &Reader) -> bool {
    let mut adopt = pin!(reader.adopt());
    adopt.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A worker that looks for a new table between requests, and at last waits for it.
#[test]
fn no_lease_is_on_a_drained_color_with_one_worker() {
    // L1 L2 L4
    loom::model(|| {
        let (world, publisher, mut subscriptions) = World::new(1);
        let (subscription, shared) = (subscriptions.remove(0), world.clone());
        let worker = thread::spawn(move || {
            let reader = subscription.into_reader();
            shared.serve(&claim(&reader));
            let adopted = poll_adopt(&reader);
            shared.serve(&claim(&reader));
            if !adopted {
                block_on(reader.adopt());
            }
            let lease = claim(&reader);
            assert_eq!(lease.color(), Color::Green, "the table that was adopted says so");
            shared.serve(&lease);
        });
        world.retire_blue(&publisher, 1);
        worker.join().unwrap();
    });
}

/// Each has a lease on blue when the table comes, and ends it some time after.
#[test]
fn no_lease_is_on_a_drained_color_with_two_workers() {
    // L2 L4
    within(2, || {
        let (world, publisher, subscriptions) = World::new(2);
        let work = |subscription: Subscription| {
            let shared = world.clone();
            thread::spawn(move || {
                let reader = subscription.into_reader();
                let held = claim(&reader);
                block_on(reader.adopt());
                assert_eq!(claim(&reader).color(), Color::Green);
                assert!(held.is_draining());
                shared.blue_did.fetch_add(1, Ordering::Relaxed);
                assert!(!shared.blue_is_dead.load(Ordering::SeqCst), "a lease on a drained color");
            })
        };
        let workers: Vec<_> = subscriptions.into_iter().map(work).collect();
        world.retire_blue(&publisher, 2);
        for worker in workers {
            worker.join().unwrap();
        }
    });
}

#[test]
fn drained_comes_after_a_connection_that_outlives_its_lease_and_is_not_missed() {
    // L4
    loom::model(|| {
        let (world, publisher, mut subscriptions) = World::new(1);
        let (subscription, shared) = (subscriptions.remove(0), world.clone());
        let worker = thread::spawn(move || {
            let reader = subscription.into_reader();
            let lease = claim(&reader);
            let connection = reader.hold_connection(&lease);
            shared.serve(&lease);
            drop(lease);
            block_on(reader.adopt());
            assert!(connection.is_draining());
            shared.blue_did.store(2, Ordering::Relaxed);
            assert!(!shared.blue_is_dead.load(Ordering::SeqCst), "an open connection");
        });
        world.retire_blue(&publisher, 2);
        worker.join().unwrap();
    });
}

#[test]
fn a_cut_wakes_the_waiting_lease_when_it_is_published_and_not_before() {
    // L3
    within(3, || {
        let (world, publisher, mut subscriptions) = World::new(1);
        let (subscription, flag) = (subscriptions.remove(0), Arc::new(Flag::default()));
        let (waker, woken) = (Waker::from(flag.clone()), flag.clone());
        let worker = thread::spawn(move || {
            let reader = subscription.into_reader();
            let lease = claim(&reader);
            lease.watch_cut(&Context::from_waker(&waker));
            loop {
                assert!(!lease.is_cut() && !woken.0.load(Ordering::SeqCst), "cut too early");
                if block_on(reader.adopt()).draining[0].cut {
                    break;
                }
            }
            assert!(lease.is_cut());
        });
        publisher.publish(world.green(1, false));
        let version = publisher.publish(world.green(1, true));
        block_on(publisher.acknowledged(version));
        assert!(flag.0.load(Ordering::SeqCst), "published, and no waker was woken");
        block_on(publisher.drained(&*world.colors[0]));
        worker.join().unwrap();
    });
}

/// Two publishers at once: the channel decides which table is the newer.
#[test]
fn no_worker_ends_on_the_older_of_two_tables() {
    // L2
    loom::model(|| {
        let (world, publisher, mut subscriptions) = World::new(1);
        let reader = subscriptions.remove(0).into_reader();
        let publish = |generation| {
            let (publisher, world) = (publisher.clone(), world.clone());
            thread::spawn(move || publisher.publish(world.green(generation, false)))
        };
        let publishers = [publish(1), publish(2)];
        block_on(reader.adopt());
        let versions = publishers.map(|publisher| publisher.join().unwrap());
        poll_adopt(&reader);
        assert_eq!(reader.table().generation, publisher.table().generation);
        for version in versions {
            assert!(publisher.silent(version).is_empty());
        }
    });
}

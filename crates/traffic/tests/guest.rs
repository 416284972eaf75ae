//! The place of workers in another process: what is published or drained is so in both.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rules::{Cut, Limits};
use traffic::{
    AbortCause, ColorBooks, ColorSum, DrainBooks, HandshakeFailure, HistogramSum, ReloadEnd,
    Remaining, Report, ReportKind, ServiceBooks, ServiceSum, Table, TargetBooks, TargetId,
    TargetSum, UpgradeEnd, WorkerSum, table_channel,
};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn table() -> Table {
    Table::empty(Limits::default())
}

#[test]
fn a_publish_waits_for_the_other_process_too() {
    // L2
    let (publisher, mut subscriptions) = table_channel(2, table());
    let guest = subscriptions.pop().unwrap().into_guest();
    let reader = subscriptions.pop().unwrap().into_reader();
    assert_eq!((guest.worker(), reader.worker()), (1, 0));
    let version = publisher.publish(table());
    assert!(poll(reader.adopt()).is_ready());
    assert!(poll(publisher.acknowledged(version)).is_pending());
    assert_eq!(publisher.silent(version), [1]);
    let Poll::Ready((given, _)) = poll(guest.next()) else { panic!("it has the table") };
    assert_eq!(given, version);
    assert!(poll(publisher.acknowledged(version)).is_pending(), "it has it, it did not take it");
    guest.acknowledge(given);
    assert!(poll(publisher.acknowledged(version)).is_ready());
}

#[test]
fn a_publish_here_does_not_wait_for_the_other_process() {
    // L10
    let (publisher, mut subscriptions) = table_channel(2, table());
    let guest = subscriptions.pop().unwrap().into_guest();
    let reader = subscriptions.pop().unwrap().into_reader();
    let version = publisher.publish(table());
    assert!(poll(publisher.acknowledged_here(version)).is_pending());
    assert!(poll(reader.adopt()).is_ready());
    assert!(poll(publisher.acknowledged_here(version)).is_ready());
    assert!(poll(publisher.acknowledged(version)).is_pending());
    let Poll::Ready(_) = poll(guest.next()) else { panic!("it has the table") };
    assert_eq!(guest.newest().0, version, "also when it was taken");
}

#[test]
fn counts_of_the_other_process_are_subtracted_and_the_books_balance() {
    // L8
    let of = |accepted, in_flight, blue| ServiceSum {
        accepted,
        in_flight,
        colors: [blue, 0],
        own: vec![0; 64],
        aborted: vec![0; 64],
        ..ServiceSum::default()
    };
    // The part has answered one request since the whole was reported.
    for (all, part, rest) in [(of(10, 3, 7), of(4, 1, 3), 6), (of(2, 2, 0), of(2, 1, 1), 1)] {
        let mut left = all.without(&part);
        left.cut(AbortCause::Shutdown);
        assert_eq!((left.accepted, left.in_flight, left.difference()), (rest, 0, 0));
        assert!(left.accepted + part.accepted >= all.accepted, "no counter falls");
    }
}

#[test]
fn a_drain_waits_for_leases_of_the_other_process() {
    // L3 L4
    let (publisher, mut subscriptions) = table_channel(2, table());
    let guest = subscriptions.pop().unwrap().into_guest();
    let (colors, targets) = (ColorBooks::new(2), TargetBooks::new(2));
    let cut = Cut { unanswered: 1, answering: 2, tunnels: 3 };
    let busy = ColorSum { leases: 1, connections: 2, cut, ..ColorSum::default() };
    colors.cell(guest.worker()).set(&busy);
    targets.cell(guest.worker()).set(&TargetSum { leases: 1, cut, ..TargetSum::default() });
    assert_eq!(colors.remaining(), Remaining { leases: 1, connections: 2 });
    assert!(poll(publisher.drained(&colors)).is_pending());
    assert!(poll(publisher.drained(&targets)).is_pending());
    assert_eq!((colors.cut(), targets.cut()), (cut, cut));
    colors.cell(guest.worker()).set(&ColorSum { cut, ..ColorSum::default() });
    targets.cell(guest.worker()).set(&TargetSum { cut, ..TargetSum::default() });
    assert!(poll(publisher.drained(&colors)).is_ready());
    assert!(poll(publisher.drained(&targets)).is_ready());
    assert_eq!(colors.cut().total(), 6, "what was cut stays counted");
}

#[test]
fn a_waiting_drain_is_woken_by_reports_of_the_other_process() {
    // L4
    let (publisher, mut subscriptions) = table_channel(1, table());
    let guest = subscriptions.pop().unwrap().into_guest();
    let books = ColorBooks::new(1);
    books.cell(0).set(&ColorSum { leases: 1, ..ColorSum::default() });
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let waker = Waker::from(Arc::new(Unpark(thread::current())));
            let mut drained = pin!(publisher.drained(&books));
            let until = Instant::now() + Duration::from_secs(10);
            while drained.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                thread::park_timeout(until.saturating_duration_since(Instant::now()));
                assert!(Instant::now() < until, "not woken");
            }
        });
        books.cell(0).set(&ColorSum::default());
        guest.ring();
        waiting.join().unwrap();
    });
}

#[test]
fn a_worker_that_has_ended_keeps_no_publish_waiting() {
    // L2 L10
    let (publisher, mut subscriptions) = table_channel(2, table());
    let (ended, serving) =
        (subscriptions.pop().unwrap().into_reader(), subscriptions.pop().unwrap().into_reader());
    let version = publisher.publish(table());
    drop(ended);
    assert!(poll(publisher.acknowledged(version)).is_pending(), "the other serves");
    assert!(poll(serving.adopt()).is_ready());
    assert!(poll(publisher.acknowledged(version)).is_ready());
}

#[test]
fn reported_counts_are_the_sums() {
    // L8
    let service = ServiceSum {
        accepted: 9,
        in_flight: 1,
        colors: [3, 2],
        own: (0..ServiceSum::of(&ServiceBooks::new(1)).own.len() as u64).collect(),
        aborted: (0..ServiceSum::of(&ServiceBooks::new(1)).aborted.len() as u64).collect(),
        retries: 4,
        parked: 5,
        waiting: 6,
        tunnels_opened: 8,
        tunnels_closed: 7,
        streams_ended: 3,
        streams_unanswered: 1,
        switches: [5, 4, 3, 2, 1],
        previews: [[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]],
    };
    let mut latency = HistogramSum::default();
    latency.buckets[3] = 4;
    latency.total_micros = 1_000;
    let target = TargetSum {
        leases: 1,
        connections: 2,
        cut: Cut { unanswered: 1, answering: 2, tunnels: 3 },
        connected: 4,
        connect_failed: 5,
        reused: 6,
        retried: 7,
        stale_lost: 8,
        failed: 9,
        classes: [1, 2, 3, 4, 5],
        latency,
    };
    let color = ColorSum {
        leases: 1,
        connections: 2,
        taken: 3,
        claimed_under: 4,
        first_claim: Some(Duration::from_secs(1)),
        last_claim: Some(Duration::from_secs(2)),
        oldest: Some(Duration::from_secs(3)),
        streams: 5,
        tunnels: 4,
        oldest_stream: Some(Duration::from_secs(4)),
        cut: Cut { unanswered: 1, answering: 2, tunnels: 3 },
    };
    let (services, colors) = (ServiceBooks::new(1), ColorBooks::new(1));
    let targets = TargetBooks::new(1);
    services.cell(0).set(&service);
    colors.cell(0).set(&color);
    targets.cell(0).set(&target);
    assert_eq!(ServiceSum::of(&services), service);
    assert_eq!(ColorSum::of(&colors), color);
    assert_eq!(TargetSum::of(&targets), target);
    let (publisher, mut subscriptions) = table_channel(1, table());
    subscriptions.pop().unwrap().into_guest().unrouted().set(&service);
    assert_eq!(ServiceSum::of(publisher.unrouted()), service);
}

#[test]
fn reported_counts_of_workers_are_the_sums_and_reports_pass() {
    // L8
    let connections = WorkerSum {
        accepted: 3,
        open: 2,
        crowded: 5,
        given_up: 6,
        log_dropped: 1,
        spans_dropped: 4,
        own_log_dropped: 7,
        handshakes: [8; HandshakeFailure::ALL.len()],
        reloads: [9; ReloadEnd::ALL.len()],
        upgrades: [10; UpgradeEnd::ALL.len()],
    };
    let (publisher, mut subscriptions) = table_channel(1, table());
    let guest = subscriptions.pop().unwrap().into_guest();
    guest.connections().set(connections);
    assert_eq!(WorkerSum::of(publisher.connections()), connections);
    let report = Report { target: TargetId(3), kind: ReportKind::Refused };
    guest.report(report);
    assert_eq!(poll(publisher.reports()), Poll::Ready(vec![report]));
}

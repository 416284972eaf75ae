//! The counters of the older Teal, sent to the newer one: the sums that have changed.
//!
//! Leases are read before cuts, and set after them (`traffic::ColorCell::set`), so that a reader
//! that sees no lease left sees all cuts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rules::ServiceName;
use traffic::{
    AbortCause, BUCKETS, ColorBooks, ColorSum, Guest, HandshakeFailure, HistogramSum, OwnReason,
    Publisher, ReloadEnd, ServiceBooks, ServiceCell, ServiceSum, SwitchEnd, TargetBooks, TargetSum,
    UpgradeEnd, WorkerSum,
};

use crate::mirror::Mirror;
use crate::series::{SeriesStart, ServicePoints};
use crate::wire::{BooksMessage, ColorCount, ConnectionCount, ServiceCount, TargetCount};

/// The counts that the older Teal has sent so far.
#[derive(Debug, Default)]
pub struct SentCounts {
    services: HashMap<ServiceName, ServiceSum>,
    colors: HashMap<u32, ColorSum>,
    targets: HashMap<u32, TargetSum>,
    unrouted: Option<ServiceSum>,
    connections: Option<WorkerSum>,
}

/// The counters in which the newer Teal keeps the counts it receives.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReceivedCounts {
    services: HashMap<String, Arc<ServiceBooks>>,
    colors: HashMap<u32, Arc<ColorBooks>>,
    targets: HashMap<u32, Arc<TargetBooks>>,
}

// === impl SentCounts ===

impl SentCounts {
    /// Returns the changes since the last call; `None`: none.
    pub fn changes(&mut self, publisher: &Publisher, mirror: &Mirror) -> Option<BooksMessage> {
        let mut message = BooksMessage::default();
        for (id, books) in mirror.targets() {
            let sum = TargetSum::of(books);
            if self.targets.get(&id) != Some(&sum) {
                message.targets.push(target_count(id, &sum));
                self.targets.insert(id, sum);
            }
        }
        for (id, books) in mirror.colors() {
            let sum = ColorSum::of(books);
            if self.colors.insert(id, sum) != Some(sum) {
                message.colors.push(color_count(id, &sum, publisher.now()));
            }
        }
        for (name, books) in mirror.services() {
            // The other side keeps it until the next message, and must not find a request lost meanwhile.
            let sum = ServiceSum::balanced(books);
            if self.services.get(name) != Some(&sum) {
                message.services.push(service_count(name.as_str(), &sum));
                self.services.insert(name.clone(), sum);
            }
        }
        let unrouted = ServiceSum::balanced(publisher.unrouted());
        if self.unrouted.as_ref() != Some(&unrouted) {
            message.unrouted = Some(service_count("", &unrouted));
            self.unrouted = Some(unrouted);
        }
        let connections = WorkerSum::of(publisher.connections());
        if self.connections.replace(connections) != Some(connections) {
            message.connections = Some(connection_count(&connections));
        }
        (!message.is_empty()).then_some(message)
    }
}

impl BooksMessage {
    /// Creates a message with points of series.
    pub fn of_series(series: Vec<ServicePoints>) -> Self {
        Self { series, ..Self::default() }
    }

    /// Adds the start of the series.
    #[must_use]
    pub fn with_start(self, start: Option<SeriesStart>) -> Self {
        Self { start, ..self }
    }

    /// Returns true if it has counts that a series is made of.
    pub(crate) fn has_services(&self) -> bool {
        !self.services.is_empty() || !self.targets.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.services.is_empty()
            && self.colors.is_empty()
            && self.targets.is_empty()
            && self.unrouted.is_none()
            && self.connections.is_none()
    }
}

// === impl ReceivedCounts ===

impl ReceivedCounts {
    /// Learns the counters of a table. Counts of subjects that have left the table still arrive for a while.
    pub(crate) fn learn(&mut self, table: &traffic::Table) {
        for service in &table.services {
            self.services.insert(service.name.to_string(), service.books.clone());
            for color in &service.colors {
                self.colors.insert(color.id.0, color.books.clone());
                for target in &color.targets {
                    self.targets.insert(target.id.0, target.books.clone());
                }
            }
        }
    }

    /// Applies the counts of the older Teal.
    pub(crate) fn take(&self, message: &BooksMessage, guest: &Guest) {
        let place = guest.worker();
        for count in &message.targets {
            if let Some(books) = self.targets.get(&count.id) {
                books.cell(place).set(&target_sum(count));
            }
        }
        for count in &message.colors {
            if let Some(books) = self.colors.get(&count.id) {
                books.cell(place).set(&color_sum(count, guest.now()));
            }
        }
        for count in &message.services {
            if let Some(books) = self.services.get(&count.name) {
                books.cell(place).set(&service_sum(count));
            }
        }
        if let Some(count) = &message.unrouted {
            guest.unrouted().set(&service_sum(count));
        }
        if let Some(count) = &message.connections {
            guest.connections().set(connection_sum(count));
        }
        guest.ring();
    }

    /// Closes the counts of an older Teal that has gone: requests still counted here were cut, except those that
    /// `orphans`, which have left through it, count in their own places from here on. Subjects that these no longer
    /// know, because they have left the table, stay counted here until the orphans have gone.
    // lossless: L4 L8
    pub(crate) fn settle(&self, guest: &Guest, orphans: &[(usize, &Self)]) {
        let place = guest.worker();
        let at_orphans = || orphans.iter().map(|(place, _)| *place);
        let is_known = |knows: &dyn Fn(&Self) -> bool| {
            orphans.iter().all(|(_, orphan)| knows(orphan)) // true if there are none
        };
        let unrouted = |place| guest.unrouted_at(place);
        settle_service(unrouted(place), at_orphans().map(unrouted));
        for (name, books) in &self.services {
            if is_known(&|orphan| orphan.services.contains_key(name)) {
                settle_service(books.cell(place), at_orphans().map(|place| books.cell(place)));
            }
        }
        for (id, books) in &self.targets {
            if is_known(&|orphan| orphan.targets.contains_key(id)) {
                let all = TargetSum::of_cell(books.cell(place));
                let parts = at_orphans().map(|place| TargetSum::of_cell(books.cell(place)));
                let rest = parts.fold(all, |rest, part| rest.without(&part));
                books.cell(place).set(&TargetSum { leases: 0, connections: 0, ..rest });
            }
        }
        for (id, books) in &self.colors {
            if is_known(&|orphan| orphan.colors.contains_key(id)) {
                let all = ColorSum::of_cell(books.cell(place));
                let parts = at_orphans().map(|place| ColorSum::of_cell(books.cell(place)));
                let rest = parts.fold(all, |rest, part| rest.without(&part));
                let none = ColorSum { leases: 0, connections: 0, streams: 0, tunnels: 0, ..rest };
                books.cell(place).set(&none);
            }
        }
        let all = WorkerSum::of_cell(guest.connections());
        let parts = at_orphans().map(|place| WorkerSum::of_cell(guest.connections_at(place)));
        let rest = parts.fold(all, |rest, part| rest.without(&part));
        guest.connections().set(WorkerSum { open: 0, ..rest });
        guest.ring();
    }
}

fn settle_service<'c>(cell: &ServiceCell, orphans: impl Iterator<Item = &'c ServiceCell>) {
    let all = ServiceSum::of_cell(cell);
    let mut rest = orphans.fold(all, |rest, orphan| rest.without(&ServiceSum::of_cell(orphan)));
    rest.cut(AbortCause::Shutdown);
    cell.set(&rest);
}

fn service_count(name: &str, sum: &ServiceSum) -> ServiceCount {
    let own = OwnReason::ALL.iter().map(|reason| reason.as_str()).zip(&sum.own);
    let aborted = AbortCause::ALL.iter().map(|cause| cause.as_str()).zip(&sum.aborted);
    let switches = SwitchEnd::ALL.iter().map(|end| end.as_str()).zip(&sum.switches);
    ServiceCount {
        name: name.to_owned(),
        accepted: sum.accepted,
        in_flight: sum.in_flight,
        colors: sum.colors,
        own: by_word(own),
        aborted: by_word(aborted),
        retries: sum.retries,
        parked: sum.parked,
        waiting: sum.waiting,
        tunnels_opened: sum.tunnels_opened,
        tunnels_closed: sum.tunnels_closed,
        streams_ended: sum.streams_ended,
        streams_unanswered: sum.streams_unanswered,
        switches: by_word(switches),
        previews: sum.previews,
    }
}

fn connection_count(sum: &WorkerSum) -> ConnectionCount {
    let handshakes = HandshakeFailure::ALL.iter().map(|why| why.as_str());
    let reloads = ReloadEnd::ALL.iter().map(|end| end.as_str());
    let upgrades = UpgradeEnd::ALL.iter().map(|end| end.as_str());
    ConnectionCount {
        accepted: sum.accepted,
        open: sum.open,
        crowded: sum.crowded,
        given_up: sum.given_up,
        log_dropped: sum.log_dropped,
        spans_dropped: sum.spans_dropped,
        own_log_dropped: sum.own_log_dropped,
        handshakes: by_word(handshakes.zip(&sum.handshakes)),
        reloads: by_word(reloads.zip(&sum.reloads)),
        upgrades: by_word(upgrades.zip(&sum.upgrades)),
    }
}

fn connection_sum(count: &ConnectionCount) -> WorkerSum {
    let of = |counts: &BTreeMap<String, u64>, word: &str| counts.get(word).copied().unwrap_or(0);
    WorkerSum {
        accepted: count.accepted,
        open: count.open,
        crowded: count.crowded,
        given_up: count.given_up,
        log_dropped: count.log_dropped,
        spans_dropped: count.spans_dropped,
        own_log_dropped: count.own_log_dropped,
        handshakes: std::array::from_fn(|place| {
            of(&count.handshakes, HandshakeFailure::ALL[place].as_str())
        }),
        reloads: std::array::from_fn(|place| of(&count.reloads, ReloadEnd::ALL[place].as_str())),
        upgrades: std::array::from_fn(|place| of(&count.upgrades, UpgradeEnd::ALL[place].as_str())),
    }
}

fn by_word<'c>(counts: impl Iterator<Item = (&'static str, &'c u64)>) -> BTreeMap<String, u64> {
    let some = counts.filter(|(_, count)| **count > 0);
    some.map(|(word, count)| (word.to_owned(), *count)).collect()
}

fn service_sum(count: &ServiceCount) -> ServiceSum {
    let own = OwnReason::ALL.iter().map(|reason| count.own.get(reason.as_str()));
    let aborted = AbortCause::ALL.iter().map(|cause| count.aborted.get(cause.as_str()));
    ServiceSum {
        accepted: count.accepted,
        in_flight: count.in_flight,
        colors: count.colors,
        own: own.map(|count| count.copied().unwrap_or(0)).collect(),
        aborted: aborted.map(|count| count.copied().unwrap_or(0)).collect(),
        retries: count.retries,
        parked: count.parked,
        waiting: count.waiting,
        tunnels_opened: count.tunnels_opened,
        tunnels_closed: count.tunnels_closed,
        streams_ended: count.streams_ended,
        streams_unanswered: count.streams_unanswered,
        switches: std::array::from_fn(|place| {
            count.switches.get(SwitchEnd::ALL[place].as_str()).copied().unwrap_or(0)
        }),
        previews: count.previews,
    }
}

fn color_count(id: u32, sum: &ColorSum, now: Duration) -> ColorCount {
    let age = |time: Option<Duration>| time.map(|time| now.saturating_sub(time));
    ColorCount {
        id,
        leases: sum.leases,
        connections: sum.connections,
        taken: sum.taken,
        claimed_under: sum.claimed_under,
        first_claim: age(sum.first_claim),
        last_claim: age(sum.last_claim),
        oldest: age(sum.oldest),
        streams: sum.streams,
        tunnels: sum.tunnels,
        oldest_stream: age(sum.oldest_stream),
        cut: sum.cut,
    }
}

fn color_sum(count: &ColorCount, now: Duration) -> ColorSum {
    let time = |age: Option<Duration>| age.map(|age| now.saturating_sub(age));
    ColorSum {
        leases: count.leases,
        connections: count.connections,
        taken: count.taken,
        claimed_under: count.claimed_under,
        first_claim: time(count.first_claim),
        last_claim: time(count.last_claim),
        oldest: time(count.oldest),
        streams: count.streams,
        tunnels: count.tunnels,
        oldest_stream: time(count.oldest_stream),
        cut: count.cut,
    }
}

fn target_count(id: u32, sum: &TargetSum) -> TargetCount {
    let latency = sum.latency.buckets.iter().copied().enumerate();
    TargetCount {
        id,
        leases: sum.leases,
        connections: sum.connections,
        cut: sum.cut,
        connected: sum.connected,
        connect_failed: sum.connect_failed,
        reused: sum.reused,
        retried: sum.retried,
        stale_lost: sum.stale_lost,
        failed: sum.failed,
        classes: sum.classes,
        latency: latency.filter(|(_, count)| *count > 0).collect(),
        latency_micros: sum.latency.total_micros,
    }
}

fn target_sum(count: &TargetCount) -> TargetSum {
    let mut latency = HistogramSum { buckets: [0; BUCKETS], total_micros: count.latency_micros };
    for (bucket, number) in &count.latency {
        if let Some(place) = latency.buckets.get_mut(*bucket) {
            *place = *number;
        }
    }
    TargetSum {
        leases: count.leases,
        connections: count.connections,
        cut: count.cut,
        connected: count.connected,
        connect_failed: count.connect_failed,
        reused: count.reused,
        retried: count.retried,
        stale_lost: count.stale_lost,
        failed: count.failed,
        classes: count.classes,
        latency,
    }
}

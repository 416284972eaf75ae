//! Sums for metrics, which callers read on their own thread.
//!
//! Guaranteed: the controller answers a scrape at once, with a handle for reading. Locks are held for
//! a few services at a time, so that no switch waits for a scrape.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rules::{Generation, ServiceName, Split, Standing, TargetUrl, Time};
use traffic::{ColorBooks, ColorSum, ServiceBooks, ServiceSum, TargetBooks, WorkerSum};

use crate::core::{Core, Inside};
use crate::swap::Member;
use crate::view::{
    ColorMetrics, MetricsSnapshot, MetricsSource, ServiceMetrics, TargetFigures, TargetMetrics,
};

/// The number of services read under one lock.
const AT_ONCE: usize = 32;

/// The number of attempts, if a reload happens between two parts. The last attempt holds the lock throughout.
const ATTEMPTS: usize = 3;

/// Returns a handle for reading the sums of all counters.
pub(super) fn source(core: Arc<Core>) -> MetricsSource {
    core.count_own(); // counted only here
    MetricsSource::new(move || snapshot(&core))
}

fn snapshot(core: &Core) -> MetricsSnapshot {
    let in_parts = (1..ATTEMPTS).find_map(|_| services(core, AT_ONCE));
    let services = in_parts.or_else(|| services(core, usize::MAX)).unwrap_or_default();
    let inside = core.lock();
    let calls = inside.calls.status(|_, _| None);
    let (generation, config_accepted) = (inside.state.generation(), inside.accepted);
    let last_reload = inside.last_reload.as_ref();
    let config_refused = last_reload.is_some_and(|reload| reload.problem.is_some());
    let is_well = inside.ailment.is_none();
    drop(inside);
    MetricsSnapshot {
        generation,
        config_accepted,
        config_refused,
        calls: calls.len() as u64,
        oldest_call: calls.iter().map(|call| call.since).min(),
        services,
        unrouted: ServiceSum::of(core.publisher.unrouted()),
        connections: WorkerSum::of(core.publisher.connections()),
        journal_available: is_well && core.stall().is_none(),
    }
}

/// Reads all services, `at_once` under one lock; `None` if they were replaced meanwhile.
fn services(core: &Core, at_once: usize) -> Option<Vec<ServiceMetrics>> {
    let mut all = Vec::new();
    let mut next = 0;
    let mut began = None;
    loop {
        let part: Vec<Option<Seen>> = {
            let inside = core.lock();
            let adoptions = inside.roster.adoptions;
            if *began.get_or_insert(adoptions) != adoptions {
                return None;
            }
            let members = inside.roster.members.iter().skip(next).take(at_once);
            members.map(|member| inside.seen(member)).collect()
        };
        if part.is_empty() {
            return Some(all);
        }
        next += part.len();
        let now = core.publisher.now();
        all.extend(part.into_iter().flatten().map(|seen| seen.sum(now)));
        thread::yield_now(); // waiters for the lock come first
    }
}

/// A service as read under the lock; sums are computed without it.
struct Seen {
    name: ServiceName,
    split: Split,
    generation: Generation,
    held: bool,
    books: Arc<ServiceBooks>,
    colors: [(Arc<ColorBooks>, Vec<SeenTarget>); 2],
}

struct SeenTarget {
    url: TargetUrl,
    address: Option<SocketAddr>,
    standing: Standing,
    expires: Option<Time>,
    probed: Option<Duration>,
    books: Arc<TargetBooks>,
}

impl Inside {
    fn seen(&self, member: &Member) -> Option<Seen> {
        let (service, serving) = self.state.serving(&member.spec.name)?;
        let colors = member.colors.each_ref().map(|seat| {
            // A family that does not count should raise no alert.
            let targets = seat.counted().map(|target| SeenTarget {
                url: target.url.clone(),
                address: target.address.or_else(|| target.addresses.first().copied()),
                standing: target.health.standing(),
                expires: target.certificate.as_ref().map(|shown| Time::of(shown.not_after)),
                probed: target.health.last().map(|probe| probe.latency),
                books: target.books.clone(),
            });
            (seat.books.clone(), targets.collect())
        });
        Some(Seen {
            name: member.spec.name.clone(),
            split: service.split,
            generation: service.generation,
            held: serving.held.is_some(),
            books: member.books.clone(),
            colors,
        })
    }
}

// === impl Seen, SeenTarget ===

impl Seen {
    fn sum(self, now: Duration) -> ServiceMetrics {
        ServiceMetrics {
            name: self.name,
            split: self.split,
            generation: self.generation,
            held: self.held,
            sum: ServiceSum::of(&self.books),
            colors: self.colors.map(|(books, targets)| {
                let sum = ColorSum::of(&books);
                let oldest = sum.oldest.map(|since| now.saturating_sub(since)).unwrap_or_default();
                let targets = targets.into_iter().map(SeenTarget::sum).collect();
                ColorMetrics { sum, oldest, targets }
            }),
        }
    }
}

impl SeenTarget {
    fn sum(self) -> TargetMetrics {
        TargetMetrics {
            url: self.url.to_string().into(),
            address: self.address.map(|address| address.to_string()).unwrap_or_default().into(),
            standing: self.standing,
            expires: self.expires,
            probed: self.probed,
            figures: TargetFigures::of(&self.books),
            books: self.books,
        }
    }
}

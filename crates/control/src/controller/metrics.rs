//! Sums for metrics, which callers read on their own thread.
//!
//! Guaranteed: the controller notes what is to be summed a few services at a time, between its other
//! tasks. The handle it answers with then reads the sums without any lock, so that no switch waits for a
//! scrape, whatever the priority of its thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rules::{Color, Generation, ServiceName, Split, Standing, TargetUrl, Time};
use tokio::task::yield_now;
use traffic::{ColorBooks, ColorSum, ServiceBooks, ServiceSum, TargetBooks, WorkerSum};

use super::AT_ONCE;
use crate::core::{Core, Inner};
use crate::health::reason;
use crate::inbox::Answer;
use crate::swap::Member;
use crate::view::{
    ColorMetrics, MetricsSnapshot, MetricsSource, RolloutMetrics, ServiceMetrics, TargetFigures,
    TargetMetrics,
};

/// The number of attempts, if a reload happens between two parts. The last one notes all at once.
const ATTEMPTS: usize = 3;

/// Returns a handle for reading the sums of all counters.
pub(super) async fn source(core: Arc<Core>) -> Answer<MetricsSource> {
    core.count_own(); // counted only here
    let services = services(&core).await;
    let state = State::of(&core.lock());
    Ok(MetricsSource::new(move || snapshot(&core, services, &state)))
}

/// Sums all counters, without taking a lock.
fn snapshot(core: &Core, services: Vec<ServiceReading>, state: &State) -> MetricsSnapshot {
    let now = core.publisher.now();
    MetricsSnapshot {
        generation: state.generation,
        config_accepted: state.config_accepted,
        config_refused: state.config_refused,
        calls: state.calls,
        oldest_call: state.oldest_call,
        services: sums(services, now),
        unrouted: ServiceSum::of(core.publisher.unrouted()),
        connections: WorkerSum::of(core.publisher.connections()),
        journal_available: state.is_well && core.stall().is_none(),
        journal_on_reserve: state.on_reserve,
    }
}

/// Sums the counters of all services. Waiting threads run in between, because even a thread of the lowest priority
/// keeps its time slice when one wakes up that a switch needs.
fn sums(services: Vec<ServiceReading>, now: Duration) -> Vec<ServiceMetrics> {
    let sum = |(number, service): (usize, ServiceReading)| {
        if number.is_multiple_of(AT_ONCE) {
            thread::yield_now();
        }
        service.sum(now)
    };
    services.into_iter().enumerate().map(sum).collect()
}

/// Notes all services.
async fn services(core: &Core) -> Vec<ServiceReading> {
    for _ in 1..ATTEMPTS {
        if let Some(all) = in_parts(core).await {
            return all;
        }
    }
    let inner = core.lock();
    inner.roster.members.iter().filter_map(|member| inner.seen(member)).collect()
}

/// Notes all services, part by part; `None` if they were replaced meanwhile.
async fn in_parts(core: &Core) -> Option<Vec<ServiceReading>> {
    let began = core.lock().roster.adoptions;
    let (mut all, mut next) = (Vec::new(), 0);
    loop {
        {
            let inner = core.lock();
            if inner.roster.adoptions != began {
                return None;
            }
            let Some(part) = inner.roster.members.get(next..).filter(|rest| !rest.is_empty())
            else {
                return Some(all);
            };
            all.extend(part.iter().take(AT_ONCE).filter_map(|member| inner.seen(member)));
        }
        next += AT_ONCE;
        yield_now().await;
    }
}

/// Values of the controller itself.
struct State {
    generation: Generation,
    config_accepted: Time,
    config_refused: bool,
    calls: u64,
    oldest_call: Option<Time>,
    is_well: bool,
    on_reserve: bool,
}

/// A service as read under the lock; sums are computed without it.
struct ServiceReading {
    name: ServiceName,
    split: Split,
    generation: Generation,
    held: bool,
    maintenance: bool,
    rollout: Option<RolloutMetrics>,
    books: Arc<ServiceBooks>,
    versions: [Option<rules::Version>; 2],
    healthy: [bool; 2],
    retired: [bool; 2],
    deploys: [u64; rules::DeployResult::ALL.len()],
    colors: [(Arc<ColorBooks>, Vec<TargetReading>); 2],
}

struct TargetReading {
    url: TargetUrl,
    address: Option<SocketAddr>,
    standing: Standing,
    expires: Option<Time>,
    probed: Option<Duration>,
    books: Arc<TargetBooks>,
}

impl State {
    fn of(inner: &Inner) -> Self {
        let calls = inner.calls.status(|_, _| None);
        let last_reload = inner.last_reload.as_ref();
        Self {
            generation: inner.state.generation(),
            config_accepted: inner.accepted,
            config_refused: last_reload.is_some_and(|reload| reload.problem.is_some()),
            calls: calls.len() as u64,
            oldest_call: calls.iter().map(|call| call.since).min(),
            is_well: inner.journal_problem.is_none(),
            on_reserve: inner.journal_on_reserve,
        }
    }
}

impl Inner {
    fn seen(&self, member: &Member) -> Option<ServiceReading> {
        let (service, serving) = self.state.serving(&member.spec.name)?;
        let colors = member.colors.each_ref().map(|seat| {
            // A family that does not count should raise no alert.
            let targets = seat.counted().map(|target| TargetReading {
                url: target.url.clone(),
                address: target.address.or_else(|| target.addresses.first().copied()),
                standing: target.health.standing(),
                expires: target.certificate.as_ref().map(|shown| Time::of(shown.not_after)),
                probed: target.health.last().map(|probe| probe.latency),
                books: target.books.clone(),
            });
            (seat.books.clone(), targets.collect())
        });
        Some(ServiceReading {
            name: member.spec.name.clone(),
            split: service.split,
            generation: service.generation,
            held: serving.held.is_some(),
            maintenance: serving.maintenance.is_some(),
            rollout: self.rollout_metrics(&member.spec.name),
            books: member.books.clone(),
            versions: service.versions.clone(),
            healthy: Color::BOTH.map(|color| reason(member, color).is_none()),
            retired: Color::BOTH.map(|color| self.state.is_retired(&member.spec.name, color)),
            deploys: service.deploys,
            colors,
        })
    }
}

// === impl ServiceReading, TargetReading ===

impl ServiceReading {
    fn sum(self, now: Duration) -> ServiceMetrics {
        let mut versions = self.versions.into_iter();
        let mut standings = self.healthy.into_iter().zip(self.retired);
        ServiceMetrics {
            name: self.name,
            split: self.split,
            generation: self.generation,
            held: self.held,
            maintenance: self.maintenance,
            rollout: self.rollout,
            deploys: self.deploys,
            sum: ServiceSum::of(&self.books),
            colors: self.colors.map(|(books, targets)| {
                let version = versions.next().flatten();
                let (healthy, retired) = standings.next().unwrap_or_default();
                let sum = ColorSum::of(&books);
                let oldest = sum.oldest.map(|since| now.saturating_sub(since)).unwrap_or_default();
                let targets = targets.into_iter().map(TargetReading::sum).collect();
                ColorMetrics { version, healthy, retired, sum, oldest, targets }
            }),
        }
    }
}

impl TargetReading {
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

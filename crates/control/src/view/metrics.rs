//! Sums of all counters, for metrics: the values that a scrape reads, and the handle for reading them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rules::{Generation, ServiceName, Split, Standing, Time, Version};
use traffic::{ColorSum, HistogramSum, ServiceSum, TargetBooks, TargetSum, WorkerSum};

/// A handle for reading sums, on any thread and without waiting for the controller.
pub struct MetricsSource(Box<dyn FnOnce() -> MetricsSnapshot + Send>);

/// Sums of all counters at one instant.
#[derive(Clone, Debug)]
pub struct MetricsSnapshot {
    /// The generation of the newest change of routing.
    pub generation: Generation,
    /// All services, in the order of the configuration.
    pub services: Vec<ServiceMetrics>,
    /// Requests that reached no service.
    pub unrouted: ServiceSum,
    /// Client connections, and counts of the process.
    pub connections: WorkerSum,
    /// True if changes can be made durable.
    pub journal_available: bool,
    /// True if the disk is full and the journal uses its preallocated reserve.
    pub journal_on_reserve: bool,
    /// The time at which the configuration was last accepted.
    pub config_accepted: Time,
    /// True if it has been refused since then.
    pub config_refused: bool,
    /// Operator calls in progress.
    pub calls: u64,
    /// The start of the oldest of them; `None`: there is none.
    pub oldest_call: Option<Time>,
}

/// The sums of one service.
#[derive(Clone, Debug)]
pub struct ServiceMetrics {
    /// Its name.
    pub name: ServiceName,
    /// The colors that receive its traffic.
    pub split: Split,
    /// The generation of its last change.
    pub generation: Generation,
    /// True if new requests wait.
    pub held: bool,
    /// True if Teal answers new requests itself.
    pub maintenance: bool,
    /// Its newest rollout; `None`: it never had one.
    pub rollout: Option<RolloutMetrics>,
    /// Its ended deploys by result, in the order of [`rules::DeployResult::ALL`].
    pub deploys: [u64; rules::DeployResult::ALL.len()],
    /// Its sums.
    pub sum: ServiceSum,
    /// Both colors, in the order of [`rules::Color::index`].
    pub colors: [ColorMetrics; 2],
}

/// A rollout.
#[derive(Clone, Copy, Debug)]
pub struct RolloutMetrics {
    /// Its result; `None`: it is open.
    pub result: Option<rules::RolloutResult>,
    /// The decimal logarithm of the e-value against its candidate; 0 if it is over, and before the first look.
    pub log10_e: f64,
}

/// The sums of one color.
#[derive(Clone, Debug)]
pub struct ColorMetrics {
    /// The version that runs in it, if known.
    pub version: Option<Version>,
    /// True if a switch to it would pass the gate.
    pub healthy: bool,
    /// True if it is retired.
    pub retired: bool,
    /// Its sums.
    pub sum: ColorSum,
    /// The age of its oldest lease; zero if it has none.
    pub oldest: Duration,
    /// Its targets.
    pub targets: Vec<TargetMetrics>,
}

/// The sums of one target.
#[derive(Clone, Debug)]
pub struct TargetMetrics {
    /// Its address as configured.
    pub url: Box<str>,
    /// The address that receives traffic; empty: none yet, or a Unix socket.
    pub address: Box<str>,
    /// Its health.
    pub standing: Standing,
    /// The expiry of the certificate that it presented last; `None`: none yet, or no TLS.
    pub expires: Option<Time>,
    /// The duration of its last probe; `None`: none has ended.
    pub probed: Option<Duration>,
    /// Its counts.
    pub figures: TargetFigures,
    /// Its counters, for the latencies.
    pub books: Arc<TargetBooks>,
}

/// The counts of a target, except its latencies, which are large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetFigures {
    /// Leases held.
    pub leases: u64,
    /// Connections established.
    pub connected: u64,
    /// Connections that failed.
    pub connect_failed: u64,
    /// Requests sent on a reused connection.
    pub reused: u64,
    /// Requests that failed on it and were retried.
    pub retried: u64,
    /// Requests lost to a reused connection.
    pub stale_lost: u64,
    /// Requests without a complete response.
    pub failed: u64,
    /// Responses by class, 1xx to 5xx.
    pub classes: [u64; 5],
}

// === impl MetricsSource ===

impl MetricsSource {
    /// Creates a handle that reads sums by calling this function.
    pub fn new(read: impl FnOnce() -> MetricsSnapshot + Send + 'static) -> Self {
        Self(Box::new(read))
    }

    /// Reads the sums of this moment. With thousands of services this takes milliseconds.
    pub fn read(self) -> MetricsSnapshot {
        (self.0)()
    }
}

impl fmt::Debug for MetricsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsSource")
    }
}

// === impl MetricsSnapshot ===

impl MetricsSnapshot {
    /// Returns accepted − answered − aborted − in flight, over all services: 0 at rest (L8).
    pub fn difference(&self) -> i128 {
        let sums = self.services.iter().map(|service| &service.sum).chain([&self.unrouted]);
        sums.map(ServiceSum::difference).sum()
    }
}

// === impl TargetMetrics, TargetFigures ===

impl TargetMetrics {
    /// Returns the latencies of its responses.
    pub fn latency(&self) -> HistogramSum {
        TargetSum::of(&self.books).latency
    }
}

impl TargetFigures {
    /// Reads the present counts.
    pub fn of(books: &TargetBooks) -> Self {
        let TargetSum {
            leases,
            connected,
            connect_failed,
            reused,
            retried,
            stale_lost,
            failed,
            classes,
            ..
        } = TargetSum::of(books);
        Self { leases, connected, connect_failed, reused, retried, stale_lost, failed, classes }
    }

    /// Returns true if it has never had a request.
    pub fn is_unused(&self) -> bool {
        *self == Self::default()
    }
}

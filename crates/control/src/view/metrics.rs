//! Sums of all books, for metrics: what a scrape reads, and where it reads it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rules::{Color, Generation, ServiceName, Standing, Time};
use traffic::{ColorSum, HistogramSum, ServiceSum, TargetBooks, TargetSum, WorkerSum};

/// Where sums can be read, by any thread and without waiting for the controller.
#[derive(Clone)]
pub struct MetricsSource(Arc<dyn Fn() -> MetricsSnapshot + Send + Sync>);

/// Sums of all books at one instant.
#[derive(Clone, Debug)]
pub struct MetricsSnapshot {
    /// The newest change of where traffic goes.
    pub generation: Generation,
    /// All services, in the order of the configuration.
    pub services: Vec<ServiceMetrics>,
    /// Requests that reached no service.
    pub unrouted: ServiceSum,
    /// Client connections, and what is counted of the process.
    pub connections: WorkerSum,
    /// Whether changes can be made durable.
    pub journal_available: bool,
    /// When the configuration was accepted last.
    pub config_accepted: Time,
    /// Whether it has been refused since.
    pub config_refused: bool,
    /// Calls of operators that are under way.
    pub calls: u64,
    /// Since when the oldest of them is; `None`: there is none.
    pub oldest_call: Option<Time>,
}

/// The sums of one service.
#[derive(Clone, Debug)]
pub struct ServiceMetrics {
    /// Its name.
    pub name: ServiceName,
    /// The color that receives traffic.
    pub active: Color,
    /// The generation of its own last change.
    pub generation: Generation,
    /// Whether new requests wait.
    pub held: bool,
    /// Its books.
    pub sum: ServiceSum,
    /// Both colors, in the order of [`Color::index`].
    pub colors: [ColorMetrics; 2],
}

/// The sums of one color.
#[derive(Clone, Debug)]
pub struct ColorMetrics {
    /// Its books.
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
    /// The address that traffic uses; empty: none yet, or a Unix socket.
    pub address: Box<str>,
    /// What is believed about it.
    pub standing: Standing,
    /// The end of the certificate that it has shown last; `None`: none yet, or it has no TLS.
    pub expires: Option<Time>,
    /// How long its last probe took; `None`: none has ended.
    pub probed: Option<Duration>,
    /// What its books count.
    pub figures: TargetFigures,
    /// The books themselves, for its latencies.
    pub books: Arc<TargetBooks>,
}

/// What the books of a target count, but for its latencies, which are large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetFigures {
    /// Leases held.
    pub leases: u64,
    /// Connections made.
    pub connected: u64,
    /// Connections that could not be made.
    pub connect_failed: u64,
    /// Requests sent on a connection that had served before.
    pub reused: u64,
    /// Requests that failed on it and were sent again.
    pub retried: u64,
    /// Requests lost to a reused connection.
    pub stale_lost: u64,
    /// Requests that got no whole answer.
    pub failed: u64,
    /// Answers by class, 1xx to 5xx.
    pub classes: [u64; 5],
}

// === impl MetricsSource ===

impl MetricsSource {
    /// Sums that are read by calling this.
    pub fn new(read: impl Fn() -> MetricsSnapshot + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The sums of this moment. With thousands of services it takes milliseconds.
    pub fn read(&self) -> MetricsSnapshot {
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
    /// Accepted − answered − aborted − in flight, over all services: 0 at rest (L8).
    pub fn difference(&self) -> i128 {
        let sums = self.services.iter().map(|service| &service.sum).chain([&self.unrouted]);
        sums.map(ServiceSum::difference).sum()
    }
}

// === impl TargetMetrics, TargetFigures ===

impl TargetMetrics {
    /// The latencies of its answers.
    pub fn latency(&self) -> HistogramSum {
        TargetSum::of(&self.books).latency
    }
}

impl TargetFigures {
    /// What these books count now.
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

    /// Whether it has never been asked for anything.
    pub fn is_unused(&self) -> bool {
        *self == Self::default()
    }
}

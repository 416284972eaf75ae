//! The books: who was asked, who answered, what was cut. Workers write their own cells,
//! the control plane sums them. Promise L8 is that these numbers balance.

use std::time::Duration;

use crate::cell::{Count, Gauge, PerWorker};
use crate::histogram::{Histogram, HistogramSum};
use crate::sync::OnceLock;

/// The requests of one service, or those that reached none.
pub type ServiceBooks = PerWorker<ServiceCell>;
/// The leases and connections of one color.
pub type ColorBooks = PerWorker<ColorCell>;
/// The answers of one target.
pub type TargetBooks = PerWorker<TargetCell>;
/// The client connections of all workers.
pub type WorkerBooks = PerWorker<WorkerCell>;

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }
        impl $name {
            /// All values, in the order of the cells.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            const COUNT: usize = Self::ALL.len();
            /// The word used in metrics, logs and `Proxy-Status`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }
        }
    };
}

labels! {
    /// Why Teal answered a request itself.
    OwnReason {
        /// The request was malformed (400).
        BadRequest = "bad_request",
        /// No service has this host and path (404).
        NoRoute = "no_route",
        /// The method is not served (405 or 501).
        MethodRefused = "method_refused",
        /// The request did not arrive in time (408).
        RequestTimeout = "request_timeout",
        /// The body was over the limit (413).
        BodyTooLarge = "body_too_large",
        /// The request target was over the limit (414).
        TargetTooLong = "target_too_long",
        /// The expectation is unknown (417).
        UnknownExpectation = "unknown_expectation",
        /// The head was over the limits (431).
        HeadTooLarge = "head_too_large",
        /// The protocol version or transfer coding is not spoken (501, 505).
        Unsupported = "unsupported",
        /// The request came from this very Teal (508).
        Loop = "loop",
        /// `Max-Forwards` reached zero (200).
        MaxForwards = "max_forwards",
        /// No target could be connected (502).
        TargetUnavailable = "target_unavailable",
        /// The target broke off or answered malformed (502).
        TargetFailed = "target_failed",
        /// A reused connection was closed by the target just then (502).
        StaleLost = "stale_lost",
        /// The target did not answer in time (504).
        ResponseTimeout = "response_timeout",
        /// The drain deadline passed before the answer began (504).
        DrainDeadline = "drain_deadline",
        /// Held beyond the longest wait (503).
        HeldTooLong = "held_too_long",
        /// Held beyond the caps (503).
        HoldFull = "hold_full",
        /// Too many client connections (503).
        Overloaded = "overloaded",
        /// Teal was stopping and its deadline passed (503).
        Stopping = "stopping",
    }
}

labels! {
    /// Why a request that Teal accepted ended without a whole answer.
    AbortCause {
        /// The client went away or broke the rules midway.
        Client = "client",
        /// The target broke off after its answer had begun.
        Target = "target",
        /// The drain deadline cut it.
        Drain = "drain",
        /// Another deadline cut it.
        Deadline = "deadline",
        /// Teal stopped, and its deadline cut it.
        Shutdown = "shutdown",
    }
}

/// Who answered a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A target of this color.
    Color(rules::Color),
    /// Teal itself.
    Teal(OwnReason),
}

/// One worker's part of a service's books.
#[derive(Debug, Default)]
pub struct ServiceCell {
    /// Requests whose head was taken from a client.
    pub accepted: Count,
    /// Requests not yet ended.
    pub in_flight: Gauge,
    /// Requests sent to a target again (L5).
    pub retries: Count,
    /// Requests that had to wait: held, or parked for a failover.
    pub parked: Count,
    /// Requests waiting now.
    pub waiting: Gauge,
    /// Tunnels opened by a 101.
    pub tunnels_opened: Count,
    /// Tunnels ended.
    pub tunnels_closed: Count,
    colors: [Count; 2],
    own: [Count; OwnReason::COUNT],
    aborted: [Count; AbortCause::COUNT],
}

/// One worker's part of a color's books. Times are nanoseconds since the exchange began,
/// 0 for none.
#[derive(Debug, Default)]
pub struct ColorCell {
    /// Leases held.
    pub leases: Gauge,
    /// Connections being made, in use or idle in the pool.
    pub connections: Gauge,
    /// Leases ever taken.
    pub taken: Count,
    /// The generation under which leases are being taken.
    pub claimed_under: Count,
    /// When the first lease was taken under that generation.
    pub first_claim: Count,
    /// When the last lease was taken.
    pub last_claim: Count,
    /// When the oldest lease was taken that is still held, as of the last survey.
    pub oldest: Count,
    /// Requests cut by the drain deadline before an answer began (504).
    pub cut_unanswered: Count,
    /// Answers cut by the drain deadline.
    pub cut_answering: Count,
    /// Tunnels cut by the drain deadline.
    pub cut_tunnels: Count,
}

/// One worker's part of a target's books.
#[derive(Debug, Default)]
pub struct TargetCell {
    /// Leases held.
    pub leases: Gauge,
    /// Connections made.
    pub connected: Count,
    /// Connections that could not be made.
    pub connect_failed: Count,
    /// Requests sent on a connection that had served before.
    pub reused: Count,
    /// Requests that were lost to a reused connection and may not be sent again (L5).
    pub stale_lost: Count,
    /// Requests that got no whole answer from it.
    pub failed: Count,
    classes: [Count; 5],
    latency: OnceLock<Box<Histogram>>,
}

/// One worker's client connections.
#[derive(Debug, Default)]
pub struct WorkerCell {
    /// Connections accepted.
    pub accepted: Count,
    /// Connections open.
    pub open: Gauge,
    /// Connections closed at once because of the limit.
    pub refused: Count,
}

/// A service's books at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceSum {
    /// Requests whose head was taken from a client.
    pub accepted: u64,
    /// Requests not yet ended.
    pub in_flight: u64,
    /// Requests answered by blue and by green.
    pub colors: [u64; 2],
    /// Requests answered by Teal, in the order of [`OwnReason::ALL`].
    pub own: Vec<u64>,
    /// Requests aborted, in the order of [`AbortCause::ALL`].
    pub aborted: Vec<u64>,
    /// Requests sent to a target again.
    pub retries: u64,
    /// Requests that had to wait.
    pub parked: u64,
    /// Requests waiting now.
    pub waiting: u64,
    /// Tunnels opened.
    pub tunnels_opened: u64,
    /// Tunnels ended.
    pub tunnels_closed: u64,
}

/// A color's books at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColorSum {
    /// Leases held.
    pub leases: u64,
    /// Connections being made, in use or idle.
    pub connections: u64,
    /// Leases ever taken.
    pub taken: u64,
    /// The newest generation under which leases were taken.
    pub claimed_under: u64,
    /// Since the exchange began: the first lease under that generation.
    pub first_claim: Option<Duration>,
    /// Since the exchange began: the last lease taken.
    pub last_claim: Option<Duration>,
    /// Since the exchange began: the oldest lease still held.
    pub oldest: Option<Duration>,
    /// Requests cut by the drain deadline before an answer began.
    pub cut_unanswered: u64,
    /// Answers cut by the drain deadline.
    pub cut_answering: u64,
    /// Tunnels cut by the drain deadline.
    pub cut_tunnels: u64,
}

/// A target's books at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetSum {
    /// Leases held.
    pub leases: u64,
    /// Connections made.
    pub connected: u64,
    /// Connections that could not be made.
    pub connect_failed: u64,
    /// Requests sent on a connection that had served before.
    pub reused: u64,
    /// Requests lost to a reused connection.
    pub stale_lost: u64,
    /// Requests that got no whole answer.
    pub failed: u64,
    /// Answers by class, 1xx to 5xx.
    pub classes: [u64; 5],
    /// Time from the choice of the target to the last byte of its answer.
    pub latency: HistogramSum,
}

/// The client connections of all workers at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerSum {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open.
    pub open: u64,
    /// Connections closed at once because of the limit.
    pub refused: u64,
}

// === impl ServiceCell, ServiceSum ===

impl ServiceCell {
    /// Counts a whole answer.
    pub fn answered(&self, by: AnsweredBy) {
        match by {
            AnsweredBy::Color(color) => self.colors[color.index()].add(1),
            AnsweredBy::Teal(reason) => self.own[reason as usize].add(1),
        }
    }

    /// Counts a request that ended without a whole answer.
    pub fn aborted(&self, cause: AbortCause) {
        self.aborted[cause as usize].add(1);
    }
}

impl ServiceSum {
    /// Sums the cells. What ended is read before what was accepted, so that a request that
    /// passes meanwhile can't make the books look worse than they are.
    pub fn of(books: &ServiceBooks) -> Self {
        let mut sum = Self {
            own: vec![0; OwnReason::COUNT],
            aborted: vec![0; AbortCause::COUNT],
            ..Self::default()
        };
        for cell in books.iter() {
            add_all(&mut sum.colors, &cell.colors);
            add_all(&mut sum.own, &cell.own);
            add_all(&mut sum.aborted, &cell.aborted);
            sum.tunnels_closed += cell.tunnels_closed.value();
            sum.in_flight += cell.in_flight.value();
            sum.accepted += cell.accepted.value();
            sum.retries += cell.retries.value();
            sum.parked += cell.parked.value();
            sum.waiting += cell.waiting.value();
            sum.tunnels_opened += cell.tunnels_opened.value();
        }
        sum
    }

    /// accepted − answered − aborted − in flight: 0 at rest (L8).
    pub fn difference(&self) -> i128 {
        let ended = self.colors.iter().chain(&self.own).chain(&self.aborted);
        let ended: i128 = ended.map(|count| i128::from(*count)).sum();
        i128::from(self.accepted) - ended - i128::from(self.in_flight)
    }
}

fn add_all(into: &mut [u64], from: &[Count]) {
    for (sum, count) in into.iter_mut().zip(from) {
        *sum += count.value();
    }
}

// === impl ColorSum ===

impl ColorSum {
    /// Sums the cells.
    pub fn of(books: &ColorBooks) -> Self {
        let mut sum = Self::default();
        let time = |count: &Count| match count.value() {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        };
        for cell in books.iter() {
            sum.leases += cell.leases.value();
            sum.connections += cell.connections.value();
            sum.taken += cell.taken.value();
            let under = cell.claimed_under.value();
            if under > sum.claimed_under {
                sum.first_claim = None; // what other workers counted is from an older one
                sum.claimed_under = under;
            }
            if under == sum.claimed_under {
                sum.first_claim = earlier(sum.first_claim, time(&cell.first_claim));
            }
            sum.last_claim = sum.last_claim.max(time(&cell.last_claim));
            if cell.leases.value() > 0 {
                sum.oldest = earlier(sum.oldest, time(&cell.oldest));
            }
            sum.cut_unanswered += cell.cut_unanswered.value();
            sum.cut_answering += cell.cut_answering.value();
            sum.cut_tunnels += cell.cut_tunnels.value();
        }
        sum
    }
}

fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

// === impl TargetCell, TargetSum ===

impl TargetCell {
    /// Counts a whole answer with this status after this time.
    pub fn answered(&self, status: u16, latency: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.classes[class].add(1);
        self.latency.get_or_init(Box::default).record(latency);
    }
}

impl TargetSum {
    /// Sums the cells.
    pub fn of(books: &TargetBooks) -> Self {
        let mut sum = Self::default();
        for cell in books.iter() {
            sum.leases += cell.leases.value();
            sum.connected += cell.connected.value();
            sum.connect_failed += cell.connect_failed.value();
            sum.reused += cell.reused.value();
            sum.stale_lost += cell.stale_lost.value();
            sum.failed += cell.failed.value();
            add_all(&mut sum.classes, &cell.classes);
            if let Some(latency) = cell.latency.get() {
                latency.add_to(&mut sum.latency);
            }
        }
        sum
    }
}

// === impl WorkerSum ===

impl WorkerSum {
    /// Sums the cells.
    pub fn of(books: &WorkerBooks) -> Self {
        let mut sum = Self::default();
        for cell in books.iter() {
            sum.accepted += cell.accepted.value();
            sum.open += cell.open.value();
            sum.refused += cell.refused.value();
        }
        sum
    }
}

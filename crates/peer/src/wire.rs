//! The messages once the newer Teal is in control.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rules::{Cut, Limits, Policy, Split};
use serde::{Deserialize, Serialize};
use traffic::CLASSES;

use crate::series::{SeriesStart, ServicePoints};
use crate::shape::{self, CutShape, LimitsShape, SplitShape};

/// Newer to older.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToOlder {
    /// The table that applies from here on.
    Table(Box<TableMessage>),
    /// The newer Teal serves: it accepts clients and operator calls.
    Serving,
    /// The newer Teal does not serve, and exits.
    Failed {
        /// The reason.
        reason: String,
    },
    /// A third Teal takes over from the newer one, so the older one will not be needed again.
    Confirmed,
}

/// Older to newer.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToNewer {
    /// All its workers have the table with this number.
    Acknowledged(u64),
    /// The changes of its counters.
    Books(Box<BooksMessage>),
    /// A target failure that its workers noticed.
    Report {
        /// The target, by the newer Teal's number.
        target: u32,
        /// True if the connect was refused; else there was no answer.
        refused: bool,
    },
    /// The number of older Teals that leave through it.
    Leaving(usize),
    /// Its last lease has ended, and this is its last message.
    Farewell,
}

/// A table. Colors and targets are identified by the newer Teal's numbers.
#[derive(Debug, Deserialize, Serialize)]
pub struct TableMessage {
    /// The number of this message.
    pub(crate) number: u64,
    pub(crate) generation: u64,
    #[serde(with = "LimitsShape")]
    pub(crate) limits: Limits,
    pub(crate) services: Vec<ServiceMessage>,
    pub(crate) routes: Vec<RouteMessage>,
    pub(crate) draining: Vec<DrainingMessage>,
}

impl TableMessage {
    /// Returns the number by which it is acknowledged.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns true if the newer Teal waits for a drain, and so for the counts of this one.
    pub fn is_draining(&self) -> bool {
        !self.draining.is_empty()
    }
}

/// A service of a table.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ServiceMessage {
    pub(crate) name: String,
    pub(crate) generation: u64,
    #[serde(with = "SplitShape")]
    pub(crate) split: Split,
    pub(crate) colors: [ColorMessage; 2],
    pub(crate) path_prefix: String,
    pub(crate) only_h2c: bool,
    #[serde(with = "shape::policy")]
    pub(crate) policy: Arc<Policy>,
    /// The maximum wait of a request, while the service is held.
    pub(crate) held: Option<Duration>,
    /// The answer to clients, while the service is in maintenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) maintenance: Option<NoticeMessage>,
    /// The decisions about its previews, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previews: Option<PreviewsMessage>,
}

/// The decisions about the previews of a service.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct PreviewsMessage {
    pub(crate) serial: u64,
    pub(crate) closed: [bool; 2],
    pub(crate) versions: [Option<String>; 2],
}

/// The answer to the clients of a service in maintenance.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct NoticeMessage {
    pub(crate) message: Option<String>,
    pub(crate) page: Option<String>,
    pub(crate) allow: Vec<String>,
}

/// A color of a service.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ColorMessage {
    pub(crate) id: u32,
    pub(crate) targets: Vec<TargetMessage>,
}

/// A target of a color.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct TargetMessage {
    pub(crate) id: u32,
    pub(crate) url: String,
    /// Its TLS settings; `None`: no TLS.
    pub(crate) tls: Option<TlsMessage>,
    /// The version of the PROXY protocol by which it learns client addresses.
    pub(crate) announce: Option<u8>,
    /// True if it gets its own Host.
    #[serde(default)]
    pub(crate) own_host: bool,
    /// True if all addresses of its name are one target.
    #[serde(default)]
    pub(crate) resolve_first: bool,
    /// The single address it stands for.
    #[serde(default)]
    pub(crate) address: Option<SocketAddr>,
    pub(crate) addresses: Vec<SocketAddr>,
    #[serde(default)]
    pub(crate) moves: u32,
    pub(crate) usable: bool,
}

/// The TLS settings of a target: what it must present, and what is presented to it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct TlsMessage {
    pub(crate) server_name: Option<String>,
    #[serde(default)]
    pub(crate) named_by_request: bool,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    #[serde(default)]
    pub(crate) only_http1: bool,
}

/// A route to a service.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct RouteMessage {
    pub(crate) host: String,
    pub(crate) prefix: String,
    pub(crate) place: usize,
}

/// A subject being drained.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct DrainingMessage {
    pub(crate) what: LeavingMessage,
    pub(crate) cut: bool,
    pub(crate) close_within: Duration,
}

/// A color or a target, by the newer Teal's number.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeavingMessage {
    Color(u32),
    Target(u32),
}

/// The counters that have changed since they were last sent: sums, not differences.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct BooksMessage {
    pub(crate) services: Vec<ServiceCount>,
    pub(crate) colors: Vec<ColorCount>,
    pub(crate) targets: Vec<TargetCount>,
    pub(crate) unrouted: Option<ServiceCount>,
    pub(crate) connections: Option<ConnectionCount>,
    /// With the first counts: where the counting of the series starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<SeriesStart>,
    /// Points of series.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) series: Vec<ServicePoints>,
}

/// The counters of a service. Reasons are sent as words, since another version may know others.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct ServiceCount {
    pub(crate) name: String,
    pub(crate) accepted: u64,
    pub(crate) in_flight: u64,
    pub(crate) colors: [u64; 2],
    pub(crate) own: BTreeMap<String, u64>,
    pub(crate) aborted: BTreeMap<String, u64>,
    pub(crate) retries: u64,
    pub(crate) parked: u64,
    pub(crate) waiting: u64,
    pub(crate) tunnels_opened: u64,
    pub(crate) tunnels_closed: u64,
    pub(crate) streams_ended: u64,
    pub(crate) streams_unanswered: u64,
    #[serde(default)]
    pub(crate) switches: BTreeMap<String, u64>,
    #[serde(default)]
    pub(crate) previews: [[u64; CLASSES]; 2],
}

/// The counters of a color. Times are sent as ages, since the two have no common clock.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ColorCount {
    pub(crate) id: u32,
    pub(crate) leases: u64,
    pub(crate) connections: u64,
    pub(crate) taken: u64,
    pub(crate) claimed_under: u64,
    pub(crate) first_claim: Option<Duration>,
    pub(crate) last_claim: Option<Duration>,
    pub(crate) oldest: Option<Duration>,
    pub(crate) streams: u64,
    #[serde(default)]
    pub(crate) tunnels: u64,
    pub(crate) oldest_stream: Option<Duration>,
    #[serde(with = "CutShape")]
    pub(crate) cut: Cut,
}

/// The counters of a target.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct TargetCount {
    pub(crate) id: u32,
    pub(crate) leases: u64,
    pub(crate) connections: u64,
    #[serde(with = "CutShape")]
    pub(crate) cut: Cut,
    pub(crate) connected: u64,
    pub(crate) connect_failed: u64,
    pub(crate) reused: u64,
    pub(crate) retried: u64,
    pub(crate) stale_lost: u64,
    pub(crate) failed: u64,
    pub(crate) classes: [u64; 5],
    /// Counts by bucket, without those that are 0.
    pub(crate) latency: BTreeMap<usize, u64>,
    pub(crate) latency_micros: u64,
}

/// The client connections, and counts of the process. Outcomes are sent as words.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct ConnectionCount {
    pub(crate) accepted: u64,
    pub(crate) open: u64,
    pub(crate) crowded: u64,
    pub(crate) given_up: u64,
    pub(crate) log_dropped: u64,
    pub(crate) spans_dropped: u64,
    pub(crate) own_log_dropped: u64,
    pub(crate) handshakes: BTreeMap<String, u64>,
    pub(crate) reloads: BTreeMap<String, u64>,
    pub(crate) upgrades: BTreeMap<String, u64>,
}

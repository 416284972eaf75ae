//! The settings that the process passes to the admin API.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::preview::PreviewKeyCell;
use contract::Code;
use contract::wire::TraceStep;
use control::Handle;
use rules::{Refusal, Time, Token};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::background::Background;
use crate::lockout::Lockout;
use crate::problem::Problem;
use crate::secure::AdminTls;

/// Settings that do not change while this Teal runs.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The version of the program.
    pub version: &'static str,
    /// The random id of this process, as in the `Via` header.
    pub instance: String,
    /// The address of the TCP listener, with the port that was bound.
    pub admin: SocketAddr,
    /// The address of the metrics listener; `None`: there is none.
    pub metrics: Option<SocketAddr>,
    /// The path of the Unix socket.
    pub socket: PathBuf,
    /// The user that Teal runs as: an operator on the socket.
    pub uid: u32,
    /// The group whose members are operators on the socket; `None`: only Teal's user and root.
    pub socket_gid: Option<u32>,
    /// Settings that a reload may change.
    pub live: watch::Receiver<Live>,
    /// The maximum number of concurrent client connections.
    pub connections: usize,
    /// The log of this process.
    pub log: LogControl,
    /// The parts of previews that the controller does not have.
    pub previews: PreviewSettings,
    /// Starts following single requests.
    pub follow: TraceStarter,
    /// The endpoints that are notified of events.
    pub notify: notify::Handle,
    /// The files of the console; empty: this program was built without it.
    pub console: &'static [console::File],
    /// The time at which this Teal began to serve.
    pub since: Instant,
}

/// The parts of previews that the controller does not have.
#[derive(Clone, Debug, Default)]
pub struct PreviewSettings {
    /// The key of their tokens.
    pub key: PreviewKeyCell,
    /// The listeners of clients.
    pub listeners: Vec<PreviewListener>,
}

/// A listener, as far as the address of a preview depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviewListener {
    /// The address that was bound.
    pub bound: SocketAddr,
    /// True if it has TLS.
    pub tls: bool,
    /// True if it only redirects to another one.
    pub redirects: bool,
    /// The address as configured of a listener for previews; `None`: it serves the active colors.
    pub preview: Option<SocketAddr>,
}

/// Access to the log levels of this process.
#[derive(Clone, Copy, Debug)]
pub struct LogControl {
    /// Returns the levels in force.
    pub levels: fn() -> String,
    /// Sets new levels, or returns the problem with them.
    pub change: fn(&str) -> Result<(), String>,
}

/// The requests to follow: the next ones that match all of these criteria.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFilter {
    /// A header field and its value.
    pub header: Option<(String, String)>,
    /// The address of the client.
    pub client: Option<IpAddr>,
    /// The beginning of the path.
    pub path: Option<String>,
    /// The number of requests.
    pub requests: u64,
}

/// Begins to follow requests: the returned channel yields their steps until it is dropped. `None`: too many
/// traces are running already.
#[derive(Clone)]
pub struct TraceStarter(
    pub Arc<dyn Fn(TraceFilter) -> Option<mpsc::Receiver<TraceStep>> + Send + Sync>,
);

/// Settings that a reload may change, always as a whole.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// The tokens that are accepted.
    pub tokens: Vec<Token>,
    /// Names accepted in `Host` besides the loopback ones; without a port.
    pub hosts: Vec<String>,
    /// The public addresses, with the ports that were bound.
    pub listeners: Vec<SocketAddr>,
    /// The certificates in use.
    pub certificates: Vec<Certificate>,
    /// The reason newer certificates are not in use; `None` if there are none.
    pub certificate_problem: Option<String>,
    /// The names for which certificates are ordered from a CA.
    pub orders: Vec<CertificateOrder>,
    /// TLS on the admin listener; `None`: plain HTTP.
    pub tls: Option<AdminTls>,
    /// The process id of the older Teal that this one took over from, while that is still finishing.
    pub older_pid: Option<u32>,
}

/// A certificate in use at the listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The file it was read from.
    pub file: PathBuf,
    /// The DNS names it is valid for.
    pub names: Vec<String>,
    /// The time at which it expires.
    pub not_after: Time,
}

/// A name for which certificates are ordered from a CA (ACME).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateOrder {
    /// The name.
    pub name: String,
    /// The reason the last order failed; `None` if it did not.
    pub problem: Option<String>,
    /// The time of its next check; `None`: immediately.
    pub next: Option<Time>,
}

/// The state shared by all calls.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) handle: Handle,
    pub(crate) version: &'static str,
    pub(crate) instance: String,
    pub(crate) admin: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) live: watch::Receiver<Live>,
    pub(crate) connections: usize,
    pub(crate) log: LogControl,
    pub(crate) follow: TraceStarter,
    pub(crate) notify: notify::Handle,
    pub(crate) previews: PreviewSettings,
    pub(crate) console: &'static [console::File],
    /// The time at which this Teal began to serve.
    pub(crate) since: Instant,
    /// Counts of wrong tokens; never locked across an await.
    pub(crate) lockout: Mutex<Lockout>,
    /// One permit for each event stream of an authenticated caller.
    pub(crate) streams: Arc<Semaphore>,
    /// One permit for each event stream of an anonymous caller, so that these cannot exhaust the others.
    pub(crate) anonymous_streams: Arc<Semaphore>,
    /// One permit for each scrape.
    pub(crate) scrapes: Arc<Semaphore>,
    /// The threads that make the pages of scrapes.
    pub(crate) background: Arc<Background>,
    /// True once Teal is stopping: event streams end.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// The time limit for questions that the controller can answer without waiting.
const PROMPT: Duration = Duration::from_secs(5);

/// The maximum number of concurrent event streams, for authenticated and for anonymous callers each.
const STREAMS_MAX: usize = 64;

/// The maximum number of concurrent scrapes.
pub(crate) const SCRAPES_MAX: usize = 4;

impl fmt::Debug for TraceStarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Follow")
    }
}

impl Api {
    pub(crate) fn new(
        handle: Handle,
        settings: ApiSettings,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            handle,
            version: settings.version,
            instance: settings.instance,
            admin: settings.admin,
            socket: settings.socket,
            live: settings.live,
            connections: settings.connections,
            log: settings.log,
            follow: settings.follow,
            notify: settings.notify,
            previews: settings.previews,
            console: settings.console,
            since: settings.since,
            lockout: Mutex::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            anonymous_streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            scrapes: Arc::new(Semaphore::new(SCRAPES_MAX)),
            background: Arc::new(Background::new(SCRAPES_MAX)),
            stopping,
        }
    }

    /// Awaits an answer that the controller can give without waiting; 503 if it does not answer (L10).
    pub(crate) async fn prompt<T>(
        &self,
        answer: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Problem> {
        if let Ok(answer) = tokio::time::timeout(PROMPT, answer).await {
            return Ok(answer?);
        }
        tracing::error!("the controller did not answer the admin API within 5 s");
        Err(Problem::new(Code::NoAnswer, "The controller is not responding")
            .because("Traffic continues as before; see Teal's log"))
    }
}

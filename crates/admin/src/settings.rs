//! What the admin API is told by the process around it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use contract::wire::TraceStep;
use control::Handle;
use rules::{Refusal, Time, Token};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::lockout::Lockout;
use crate::problem::Problem;
use crate::secure::AdminTls;

/// What stays as it is while this Teal runs.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The version of the program.
    pub version: &'static str,
    /// The random id of this process, as it stands in `Via`.
    pub instance: String,
    /// The address of the TCP listener, with the port that was bound.
    pub admin: SocketAddr,
    /// The address of the listener of metrics; `None`: there is none.
    pub metrics: Option<SocketAddr>,
    /// Where the Unix socket is.
    pub socket: PathBuf,
    /// The user that Teal runs as: an operator on the socket.
    pub uid: u32,
    /// The group whose members are operators on the socket; `None`: only Teal's user and root.
    pub socket_gid: Option<u32>,
    /// What a reload may change.
    pub live: watch::Receiver<Live>,
    /// Client connections that there may be at once.
    pub connections: usize,
    /// The log of this process.
    pub log: LogControl,
    /// Who follows single requests.
    pub follow: Follow,
    /// When this Teal began to serve.
    pub since: Instant,
}

/// Which events this process logs, as it can be asked and changed.
#[derive(Clone, Copy, Debug)]
pub struct LogControl {
    /// Returns the levels in force.
    pub levels: fn() -> String,
    /// Puts others in force, or says what is wrong with them.
    pub change: fn(&str) -> Result<(), String>,
}

/// The requests to follow: the next ones that have all of this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// A field of the head and its value.
    pub header: Option<(String, String)>,
    /// The address of the client.
    pub client: Option<IpAddr>,
    /// The beginning of the path.
    pub path: Option<String>,
    /// The number of requests.
    pub requests: u64,
}

/// Begins to follow requests: their steps come from what is returned, until it is dropped. `None`: too many
/// follow already.
#[derive(Clone)]
pub struct Follow(pub Arc<dyn Fn(Followed) -> Option<mpsc::Receiver<TraceStep>> + Send + Sync>);

/// What a reload may change, always as a whole.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Who may come in by token.
    pub tokens: Vec<Token>,
    /// Names accepted in `Host` besides the loopback ones; without a port.
    pub hosts: Vec<String>,
    /// The public addresses, with the ports that were bound.
    pub listeners: Vec<SocketAddr>,
    /// The certificates in use.
    pub certificates: Vec<Certificate>,
    /// Why newer certificates are not in use; `None` if there are none.
    pub certificate_problem: Option<String>,
    /// The names for which certificates are ordered of an authority.
    pub orders: Vec<Ordered>,
    /// TLS on the admin listener; `None`: plain.
    pub tls: Option<AdminTls>,
    /// The process of the Teal that this one has taken over from, while that is leaving.
    pub older_pid: Option<u32>,
}

/// A certificate in use at the listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The file it was read from.
    pub file: PathBuf,
    /// The DNS names it is for.
    pub names: Vec<String>,
    /// The end of its time.
    pub not_after: Time,
}

/// A name for which certificates are ordered of an authority (ACME).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The name.
    pub name: String,
    /// Why the last order failed; `None` if it did not.
    pub problem: Option<String>,
    /// When it is looked at next; `None`: at once.
    pub next: Option<Time>,
}

/// What every call has at hand.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) handle: Handle,
    pub(crate) version: &'static str,
    pub(crate) instance: String,
    pub(crate) admin: SocketAddr,
    pub(crate) live: watch::Receiver<Live>,
    pub(crate) connections: usize,
    pub(crate) log: LogControl,
    pub(crate) follow: Follow,
    /// When this Teal began to serve.
    pub(crate) since: Instant,
    /// Locked only between two awaits, for a look at a small table.
    pub(crate) lockout: Mutex<Lockout>,
    /// One permit per event stream of a caller who is known.
    pub(crate) streams: Arc<Semaphore>,
    /// One permit per event stream of anybody else, who can't take those of the others.
    pub(crate) anonymous_streams: Arc<Semaphore>,
    /// One permit per scrape.
    pub(crate) scrapes: Arc<Semaphore>,
    /// True once Teal stops: event streams end.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// How long the controller may take for what it knows without waiting.
const PROMPT: Duration = Duration::from_secs(5);

/// Event streams at once, of callers who are known and of others; each holds a connection for as long as its reader likes.
const STREAMS_MAX: usize = 64;

/// Scrapes at once.
pub(crate) const SCRAPES_MAX: usize = 4;

impl fmt::Debug for Follow {
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
            live: settings.live,
            connections: settings.connections,
            log: settings.log,
            follow: settings.follow,
            since: settings.since,
            lockout: Mutex::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            anonymous_streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            scrapes: Arc::new(Semaphore::new(SCRAPES_MAX)),
            stopping,
        }
    }

    /// The answer to a question that needs no waiting; 503 if the controller is silent (L10).
    pub(crate) async fn prompt<T>(
        &self,
        answer: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Problem> {
        if let Ok(answer) = tokio::time::timeout(PROMPT, answer).await {
            return Ok(answer?);
        }
        tracing::error!("the controller did not answer the admin API within 5 s");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Err(Problem::new(status, "no_answer", "The controller does not answer")
            .because("Traffic goes on as before; look into the log of Teal"))
    }
}

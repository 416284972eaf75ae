//! The strict load client: numbered requests in closed loops, over HTTP/1.1 and HTTP/2, with TLS
//! and without.
//!
//! Guarantees: each request is sent at most once, or again only after the server has reported it as
//! not processed; each is in the client's ledger
//! with the instant before its first byte and with exactly one outcome; an answer
//! counts only if its framing, its id and every byte of its body are right. An
//! idle connection that the server closed in order is not a loss, because
//! it is checked before anything is sent on it.

mod check;
pub(crate) mod connection;
pub(crate) mod drill;
mod http1;
mod http2;
pub(crate) mod look;
mod own;
mod pipeline;
mod request;
mod stream;
pub(crate) mod tls;
mod tunnel;
pub(crate) mod url;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::ledger::{ClientLedger, Recorder, Snapshot};
use http1::Http1;
use http2::Http2;
use tls::Tls;
use worker::{LoopConnection, Plan, Worker};

pub use crate::endpoint::{Endpoint, Protocol};
pub use crate::kind::Kind;
pub use drill::{DrillError, DrillOptions, drill};
pub use own::{Question, Questions};
pub use tls::{TlsError, Trust};

/// Pause between two WebSocket sessions.
const TUNNEL_INTERVAL: Duration = Duration::from_millis(100);

/// The number of loops that share one HTTP/2 connection.
const STREAMS: usize = 4;

/// The requests of a load.
#[derive(Debug, Clone)]
pub enum Work {
    /// All kinds that the demo target understands, and one WebSocket per HTTP/1.1 listener.
    Mix,
    /// One kind that the demo target understands.
    Only(Kind),
    /// GET of this path on any application.
    Page(String),
    /// Requests of the caller's own, checked more strictly: for tests of Teal itself.
    Own(Arc<dyn Questions>),
}

/// The options of a load.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The addresses and protocols; loops are assigned to them in turn.
    pub endpoints: Vec<Endpoint>,
    /// The value of the Host field, and the server name over TLS.
    pub host: String,
    /// The CAs to trust for the server's certificate.
    pub trust: Trust,
    /// The requests to send.
    pub work: Work,
    /// The number of closed loops, each with its own connection; over HTTP/2 up to four share one.
    pub connections: usize,
    /// The most requests per second of all loops together; none: unlimited.
    pub rate: Option<u32>,
    /// True for an open loop: it catches up if it falls behind its rate, and answer times count from
    /// when the request was due, so that a stalled server cannot hide it by getting fewer requests.
    pub open: bool,
    /// The deadline of one request, from its connect to its last byte.
    pub timeout: Duration,
}

/// A running load.
#[derive(Debug)]
pub struct Load {
    recorder: Arc<Recorder>,
    stop: watch::Sender<bool>,
    pace: watch::Sender<Duration>,
    count: u32,
    loops: JoinSet<()>,
}

/// The error of a load that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system has no random numbers.
    #[error("cannot name the run: {0}")]
    Random(#[from] getrandom::Error),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Load {
    /// Starts all loops on the current runtime.
    pub fn start(options: LoadOptions) -> Result<Self, LoadError> {
        let recorder = Arc::new(Recorder::new()?);
        let count = u32::try_from(options.connections.max(1)).unwrap_or(u32::MAX);
        let interval = interval(count, options.rate);
        let with_tunnel = matches!(options.work, Work::Mix);
        let is_secure = options.endpoints.iter().any(|endpoint| endpoint.over.is_secure());
        let tls = is_secure.then(|| Tls::new(&options.host, &options.trust)).transpose()?;
        let plan = Arc::new(Plan {
            host: options.host,
            tls,
            work: options.work,
            open: options.open,
            timeout: options.timeout,
            recorder: Arc::clone(&recorder),
        });
        let (stop, stopped) = watch::channel(false);
        let (pace, paced) = watch::channel(interval);
        let mut loops = JoinSet::new();
        for (number, (over, line)) in (0..count).zip(lines(&options.endpoints)) {
            let delay = interval * number / count;
            let worker = Worker::new(Arc::clone(&plan), over, line, paced.clone(), delay);
            loops.spawn(worker.run(stopped.clone()));
        }
        for endpoint in
            options.endpoints.iter().filter(|endpoint| with_tunnel && !endpoint.over.is_shared())
        {
            let (_, paced) = watch::channel(TUNNEL_INTERVAL);
            let (plan, line) = (Arc::clone(&plan), LoopConnection::Own(Http1::new(*endpoint)));
            let worker = Worker::new(plan, endpoint.over, line, paced, Duration::ZERO);
            loops.spawn(worker.run_tunnel(stopped.clone()));
        }
        Ok(Self { recorder, stop, pace, count, loops })
    }

    /// Changes the limit of requests per second of all loops together.
    pub(crate) fn set_rate(&self, rate: Option<u32>) {
        self.pace.send_replace(interval(self.count, rate));
    }

    /// The current figures.
    pub fn snapshot(&self) -> Snapshot {
        self.recorder.snapshot()
    }

    /// A handle for reading the figures while the load runs.
    pub fn watch(&self) -> Arc<Recorder> {
        Arc::clone(&self.recorder)
    }

    /// Waits for every request in flight to end, then returns the ledger.
    ///
    /// Takes at most the deadline of one request.
    pub async fn finish(self) -> ClientLedger {
        self.stop.send_replace(true);
        self.loops.join_all().await;
        self.recorder.take()
    }
}

/// Time from one request of a loop to its next.
fn interval(loops: u32, rate: Option<u32>) -> Duration {
    rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) * loops / rate.max(1))
}

/// The connection of each loop: protocols and addresses in turn, one HTTP/2 connection for every few loops.
fn lines(endpoints: &[Endpoint]) -> impl Iterator<Item = (Protocol, LoopConnection)> {
    (0..)
        .flat_map(|round| {
            endpoints.iter().enumerate().map(move |(place, endpoint)| (round, place, endpoint))
        })
        .scan(
            vec![None; endpoints.len()],
            |shared: &mut Vec<Option<Arc<Http2>>>, (round, place, endpoint)| {
                if !endpoint.over.is_shared() {
                    return Some((endpoint.over, LoopConnection::Own(Http1::new(*endpoint))));
                }
                let slot = shared.get_mut(place)?;
                if round % STREAMS == 0 {
                    *slot = None; // this one has its loops
                }
                let http2 = slot.get_or_insert_with(|| Arc::new(Http2::new(*endpoint)));
                Some((endpoint.over, LoopConnection::Shared(Arc::clone(http2))))
            },
        )
}

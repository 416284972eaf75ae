//! The strict load client: numbered requests in closed loops over raw TCP.
//!
//! Guarantees: each request is sent at most once; each is in the client's ledger
//! with the instant before its first byte and with exactly one outcome; an answer
//! counts only if its framing, its id and every byte of its body are right. An
//! idle connection that the other side closed in order is not a loss, because
//! it is looked at before anything is sent on it.

mod check;
pub(crate) mod connection;
pub(crate) mod drill;
pub(crate) mod head;
pub(crate) mod kind;
mod pipeline;
mod request;
mod tunnel;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::ledger::{ClientLedger, Recorder, Snapshot};
pub use kind::Kind;
use worker::{Plan, Worker};

pub use drill::{DrillError, DrillOptions, drill};

/// Pause between two WebSocket sessions.
const TUNNEL_INTERVAL: Duration = Duration::from_millis(100);

/// What the load consists of.
#[derive(Debug, Clone)]
pub enum Work {
    /// Everything that the demo target understands, and one WebSocket.
    Mix,
    /// One kind of what the demo target understands.
    Only(Kind),
    /// GET of this path on any application.
    Page(String),
}

/// How to load a server.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Where to connect to.
    pub address: SocketAddr,
    /// Value of the Host field.
    pub host: String,
    /// What to send.
    pub work: Work,
    /// Number of closed loops, each with a connection of its own.
    pub connections: usize,
    /// Most requests per second of all loops together; none: as fast as it goes.
    pub rate: Option<u32>,
    /// Whether a loop that fell behind its rate catches up, and the time of an answer counts from
    /// when its request was due: then a server that stalls cannot hide it by being asked less.
    pub open: bool,
    /// Deadline of one request, from its connect to its last byte.
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

impl Load {
    /// Starts all loops on the current runtime.
    ///
    /// Fails only if the system has no random numbers to name the run with.
    pub fn start(options: LoadOptions) -> Result<Self, getrandom::Error> {
        let recorder = Arc::new(Recorder::new()?);
        let count = u32::try_from(options.connections.max(1)).unwrap_or(u32::MAX);
        let interval = interval(count, options.rate);
        let with_tunnel = matches!(options.work, Work::Mix);
        let plan = Arc::new(Plan {
            address: options.address,
            host: options.host,
            work: options.work,
            open: options.open,
            timeout: options.timeout,
            recorder: Arc::clone(&recorder),
        });
        let (stop, stopped) = watch::channel(false);
        let (pace, paced) = watch::channel(interval);
        let mut loops = JoinSet::new();
        for number in 0..count {
            let delay = interval * number / count;
            let worker = Worker::new(Arc::clone(&plan), paced.clone(), delay);
            loops.spawn(worker.run(stopped.clone()));
        }
        if with_tunnel {
            let (_, paced) = watch::channel(TUNNEL_INTERVAL);
            loops.spawn(Worker::new(plan, paced, Duration::ZERO).run_tunnel(stopped));
        }
        Ok(Self { recorder, stop, pace, count, loops })
    }

    /// Changes the most requests per second of all loops together.
    pub fn set_rate(&self, rate: Option<u32>) {
        self.pace.send_replace(interval(self.count, rate));
    }

    /// The figures of this moment.
    pub fn snapshot(&self) -> Snapshot {
        self.recorder.snapshot()
    }

    /// A handle for looking at the figures while the load runs.
    pub fn watch(&self) -> Arc<Recorder> {
        Arc::clone(&self.recorder)
    }

    /// Lets every request under way come to its end, then returns the ledger.
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

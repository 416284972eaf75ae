//! The demo target: a small, real HTTP/1.1 server that names its version and records
//! every numbered request before it answers it.
//!
//! The record is written before the answer and survives `kill -9` of the target, so
//! that "the target saw it" does not depend on a clean exit. On SIGTERM it stops at
//! once, in the middle of whatever it does: a proxy that calls a color drained must
//! mean it.

mod link;
mod record;
mod route;
mod socket;
mod stream;

use std::io;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use record::Record;

/// The pause before accepting again when the system is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The time limit for an idle connection, and for a request head.
const IDLE: Duration = Duration::from_secs(30);

/// The options of a demo target.
#[derive(Debug, Clone)]
pub struct TargetOptions {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The version that it names in each answer, for example `v1`.
    pub version: String,
    /// The file to which each numbered request is appended; none: nothing is recorded.
    pub ledger: Option<PathBuf>,
    /// The idle timeout of connections; none: 30 seconds.
    pub idle: Option<Duration>,
    /// The socket of the demo that had it deployed; none: it ends with its standard input.
    pub link: Option<PathBuf>,
    /// The version whose health checks fail.
    pub unhealthy: Option<String>,
    /// The version that answers `/ready` with 500.
    pub faulty: Option<String>,
    /// The version that answers every other request of a load with 500.
    pub broken: Option<String>,
}

/// A bound demo target, ready to run.
#[derive(Debug)]
pub struct Target {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// The state shared by all connections of a target.
#[derive(Debug)]
struct Shared {
    version: String,
    record: Record,
    idle: Duration,
    /// True if every health check fails.
    unhealthy: bool,
    /// True if `/ready` is answered with 500.
    faulty: bool,
    /// The number of requests of a load, if every other one fails.
    broken: Option<AtomicU64>,
    /// The number of health checks that are still to fail.
    ailing: AtomicU64,
}

/// Tasks that live as long as one connection: streamed bodies and tunnels.
#[derive(Debug, Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

/// Runs a demo target until SIGTERM, SIGINT, or the end of its standard input or link.
///
/// The first line on standard output is `listening on ADDRESS`. Because it ends with
/// its standard input, no target outlives a parent that was killed.
pub async fn serve(options: TargetOptions) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let link = options.link.clone();
    let orphaned = async {
        match &link {
            Some(path) => link::broken(path).await,
            None => drop(end_of_stdin().await),
        }
    };
    let target = Target::bind(options).await?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", target.address())?;
    stdout.flush()?;
    tokio::select! {
        () = target.run() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = orphaned => {}
    }
    Ok(())
}

/// Completes when standard input has ended: the parent is gone.
fn end_of_stdin() -> oneshot::Receiver<()> {
    let (gone, told) = oneshot::channel();
    // On its own thread, because a blocked read cannot be cancelled.
    std::thread::spawn(move || {
        // ignored: an error on standard input means the same as its end
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = gone.send(()); // ignored: the target has already stopped
    });
    told
}

// === impl Target ===

impl Target {
    /// Opens the ledger and binds the address.
    pub async fn bind(options: TargetOptions) -> io::Result<Self> {
        let record = Record::open(options.ledger.as_deref())?;
        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {}: {error}", options.listen))
        })?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            unhealthy: options.unhealthy.as_ref() == Some(&options.version),
            faulty: options.faulty.as_ref() == Some(&options.version),
            broken: options
                .broken
                .filter(|broken| *broken == options.version)
                .map(|_| AtomicU64::new(0)),
            version: options.version,
            record,
            idle: options.idle.unwrap_or(IDLE),
            ailing: AtomicU64::new(0),
        });
        Ok(Self { listener, address, shared })
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until dropped; dropping the future closes every connection at once.
    pub async fn run(self) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(stream, Arc::clone(&self.shared)));
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Serves one connection to its end, then waits for the tunnel it may have become.
async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // ignored: without TCP_NODELAY answers are slow, not wrong
    let _ = stream.set_nodelay(true);
    let tasks = Tasks::default();
    let service = service_fn(|request| {
        let (shared, tasks) = (Arc::clone(&shared), tasks.clone());
        async move { route::answer(&shared, &tasks, request).await }
    });
    // ignored: the client reports a broken connection
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.idle)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    tasks.finish().await;
}

// === impl Tasks ===

impl Tasks {
    /// Starts a task that ends no later than the connection.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while set.try_join_next().is_some() {}
        set.spawn(task);
    }

    /// Waits for all of them.
    async fn finish(self) {
        let set = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        set.join_all().await;
    }
}

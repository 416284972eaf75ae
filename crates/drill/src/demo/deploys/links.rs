//! The links of deployed targets to the scene: their end, by whatever reason, ends what was deployed.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// The polling interval for the end of what was deployed.
const GLANCE: Duration = Duration::from_millis(20);

/// The time limit for a target to tell its supervisor, so that one that hangs keeps no other waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// The open links. Dropping them ends the targets and their supervisors.
#[derive(Debug)]
pub(super) struct Links {
    open: Arc<Mutex<Vec<Link>>>,
    accepting: JoinSet<()>,
}

#[derive(Debug)]
struct Link {
    _stream: UnixStream,
    /// The process id of the target's supervisor.
    supervisor: u32,
}

impl Links {
    /// Accepts links at this path.
    pub(super) fn listen(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let open = Arc::new(Mutex::new(Vec::new()));
        let accepted = Arc::clone(&open);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let told = tokio::time::timeout(PATIENCE, stream.read_u32()).await;
                let Ok(Ok(supervisor)) = told else { continue };
                let link = Link { _stream: stream, supervisor };
                accepted.lock().unwrap_or_else(PoisonError::into_inner).push(link);
            }
        });
        Ok(Self { open, accepting })
    }

    /// Ends what was deployed, and waits until it is gone, at most for this long.
    pub(super) async fn end(mut self, patience: Duration) {
        self.accepting.shutdown().await;
        let links = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        let supervisors: Vec<_> = links.iter().map(|link| link.supervisor).collect();
        drop(links);
        let deadline = Instant::now() + patience;
        let is_there = |id: &u32| Path::new(&format!("/proc/{id}")).exists();
        while supervisors.iter().any(is_there) && Instant::now() < deadline {
            tokio::time::sleep(GLANCE).await;
        }
    }
}

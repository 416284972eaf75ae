//! Notifications of events by webhook (<https://www.standardwebhooks.com>).
//!
//! A notice becomes a message in the `outbox` of the state directory before anything is sent. Each `endpoint` gets its
//! messages in their order, each until it is answered 2xx or is 24 hours old: `delivery` makes one try, `backoff` says
//! when to make the next one, `signature` and `message` make what is sent. The spine of it is `dispatcher`, which runs on a
//! thread of its own.
//!
//! Guaranteed: no caller waits for a disk or an endpoint; a message has the same id in every try and after a restart, so
//! that its receiver can drop what comes twice; one endpoint delays no other; a try has a deadline (L10); the outbox is
//! bounded, and what it drops is counted. Only the Teal in control writes and sends ([`Context::in_control`], and a lock).
//!
//! Never here: what an event is, what a person reads about it, the admin API; and no secret in a message, an error, a
//! status or what `Debug` prints.

#![forbid(unsafe_code)]

mod backoff;
mod delivery;
mod dispatcher;
mod endpoint;
mod handle;
mod message;
mod notice;
mod outbox;
mod secret;
mod signature;

use std::sync::mpsc as sync;
use std::time::Duration;
use std::{fmt, io, thread};

use config::Notify;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};

pub use endpoint::{EndpointStatus, Failure, Success};
pub use handle::{Handle, TestRefused, TestResult};
pub use notice::{Notice, Source};
pub use secret::check as check_secret;

use dispatcher::Dispatcher;

/// The name of the directory in the state directory.
pub const DIRECTORY: &str = "notifications";

/// The time that the thread has to write the last notices when Teal stops.
// lossless: L10
const FINISHES_WITHIN: Duration = Duration::from_secs(2);

/// The number of tests that wait to be made.
const COMMANDS: usize = 8;

/// Everything that this crate needs from the rest of the process.
pub struct Context {
    /// The directory of the outbox, which is made when there is an endpoint.
    pub directory: std::path::PathBuf,
    /// The name of this machine, for messages.
    pub machine: String,
    /// The version of Teal.
    pub version: &'static str,
    /// The endpoints of the configuration in force.
    pub endpoints: Box<dyn Fn() -> Vec<Notify> + Send>,
    /// Notified at every reload, whether or not anything has changed. Its sender lives as long as `endpoints`.
    pub reloads: watch::Receiver<()>,
    /// True while this Teal is in control, and so writes and sends. Its sender lives as long as `endpoints`.
    pub in_control: watch::Receiver<bool>,
}

/// The running thread. Dropping this ends it at once; what is in the outbox stays there.
#[derive(Debug)]
pub struct Notifier {
    end: oneshot::Sender<()>,
    ended: sync::Receiver<()>,
    handle: Handle,
}

/// Starts to notify endpoints of what the source yields, on a thread of its own, because it writes files.
///
/// # Errors
/// The thread cannot be started.
pub fn start<S: Source>(context: Context, source: S) -> io::Result<Notifier> {
    let (end, asked_to_end) = oneshot::channel();
    let (ending, ended) = sync::channel();
    let (commands, to_do) = mpsc::channel(COMMANDS);
    let statuses = watch::Sender::new(Vec::new());
    let handle = Handle::new(statuses.subscribe(), commands);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("notify".to_owned()).spawn(move || {
        let dispatcher = Dispatcher::new(context, source, statuses);
        runtime.block_on(dispatcher.run(to_do, asked_to_end));
        runtime.shutdown_background(); // does not wait for a DNS lookup in progress
        drop(ending);
    })?;
    Ok(Notifier { end, ended, handle })
}

// === impl Notifier ===

impl Notifier {
    /// The access to it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends it, once what happened until now is in the outbox; waits at most two seconds for that.
    pub fn finish(self) {
        if self.end.send(()).is_ok() {
            let _ = self.ended.recv_timeout(FINISHES_WITHIN); // ended, or too slow: the process ends anyway
        }
    }
}

// === impl Context ===

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("directory", &self.directory).finish_non_exhaustive()
    }
}

//! The parent of this process, which has the process id of the service: commands from it, and messages and
//! requests to it.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use parent::{ControlSocket, ParentCommand};
use tokio::io::Interest;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

/// The time limit for starting a process.
// lossless: L10
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// The connection to it, shared by all senders.
#[derive(Clone, Debug)]
pub(super) struct Parent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    link: ControlSocket,
    /// True if it logs in JSON.
    json: bool,
    /// The caller that waits for a process to start.
    asked: Mutex<Option<oneshot::Sender<io::Result<Started>>>>,
    /// The newer Teal that this one, which leaves, is to follow from here on.
    newer: Mutex<Option<OwnedFd>>,
    comes: Notify,
    /// Messages about Teals that have lost the older Teal that they left through.
    chain_updates:
        (mpsc::UnboundedSender<ChainUpdate>, Mutex<Option<mpsc::UnboundedReceiver<ChainUpdate>>>),
    /// The callers that wait for processes to end, by process id.
    running: Mutex<HashMap<u32, oneshot::Sender<ExitStatus>>>,
}

/// A process that was started on request.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) ended: oneshot::Receiver<ExitStatus>,
}

/// The consequence of an older Teal's end for Teals that are older still.
#[derive(Debug)]
pub(super) enum ChainUpdate {
    /// This process is at the other end of the socket. It has left through the second one.
    Orphan(OwnedFd, u32, u32),
    /// All that have left through this one have ended.
    NoMoreOrphans(u32),
}

/// A request of the parent to a Teal that serves.
#[derive(Clone, Copy, Debug)]
pub(super) enum ParentRequest {
    /// To report if this Teal is alive.
    Live,
    Reload,
    Reopen,
    Upgrade,
    /// For this reason.
    Stop(&'static str),
    StopNow(&'static str),
    /// The parent has ended.
    Gone,
}

impl Parent {
    pub(super) fn new(link: ControlSocket, json: bool) -> Self {
        let (tell, chain_updates) = mpsc::unbounded_channel();
        Self(Arc::new(Inner {
            link,
            json,
            asked: Mutex::default(),
            newer: Mutex::default(),
            comes: Notify::new(),
            chain_updates: (tell, Mutex::new(Some(chain_updates))),
            running: Mutex::default(),
        }))
    }

    /// Its commands from here on.
    pub(super) fn commands(&self) -> io::Result<mpsc::UnboundedReceiver<ParentRequest>> {
        // Only polled for something to read: the link itself reads.
        let socket = UnixDatagram::from(self.0.link.as_fd().try_clone_to_owned()?);
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixDatagram::from_std(socket)?;
        let (tell, commands) = mpsc::unbounded_channel();
        let parent = self.clone();
        tokio::spawn(async move {
            while socket.readable().await.is_ok() {
                let command = socket.try_io(Interest::READABLE, || parent.0.link.next());
                if command.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                    continue;
                }
                let Ok(Some(command)) = command else { break };
                if let Some(request) = parent.take(command) {
                    let _ = tell.send(request); // no receiver: this process is ending
                }
            }
            let _ = tell.send(ParentRequest::Gone);
        });
        Ok(commands)
    }

    fn take(&self, command: ParentCommand) -> Option<ParentRequest> {
        match command {
            ParentCommand::Live => return Some(ParentRequest::Live),
            ParentCommand::Reload => return Some(ParentRequest::Reload),
            ParentCommand::Reopen => return Some(ParentRequest::Reopen),
            ParentCommand::Upgrade => return Some(ParentRequest::Upgrade),
            ParentCommand::Stop(signal) => return Some(ParentRequest::Stop(reason(&signal))),
            ParentCommand::StopNow(signal) => return Some(ParentRequest::StopNow(reason(&signal))),
            ParentCommand::Started(pid) => {
                let (tell, ended) = oneshot::channel();
                lock(&self.0.running).insert(pid, tell);
                self.answer(Ok(Started { pid, ended }));
            }
            ParentCommand::Follow(newer) => {
                *lock(&self.0.newer) = Some(newer);
                self.0.comes.notify_one();
            }
            ParentCommand::Inherit(socket, pid, was) => {
                let _ = self.0.chain_updates.0.send(ChainUpdate::Orphan(socket, pid, was)); // none has older ones
            }
            ParentCommand::Gone(pid) => {
                let _ = self.0.chain_updates.0.send(ChainUpdate::NoMoreOrphans(pid));
            }
            ParentCommand::NotStarted(why) => self.answer(Err(io::Error::other(why))),
            ParentCommand::Ended(pid, status) => {
                if let Some(tell) = lock(&self.0.running).remove(&pid) {
                    let _ = tell.send(status); // no one waits for it
                }
            }
        }
        None
    }

    fn answer(&self, answer: io::Result<Started>) {
        let asked = lock(&self.0.asked).take();
        let unheard = match asked {
            Some(asked) => asked.send(answer).err(),
            None => Some(answer),
        };
        if let Some(Ok(started)) = unheard {
            self.kill(started.pid); // the caller has given up
        }
    }

    /// Asks the parent to start a program, which takes over through this socket.
    pub(super) async fn start(&self, program: &Path, talk: &OwnedFd) -> io::Result<Started> {
        let (tell, answer) = oneshot::channel();
        *lock(&self.0.asked) = Some(tell);
        self.0.link.start(program, talk.as_fd())?;
        let late = || io::Error::other("the parent process does not answer");
        match timeout(STARTS_WITHIN, answer).await {
            Ok(Ok(started)) => started,
            Ok(Err(_)) | Err(_) => Err(late()),
        }
    }

    /// Waits for another newer Teal, started after the previous one died. The wait can be cancelled at
    /// any time.
    pub(super) async fn newer(&self) -> OwnedFd {
        loop {
            let newer = lock(&self.0.newer).take();
            if let Some(newer) = newer {
                return newer;
            }
            self.0.comes.notified().await;
        }
    }

    /// The parent's messages about older Teals that end. Can be taken once.
    pub(super) fn chain_updates(&self) -> Option<mpsc::UnboundedReceiver<ChainUpdate>> {
        lock(&self.0.chain_updates.1).take()
    }

    /// Asks the parent to kill a process that was started by `start`.
    pub(super) fn kill(&self, pid: u32) {
        log(self.0.link.kill(pid));
    }

    /// Tells the parent that a process that it started replaces this one for good.
    pub(super) fn settled(&self, pid: u32) {
        log(self.0.link.settled(pid));
    }

    /// Leaves the parent the copies that the next Teal needs if this one dies.
    pub(super) fn keep(&self, label: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.0.link.keep(label, descriptors)
    }

    /// Tells the parent that this Teal serves.
    pub(super) fn ready(&self) {
        log(self.0.link.ready(env!("CARGO_PKG_VERSION"), self.0.json));
    }

    /// Sends the parent a sign of life.
    pub(super) fn alive(&self) {
        log(self.0.link.alive());
    }

    /// Tells the parent that a reload is done, whatever its outcome.
    pub(super) fn reloaded(&self) {
        log(self.0.link.reloaded());
    }

    /// Tells the parent that this Teal stops.
    pub(super) fn stopping(&self, within: Duration) {
        log(self.0.link.stopping(within));
    }
}

fn reason(signal: &str) -> &'static str {
    match signal {
        "SIGTERM" => "SIGTERM",
        "SIGINT" => "SIGINT",
        _ => "the parent process",
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn log(said: io::Result<()>) {
    if let Err(error) = said {
        tracing::warn!(%error, "cannot send to the parent process");
    }
}

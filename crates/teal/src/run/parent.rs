//! The parent of this process, the one that has the process id of the service: its orders, and what
//! it is told and asked.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use parent::{Link, Order};
use tokio::io::Interest;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

/// How long it may take to start a process.
// lossless: L10
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// The way to it, for whoever has something to say.
#[derive(Clone, Debug)]
pub(super) struct Parent(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    link: Link,
    /// Whether it logs in JSON.
    json: bool,
    /// Who has asked for a process.
    asked: Mutex<Option<oneshot::Sender<io::Result<Started>>>>,
    /// The newer Teal that this one, which leaves, is to follow from here on.
    newer: Mutex<Option<OwnedFd>>,
    comes: Notify,
    /// Who has lost the older Teal that it has left through.
    bereaved: (mpsc::UnboundedSender<Bereaved>, Mutex<Option<mpsc::UnboundedReceiver<Bereaved>>>),
    /// Who waits for the end of one.
    running: Mutex<HashMap<u32, oneshot::Sender<ExitStatus>>>,
}

/// A process that was asked for.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) ended: oneshot::Receiver<ExitStatus>,
}

/// What the end of an older Teal means for those that are older still.
#[derive(Debug)]
pub(super) enum Bereaved {
    /// This process is at the other end of the socket. It has left through the second one.
    One(OwnedFd, u32, u32),
    /// There are no more that have left through this one.
    All(u32),
}

/// What the parent wants of a Teal that serves.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wish {
    /// To know whether this Teal lives.
    Live,
    Reload,
    Reopen,
    Upgrade,
    /// For this reason.
    Stop(&'static str),
    StopNow(&'static str),
    /// It has ended.
    Gone,
}

impl Parent {
    pub(super) fn new(link: Link, json: bool) -> Self {
        let (tell, bereaved) = mpsc::unbounded_channel();
        Self(Arc::new(Inside {
            link,
            json,
            asked: Mutex::default(),
            newer: Mutex::default(),
            comes: Notify::new(),
            bereaved: (tell, Mutex::new(Some(bereaved))),
            running: Mutex::default(),
        }))
    }

    /// Its orders from here on.
    pub(super) fn orders(&self) -> io::Result<mpsc::UnboundedReceiver<Wish>> {
        // Asked only whether something is there to be read: the link itself reads.
        let socket = UnixDatagram::from(self.0.link.as_fd().try_clone_to_owned()?);
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixDatagram::from_std(socket)?;
        let (tell, orders) = mpsc::unbounded_channel();
        let parent = self.clone();
        tokio::spawn(async move {
            while socket.readable().await.is_ok() {
                let order = socket.try_io(Interest::READABLE, || parent.0.link.next());
                if order.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                    continue;
                }
                let Ok(Some(order)) = order else { break };
                if let Some(wish) = parent.take(order) {
                    let _ = tell.send(wish); // nobody wants to know: this one is ending
                }
            }
            let _ = tell.send(Wish::Gone);
        });
        Ok(orders)
    }

    fn take(&self, order: Order) -> Option<Wish> {
        match order {
            Order::Live => return Some(Wish::Live),
            Order::Reload => return Some(Wish::Reload),
            Order::Reopen => return Some(Wish::Reopen),
            Order::Upgrade => return Some(Wish::Upgrade),
            Order::Stop(signal) => return Some(Wish::Stop(reason(&signal))),
            Order::StopNow(signal) => return Some(Wish::StopNow(reason(&signal))),
            Order::Started(pid) => {
                let (tell, ended) = oneshot::channel();
                lock(&self.0.running).insert(pid, tell);
                self.answer(Ok(Started { pid, ended }));
            }
            Order::Follow(newer) => {
                *lock(&self.0.newer) = Some(newer);
                self.0.comes.notify_one();
            }
            Order::Inherit(socket, pid, was) => {
                let _ = self.0.bereaved.0.send(Bereaved::One(socket, pid, was)); // none has older ones
            }
            Order::Gone(pid) => {
                let _ = self.0.bereaved.0.send(Bereaved::All(pid));
            }
            Order::NotStarted(why) => self.answer(Err(io::Error::other(why))),
            Order::Ended(pid, status) => {
                if let Some(tell) = lock(&self.0.running).remove(&pid) {
                    let _ = tell.send(status); // nobody waits for it
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
            self.kill(started.pid); // who asked has given up
        }
    }

    /// Has a program started, which takes over by this socket.
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

    /// Waits for another newer Teal, which was started after the one before had died. Waiting for it may
    /// be given up at any time.
    pub(super) async fn newer(&self) -> OwnedFd {
        loop {
            let newer = lock(&self.0.newer).take();
            if let Some(newer) = newer {
                return newer;
            }
            self.0.comes.notified().await;
        }
    }

    /// What the parent says of older Teals that end. Can be taken once.
    pub(super) fn bereaved(&self) -> Option<mpsc::UnboundedReceiver<Bereaved>> {
        lock(&self.0.bereaved.1).take()
    }

    /// Has a process killed that was started so.
    pub(super) fn kill(&self, pid: u32) {
        log(self.0.link.kill(pid));
    }

    /// Says that a process that was started so has the place of this one for good.
    pub(super) fn settled(&self, pid: u32) {
        log(self.0.link.settled(pid));
    }

    /// Leaves it what the next Teal needs if this one dies.
    pub(super) fn keep(&self, label: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.0.link.keep(label, descriptors)
    }

    /// Says that this Teal serves.
    pub(super) fn ready(&self) {
        log(self.0.link.ready(env!("CARGO_PKG_VERSION"), self.0.json));
    }

    /// Says that this Teal lives.
    pub(super) fn alive(&self) {
        log(self.0.link.alive());
    }

    /// Says that a reload is done, whatever came of it.
    pub(super) fn reloaded(&self) {
        log(self.0.link.reloaded());
    }

    /// Says that this Teal stops.
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
        tracing::warn!(%error, "the parent process was not told");
    }
}

//! Accepting connections from clients.
//!
//! Every worker has its own listening socket on each address (`SO_REUSEPORT`), so that nothing is shared. At
//! the connection limit, or without free descriptors, it stops accepting and lets the kernel's queue wait: no
//! client is turned away that could be served a moment later. Idle connections are closed for those that wait.

mod bind;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use connect::Stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::capacity::{Capacity, Permit};
use crate::connection;
use crate::listener_options::ListenerOptions;
use crate::tls::TlsAcceptor;
use crate::worker::Worker;

pub use bind::{BindError, HandedOver, Sockets, can_bind, raise_descriptor_limit, takes_ipv4};

/// One listening socket of one worker.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    options: Rc<ListenerOptions>,
    capacity: Capacity,
}

/// A listener that is being served.
#[derive(Debug)]
pub(crate) struct Accepting {
    pause: Rc<AcceptPause>,
    finish: Rc<Notify>,
    finished: Rc<Notify>,
    _task: JoinHandle<()>,
}

/// True while another Teal accepts on the same socket.
#[derive(Debug, Default)]
struct AcceptPause {
    on: Cell<bool>,
    changed: Notify,
}

/// The pause after an accept failed for lack of descriptors or memory, and between checks for a free place.
const BACK_OFF: Duration = Duration::from_millis(20);

// === impl Listener ===

impl Listener {
    pub(crate) fn new(
        socket: StdListener,
        options: ListenerOptions,
        capacity: Capacity,
    ) -> io::Result<Self> {
        let options = Rc::new(ListenerOptions { at: socket.local_addr().ok(), ..options });
        Ok(Self { socket: TcpListener::from_std(socket)?, options, capacity })
    }

    pub(crate) fn capacity(&self) -> Capacity {
        self.capacity.clone()
    }

    /// Returns its TLS, if it has any.
    pub(crate) fn tls(&self) -> Option<TlsAcceptor> {
        self.options.tls.clone()
    }

    /// Accepts connections until [`Accepting::finish`].
    pub(crate) fn serve(self, worker: Rc<Worker>) -> Accepting {
        let (finish, finished) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
        let (told, tell) = (finish.clone(), finished.clone());
        let pause = Rc::<AcceptPause>::default();
        let paused = pause.clone();
        let task = tokio::task::spawn_local(async move {
            tokio::select! {
                () = self.accept_unless_paused(&worker, &paused) => {}
                () = told.notified() => {}
            }
            self.accept_queued(&worker);
            tell.notify_one();
        });
        Accepting { pause, finish, finished, _task: task }
    }

    async fn accept_unless_paused(&self, worker: &Rc<Worker>, pause: &AcceptPause) {
        loop {
            if pause.on.get() {
                pause.changed.notified().await;
                continue;
            }
            tokio::select! {
                () = self.accept_all(worker) => {}
                () = pause.changed.notified() => {}
            }
        }
    }

    async fn accept_all(&self, worker: &Rc<Worker>) {
        let mut crowded = false;
        loop {
            match poll_fn(|cx| self.poll_accept(cx)).await {
                Some(Ok((stream, permit))) => {
                    crowded = false;
                    start(worker, &self.options, stream, permit);
                }
                None => {
                    if self.is_waited_for() {
                        if !std::mem::replace(&mut crowded, true) {
                            worker.reader.connections().crowded.add(1);
                        }
                        if self.capacity.ask() {
                            worker.log.full();
                        }
                    }
                    tokio::time::sleep(BACK_OFF).await;
                }
                Some(Err(error)) if is_about_one_connection(&error) => {}
                Some(Err(error)) => {
                    worker.log.listener(&error);
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// Accepts one connection with its permit; `None` if there is no permit. An idle listener holds no permit,
    /// or it would take places from the others.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Option<io::Result<(TcpStream, Permit)>>> {
        let Some(permit) = self.capacity.permit() else { return Poll::Ready(None) };
        self.socket
            .poll_accept(cx)
            .map(|accepted| Some(accepted.map(|(stream, _)| (stream, permit))))
    }

    /// Returns true if a client waits in the kernel's queue. A system call, made only at the limit.
    fn is_waited_for(&self) -> bool {
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut sockets, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Accepts everything that the kernel has queued: those clients take themselves for connected. Asks the
    /// kernel itself, since the runtime's readiness may be stale.
    fn accept_queued(self, worker: &Rc<Worker>) {
        let Self { socket, options, capacity } = self;
        let Ok(socket) = socket.into_std() else { return };
        loop {
            match socket.accept() {
                Ok((stream, _)) => {
                    let permit = capacity.permit_beyond_limit();
                    let usable = stream.set_nonblocking(true).is_ok();
                    if let Some(stream) = usable.then(|| TcpStream::from_std(stream).ok()).flatten()
                    {
                        start(worker, &options, stream, permit);
                    }
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(_) => return, // the queue is empty
            }
        }
    }
}

fn start(worker: &Rc<Worker>, options: &Rc<ListenerOptions>, stream: TcpStream, permit: Permit) {
    // A socket that can't be set up is already closed.
    if let Ok(stream) = Stream::new(stream) {
        worker.read_clock(); // so that a connection's first deadlines start from the current time
        // Counted now: a worker that ends when nothing is open must not miss one that it has just
        // accepted and not yet served. lossless: L7
        let open = (worker.enter_connection(), permit);
        let serving = connection::serve(worker.clone(), stream, options.clone(), open);
        tokio::task::spawn_local(serving);
    }
}

/// Returns true if the connection was closed before it was accepted: the listener is fine.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

// === impl Accepting ===

impl Accepting {
    /// Leaves new connections to another Teal.
    pub(crate) fn pause(&self) {
        self.pause.set(true);
    }

    /// Accepts again.
    pub(crate) fn go_on(&self) {
        self.pause.set(false);
    }

    /// Accepts the queued connections, closes the socket, and returns when done.
    pub(crate) async fn finish(&self) {
        self.finish.notify_one();
        self.finished.notified().await;
    }
}

// === impl AcceptPause ===

impl AcceptPause {
    fn set(&self, on: bool) {
        self.on.set(on);
        self.changed.notify_one();
    }
}

//! What a service manager hands over and is told: listening sockets (`sd_listen_fds(3)`), so that it
//! keeps the queue of new connections over a restart, and when Teal is ready (`sd_notify(3)`).
//!
//! Without a manager that asks for either, nothing here does anything.

use std::env;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use control::Handle;
use proxy::HandedOver;
use rustix::net::sockopt::socket_acceptconn;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use rustix::time::{ClockId, clock_gettime};

/// The first descriptor that is handed over.
const FIRST: i32 = 3;

/// How often it is asked whether Teal is ready. Only at the start.
const LOOK: Duration = Duration::from_millis(5);

/// Who is told how Teal fares; nobody, if nobody asked.
#[derive(Clone, Debug)]
pub(super) struct Manager(Option<Arc<(UnixDatagram, SocketAddr)>>);

impl Manager {
    /// The one that `$NOTIFY_SOCKET` names.
    pub(super) fn from_environment() -> Self {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else { return Self(None) };
        let bytes = name.as_encoded_bytes();
        let address = match bytes.strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&name),
        };
        let socket = address.and_then(|address| Ok((UnixDatagram::unbound()?, address)));
        match socket {
            Ok(socket) => Self(Some(Arc::new(socket))),
            Err(error) => {
                tracing::warn!("NOTIFY_SOCKET is no socket, nobody is told: {error}");
                Self(None)
            }
        }
    }

    /// Tells it once every worker serves.
    pub(super) async fn tell_ready(self, handle: Handle) {
        if self.0.is_none() {
            return;
        }
        while !handle.is_ready().await {
            tokio::time::sleep(LOOK).await;
        }
        let pid = getpid().as_raw_nonzero();
        self.tell(&format!("READY=1\nMAINPID={pid}"));
    }

    /// Tells it which process is the service's from here on.
    pub(super) fn tell_successor(&self, pid: u32) {
        self.tell(&format!("MAINPID={pid}"));
    }

    /// Tells it that the configuration is being read again. To be followed by
    /// [`Manager::tell_reloaded`].
    pub(super) fn tell_reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// Tells it that this is done, whatever came of it.
    pub(super) fn tell_reloaded(&self) {
        self.tell("READY=1");
    }

    /// Tells it that Teal is stopping.
    pub(super) fn tell_stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, what: &str) {
        let Some((socket, address)) = self.0.as_deref() else { return };
        if let Err(error) = socket.send_to_addr(what.as_bytes(), address) {
            tracing::warn!("the service manager was not told {what:?}: {error}");
        }
    }
}

/// The listening sockets that were handed to this process; none if they were meant for another.
pub(super) fn handed_over() -> Vec<HandedOver> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<i32>().ok());
    let own = number("LISTEN_PID") == Some(getpid().as_raw_nonzero().get());
    let count = number("LISTEN_FDS").filter(|_| own).unwrap_or_default();
    let sockets = (FIRST..FIRST.saturating_add(count)).filter_map(take);
    let placed = sockets.filter_map(|socket| Some((socket.local_addr().ok()?, socket)));
    placed.map(|(at, socket)| HandedOver { configured: at, sockets: vec![socket] }).collect()
}

/// A descriptor of this process by its number, if it is a listening TCP socket. It is asked of the
/// kernel (`pidfd_getfd(2)`), which knows whether there is one.
fn take(number: i32) -> Option<TcpListener> {
    let own = || pidfd_open(getpid() as Pid, PidfdFlags::empty());
    let taken = own().and_then(|own| pidfd_getfd(own, number, PidfdGetfdFlags::empty()));
    let listening = taken.and_then(|socket| Ok((socket_acceptconn(&socket)?, socket)));
    match listening {
        Ok((true, socket)) => Some(TcpListener::from(socket)),
        Ok((false, _)) => {
            tracing::warn!("descriptor {number} was handed over, but nothing listens on it");
            None
        }
        Err(error) => {
            tracing::warn!("descriptor {number} was handed over, but is no socket: {error}");
            None
        }
    }
}

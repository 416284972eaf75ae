//! Listening sockets that a service manager hands over (`sd_listen_fds(3)`), so that it keeps the queue
//! of new connections over a restart. They were meant for the parent process, which passes them on as
//! it has found them.

use std::env;
use std::net::TcpListener;

use proxy::HandedOver;
use rustix::net::sockopt::socket_acceptconn;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, getpid, getppid, pidfd_getfd, pidfd_open};

/// The first descriptor that is handed over.
const FIRST: i32 = 3;

/// The listening sockets that were handed to the parent; none if they were meant for another.
pub(super) fn handed_over() -> Vec<HandedOver> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<i32>().ok());
    let parent = getppid().map(|parent| parent.as_raw_nonzero().get());
    let own = parent.is_some() && number("LISTEN_PID") == parent;
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

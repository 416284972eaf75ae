//! The owner of a listening port on this machine.
//!
//! A connect shows that something listens, which may be a stranger. `/proc` shows whose socket it is.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::failure::Failure;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";
/// The time that a port has to become free after its program has ended. A process that is being started just then
/// holds a copy of the listening socket until it executes its own program.
const RELEASE: Duration = Duration::from_secs(1);
/// The polling interval of such a port.
const GLANCE: Duration = Duration::from_millis(10);

/// The processes that listen on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listening {
    /// No process.
    Nobody,
    /// A process of the session.
    Ours,
    /// Another process, as far as can be seen.
    Another,
}

/// Finds out who listens on a port, at any address.
pub(crate) fn listening(port: u16, session: u32) -> Listening {
    let sockets: Vec<String> =
        ["tcp", "tcp6"].iter().flat_map(|family| sockets_in(family, port)).collect();
    if sockets.is_empty() {
        return Listening::Nobody;
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    if pids.any(|pid| session_of(pid) == Some(session) && holds(pid, &sockets)) {
        Listening::Ours
    } else {
        Listening::Another
    }
}

/// Returns true if a program that binds this port on loopback will get it.
pub(crate) fn is_free(port: u16) -> bool {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let taken = |address: SocketAddr| {
        TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
    };
    !taken(v4) && !taken(v6)
}

/// Returns true once the port is free, and false if another program keeps it.
pub(crate) async fn becomes_free(port: u16) -> bool {
    let deadline = Instant::now() + RELEASE;
    while !is_free(port) {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(GLANCE).await;
    }
    true
}

/// A port on loopback that is free now. Another program may still take it first.
pub(crate) fn free_port() -> Result<u16, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::not_started(format!("no port is free on loopback: {error}")))
}

/// The listening sockets of a family on a port, as the links in `/proc/PID/fd` show them.
fn sockets_in(family: &str, port: u16) -> Vec<String> {
    let table = fs::read_to_string(format!("/proc/net/{family}")).unwrap_or_default();
    let end = format!(":{port:04X}");
    let listening = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&end) && *fields.get(3)? == LISTEN;
        listens.then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
    });
    listening.collect()
}

/// Field 6 of `/proc/PID/stat` (proc(5)).
fn session_of(pid: u32) -> Option<u32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    stat.rsplit(") ").next()?.split(' ').nth(3)?.parse().ok()
}

/// Returns true if a process has one of the sockets, or if that cannot be seen.
fn holds(pid: u32, sockets: &[String]) -> bool {
    let descriptors = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(descriptors) => descriptors.flatten(),
        Err(error) => return error.kind() == ErrorKind::PermissionDenied, // it runs as another user
    };
    descriptors
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_owner_of_a_port_is_told_from_others() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let session = session_of(std::process::id()).expect("every process has one");
        assert_eq!(listening(port, session), Listening::Ours);
        assert_eq!(listening(port, session + 1), Listening::Another);
        assert!(!is_free(port));
        drop(listener);
        // A process that another test starts just now may hold a copy for a moment.
        let deadline = Instant::now() + Duration::from_secs(10);
        while listening(port, session) != Listening::Nobody {
            assert!(Instant::now() < deadline, "it is closed");
        }
        while !is_free(port) {
            assert!(Instant::now() < deadline, "nobody has it");
        }
        assert_ne!(free_port().expect("one is free"), 0);
    }
}

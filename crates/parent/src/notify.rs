//! Notifications to the service manager (`sd_notify(3)`). Does nothing unless the service manager asks
//! for them.

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::time::{ClockId, clock_gettime};

/// The variable that names the socket. A serving Teal does not see it: the manager listens only to the
/// process that it has started.
pub(crate) const SOCKET: &str = "NOTIFY_SOCKET";

/// The service manager's socket, if there is one.
#[derive(Debug)]
pub(crate) struct Manager(Option<(UnixDatagram, SocketAddr)>);

impl Manager {
    /// The service manager that the environment names.
    ///
    /// # Errors
    /// A message for the log; no notifications are sent then.
    pub(crate) fn from_environment() -> Result<Self, String> {
        let Some(name) = env::var_os(SOCKET) else { return Ok(Self(None)) };
        let address = match name.as_encoded_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&name),
        };
        match address.and_then(|address| Ok((UnixDatagram::unbound()?, address))) {
            Ok(socket) => Ok(Self(Some(socket))),
            Err(error) => Err(format!(
                "NOTIFY_SOCKET is not a socket: {error}; not notifying the service manager"
            )),
        }
    }

    pub(crate) fn nobody() -> Self {
        Self(None)
    }

    /// Returns true if there is a service manager to notify.
    pub(crate) fn is_somebody(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The configuration is being read again.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The reload is over, whatever its outcome.
    pub(crate) fn reloaded(&self) {
        self.tell("READY=1");
    }

    /// Feeds the watchdog.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    pub(crate) fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}"));
    }

    fn tell(&self, what: &str) {
        if let Some((socket, address)) = &self.0 {
            // Ignored: a manager that does not listen is not a reason to exit.
            let _ = socket.send_to_addr(what.as_bytes(), address);
        }
    }
}

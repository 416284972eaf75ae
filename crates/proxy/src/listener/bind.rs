//! Binding the listening sockets.
//!
//! `SO_REUSEPORT` lets any process of the same user join in on a port, so a second Teal would
//! start without a word and take half of the connections. Each address is therefore bound
//! once without it, to learn whether it is free.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

/// Listening sockets for all workers.
#[derive(Debug)]
pub struct Sockets {
    addresses: Vec<SocketAddr>,
    per_worker: Vec<Vec<TcpListener>>,
}

/// An address that can't be listened on.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Why not.
    pub source: io::Error,
}

const BACKLOG: i32 = 4096; // the kernel lowers it to net.core.somaxconn

/// Descriptors that connections leave alone: listeners, journal, probes and the admin API.
const RESERVED: u64 = 64;

/// Raises the limit of open files as far as is allowed, and returns how many client connections
/// there is room for: each may need one descriptor more for its target.
pub fn raise_descriptor_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit); // ignored: what holds is read below
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    usize::try_from(descriptors.saturating_sub(RESERVED) / 2).unwrap_or(usize::MAX)
}

// === impl Sockets ===

impl Sockets {
    /// Binds every address once per worker. With port 0 the kernel chooses, once for all.
    ///
    /// An address that one of `handed_over` listens on already is not bound: all workers share that
    /// socket, whose queue outlives this process with whoever handed it over.
    ///
    /// # Errors
    /// If an address is in use, not ours or not allowed. Nothing stays bound then.
    pub fn bind(
        addresses: &[SocketAddr],
        workers: usize,
        handed_over: &[TcpListener],
    ) -> Result<Self, BindError> {
        let mut sockets =
            Self { addresses: Vec::new(), per_worker: (0..workers).map(|_| Vec::new()).collect() };
        for address in addresses {
            let here = |socket: &&TcpListener| socket.local_addr().is_ok_and(|at| at == *address);
            let bound = match handed_over.iter().find(here) {
                Some(socket) => sockets.share(*address, socket),
                None => sockets.bind_one(*address),
            };
            bound.map_err(|source| BindError { address: *address, source })?;
        }
        Ok(sockets)
    }

    /// The addresses as bound: without port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(crate) fn per_worker(self) -> Vec<Vec<TcpListener>> {
        self.per_worker
    }

    fn share(&mut self, address: SocketAddr, socket: &TcpListener) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        for listeners in &mut self.per_worker {
            listeners.push(socket.try_clone()?);
        }
        self.addresses.push(address);
        Ok(())
    }

    fn bind_one(&mut self, mut address: SocketAddr) -> io::Result<()> {
        let probe = socket(address)?;
        probe.bind(&address.into())?;
        probe.listen(1)?; // two binds alone don't clash under SO_REUSEADDR, two listens do
        if address.port() == 0 {
            address = probe.local_addr()?.as_socket().unwrap_or(address);
        }
        drop(probe);
        for listeners in &mut self.per_worker {
            let socket = socket(address)?;
            socket.set_reuse_port(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            listeners.push(socket.into());
        }
        self.addresses.push(address);
        Ok(())
    }
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?; // [::] and 0.0.0.0 are two addresses, each written down
    }
    socket.set_reuse_address(true)?; // connections of an earlier Teal may still be closing
    socket.set_nonblocking(true)?;
    Ok(socket)
}

// === impl BindError ===

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match self.source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "cannot listen on {address}: another program is using it (is a Teal already \
                 running? `ss -ltnp 'sport = :{}'` names it)",
                address.port()
            ),
            io::ErrorKind::AddrNotAvailable => write!(
                f,
                "cannot listen on {address}: this machine has no such address; \
                 use 0.0.0.0:{} for all of its addresses",
                address.port()
            ),
            io::ErrorKind::PermissionDenied => write!(
                f,
                "cannot listen on {address}: not allowed; ports below 1024 need root or the \
                 capability CAP_NET_BIND_SERVICE"
            ),
            _ => write!(f, "cannot listen on {address}: {}", self.source),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

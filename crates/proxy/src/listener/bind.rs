//! Binding the listening sockets.
//!
//! `SO_REUSEPORT` lets any process of the same user join in on a port, so a second Teal would
//! start without a word and take half of the connections. Each address is therefore bound
//! once without it, to learn whether it is free.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Listening sockets for all workers.
#[derive(Debug)]
pub struct Sockets {
    addresses: Vec<SocketAddr>,
    /// Each with the place of its address.
    per_worker: Vec<Vec<(usize, TcpListener)>>,
}

/// An address that somebody else has bound already, and handed over.
#[derive(Debug)]
pub struct HandedOver {
    /// The address as it is configured, perhaps with port 0.
    pub configured: SocketAddr,
    /// The sockets that listen there; at least one.
    pub sockets: Vec<TcpListener>,
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

// === impl HandedOver ===

impl HandedOver {
    /// Whether it is bound there, however it was configured.
    pub fn is_at(&self, address: SocketAddr) -> bool {
        let bound = self.sockets.first().and_then(|socket| socket.local_addr().ok());
        bound == Some(address)
    }
}

// === impl Sockets ===

impl Sockets {
    /// Binds every address once per worker. With port 0 the kernel chooses, once for all.
    ///
    /// An address that was handed over is not bound again: every socket of it is served, since what
    /// is queued on one would be lost with it.
    ///
    /// # Errors
    /// If an address is in use, not ours or not allowed. Nothing stays bound then.
    pub fn bind(
        addresses: &[SocketAddr],
        workers: usize,
        handed_over: &[HandedOver],
    ) -> Result<Self, BindError> {
        let mut sockets =
            Self { addresses: Vec::new(), per_worker: (0..workers).map(|_| Vec::new()).collect() };
        // Each once: several listeners may leave their port to the kernel.
        let mut left: Vec<&HandedOver> = handed_over.iter().collect();
        for address in addresses {
            let configured = left.iter().position(|handed| handed.configured == *address);
            let place =
                configured.or_else(|| left.iter().position(|handed| handed.is_at(*address)));
            let bound = match place.map(|place| left.remove(place)) {
                Some(handed) => sockets.take_over(&handed.sockets),
                None => sockets.bind_one(*address),
            };
            bound.map_err(|source| BindError { address: *address, source })?;
        }
        Ok(sockets)
    }

    /// The sockets of each address once more, to be handed over later.
    ///
    /// # Errors
    /// Without descriptors.
    pub fn duplicate(&self) -> io::Result<Vec<Vec<TcpListener>>> {
        let of = |place: usize| {
            let all = self.per_worker.iter().flatten().filter(move |(at, _)| *at == place);
            all.map(|(_, socket)| socket.try_clone()).collect()
        };
        (0..self.addresses.len()).map(of).collect()
    }

    /// The addresses as bound: without port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// All sockets, by worker. From here on they listen.
    // lossless: L7
    pub(crate) fn listen(self) -> io::Result<Vec<Vec<(usize, TcpListener)>>> {
        for (_, socket) in self.per_worker.iter().flatten() {
            SockRef::from(socket).listen(BACKLOG)?;
        }
        Ok(self.per_worker)
    }

    /// Serves each of these sockets with a worker, and gives each worker one: where they are fewer
    /// than workers, another in the same group of `SO_REUSEPORT` if they are one, else the same
    /// again.
    // lossless: L7
    fn take_over(&mut self, sockets: &[TcpListener]) -> io::Result<()> {
        let Some(first) = sockets.first() else { return Err(io::ErrorKind::NotFound.into()) };
        let (address, place) = (first.local_addr()?, self.addresses.len());
        let grouped = SockRef::from(first).reuse_port()?;
        let workers = self.per_worker.len();
        for number in 0..workers.max(sockets.len()) {
            let socket = match sockets.get(number) {
                Some(socket) => socket.try_clone()?,
                None if grouped => join(address).or_else(|_| first.try_clone())?,
                None => sockets[number % sockets.len()].try_clone()?,
            };
            socket.set_nonblocking(true)?;
            self.per_worker[number % workers].push((place, socket));
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
        let place = self.addresses.len();
        for listeners in &mut self.per_worker {
            listeners.push((place, join(address)?));
        }
        self.addresses.push(address);
        Ok(())
    }
}

/// One socket more in the group of an address. It does not listen yet: the kernel would send it
/// clients that are lost if this process does not come to serve.
fn join(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
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

//! Binding the listening sockets.
//!
//! `SO_REUSEPORT` lets any process of the same user share a port, so a second Teal would start without an error
//! and take half of the connections. Each address is therefore bound once without it, to learn whether it is
//! free.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Listening sockets for all workers.
#[derive(Debug)]
pub struct Sockets {
    addresses: Vec<SocketAddr>,
    /// The sockets of each worker, each with the index of its address.
    per_worker: Vec<Vec<(usize, TcpListener)>>,
}

/// An address that another process has already bound, and handed over.
#[derive(Debug)]
pub struct HandedOver {
    /// The address as configured, perhaps with port 0.
    pub configured: SocketAddr,
    /// The listening sockets of the address; at least one.
    pub sockets: Vec<TcpListener>,
}

/// An address on which Teal cannot listen.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The cause.
    pub source: io::Error,
}

const BACKLOG: i32 = 4096; // the kernel lowers it to net.core.somaxconn

/// Raises the limit of open files as far as allowed, and returns the limit then in force.
pub fn raise_descriptor_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit); // ignored: the limit in force is read below
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    usize::try_from(descriptors).unwrap_or(usize::MAX)
}

/// Handed-over sockets that are bound to one address.
struct Part<'h> {
    /// The address as configured; none if the sockets were bound as part of another, wildcard address.
    configured: Option<SocketAddr>,
    bound: SocketAddr,
    sockets: Vec<&'h TcpListener>,
}

/// Returns true if `all` is a wildcard address that includes `part`.
fn is_part(part: SocketAddr, all: SocketAddr) -> bool {
    let family = all.is_ipv6() || part.is_ipv4();
    all.ip().is_unspecified() && family && all.port() == part.port() && all != part
}

// === impl Part ===

impl<'h> Part<'h> {
    fn all(handed: &'h HandedOver) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        for socket in &handed.sockets {
            let Ok(bound) = socket.local_addr() else { continue };
            if let Some(part) = parts.iter_mut().find(|part| part.bound == bound) {
                part.sockets.push(socket);
                continue;
            }
            let configured = parts.is_empty().then_some(handed.configured);
            parts.push(Self { configured, bound, sockets: vec![socket] });
        }
        parts
    }
}

// === impl HandedOver ===

impl HandedOver {
    /// Returns true if it is bound at this address, however it was configured.
    pub fn is_at(&self, address: SocketAddr) -> bool {
        let bound = self.sockets.first().and_then(|socket| socket.local_addr().ok());
        bound == Some(address)
    }

    /// Returns true if one of the two is a wildcard address that includes the other, at the same port.
    pub fn shares_port(&self, address: SocketAddr) -> bool {
        let bound = self.sockets.iter().filter_map(|socket| socket.local_addr().ok());
        let mut bound = bound.filter(|bound| *bound != address);
        bound.any(|bound| is_part(bound, address) || is_part(address, bound))
    }
}

// === impl Sockets ===

impl Sockets {
    /// Binds every address once per worker. With port 0 the kernel chooses one port for all workers.
    ///
    /// An address that was handed over is not bound again: every socket of it is served, since connections
    /// queued on an unserved one would be lost with it.
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
        // Each once: several listeners may leave the port to the kernel.
        let mut left: Vec<Part<'_>> = handed_over.iter().flat_map(Part::all).collect();
        for address in addresses {
            let configured = left.iter().position(|part| part.configured == Some(*address));
            let place = configured.or_else(|| left.iter().position(|part| part.bound == *address));
            let both = takes_ipv4(*address, addresses);
            let bound = if let Some(part) = place.map(|place| left.remove(place)) {
                sockets.take_over(&part.sockets)
            } else if handed_over.iter().any(|handed| handed.shares_port(*address)) {
                sockets.join_all(*address, both)
            } else {
                sockets.bind_one(*address, both)
            };
            bound.map_err(|source| BindError { address: *address, source })?;
        }
        for part in left {
            sockets.serve_as_part(&part);
        }
        Ok(sockets)
    }

    /// Duplicates the sockets of each address, to be handed over later.
    ///
    /// # Errors
    /// If there are no free descriptors.
    pub fn duplicate(&self) -> io::Result<Vec<Vec<TcpListener>>> {
        let of = |place: usize| {
            let all = self.per_worker.iter().flatten().filter(move |(at, _)| *at == place);
            all.map(|(_, socket)| socket.try_clone()).collect()
        };
        (0..self.addresses.len()).map(of).collect()
    }

    /// Returns the addresses as bound: without port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Returns all sockets, by worker. From here on they listen.
    // lossless: L7
    pub(crate) fn listen(self) -> io::Result<Vec<Vec<(usize, TcpListener)>>> {
        for (_, socket) in self.per_worker.iter().flatten() {
            SockRef::from(socket).listen(BACKLOG)?;
        }
        Ok(self.per_worker)
    }

    /// Serves each of these sockets with a worker, and gives each worker at least one. If there are fewer
    /// sockets than workers, the others get a new one in the same `SO_REUSEPORT` group, or a duplicate
    /// without such a group.
    // lossless: L7
    fn take_over(&mut self, sockets: &[&TcpListener]) -> io::Result<()> {
        let Some(&first) = sockets.first() else { return Err(io::ErrorKind::NotFound.into()) };
        let (address, place) = (first.local_addr()?, self.addresses.len());
        let grouped = SockRef::from(first).reuse_port()?;
        let both = address.is_ipv6() && !SockRef::from(first).only_v6()?;
        let workers = self.per_worker.len();
        for number in 0..workers.max(sockets.len()) {
            let socket = match sockets.get(number) {
                Some(socket) => socket.try_clone()?,
                None if grouped => join(address, both).or_else(|_| first.try_clone())?,
                None => sockets[number % sockets.len()].try_clone()?,
            };
            socket.set_nonblocking(true)?;
            self.per_worker[number % workers].push((place, socket));
        }
        self.addresses.push(address);
        Ok(())
    }

    /// Binds a wildcard address, or a part of one, at a port that handed-over sockets already use: no other
    /// process can take it.
    fn join_all(&mut self, address: SocketAddr, both: bool) -> io::Result<()> {
        let place = self.addresses.len();
        for listeners in &mut self.per_worker {
            listeners.push((place, join(address, both)?));
        }
        self.addresses.push(address);
        Ok(())
    }

    /// Serves handed-over sockets whose address is now a part of a wildcard address: the kernel gives
    /// connections to that address to these sockets for as long as they are open in any process.
    // lossless: L7
    fn serve_as_part(&mut self, part: &Part<'_>) {
        let takes = |all: SocketAddr| {
            part.bound.is_ipv6() || all.is_ipv4() || takes_ipv4(all, &self.addresses)
        };
        let all = |all: &SocketAddr| is_part(part.bound, *all) && takes(*all);
        let Some(place) = self.addresses.iter().position(all) else { return };
        let workers = self.per_worker.len();
        for (number, socket) in part.sockets.iter().enumerate() {
            // Ignored: without a free descriptor, connections queued there are lost with the older Teal.
            let Ok(socket) = socket.try_clone() else { continue };
            if socket.set_nonblocking(true).is_ok() {
                self.per_worker[number % workers].push((place, socket));
            }
        }
    }

    fn bind_one(&mut self, mut address: SocketAddr, both: bool) -> io::Result<()> {
        let probe = socket(address, both)?;
        probe.bind(&address.into())?;
        probe.listen(1)?; // two binds alone don't clash under SO_REUSEADDR, two listens do
        if address.port() == 0 {
            address = probe.local_addr()?.as_socket().unwrap_or(address);
        }
        drop(probe);
        let place = self.addresses.len();
        for listeners in &mut self.per_worker {
            listeners.push((place, join(address, both)?));
        }
        self.addresses.push(address);
        Ok(())
    }
}

/// Returns true if a listener accepts IPv4 besides IPv6: `[::]` does, unless another listener has an IPv4
/// address at the same port. Sockets that were handed over stay as they are.
pub fn takes_ipv4(address: SocketAddr, all: &[SocketAddr]) -> bool {
    let same_port = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
    let any = address.is_ipv6() && address.ip().is_unspecified();
    any && (address.port() == 0 || !all.iter().any(same_port))
}

/// Tries whether an address, one of all listeners', could be bound, without listening on it: nothing can connect.
///
/// # Errors
/// If it is in use, not ours or not allowed.
pub fn can_bind(address: SocketAddr, all: &[SocketAddr]) -> Result<(), BindError> {
    let bound =
        socket(address, takes_ipv4(address, all)).and_then(|socket| socket.bind(&address.into()));
    bound.map_err(|source| BindError { address, source })
}

/// Adds a socket to the `SO_REUSEPORT` group of an address. It does not listen yet: the kernel would send it
/// clients that are lost if this process never serves them.
fn join(address: SocketAddr, both: bool) -> io::Result<TcpListener> {
    let socket = socket(address, both)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Makes a socket for an address; with `both`, one for IPv6 that accepts IPv4 too.
fn socket(address: SocketAddr, both: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!both)?; // whatever the system's default
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
                "cannot listen on {address}: permission denied; ports below 1024 need root or the \
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

#[cfg(test)]
mod tests {
    use super::*;

    use std::net::TcpStream;

    fn reaches(address: &str, port: u16) -> bool {
        TcpStream::connect((address, port)).is_ok()
    }

    #[test]
    fn r29_the_address_of_all_takes_ipv4_unless_another_listener_does() {
        let all = "[::]:0".parse().expect("an address");
        let alone = Sockets::bind(&[all], 2, &[]).expect("bound");
        let port = alone.addresses()[0].port();
        let _listening = alone.listen().expect("listening");
        assert!(reaches("127.0.0.1", port) && reaches("::1", port));

        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let both: Vec<SocketAddr> = ["[::]", "127.0.0.1"]
            .iter()
            .map(|ip| format!("{ip}:{port}").parse().expect("an address"))
            .collect();
        assert!(!takes_ipv4(both[0], &both) && takes_ipv4(both[0], &both[..1]));
        for addresses in [both.clone(), both.into_iter().rev().collect()] {
            let bound = Sockets::bind(&addresses, 2, &[]).expect("both are bound");
            drop(bound);
        }
    }

    #[test]
    fn r29_a_socket_that_joins_one_that_was_handed_over_takes_the_same_addresses() {
        let all: SocketAddr = "[::]:0".parse().expect("an address");
        for both in [true, false] {
            let first = join(all, both).expect("bound");
            let configured = first.local_addr().expect("an address");
            let handed = HandedOver { configured, sockets: vec![first] };
            let bound = Sockets::bind(&[configured], 3, &[handed]).expect("taken over");
            for (_, socket) in bound.per_worker.iter().flatten() {
                assert_eq!(SockRef::from(socket).only_v6().expect("an option"), !both);
            }
        }
    }
}

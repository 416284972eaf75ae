//! A scriptable HTTP/1.1 target on port 0: one thread per connection, everything recorded.
//!
//! It does exactly as scripted, including things that no good server does. While it is stopped, its
//! port stays reserved: connections are refused, and no other process can take it.

mod behavior;
mod exchange;
mod seen;
mod stream;

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

pub use behavior::{Behavior, Gate, Health, Step};
pub use exchange::checksum;
pub use seen::Seen;

use crate::wait::wait_until;

const HEALTH_PATH: &str = "/health";
const BACKLOG: i32 = 1024;
const STOPPED_WITHIN: Duration = Duration::from_secs(5);
const ACCEPT_POLL: Duration = Duration::from_millis(1);

/// One scriptable target.
pub struct Target {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Bound but never listening: reserves the port while the target is stopped.
    _reserved: Socket,
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: Arc<AtomicBool>,
    acceptor: JoinHandle<()>,
}

/// The state shared by all connections of a target.
struct Shared {
    name: String,
    script: Mutex<Plan>,
    seen: Seen,
    connections: AtomicUsize,
}

/// The behavior that the test has set.
struct Plan {
    otherwise: Behavior,
    at: HashMap<String, Behavior>,
    next: HashMap<String, VecDeque<Behavior>>,
    health: Health,
    idle: Option<Duration>,
    crossing: Option<Duration>,
    keep_alive_field: Option<String>,
}

impl Target {
    /// Starts a healthy target that echoes and names itself `name`.
    pub fn start(name: &str) -> Self {
        Target::start_at(name, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The same at this address, which a stopped target may have had.
    pub fn start_at(name: &str, address: SocketAddr) -> Self {
        let reserved = bound(&address);
        let address = reserved
            .local_addr()
            .ok()
            .and_then(|address| address.as_socket())
            .expect("a bound socket has an address");
        let plan = Plan {
            otherwise: Behavior::Echo,
            at: HashMap::new(),
            next: HashMap::new(),
            health: Health::Healthy,
            idle: None,
            crossing: None,
            keep_alive_field: None,
        };
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            script: Mutex::new(plan),
            seen: Seen::default(),
            connections: AtomicUsize::new(0),
        });
        let target = Target { shared, address, _reserved: reserved, running: Mutex::new(None) };
        target.restart();
        target
    }

    /// A target that is not listening yet.
    pub fn stopped(name: &str) -> Self {
        let target = Target::start(name);
        target.stop();
        target
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL for a configuration.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything it has received.
    pub fn seen(&self) -> &Seen {
        &self.shared.seen
    }

    /// Sets the behavior for requests without a more specific one.
    pub fn behave(&self, behavior: Behavior) {
        self.shared.plan().otherwise = behavior;
    }

    /// Sets the behavior for requests for `path`, with any query.
    pub fn behave_at(&self, path: &str, behavior: Behavior) {
        self.shared.plan().at.insert(path.to_owned(), behavior);
    }

    /// Queues the behavior for one request for `path`, after those queued before.
    pub fn behave_next(&self, path: &str, behavior: Behavior) {
        self.shared.plan().next.entry(path.to_owned()).or_default().push_back(behavior);
    }

    /// Sets the behavior of `/health`.
    pub fn health(&self, health: Health) {
        self.shared.plan().health = health;
    }

    /// Closes connections that are idle for this long (never, if none is given).
    pub fn close_idle_after(&self, idle: Option<Duration>) {
        self.shared.plan().idle = idle;
    }

    /// Resets a keep-alive connection when a request arrives after this much idle time, without reading
    /// the request: as if its close had crossed the request on the way. On loopback that race is too
    /// short to occur by chance.
    pub fn cross_requests_after(&self, idle: Duration) {
        self.shared.plan().crossing = Some(idle);
    }

    /// Sends `Keep-Alive: VALUE` with echoes.
    pub fn advertise_keep_alive(&self, value: &str) {
        self.shared.plan().keep_alive_field = Some(value.to_owned());
    }

    /// Stops as a killed process does: the port is closed, connections are reset.
    pub fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = running else { return };
        running.stop.store(true, Ordering::Release);
        running.acceptor.join().expect("the acceptor does not panic");
        wait_until(STOPPED_WITHIN, "all connections of a target have ended", || {
            self.shared.connections.load(Ordering::Acquire) == 0
        });
    }

    /// Starts again on the same port.
    pub fn restart(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return;
        }
        let socket = bound(&self.address);
        socket.listen(BACKLOG).expect("a bound socket can listen");
        let listener = TcpListener::from(socket);
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let stop = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&self.shared);
        let stopping = Arc::clone(&stop);
        let acceptor = thread::spawn(move || accept(&listener, &shared, &stopping));
        *running = Some(Running { stop, acceptor });
    }

    /// Panics if anything but well-formed requests was received.
    #[track_caller]
    pub fn assert_well_formed(&self) {
        let malformed = self.seen().malformed();
        assert!(malformed.is_empty(), "{} received {malformed:?}", self.shared.name);
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(running) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            running.stop.store(true, Ordering::Release);
        }
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({} at {})", self.shared.name, self.address)
    }
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The behavior for a request for `path`.
    fn behavior_for(&self, path: &str) -> Behavior {
        let mut plan = self.plan();
        if path == HEALTH_PATH {
            return plan.health.behavior();
        }
        if let Some(next) = plan.next.get_mut(path).and_then(VecDeque::pop_front) {
            return next;
        }
        plan.at.get(path).unwrap_or(&plan.otherwise).clone()
    }
}

fn bound(address: &SocketAddr) -> Socket {
    let domain = Domain::for_address(*address);
    let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("SO_REUSEADDR");
    // Lets the listening socket share the port with the one that reserves it.
    socket.set_reuse_port(true).expect("SO_REUSEPORT");
    socket.bind(&(*address).into()).expect("a port on loopback");
    socket
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, stop: &Arc<AtomicBool>) {
    while !stop.load(Ordering::Acquire) {
        match listener.accept() {
            Ok((stream, _)) => serve(stream, shared, stop),
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(ACCEPT_POLL),
            // The peer had left before it was accepted.
            Err(_) => {}
        }
    }
}

fn serve(stream: TcpStream, shared: &Arc<Shared>, stop: &Arc<AtomicBool>) {
    let (own, stop) = (Arc::clone(shared), Arc::clone(stop));
    shared.connections.fetch_add(1, Ordering::AcqRel);
    thread::spawn(move || {
        let number = own.seen.connected();
        exchange::serve(stream, number, &own, &stop);
        own.seen.disconnected(number);
        own.connections.fetch_sub(1, Ordering::AcqRel);
    });
}

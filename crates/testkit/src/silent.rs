//! A silent address: connections to it neither succeed nor fail.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

const FULL_AFTER: usize = 16;
const UNANSWERED: Duration = Duration::from_millis(300);

/// A listening socket that accepts nothing and whose queue is full.
#[derive(Debug)]
pub struct Silent {
    address: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl Silent {
    /// Fills the queue of a fresh socket until a connection stays unanswered.
    #[track_caller]
    pub fn start() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port on loopback");
        socket.listen(0).expect("a bound socket can listen");
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, UNANSWERED) {
            queued.push(stream);
            assert!(queued.len() < FULL_AFTER, "the queue never fills");
        }
        Silent { address, _listener: listener, _queued: queued }
    }

    /// Its URL for a configuration.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

//! Making a connection to the first address that takes one.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::stream::Stream;

/// Why no connection was made. Nothing was sent in any of these cases.
#[derive(Debug)]
pub enum DialError {
    /// The name of the target has no address.
    NoAddress,
    /// Nobody listens there.
    Refused,
    /// The deadline passed first.
    TimedOut,
    /// Something else, such as an unreachable network or no free descriptor.
    Other(io::Error),
}

/// Connects to the first of `addresses` that accepts, all together before `deadline`.
/// What an address that does not answer may cost is its even share of the time left.
// lossless: L10
pub async fn dial(addresses: &[SocketAddr], deadline: Instant) -> Result<Stream, DialError> {
    let mut failure = DialError::NoAddress;
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) if is_circle(&stream) => failure = DialError::Refused,
            Ok(Ok(stream)) => return Stream::new(stream).map_err(DialError::from),
            Ok(Err(error)) => failure = error.into(),
            Err(_) => failure = DialError::TimedOut,
        }
    }
    Err(failure)
}

/// A connect to a local port on which nobody listens can meet itself, when the kernel happens to
/// choose that very port for our side (TCP's simultaneous open, RFC 9293 section 3.5).
fn is_circle(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(ours), Ok(theirs)) if ours == theirs)
}

// === impl DialError ===

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Other(error),
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("no address"),
            Self::Refused => f.write_str("connection refused"),
            Self::TimedOut => f.write_str("timed out while connecting"),
            Self::Other(error) => write!(f, "cannot connect: {error}"),
        }
    }
}

impl std::error::Error for DialError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::net::TcpListener;

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    async fn closed_port() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    #[test]
    fn the_first_address_that_accepts_is_taken() {
        run(async {
            let refused = closed_port().await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let stream = dial(&[refused, address], soon()).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
        });
    }

    #[test]
    fn each_failure_has_its_own_word() {
        run(async {
            let refused = closed_port().await;
            assert!(matches!(dial(&[], soon()).await, Err(DialError::NoAddress)));
            assert!(matches!(dial(&[refused], soon()).await, Err(DialError::Refused)));
        });
    }

    #[test]
    fn a_reset_of_the_connect_is_a_refusal_and_other_failures_are_not() {
        use io::ErrorKind::{
            AddrNotAvailable, ConnectionAborted, ConnectionRefused, ConnectionReset,
            HostUnreachable, NetworkUnreachable, PermissionDenied, TimedOut,
        };
        let word = |kind: io::ErrorKind| DialError::from(io::Error::from(kind));
        for kind in [ConnectionRefused, ConnectionReset] {
            assert!(matches!(word(kind), DialError::Refused), "{kind}");
        }
        assert!(matches!(word(TimedOut), DialError::TimedOut));
        for kind in [
            HostUnreachable,
            NetworkUnreachable,
            AddrNotAvailable,
            ConnectionAborted,
            PermissionDenied,
        ] {
            let DialError::Other(error) = word(kind) else { panic!("{kind} is something else") };
            assert_eq!(error.kind(), kind);
        }
        assert_eq!(word(ConnectionReset).to_string(), "connection refused");
    }

    #[test]
    fn a_listener_that_never_accepts_runs_into_the_deadline() {
        // L10
        run(async {
            let socket =
                socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
            socket.listen(0).unwrap();
            let address = socket.local_addr().unwrap().as_socket().unwrap();
            let mut queued = Vec::new(); // fill the queue of the listener
            let failure = loop {
                let deadline = Instant::now() + Duration::from_millis(200);
                match dial(&[address], deadline).await {
                    Ok(stream) if queued.len() < 64 => queued.push(stream),
                    other => break other.map(drop),
                }
            };
            assert!(matches!(failure, Err(DialError::TimedOut)), "{failure:?}");
        });
    }
}

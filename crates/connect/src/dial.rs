//! Connecting to the first address of a target that accepts.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsStream;

use crate::dial_error::DialError;
use crate::history::AddressHistory;
use crate::race::Race;
use crate::stream::Stream;
use crate::tls::{Tls, describe, is_about_name};

/// An endpoint: the addresses to dial, and the layers on top.
#[derive(Clone, Copy, Debug)]
pub enum Endpoint<'a> {
    /// The addresses of its name; empty if it has none.
    Tcp(&'a [SocketAddr]),
    /// The same, behind TLS.
    Tls(&'a [SocketAddr], &'a Tls),
    /// A Unix socket.
    Unix(&'a Path),
}

/// TCP keep-alive of a connection to a target: the silence before the first probe, the time between two
/// probes, and their number.
// lossless: L10
const SILENCE: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_secs(5);
const ASKED: u32 = 3;

/// The pause before retrying a Unix socket whose queue is full: unlike TCP, its connect does not wait.
const ROOM: Duration = Duration::from_millis(2);

/// Connects before `deadline`; `first` is sent before anything else, even before TLS.
///
/// Several addresses race for the TCP connection (RFC 8305). A winner that fails its TLS handshake is
/// demoted, and the next one is tried while there is time.
// lossless: L10
pub async fn dial(
    endpoint: Endpoint<'_>,
    first: &[u8],
    history: &AddressHistory,
    deadline: Instant,
) -> Result<Stream, DialError> {
    match endpoint {
        Endpoint::Tcp(addresses) => dial_any(addresses, None, first, history, deadline).await,
        Endpoint::Tls(addresses, tls) => {
            dial_any(addresses, Some(tls), first, history, deadline).await
        }
        Endpoint::Unix(path) => {
            let dialed = timeout_at(deadline, dial_socket(path)).await;
            let mut stream = dialed.unwrap_or(Err(DialError::TimedOut))?;
            send(&mut stream, first, deadline).await?;
            Ok(stream)
        }
    }
}

/// Connects to the only address of a name, or to the first of several that works.
async fn dial_any(
    addresses: &[SocketAddr],
    tls: Option<&Tls>,
    first: &[u8],
    history: &AddressHistory,
    deadline: Instant,
) -> Result<Stream, DialError> {
    let [only] = addresses else {
        return Box::pin(dial_several(addresses, tls, first, history, deadline)).await;
    };
    let connected = timeout_at(deadline, connect(*only)).await;
    let stream = connected.map_err(|_| DialError::TimedOut)??;
    prepare(stream, tls, first, deadline).await
}

async fn dial_several(
    addresses: &[SocketAddr],
    tls: Option<&Tls>,
    first: &[u8],
    history: &AddressHistory,
    deadline: Instant,
) -> Result<Stream, DialError> {
    let mut race = Race::new(history, addresses);
    loop {
        let (stream, winner) = race.next(connect, deadline).await?;
        // If its handshake hangs, leave time for the others.
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        let until = if race.is_last() { deadline } else { now + left / 2 };
        match prepare(stream, tls, first, until).await {
            Ok(stream) => return Ok(stream),
            Err(error @ (DialError::TlsName(_) | DialError::Tls(_)))
                if tls.is_some_and(Tls::is_tried) =>
            {
                return Err(error);
            }
            Err(error) => race.failed(winner, error),
        }
        if race.is_last() {
            return Err(race.into_failure());
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    if is_circle(&stream) {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    notice_loss(&stream);
    Ok(stream)
}

/// Sends the bytes that precede the first request, and does the TLS handshake.
async fn prepare(
    mut stream: TcpStream,
    tls: Option<&Tls>,
    first: &[u8],
    deadline: Instant,
) -> Result<Stream, DialError> {
    let Some(tls) = tls else {
        let mut stream = Stream::new(stream)?;
        send(&mut stream, first, deadline).await?;
        return Ok(stream);
    };
    stream.set_nodelay(true)?;
    send(&mut stream, first, deadline).await?;
    match timeout_at(deadline, tls.shake_hands(stream)).await {
        Ok(Ok(session)) => Ok(Stream::Tls(Box::new(TlsStream::Client(session)))),
        Ok(Err(error)) if is_about_name(&error) => Err(DialError::TlsName(describe(&error))),
        Ok(Err(error)) => Err(DialError::Tls(describe(&error))),
        Err(_) => Err(DialError::HandshakeTimedOut),
    }
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    first: &[u8],
    deadline: Instant,
) -> Result<(), DialError> {
    if first.is_empty() {
        return Ok(());
    }
    let sent = timeout_at(deadline, stream.write_all(first)).await;
    Ok(sent.map_err(|_| DialError::TimedOut)??)
}

async fn dial_socket(path: &Path) -> Result<Stream, DialError> {
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return Ok(Stream::Unix(stream)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(ROOM).await,
            // Its server has removed the socket on exit.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(DialError::Refused);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Enables TCP keep-alive, so that the kernel notices a target that has vanished. Without it Teal would
/// wait for a timeout of the request, which for a tunnel is an hour. HTTP/2 has PING for that, but gRPC
/// servers treat more than a few of them as an attack.
fn notice_loss(stream: &TcpStream) {
    let asks = TcpKeepalive::new().with_time(SILENCE).with_interval(AGAIN).with_retries(ASKED);
    // Ignored: without it the timeouts of the request still apply.
    let _ = SockRef::from(stream).set_tcp_keepalive(&asks);
}

/// Returns true if a socket is connected to itself. A connect to a local port without a listener does
/// that if the kernel picks that very port for our side (TCP's simultaneous open, RFC 9293 section 3.5).
fn is_circle(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(ours), Ok(theirs)) if ours == theirs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    fn none() -> AddressHistory {
        AddressHistory::default()
    }

    async fn closed_port() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    #[test]
    fn the_address_that_accepts_is_taken() {
        run(async {
            let refused = closed_port().await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let stream =
                dial(Endpoint::Tcp(&[refused, address]), b"", &none(), soon()).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
        });
    }

    #[test]
    fn each_failure_has_its_own_word() {
        run(async {
            let refused = closed_port().await;
            assert!(matches!(
                dial(Endpoint::Tcp(&[]), b"", &none(), soon()).await,
                Err(DialError::NoAddress)
            ));
            assert!(matches!(
                dial(Endpoint::Tcp(&[refused]), b"", &none(), soon()).await,
                Err(DialError::Refused)
            ));
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
    fn a_socket_is_reached_refuses_without_a_listener_and_has_a_queue() {
        // L10
        run(async {
            let directory = std::env::temp_dir().join(format!("teal-dial-{}", std::process::id()));
            std::fs::create_dir_all(&directory).unwrap();
            let path = directory.join("s");
            let _ = std::fs::remove_file(&path); // of a run before
            assert!(
                matches!(
                    dial(Endpoint::Unix(&path), b"", &none(), soon()).await,
                    Err(DialError::Refused)
                ),
                "none"
            );
            let socket =
                socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
            socket.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
            assert!(
                matches!(
                    dial(Endpoint::Unix(&path), b"", &none(), soon()).await,
                    Err(DialError::Refused)
                ),
                "deaf"
            );
            socket.listen(0).unwrap();
            let stream = dial(Endpoint::Unix(&path), b"", &none(), soon()).await.unwrap();
            let deadline = Instant::now() + Duration::from_millis(200);
            let full = dial(Endpoint::Unix(&path), b"", &none(), deadline).await;
            assert!(matches!(full, Err(DialError::TimedOut)), "{full:?}");
            let none = none();
            let later = tokio::join!(dial(Endpoint::Unix(&path), b"", &none, soon()), async {
                sleep(Duration::from_millis(20)).await; // the queue is full meanwhile
                socket.accept().unwrap()
            });
            assert!(later.0.is_ok(), "waits for room: {:?}", later.0);
            drop((stream, later));
            std::fs::remove_dir_all(&directory).unwrap();
        });
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
                match dial(Endpoint::Tcp(&[address]), b"", &none(), deadline).await {
                    Ok(stream) if queued.len() < 64 => queued.push(stream),
                    other => break other.map(drop),
                }
            };
            assert!(matches!(failure, Err(DialError::TimedOut)), "{failure:?}");
        });
    }
}

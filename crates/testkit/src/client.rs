//! A raw client: sends the given bytes as they are, and accepts only exactly framed answers.
//!
//! It is for what a load is not: bytes that no client should send, an answer read piece by piece, a connection that is
//! half closed, reset or left open at a chosen moment. The load is [`crate::Load`].

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::WebSocket;

use drill::message::{Body, Grammar};

use crate::message::{self, Response};
use crate::pki::Trust;
use socket2::{Domain, Socket, Type};

use crate::wire::{Wire, WireError};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(10);

/// The end of a connection by the peer, with the bytes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A FIN after these bytes.
    Fin(Vec<u8>),
    /// A reset after these bytes.
    Reset(Vec<u8>),
    /// Still open at the deadline, after these bytes.
    Open(Vec<u8>),
}

impl Ending {
    /// Returns true if the connection has ended in any way.
    pub fn ended(&self) -> bool {
        !matches!(self, Ending::Open(_))
    }

    /// The bytes received before it.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Ending::Fin(bytes) | Ending::Reset(bytes) | Ending::Open(bytes) => bytes,
        }
    }
}

/// One client connection.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    body: Option<Body>,
    patience: Duration,
}

fn connect_from(source: IpAddr, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.connect_timeout(&address.into(), CONNECT_WITHIN)?;
    Ok(socket.into())
}

impl Client {
    /// Connects, or panics.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Client::try_connect(address).expect("the address accepts connections")
    }

    /// Connects.
    pub fn try_connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT_WITHIN)?;
        let wire = Wire::new(stream, Arc::new(AtomicBool::new(false)))?;
        Ok(Client { wire, body: None, patience: PATIENCE })
    }

    /// Connects and does the TLS handshake.
    pub fn try_connect_tls(address: SocketAddr, trust: &Trust) -> std::io::Result<Self> {
        let wire = Wire::secure(trust.connect(address)?, Arc::new(AtomicBool::new(false)))?;
        Ok(Client { wire, body: None, patience: PATIENCE })
    }

    /// Connects from this local address, sends `first` as it is, and then does the TLS handshake.
    pub fn try_connect_tls_after(
        source: IpAddr,
        address: SocketAddr,
        first: &[u8],
        trust: &Trust,
    ) -> std::io::Result<Self> {
        let mut socket = connect_from(source, address)?;
        socket.write_all(first)?;
        let wire = Wire::secure(trust.shake_hands(socket)?, Arc::new(AtomicBool::new(false)))?;
        Ok(Client { wire, body: None, patience: PATIENCE })
    }

    /// Connects from this local address, which identifies its requests, or panics.
    #[track_caller]
    pub fn connect_from(source: IpAddr, address: SocketAddr) -> Self {
        let connect =
            || Wire::new(connect_from(source, address)?, Arc::new(AtomicBool::new(false)));
        let wire = connect().expect("the address accepts connections");
        Client { wire, body: None, patience: PATIENCE }
    }

    /// Waits at most this long for each message and each send, instead of 10 s.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The local address.
    pub fn local(&self) -> SocketAddr {
        self.wire.local().expect("a connected socket has an address")
    }

    /// Sends these bytes, or panics.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the peer accepts the bytes");
    }

    /// Sends these bytes.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), WireError> {
        let until = self.until();
        self.wire.send(bytes.as_ref(), until)
    }

    /// Sends byte by byte with a pause in between, until the peer accepts no more; returns the number
    /// of bytes sent.
    pub fn drip(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) -> usize {
        for (sent, byte) in bytes.as_ref().iter().enumerate() {
            if self.try_send([*byte]).is_err() {
                return sent;
            }
            thread::sleep(pause);
        }
        bytes.as_ref().len()
    }

    /// Closes the sending side (FIN).
    pub fn half_close(&self) {
        self.wire.half_close();
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        self.wire.reset();
    }

    /// Sends a GET on this connection and reads the answer, or panics.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        self.answer()
    }

    /// Sends a POST with this body and reads the answer, or panics.
    #[track_caller]
    pub fn post(&mut self, path: &str, body: &[u8]) -> Response {
        let length = body.len();
        let mut bytes =
            format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n")
                .into_bytes();
        bytes.extend_from_slice(body);
        self.send(bytes);
        self.answer()
    }

    /// Reads one whole answer, or panics.
    #[track_caller]
    pub fn answer(&mut self) -> Response {
        self.read_answer(false).expect("a whole answer")
    }

    /// Reads one whole answer, including 1xx before it; `to_head`: it answers a HEAD.
    pub fn read_answer(&mut self, to_head: bool) -> Result<Response, WireError> {
        let mut response = self.read_head(to_head)?;
        while let Some(piece) = self.read_piece()? {
            response.body.extend_from_slice(&piece);
        }
        response.trailers = self.body.take().map(Body::into_trailers).unwrap_or_default();
        Ok(response)
    }

    /// Reads the head of an answer, including 1xx before it; read its body with `read_piece`.
    pub fn read_head(&mut self, to_head: bool) -> Result<Response, WireError> {
        let mut informational = Vec::new();
        loop {
            let until = self.until();
            let raw = self.wire.read_head(until)?;
            let mut response = message::response(raw, to_head)?;
            if (100..200).contains(&response.status) && response.status != 101 {
                informational.push(response.status);
                continue;
            }
            response.informational = informational;
            self.body = Some(Body::new(response.framing, Grammar::Plain));
            return Ok(response);
        }
    }

    /// Reads exactly one head, even if it is a 1xx.
    pub fn read_any_head(&mut self) -> Result<Response, WireError> {
        let until = self.until();
        let raw = self.wire.read_head(until)?;
        message::response(raw, false)
    }

    /// The next piece of the body; none at its end.
    pub fn read_piece(&mut self) -> Result<Option<Vec<u8>>, WireError> {
        let until = self.until();
        match &mut self.body {
            Some(body) => Ok(self.wire.read_piece(body, until)?.map(|piece| piece.to_vec())),
            None => Ok(None),
        }
    }

    /// Reads the body until it contains `text`, or panics; returns the part that was read.
    #[track_caller]
    pub fn read_body_until(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.contains(text) {
            let piece = self.read_piece().expect("more of the body").expect("the body goes on");
            read.push_str(&String::from_utf8_lossy(&piece));
        }
        read
    }

    /// Reads exactly this many raw bytes, or panics: for tunnels.
    #[track_caller]
    pub fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        let until = self.until();
        while self.wire.buffered().len() < count {
            let read = self.wire.fill(until).expect("more bytes");
            assert!(read > 0, "ended after {} of {count} bytes", self.wire.buffered().len());
        }
        self.wire.take(count)
    }

    /// Reads until the peer ends the connection, at most this long.
    pub fn ending(&mut self, within: Duration) -> Ending {
        let until = Instant::now() + within;
        loop {
            match self.wire.fill(until) {
                Ok(0) => return Ending::Fin(self.wire.take(usize::MAX)),
                Ok(_) => {}
                Err(WireError::TimedOut) => return Ending::Open(self.wire.take(usize::MAX)),
                Err(_) => return Ending::Reset(self.wire.take(usize::MAX)),
            }
        }
    }

    /// Returns true if the peer has neither ended the connection nor sent anything unread.
    pub fn is_quiet(&self) -> bool {
        let mut byte = [0_u8; 1];
        let stream = self.wire.stream();
        if stream.set_nonblocking(true).is_err() {
            return false;
        }
        let peeked = stream.peek(&mut byte);
        let restored = stream.set_nonblocking(false).is_ok();
        restored
            && self.wire.buffered().is_empty()
            && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    fn until(&self) -> Instant {
        Instant::now() + self.patience
    }
}

/// Opens a WebSocket, or panics.
#[track_caller]
pub fn websocket(address: SocketAddr, path: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, CONNECT_WITHIN)
        .expect("the address accepts connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    stream.set_write_timeout(Some(PATIENCE)).expect("a deadline");
    let (socket, _) = tungstenite::client(format!("ws://{address}{path}"), stream)
        .expect("a WebSocket handshake");
    socket
}

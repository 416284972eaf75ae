//! The long answers of a target: tunnels, WebSocket, server-sent events, downloads.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::exchange::{After, Exchange, PATIENCE};
use crate::wire::WireError;

const PIECE: u64 = 16 * 1024;

/// Echoes every byte after a 101.
pub(super) fn tunnel(exchange: &mut Exchange<'_>) -> Result<After, WireError> {
    exchange.read_body()?;
    let token = exchange.request.fields.get("upgrade").unwrap_or("none").to_owned();
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {token}\r\n\r\n"
    );
    exchange.send(head.as_bytes())?;
    let until = Instant::now() + PATIENCE;
    loop {
        let bytes = exchange.wire.take(usize::MAX);
        exchange.shared.seen.received(exchange.request.connection, &bytes);
        exchange.send(&bytes)?;
        if exchange.wire.fill(until)? == 0 {
            return Ok(After::Close);
        }
    }
}

/// Echoes every message of a WebSocket.
pub(super) fn websocket(exchange: &mut Exchange<'_>) -> Result<After, WireError> {
    exchange.read_body()?;
    let key = exchange.request.fields.get("sec-websocket-key").unwrap_or_default();
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    exchange.send(head.as_bytes())?;
    let read_ahead = exchange.wire.take(usize::MAX);
    let stream = exchange.wire.stream().try_clone().map_err(|_| WireError::Reset)?;
    let mut socket = WebSocket::from_partially_read(stream, read_ahead, Role::Server, None);
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        // The stop flag is checked between two slices of waiting.
        exchange.pause(Duration::ZERO)?;
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                socket.send(message).map_err(|_| WireError::Reset)?;
            }
            Ok(_) => socket.flush().or_else(unless_pause)?,
            Err(error) => unless_pause(error)?,
        }
    }
    Err(WireError::TimedOut)
}

fn unless_pause(error: Error) -> Result<(), WireError> {
    match error {
        Error::Io(error) if is_pause(&error) => Ok(()),
        Error::ConnectionClosed | Error::AlreadyClosed => Err(WireError::Closed),
        _ => Err(WireError::Reset),
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Sends `data: NAME N` for N from 0 until the connection ends.
pub(super) fn events(exchange: &mut Exchange<'_>, every: Duration) -> Result<After, WireError> {
    exchange.read_body()?;
    exchange.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    for number in 0_u64.. {
        let event = format!("data: {} {number}\n\n", exchange.shared.name);
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        exchange.send(chunk.as_bytes())?;
        exchange.pause(every)?;
    }
    Ok(After::Close)
}

/// Sends a body of repeated letters, piece by piece.
pub(super) fn download(
    exchange: &mut Exchange<'_>,
    bytes: u64,
    chunked: bool,
    pause: Duration,
) -> Result<After, WireError> {
    exchange.read_body()?;
    let framing = if chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {bytes}")
    };
    let name = &exchange.shared.name;
    let head = format!("HTTP/1.1 200 OK\r\nX-Target: {name}\r\n{framing}\r\n\r\n");
    exchange.send(head.as_bytes())?;
    let mut left = bytes;
    while left > 0 {
        let size = left.min(PIECE);
        let piece = "d".repeat(usize::try_from(size).unwrap_or_default());
        if chunked {
            exchange.send(format!("{size:x}\r\n{piece}\r\n").as_bytes())?;
        } else {
            exchange.send(piece.as_bytes())?;
        }
        left -= size;
        exchange.pause(pause)?;
    }
    if chunked {
        exchange.send(b"0\r\n\r\n")?;
    }
    Ok(After::Keep)
}

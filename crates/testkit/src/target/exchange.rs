//! One connection of a target: reads requests strictly, records them, follows the plan.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use drill::message::{Body, Grammar};

use super::behavior::{Behavior, Gate, Step};
use super::seen::Place;
use super::{HEALTH_PATH, Shared, stream};
use crate::message::{self, Request};
use crate::wire::{Wire, WireError};

/// The longest wait of a target.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
const GATE_POLL: Duration = Duration::from_millis(10);
const BODY_KEPT: usize = 256 * 1024;

/// The next step of the connection after an answer.
#[derive(PartialEq, Eq)]
pub(super) enum After {
    Keep,
    Close,
    Reset,
}

/// One request being answered.
pub(super) struct Exchange<'a> {
    pub(super) wire: &'a mut Wire,
    pub(super) shared: &'a Shared,
    pub(super) request: Request,
    stop: &'a AtomicBool,
    place: Place,
    sum: u64,
    body_read: bool,
}

/// FNV-1a over `bytes`, continuing from `sum`; start with `checksum(0, ...)`.
pub fn checksum(sum: u64, bytes: &[u8]) -> u64 {
    let start = if sum == 0 { 0xcbf2_9ce4_8422_2325 } else { sum };
    bytes.iter().fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Serves one connection until it ends.
pub(super) fn serve(stream: TcpStream, number: usize, shared: &Shared, stop: &Arc<AtomicBool>) {
    let Ok(mut wire) = Wire::new(stream, Arc::clone(stop)) else { return };
    let mut kept = None;
    let after = loop {
        match serve_one(&mut wire, number, shared, (stop, kept)) {
            Ok(After::Keep) => kept = Some(Instant::now()),
            Ok(after) => break after,
            Err(WireError::Stopped) => break After::Reset,
            Err(WireError::Malformed(what)) => {
                shared.seen.malformed_on(number, &what);
                break After::Close;
            }
            Err(_) => break After::Close,
        }
    };
    if after == After::Reset {
        wire.reset();
    }
}

fn serve_one(
    wire: &mut Wire,
    number: usize,
    shared: &Shared,
    (stop, kept): (&AtomicBool, Option<Instant>),
) -> Result<After, WireError> {
    let (idle, crossing) = {
        let plan = shared.plan();
        (plan.idle.unwrap_or(PATIENCE), plan.crossing.unwrap_or(PATIENCE))
    };
    let raw = wire.read_head(Instant::now() + idle).inspect_err(|_| {
        shared.seen.received(number, wire.buffered());
    })?;
    if kept.is_some_and(|since| since.elapsed() >= crossing) {
        return Ok(After::Reset);
    }
    shared.seen.received(number, &raw);
    let request = message::request(raw, number)?;
    let path = request.target.split('?').next().unwrap_or_default().to_owned();
    let probe = path == HEALTH_PATH;
    let behavior = shared.behavior_for(&path);
    let place = shared.seen.begun(request.clone(), probe);
    let body_read = false;
    let mut exchange = Exchange { wire, shared, request, stop, place, sum: 0, body_read };
    let after = exchange.run(behavior)?;
    // A server cannot distinguish an unread body from the next request.
    Ok(if exchange.body_read { after } else { After::Close })
}

impl Exchange<'_> {
    fn run(&mut self, behavior: Behavior) -> Result<After, WireError> {
        match behavior {
            Behavior::Echo => self.echo(),
            Behavior::Slow(pause) => {
                self.read_body()?;
                self.pause(pause)?;
                self.echo()
            }
            Behavior::Held(gate) => {
                self.read_body()?;
                self.wait_for(&gate)?;
                self.echo()
            }
            Behavior::Hang => {
                self.read_body()?;
                self.hang()
            }
            Behavior::Script(steps) => self.follow(steps),
            Behavior::Tunnel => stream::tunnel(self),
            Behavior::WebSocket => stream::websocket(self),
            Behavior::Events { every } => stream::events(self, every),
            Behavior::Download { bytes, chunked, pause } => {
                stream::download(self, bytes, chunked, pause)
            }
        }
    }

    fn follow(&mut self, steps: Vec<Step>) -> Result<After, WireError> {
        for step in steps {
            match step {
                Step::ReadBody => self.read_body()?,
                Step::Send(bytes) => self.send(&bytes)?,
                Step::SendTimes(bytes, times) => {
                    for _ in 0..times {
                        self.send(&bytes)?;
                    }
                }
                Step::Pause(pause) => self.pause(pause)?,
                Step::WaitFor(gate) => self.wait_for(&gate)?,
                Step::Open(gate) => gate.open(),
                Step::Echo => {
                    self.echo()?;
                }
                Step::Hang => return self.hang(),
                Step::Close => return Ok(After::Close),
                Step::Reset => return Ok(After::Reset),
            }
        }
        Ok(After::Keep)
    }

    /// Reads the body to its end and records it.
    pub(super) fn read_body(&mut self) -> Result<(), WireError> {
        if self.body_read {
            return Ok(());
        }
        let mut body = Body::new(self.request.framing, Grammar::Plain);
        let until = Instant::now() + PATIENCE;
        while let Some(piece) = self.wire.read_piece(&mut body, until)? {
            self.shared.seen.received(self.request.connection, &piece);
            self.sum = checksum(self.sum, &piece);
            self.request.body_length += piece.len() as u64;
            let length = self.request.body_length;
            self.shared.seen.amend(self.place, |request| {
                let room = BODY_KEPT.saturating_sub(request.body.len());
                request.body.extend_from_slice(&piece[..piece.len().min(room)]);
                request.body_length = length;
            });
        }
        self.body_read = true;
        let trailers = body.into_trailers();
        self.shared.seen.amend(self.place, |request| {
            request.trailers = trailers;
            request.complete = true;
        });
        Ok(())
    }

    /// Answers with the target's name and the request.
    pub(super) fn echo(&mut self) -> Result<After, WireError> {
        self.read_body()?;
        let request = &self.request;
        let body = format!(
            "{} {} {} {} {:016x}\n",
            self.shared.name, request.method, request.target, request.body_length, self.sum
        );
        let mut head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nX-Target: {}\r\n",
            body.len(),
            self.shared.name
        );
        if let Some(id) = request.fields.get("x-id") {
            head.push_str(&format!("X-Id: {id}\r\n"));
        }
        if let Some(value) = &self.shared.plan().keep_alive_field {
            head.push_str(&format!("Keep-Alive: {value}\r\n"));
        }
        head.push_str("\r\n");
        if request.method != "HEAD" {
            head.push_str(&body);
        }
        self.send(head.as_bytes())?;
        Ok(After::Keep)
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.wire.send(bytes, Instant::now() + PATIENCE)
    }

    pub(super) fn pause(&self, pause: Duration) -> Result<(), WireError> {
        self.wait(pause, &Gate::new()).map(|_| ())
    }

    fn wait_for(&self, gate: &Gate) -> Result<(), WireError> {
        self.wait(PATIENCE, gate)
            .and_then(|open| if open { Ok(()) } else { Err(WireError::TimedOut) })
    }

    fn wait(&self, most: Duration, gate: &Gate) -> Result<bool, WireError> {
        let end = Instant::now() + most;
        loop {
            if self.stop.load(Ordering::Acquire) {
                return Err(WireError::Stopped);
            }
            if gate.wait(end.min(Instant::now() + GATE_POLL)) {
                return Ok(true);
            }
            if Instant::now() >= end {
                return Ok(false);
            }
        }
    }

    /// Waits until the peer ends the connection.
    fn hang(&mut self) -> Result<After, WireError> {
        let until = Instant::now() + PATIENCE;
        while self.wire.fill(until)? > 0 {
            let extra = self.wire.take(usize::MAX);
            self.shared.seen.received(self.request.connection, &extra);
        }
        Ok(After::Close)
    }
}

//! The scriptable behavior of a target for requests and health checks.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The behavior for a request.
#[derive(Clone, Debug)]
pub enum Behavior {
    /// Reads the body, then answers 200 with the target's name, the request and the body's checksum.
    Echo,
    /// Reads the body, waits, then answers as `Echo`.
    Slow(Duration),
    /// Reads the body, waits until the gate opens, then answers as `Echo`.
    Held(Gate),
    /// Reads the body and never answers.
    Hang,
    /// Does exactly these steps. If they leave the body unread, the connection is closed afterwards.
    Script(Vec<Step>),
    /// Answers 101 with the requested token, then echoes every byte.
    Tunnel,
    /// Answers a WebSocket handshake, then echoes every message.
    WebSocket,
    /// Streams numbered server-sent events until the connection ends.
    Events {
        /// The time between two events.
        every: Duration,
    },
    /// Answers 200 with a body of this many bytes, in pieces.
    Download {
        /// The length of the body.
        bytes: u64,
        /// True if it is sent in chunks, false with a Content-Length.
        chunked: bool,
        /// The pause after each 16 KiB.
        pause: Duration,
    },
}

/// One step of a scripted answer.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads the request's body to its end.
    ReadBody,
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes this many times.
    SendTimes(Vec<u8>, usize),
    /// Waits.
    Pause(Duration),
    /// Waits until the gate opens.
    WaitFor(Gate),
    /// Opens the gate, to signal that the steps before are done.
    Open(Gate),
    /// Reads the body and answers as `Behavior::Echo`.
    Echo,
    /// Waits until the peer ends the connection.
    Hang,
    /// Ends the connection with a FIN.
    Close,
    /// Ends the connection with a reset.
    Reset,
}

impl Behavior {
    /// Reads the body, then answers these bytes and keeps the connection.
    pub fn raw(answer: impl AsRef<[u8]>) -> Self {
        Behavior::Script(vec![Step::ReadBody, Step::Send(answer.as_ref().to_vec())])
    }

    /// Reads the body, then answers these bytes and closes the connection.
    pub fn raw_then_close(answer: impl AsRef<[u8]>) -> Self {
        Behavior::Script(vec![Step::ReadBody, Step::Send(answer.as_ref().to_vec()), Step::Close])
    }

    /// Reads the body, then answers these bytes and resets the connection: with the first N bytes
    /// of an answer it is a reset at byte N.
    pub fn raw_then_reset(answer: impl AsRef<[u8]>) -> Self {
        Behavior::Script(vec![
            Step::ReadBody,
            Step::Send(answer.as_ref().to_vec()),
            // A reset would overtake bytes that the peer has not read yet.
            Step::Pause(Duration::from_millis(50)),
            Step::Reset,
        ])
    }

    /// Answers before the body is read, then reads as much of it as arrives.
    pub fn early(answer: impl AsRef<[u8]>) -> Self {
        Behavior::Script(vec![Step::Send(answer.as_ref().to_vec()), Step::ReadBody])
    }

    /// Answers 100 before the body, then reads it and echoes.
    pub fn continues() -> Self {
        Behavior::Script(vec![Step::Send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), Step::Echo])
    }

    /// Answers this many 103s, then echoes.
    pub fn informational(count: usize) -> Self {
        let hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n".to_vec();
        Behavior::Script(vec![Step::SendTimes(hint, count), Step::Echo])
    }

    /// Closes the connection without an answer.
    pub fn close() -> Self {
        Behavior::Script(vec![Step::ReadBody, Step::Close])
    }

    /// Resets the connection without an answer.
    pub fn reset() -> Self {
        Behavior::Script(vec![Step::ReadBody, Step::Reset])
    }
}

/// The behavior for health checks.
#[derive(Clone, Debug)]
pub enum Health {
    /// 200.
    Healthy,
    /// This status.
    Status(u16),
    /// 302 to this location.
    Redirect(String),
    /// No answer.
    Hang,
    /// 200 with a body that does not end.
    EndlessBody,
    /// 200 after this long.
    Slow(Duration),
}

impl Health {
    pub(super) fn behavior(&self) -> Behavior {
        match self {
            Health::Healthy => Behavior::raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            Health::Status(status) => {
                Behavior::raw(format!("HTTP/1.1 {status} Said So\r\nContent-Length: 3\r\n\r\nno\n"))
            }
            Health::Redirect(location) => Behavior::raw(format!(
                "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            )),
            Health::Hang => Behavior::Hang,
            Health::EndlessBody => {
                let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
                let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
                Behavior::Script(vec![
                    Step::ReadBody,
                    Step::Send(head),
                    Step::SendTimes(chunk.into_bytes(), 10_000),
                ])
            }
            Health::Slow(pause) => Behavior::Script(vec![
                Step::ReadBody,
                Step::Pause(*pause),
                Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()),
            ]),
        }
    }
}

/// A gate at which requests wait until the test opens it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Gate::default()
    }

    /// Opens it for good.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Returns true if it is open by `until`.
    pub fn wait(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (open, _) = self
            .0
            .1
            .wait_timeout_while(open, left, |open| !*open)
            .unwrap_or_else(PoisonError::into_inner);
        *open
    }
}

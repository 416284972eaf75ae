//! A small client of Teal's admin API, for the demo and for tests.
//!
//! It uses the plain-text form of the API, which is part of the contract, and
//! records the instants around each command for the ledger. Each call is one
//! connection with one deadline; nothing is sent twice.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::ledger::{Books, Fault};
use crate::load::Endpoint;
use crate::load::connection::Connection;
use crate::message::Grammar;

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The time limit for the books to come to rest.
const BOOKS_PATIENCE: Duration = Duration::from_secs(5);

/// The address of the admin API, and the token for it.
#[derive(Debug, Clone)]
pub struct Admin {
    address: SocketAddr,
    token: Option<String>,
    timeout: Duration,
}

/// An answer of the admin API, and its instants.
#[derive(Debug, Clone)]
pub struct AdminResponse {
    /// The status code.
    pub status: u16,
    /// The body, as text.
    pub text: String,
    /// Just before the command was sent.
    pub commanded: Instant,
    /// Just after the answer was read to its end.
    pub answered: Instant,
}

/// The point at which a switch is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitUntil {
    /// When every worker sends new requests to the new color.
    Published,
    /// When the old color may be stopped.
    Drained,
}

/// The error of a call without an answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The exchange with the admin listener failed.
    #[error("{call} at {address} failed: {why}")]
    Exchange {
        /// Method and path.
        call: String,
        /// The admin listener.
        address: SocketAddr,
        /// The reason.
        why: String,
    },
    /// The answer did not come in time.
    #[error("{call} at {address}: no answer within {timeout:?}")]
    TimedOut {
        /// Method and path.
        call: String,
        /// The admin listener.
        address: SocketAddr,
        /// The deadline.
        timeout: Duration,
    },
}

/// The status of one service, from `GET /admin/status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The active color.
    pub active: String,
    /// True if a switch to blue would pass the gate.
    pub blue_healthy: bool,
    /// True if a switch to green would pass the gate.
    pub green_healthy: bool,
}

// === impl Admin ===

impl Admin {
    /// A client of the admin listener at this address.
    ///
    /// `timeout` bounds each call, so it must cover the drain that a call waits for.
    pub fn new(address: SocketAddr, token: Option<String>, timeout: Duration) -> Self {
        Self { address, token, timeout }
    }

    /// `POST /admin/switch`: any status is an answer, even a refusal.
    ///
    /// With `wait_healthy` the gate gives the color that long to become healthy.
    pub async fn switch(
        &self,
        to: &str,
        wait: WaitUntil,
        wait_healthy: Option<Duration>,
    ) -> Result<AdminResponse, AdminError> {
        let wait = wait.word();
        let mut path = format!("/admin/switch?to={to}&wait={wait}");
        if let Some(patience) = wait_healthy {
            path.push_str("&wait_healthy=");
            path.push_str(&patience.as_secs().to_string());
            path.push('s');
        }
        self.call("POST", &path).await
    }

    /// `POST /admin/rollback`: a switch to the previous color.
    pub async fn rollback(&self, wait: WaitUntil) -> Result<AdminResponse, AdminError> {
        self.call("POST", &format!("/admin/rollback?wait={}", wait.word())).await
    }

    /// `POST /admin/upgrade`: a newer Teal takes over.
    pub async fn upgrade(&self) -> Result<AdminResponse, AdminError> {
        self.call("POST", "/admin/upgrade").await
    }

    /// `GET /admin/status` of a Teal with one service; `None` if the answer is not a status.
    pub async fn status(&self) -> Result<Option<Status>, AdminError> {
        let answer = self.call("GET", "/admin/status").await?;
        Ok(Status::parse(&answer.text).filter(|_| answer.status == 200))
    }

    /// `GET /admin/rollouts`: a line for each, newest first.
    pub async fn rollouts(&self) -> Result<String, AdminError> {
        Ok(self.call("GET", "/admin/rollouts").await?.text)
    }

    /// The books of a Teal at rest, from its metrics; `None` if it has no metrics.
    ///
    /// A request's end is booked just after its last byte was sent, so the books may need
    /// a moment to balance. After the time limit they are returned as they are.
    pub async fn books(&self) -> Result<Option<Books>, AdminError> {
        let deadline = Instant::now() + BOOKS_PATIENCE;
        loop {
            let answer = self.call("GET", "/metrics").await?;
            let books = Books::parse(&answer.text).filter(|_| answer.status == 200);
            if books.as_ref().is_none_or(Books::balance) || Instant::now() > deadline {
                return Ok(books);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Makes a demo target fail its next health checks; for [`crate::soak`] alone.
    pub(crate) async fn ail(&self, times: u32) -> Result<AdminResponse, AdminError> {
        self.call("POST", &format!("/ail?times={times}")).await
    }

    /// Makes one call, from the connect to the last byte of the answer.
    async fn call(&self, method: &str, path: &str) -> Result<AdminResponse, AdminError> {
        let (call, address) = (|| format!("{method} {path}"), self.address);
        match tokio::time::timeout(self.timeout, self.exchange(method, path)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(fault)) => Err(AdminError::Exchange { call: call(), address, why: fault.why() }),
            Err(_) => Err(AdminError::TimedOut { call: call(), address, timeout: self.timeout }),
        }
    }

    async fn exchange(&self, method: &str, path: &str) -> Result<AdminResponse, Fault> {
        let mut connection =
            Connection::open(Endpoint::plain(self.address), None, Grammar::Plain).await?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            head.extend(["Authorization: Bearer ", token, "\r\n"]);
        }
        if method == "POST" {
            head.push_str("Content-Length: 0\r\n");
        }
        head.push_str("Connection: close\r\n\r\n");
        let commanded = Instant::now();
        connection.send(head.as_bytes()).await?;
        let head = connection.head(method).await?;
        let mut body = Vec::new();
        connection
            .body(head.framing, |data| {
                let room = ANSWER_BYTES_MAX - body.len().min(ANSWER_BYTES_MAX);
                body.extend(data.iter().take(room));
            })
            .await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok(AdminResponse { status: head.status, text, commanded, answered: Instant::now() })
    }
}

// === impl AdminResponse ===

impl AdminResponse {
    /// The first line of the answer.
    pub fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

// === impl WaitUntil ===

impl WaitUntil {
    fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Drained => "drained",
        }
    }
}

// === impl Status ===

impl Status {
    /// Returns true if a switch to this color would pass the gate.
    pub fn healthy(&self, color: &str) -> bool {
        if color == "blue" { self.blue_healthy } else { self.green_healthy }
    }

    fn parse(text: &str) -> Option<Self> {
        let after = |key: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key))?;
            Some(value.trim().split(' ').next().unwrap_or_default())
        };
        Some(Self {
            active: after("Active:")?.to_owned(),
            blue_healthy: after("Blue healthy:")? == "true",
            green_healthy: after("Green healthy:")? == "true",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_status_is_understood_with_or_without_more_lines() {
        let text = "Active: green\nBlue healthy: false\nGreen healthy: true\nGeneration: 7\n";
        let status = Status::parse(text).unwrap();
        assert_eq!(status.active, "green");
        assert!(!status.healthy("blue") && status.healthy("green"));
        assert_eq!(Status::parse("Method not allowed\n"), None);
    }
}

//! Requests of a caller's own, for targets that do not speak the drill's protocol.
//!
//! They are for tests of Teal itself, so more is a loss than in other loads: an idle connection that is closed
//! without an announcement, and an answer that is valid HTTP but not as Teal sends it ([`Grammar::Plain`]).
//!
//! [`Grammar::Plain`]: crate::message::Grammar::Plain

use std::fmt;
use std::time::{Duration, Instant};

use crate::message::Head;

/// Requests, and the judge of their answers.
pub trait Questions: fmt::Debug + Send + Sync {
    /// The request with this number and id. Called before its first byte is sent.
    fn ask(&self, number: u64, id: &str) -> Question;

    /// The name of the server that gave this complete answer, or what is wrong with it.
    fn judge(&self, question: &Question, head: &Head, body: &[u8]) -> Result<String, String>;

    /// The pause of a loop after the request with this number.
    fn pause(&self, number: u64) -> Duration;

    /// Returns true once the server is expected to end. Then a connection that it never accepted is not a loss,
    /// and the end of its loop.
    fn may_end(&self) -> bool;
}

/// One request.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub at: Instant,
    /// The method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// The name of the field with the id.
    pub id_field: &'static str,
    /// The body; empty: none.
    pub body: Vec<u8>,
    /// True if the body is sent in chunks.
    pub chunked: bool,
}

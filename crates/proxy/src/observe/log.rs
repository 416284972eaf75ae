//! What went wrong with a target or a listener, at most one line per second each, with the
//! number of those left out. Each worker counts for itself, so that there are at most as many lines as workers.
//! Of requests only the host and path are written that no service has, escaped and bounded, and at most one in
//! ten seconds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rules::Color;
use traffic::{TargetEntry, TargetId};

use crate::failure::Failure;
use crate::origin::Origin;
use crate::tls;

/// The log of one worker.
#[derive(Debug, Default)]
pub(crate) struct TargetLog {
    targets: RefCell<BTreeMap<TargetId, Throttle>>,
    listener: RefCell<Throttle>,
    handshake: RefCell<Throttle>,
    unserved: RefCell<Throttle>,
}

#[derive(Debug, Default)]
struct Throttle {
    last: Option<Instant>,
    left_out: u64,
}

const EVERY: Duration = Duration::from_secs(1);

/// How often is told of what anybody can cause.
const SELDOM: Duration = Duration::from_secs(10);

impl TargetLog {
    /// A request failed on this target.
    pub(crate) fn target(&self, color: Color, target: &TargetEntry, failure: &Failure) {
        let Some(what) = failure.about_target() else { return };
        let mut targets = self.targets.borrow_mut();
        if let Some(left_out) = targets.entry(target.id).or_default().pass() {
            tracing::warn!(
                color = %color, target_url = %target.url,
                address = target.address.map(tracing::field::display), left_out,
                "target {what}"
            );
        }
    }

    /// Forgets targets that no table has any more.
    pub(crate) fn forget_gone(&self, is_there: impl Fn(TargetId) -> bool) {
        self.targets.borrow_mut().retain(|target, _| is_there(*target));
    }

    /// The target takes itself for the wrong one.
    pub(crate) fn misdirected(&self, color: Color, target: &TargetEntry) {
        let mut targets = self.targets.borrow_mut();
        if let Some(left_out) = targets.entry(target.id).or_default().pass() {
            tracing::warn!(
                color = %color, target_url = %target.url,
                address = target.address.map(tracing::field::display), left_out,
                "target answered 421: it wants a Host that matches the server name (SNI) of TLS; write \
                 tls = {{ server_name = \"host\" }}, or host = \"target\", for the color"
            );
        }
    }

    /// An answer broke off midway on this target.
    pub(crate) fn broken_answer(&self, color: Color, target: &TargetEntry, what: &str) {
        let mut targets = self.targets.borrow_mut();
        if let Some(left_out) = targets.entry(target.id).or_default().pass() {
            tracing::warn!(
                color = %color, target_url = %target.url,
                address = target.address.map(tracing::field::display), left_out,
                "target broke off midway in an answer: {what}"
            );
        }
    }

    /// A request had a host and path that no service has, as this sentence says.
    pub(crate) fn unserved(&self, sentence: &str) {
        if let Some(left_out) = self.unserved.borrow_mut().pass_after(SELDOM) {
            tracing::info!(left_out, "{sentence}: answered 404");
        }
    }

    /// Accepting a connection failed.
    pub(crate) fn listener(&self, error: &std::io::Error) {
        if let Some(left_out) = self.listener.borrow_mut().pass() {
            tracing::warn!(left_out, "cannot accept connections: {error}; trying again");
        }
    }

    /// There are as many connections as there may be, and somebody waits.
    pub(crate) fn full(&self) {
        if let Some(left_out) = self.listener.borrow_mut().pass() {
            tracing::warn!(
                left_out,
                "limits.connections is reached: idle connections are closed for new clients"
            );
        }
    }

    /// A proxy in front did not say for whom it speaks.
    pub(crate) fn announcement(&self, error: &std::io::Error, from: Origin) {
        if let Some(left_out) = self.handshake.borrow_mut().pass() {
            tracing::warn!(
                peer = %from.client, listener = from.listener(), left_out,
                "a connection without a good PROXY header was closed: {error}"
            );
        }
    }

    /// A client of HTTP/2 has sent frames of one kind without end.
    pub(crate) fn flood(&self, kind: &str, from: Origin) {
        if let Some(left_out) = self.handshake.borrow_mut().pass() {
            tracing::warn!(
                client = %from.client, listener = from.listener(), left_out,
                "a connection with too many {kind} frames was ended"
            );
        }
    }

    /// A request of HTTP/2 was malformed or too large, in a way that harmed no other.
    pub(crate) fn refused(&self, status: http::StatusCode, from: Origin) {
        if let Some(left_out) = self.handshake.borrow_mut().pass() {
            let what =
                if status == http::StatusCode::BAD_REQUEST { "malformed" } else { "oversized" };
            let status = status.as_u16();
            tracing::info!(
                client = %from.client, listener = from.listener(), left_out, status,
                "a request head of HTTP/2 was refused: {what}"
            );
        }
    }

    /// A connection of HTTP/2 was ended for what its client has sent, and with it the requests on it.
    pub(crate) fn broken_connection(&self, reason: &str, cut: usize, from: Origin) {
        if let Some(left_out) = self.handshake.borrow_mut().pass() {
            tracing::warn!(
                client = %from.client, listener = from.listener(), left_out, cut,
                "an HTTP/2 connection was ended for a protocol error of its client: {reason}"
            );
        }
    }

    /// A client was not let in.
    pub(crate) fn handshake(&self, error: &std::io::Error, from: Origin) {
        if let Some(left_out) = self.handshake.borrow_mut().pass() {
            tracing::info!(
                client = %from.client, listener = from.listener(), left_out,
                "a TLS handshake failed: {}", tls::describe(error)
            );
        }
    }
}

impl Throttle {
    /// The number of lines left out since the last one, if this one may be written.
    fn pass(&mut self) -> Option<u64> {
        self.pass_after(EVERY)
    }

    fn pass_after(&mut self, pause: Duration) -> Option<u64> {
        let now = Instant::now();
        if self.last.is_some_and(|last| now.duration_since(last) < pause) {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_per_second_passes_with_the_number_of_those_left_out() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.pass(), Some(0));
        assert!((0..5).all(|_| throttle.pass().is_none()));
        throttle.last = Instant::now().checked_sub(EVERY);
        assert_eq!(throttle.pass(), Some(5));
        assert_eq!(throttle.pass(), None);
    }
}

//! The log of failures of targets and listeners, at most one line per second each, with the number of those
//! left out. Each worker counts for itself, so there are at most as many lines as workers. Of requests, only a
//! host and path that no service has are logged, escaped and bounded, and at most once in ten seconds.

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

/// The pause between lines that any client can cause.
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

    /// Forgets targets that are in no table any more.
    pub(crate) fn forget_gone(&self, is_there: impl Fn(TargetId) -> bool) {
        self.targets.borrow_mut().retain(|target, _| is_there(*target));
    }

    /// The target answered 421 (Misdirected Request).
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

    /// A target broke off in the middle of an answer.
    pub(crate) fn broken_answer(&self, color: Color, target: &TargetEntry, what: &str) {
        let mut targets = self.targets.borrow_mut();
        if let Some(left_out) = targets.entry(target.id).or_default().pass() {
            tracing::warn!(
                color = %color, target_url = %target.url,
                address = target.address.map(tracing::field::display), left_out,
                "target broke off in the middle of an answer: {what}"
            );
        }
    }

    /// A request had a host and path that no service has; `sentence` says which.
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

    /// The limit of connections is reached, and a client waits.
    pub(crate) fn full(&self) {
        if let Some(left_out) = self.listener.borrow_mut().pass() {
            tracing::warn!(
                left_out,
                "limits.connections is reached: idle connections are closed for new clients"
            );
        }
    }

    /// A proxy in front sent no valid PROXY header.
    pub(crate) fn announcement(&self, error: &std::io::Error, from: Origin) {
        if let Some(left_out) = self.handshake.borrow_mut().pass() {
            tracing::warn!(
                peer = %from.client, listener = from.listener(), left_out,
                "closed a connection without a valid PROXY header: {error}"
            );
        }
    }

    /// An HTTP/2 client flooded frames of one kind.
    pub(crate) fn flood(&self, kind: &str, from: Origin) {
        if let Some(left_out) = self.handshake.borrow_mut().pass() {
            tracing::warn!(
                client = %from.client, listener = from.listener(), left_out,
                "closed a connection that sent too many {kind} frames"
            );
        }
    }

    /// An HTTP/2 request was malformed or too large; other requests are not affected.
    pub(crate) fn refused(&self, status: http::StatusCode, from: Origin) {
        if let Some(left_out) = self.handshake.borrow_mut().pass() {
            let what =
                if status == http::StatusCode::BAD_REQUEST { "malformed" } else { "oversized" };
            let status = status.as_u16();
            tracing::info!(
                client = %from.client, listener = from.listener(), left_out, status,
                "refused an HTTP/2 request head: {what}"
            );
        }
    }

    /// An HTTP/2 connection was closed for a protocol error of its client, and the requests on it were cut.
    pub(crate) fn broken_connection(&self, reason: &str, cut: usize, from: Origin) {
        if let Some(left_out) = self.handshake.borrow_mut().pass() {
            tracing::warn!(
                client = %from.client, listener = from.listener(), left_out, cut,
                "closed an HTTP/2 connection for a protocol error of its client: {reason}"
            );
        }
    }

    /// A TLS handshake failed.
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
    /// Returns the number of lines left out since the last one, if this one may be written.
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

//! Requests of a client that were answered before they ended. Many clients do not read while they send, and
//! lose an answer whose stream is reset at that moment. Others read no answer before they have sent everything,
//! and wait for window on a stream that was reset. So the client may go on sending, and what it sends is
//! dropped, as over HTTP/1.1; the reset is delayed until the client stops by itself.
//!
//! Guarantees: a reset waits no longer than [`LINGER`], and for a silent client no longer than [`SILENCE`].

use std::time::{Duration, Instant};

/// The longest wait.
const LINGER: Duration = Duration::from_secs(25);

/// The time for which the library has to ignore frames on a stream that it has reset: longer than the delay of
/// the reset.
pub(super) const IGNORED: Duration = Duration::from_secs(30);

/// The longest wait for a client that sends nothing on the stream.
const SILENCE: Duration = Duration::from_secs(5);

/// The most requests followed at once: beyond that, streams are reset at once.
pub(super) const MOST: usize = 128;

/// The requests of one connection whose bodies have not ended.
#[derive(Debug, Default)]
pub(super) struct Unread {
    bodies: Vec<Body>,
}

/// A request whose body has not ended.
#[derive(Debug)]
struct Body {
    stream: u32,
    /// Bytes that the client may still send.
    window: usize,
    /// The delayed reset of its stream.
    held: Option<DelayedReset>,
}

#[derive(Clone, Copy, Debug)]
struct DelayedReset {
    silent_at: Instant,
    until: Instant,
}

impl Unread {
    /// A head arrived that is followed by a body with this window.
    pub(super) fn opened(&mut self, stream: u32, window: usize) {
        if self.bodies.len() < MOST {
            self.bodies.push(Body { stream, window, held: None });
        }
    }

    /// The body has ended, or the client has reset the stream.
    pub(super) fn ended(&mut self, stream: u32) {
        self.bodies.retain(|body| body.stream != stream);
    }

    /// A piece of the body arrived.
    pub(super) fn received(&mut self, stream: u32, bytes: usize, now: Instant) {
        let Some(body) = self.bodies.iter_mut().find(|body| body.stream == stream) else { return };
        body.window = body.window.saturating_sub(bytes);
        if let Some(held) = body.held.as_mut().filter(|_| bytes > 0) {
            held.silent_at = now + SILENCE;
        }
    }

    /// Refills the windows of clients that were answered: `give` is called for each.
    pub(super) fn make_room(&mut self, full: usize, mut give: impl FnMut(u32, usize)) {
        let spent = |body: &&mut Body| body.held.is_some() && body.window <= full / 2;
        for body in self.bodies.iter_mut().filter(spent) {
            give(body.stream, full - body.window);
            body.window = full;
        }
    }

    /// The client's window was increased.
    pub(super) fn widened(&mut self, stream: u32, bytes: usize) {
        if let Some(body) = self.bodies.iter_mut().find(|body| body.stream == stream) {
            body.window += bytes;
        }
    }

    /// Delays the reset of an answered stream. Returns false if it must be sent now.
    pub(super) fn hold(&mut self, stream: u32, now: Instant) -> bool {
        let open = self.bodies.iter_mut().find(|body| body.stream == stream);
        let held = DelayedReset { silent_at: now + SILENCE, until: now + LINGER };
        open.map(|body| body.held = Some(held)).is_some()
    }

    /// Returns the time at which the next reset is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.bodies.iter().filter_map(Body::due).min()
    }

    /// Returns a stream whose reset is due, and forgets it.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<u32> {
        let place = self.bodies.iter().position(|body| body.due().is_some_and(|due| due <= now))?;
        Some(self.bodies.swap_remove(place).stream)
    }

    /// Returns true if no body is followed.
    pub(super) fn is_empty(&self) -> bool {
        self.bodies.is_empty()
    }
}

impl Body {
    // lossless: L10
    fn due(&self) -> Option<Instant> {
        self.held.map(|held| held.silent_at.min(held.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_was_answered_gets_room_until_its_body_has_ended() {
        fn room(unread: &mut Unread) -> Vec<(u32, usize)> {
            let mut given = Vec::new();
            unread.make_room(100, |stream, bytes| given.push((stream, bytes)));
            given
        }
        let now = Instant::now();
        let mut unread = Unread::default();
        (1..=3).for_each(|stream| unread.opened(stream, 100));
        unread.received(1, 60, now);
        unread.received(3, 100, now);
        unread.widened(1, 10);
        assert_eq!(room(&mut unread), [], "not answered yet");
        assert!(unread.hold(1, now) && unread.hold(2, now) && !unread.hold(4, now));
        assert!(unread.hold(3, now), "though the client sends nothing");
        assert_eq!(room(&mut unread), [(1, 50), (3, 100)]);
        unread.received(1, 49, now);
        assert_eq!(room(&mut unread), []);
        unread.received(1, 1, now);
        assert_eq!(room(&mut unread), [(1, 50)]);
        (1..=3).for_each(|stream| unread.ended(stream));
        assert_eq!((unread.due(), unread.next_due(now + LINGER)), (None, None));
    }

    #[test]
    fn a_reset_waits_no_longer_than_its_bounds() {
        // L10
        let now = Instant::now();
        let mut unread = Unread::default();
        unread.opened(1, 1000);
        assert!(unread.hold(1, now));
        assert_eq!(unread.due(), Some(now + SILENCE));
        let mut last = now;
        while last < now + LINGER {
            assert_eq!(unread.next_due(last), None);
            unread.received(1, 1, last);
            last += Duration::from_secs(1);
        }
        assert_eq!(unread.next_due(last), Some(1), "however much still drips");
    }

    #[test]
    fn no_more_are_followed_than_the_bound() {
        let mut unread = Unread::default();
        (0..1000).for_each(|stream| unread.opened(stream, 1));
        assert_eq!(unread.bodies.len(), MOST);
    }
}

//! The window in which the slower side of a message must send or read its share: a deadline for silence alone
//! would let a trickle of single bytes hold a target forever (D10).

use std::time::{Duration, Instant};

/// The current window; `None` while there is nothing to wait for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    began: Instant,
    /// Bytes moved before it.
    bytes: u64,
}

impl Window {
    /// Returns the end of the window for a wait that began at `since`, with `bytes` moved so far.
    pub(crate) fn due(&mut self, since: Instant, bytes: u64, length: Duration) -> Instant {
        self.open.get_or_insert(Open { began: since, bytes }).began + length
    }

    /// It is the other side's turn.
    pub(crate) fn close(&mut self) {
        self.open = None;
    }

    /// Starts the next window after one has ended, if at least `least` bytes were moved in it. Returns false if
    /// they were not, or there was none.
    pub(crate) fn renew(&mut self, bytes: u64, least: u64, now: Instant) -> bool {
        let Some(open) = &mut self.open else { return false };
        if bytes - open.bytes < least {
            return false;
        }
        *open = Open { began: now, bytes };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_followed_by_another_only_if_enough_was_moved() {
        // L10: the end of a window does not move with what trickles in.
        let (since, length) = (Instant::now(), Duration::from_secs(1));
        let mut window = Window::default();
        assert!(!window.renew(1000, 10, since), "none is open");
        assert_eq!(window.due(since, 5, length), since + length);
        assert_eq!(window.due(since + length / 2, 9, length), since + length);
        assert!(!window.renew(14, 10, since));
        assert!(window.renew(15, 10, since));
        assert!(!window.renew(24, 10, since), "what was moved before does not count again");
        window.close();
        assert!(!window.renew(1000, 10, since));
    }
}

//! Memory that clients make a worker hold while it waits for them, counted over all of them: each is bounded by
//! its own limits, and all together by these.

use std::cell::Cell;

/// The most memory of incomplete heads on one worker; beyond it the oldest one is answered 408. An honest
/// client sends its head at once.
pub(crate) const HEADS: usize = 16 << 20;

/// The most memory of incomplete bodies kept to be sent again on one worker. Beyond it a body is no longer
/// kept: its request can't be sent again, and loses nothing else.
pub(crate) const BODIES: usize = 32 << 20;

/// The memory that one client currently makes its worker hold.
#[derive(Debug)]
pub(crate) struct ClientMemory<'w> {
    all: &'w Cell<usize>,
    own: usize,
}

impl<'w> ClientMemory<'w> {
    /// Makes one with nothing yet, counted in `all`.
    pub(crate) fn nothing(all: &'w Cell<usize>) -> Self {
        Self { all, own: 0 }
    }

    /// Sets the current size; returns the total with that of others.
    pub(crate) fn set(&mut self, bytes: usize) -> usize {
        let all = self.all.get() - self.own + bytes;
        self.all.set(all);
        self.own = bytes;
        all
    }
}

impl Drop for ClientMemory<'_> {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_held_bytes_are_the_sum_over_all_holders() {
        let all = Cell::new(0);
        let (mut one, mut other) = (ClientMemory::nothing(&all), ClientMemory::nothing(&all));
        assert_eq!((one.set(5), other.set(7), one.set(3)), (5, 12, 10));
        drop(one);
        assert_eq!(all.get(), 7);
        drop(other);
        assert_eq!(all.get(), 0);
    }
}

//! Memory that clients make a worker keep while it waits for them, counted over all of them: each is
//! bounded by limits of its own, and many together by what stands here.

use std::cell::Cell;

/// Heads that have begun and not ended may take this much on one worker; the one that began first is
/// answered 408 then. An honest head comes at once.
pub(crate) const HEADS: usize = 16 << 20;

/// Bodies that have not ended, kept to be sent again, may take this much on one worker. Beyond it one is
/// not kept any longer: its request can't be sent again, and loses nothing else.
pub(crate) const BODIES: usize = 32 << 20;

/// What one client has its worker keep for now.
#[derive(Debug)]
pub(crate) struct Held<'w> {
    all: &'w Cell<usize>,
    own: usize,
}

impl<'w> Held<'w> {
    /// Nothing yet, to be counted there.
    pub(crate) fn nothing(all: &'w Cell<usize>) -> Self {
        Self { all, own: 0 }
    }

    /// It is so much now; how much it is together with that of others.
    pub(crate) fn set(&mut self, bytes: usize) -> usize {
        let all = self.all.get() - self.own + bytes;
        self.all.set(all);
        self.own = bytes;
        all
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_the_sum_of_what_each_holds_now() {
        let all = Cell::new(0);
        let (mut one, mut other) = (Held::nothing(&all), Held::nothing(&all));
        assert_eq!((one.set(5), other.set(7), one.set(3)), (5, 12, 10));
        drop(one);
        assert_eq!(all.get(), 7);
        drop(other);
        assert_eq!(all.get(), 0);
    }
}

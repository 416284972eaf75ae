//! Random numbers of one worker: request ids, trace ids, WebSocket keys, and choices between targets.
//!
//! Guarantees: each worker of each process has its own seed, so that no two of them, and no two starts of one,
//! generate the same ids (W3C Trace Context section 7.2, RFC 6455 section 4.1). Never: a secret, since the
//! numbers are predictable from earlier ones.

use std::cell::Cell;

/// A generator seeded by the system (xoshiro256++, Blackman and Vigna 2019). With 256 bits of state, the
/// sequences of any number of workers do not overlap.
#[derive(Debug)]
pub(crate) struct Random {
    state: Cell<[u64; 4]>,
}

impl Random {
    /// Makes one with a seed from the system's source of randomness.
    pub(crate) fn new() -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the system has a source of randomness");
        let (words, _) = seed.as_chunks();
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(words) {
            *word = u64::from_ne_bytes(*bytes);
        }
        state[0] |= u64::from(state == [0; 4]); // the only invalid state
        Self { state: Cell::new(state) }
    }

    /// Returns the next number.
    pub(crate) fn next(&self) -> u64 {
        let [a, b, c, d] = self.state.get();
        let next = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state.set([a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)]);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_xoshiro256_plus_plus() {
        // The first numbers of the reference implementation, from the state 1, 2, 3, 4.
        let random = Random { state: Cell::new([1, 2, 3, 4]) };
        let first: Vec<_> = (0..4).map(|_| random.next()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn no_two_begin_alike() {
        let (one, other) = (Random::new(), Random::new());
        let common = (0..1000).filter(|_| one.next() == other.next()).count();
        assert_eq!(common, 0);
    }
}

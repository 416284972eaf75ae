//! Bodies that prove themselves: every byte follows from a seed and its
//! position, so a missing, doubled or foreign byte is seen where it happens.

/// The pattern's period: a prime, so that no power-of-two buffer size hides a
/// block that was dropped or sent twice.
const PERIOD: u64 = 251;

/// The byte at a position of the body with this seed.
fn byte(seed: u64, position: u64) -> u8 {
    (seed.wrapping_add(position) % PERIOD) as u8
}

/// `length` bytes of the body with this seed, from `offset` on.
pub(crate) fn bytes(seed: u64, offset: u64, length: usize) -> Vec<u8> {
    (0..length as u64).map(|position| byte(seed, offset.wrapping_add(position))).collect()
}

/// The first position at which `data`, found at `offset`, is not what the seed asks for.
pub(crate) fn mismatch(seed: u64, offset: u64, data: &[u8]) -> Option<u64> {
    (offset..).zip(data).find(|&(position, &found)| found != byte(seed, position)).map(|(p, _)| p)
}

/// A running 64-bit FNV-1a checksum. It finds accidents, not adversaries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checksum(u64);

impl Checksum {
    /// The checksum of nothing.
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds bytes.
    pub(crate) fn update(&mut self, data: &[u8]) {
        for &byte in data {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The value so far.
    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

/// The checksum of one whole body.
pub(crate) fn checksum(data: &[u8]) -> u64 {
    let mut sum = Checksum::new();
    sum.update(data);
    sum.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_made_in_pieces_is_the_body_made_at_once() {
        let whole = bytes(9, 0, 1000);
        let pieces = [bytes(9, 0, 333), bytes(9, 333, 667)].concat();
        assert_eq!(whole, pieces);
        assert_eq!(mismatch(9, 0, &whole), None);
    }

    #[test]
    fn a_dropped_block_is_found_at_its_first_byte() {
        let mut body = bytes(9, 0, 4096);
        body.drain(1024..2048);
        assert_eq!(mismatch(9, 0, &body), Some(1024));
    }

    #[test]
    fn the_checksum_is_fnv_1a() {
        assert_eq!(checksum(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(checksum(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}

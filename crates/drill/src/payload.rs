//! Self-checking bodies: every byte follows from a seed and its position, so a
//! missing, doubled or foreign byte is detected where it occurs.
//!
//! Generated and compared in blocks, so that the drill spends its time on requests.

/// The pattern's period: a prime, so that no power-of-two buffer size hides a
/// block that was dropped or sent twice.
const PERIOD: usize = 251;

/// Periods in the table that blocks are taken from.
const REPEATS: usize = 17;

/// The pattern, over and over.
static TABLE: [u8; PERIOD * REPEATS] = {
    let mut table = [0; PERIOD * REPEATS];
    let mut position = 0;
    while position < table.len() {
        table[position] = (position % PERIOD) as u8;
        position += 1;
    }
    table
};

/// The longest run of the pattern in the table from this position on.
fn run(seed: u64, position: u64) -> &'static [u8] {
    let start = seed.wrapping_add(position) % PERIOD as u64;
    TABLE.get(start as usize..).unwrap_or_default()
}

/// `length` bytes of the body with this seed, from `offset` on.
pub(crate) fn bytes(seed: u64, offset: u64, length: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(length);
    while body.len() < length {
        let run = run(seed, offset + body.len() as u64);
        body.extend(run.iter().take(length - body.len()));
    }
    body
}

/// The first position at which `data`, found at `offset`, is not what the seed asks for.
pub(crate) fn mismatch(seed: u64, offset: u64, data: &[u8]) -> Option<u64> {
    let (mut position, mut rest) = (offset, data);
    while !rest.is_empty() {
        let run = run(seed, position);
        let (block, behind) = rest.split_at(rest.len().min(run.len()));
        if !run.starts_with(block) {
            let same = block.iter().zip(run).take_while(|(found, wanted)| found == wanted);
            return Some(position + same.count() as u64);
        }
        position += block.len() as u64;
        rest = behind;
    }
    None
}

/// The checksum of one whole body. It detects accidents, not adversaries.
pub(crate) fn checksum(data: &[u8]) -> u32 {
    crc32fast::hash(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_made_in_pieces_is_the_body_made_at_once() {
        let whole = bytes(9, 0, 10_000);
        let pieces = [bytes(9, 0, 3_333), bytes(9, 3_333, 6_667)].concat();
        assert_eq!(whole, pieces);
        assert_eq!(mismatch(9, 0, &whole), None);
        assert!(
            whole
                .iter()
                .enumerate()
                .all(|(position, byte)| { usize::from(*byte) == (9 + position) % PERIOD })
        );
    }

    #[test]
    fn a_dropped_block_is_found_at_its_first_byte() {
        let mut body = bytes(9, 100, 40_960);
        body.drain(10_240..20_480);
        assert_eq!(mismatch(9, 100, &body), Some(10_340));
    }

    #[test]
    fn one_wrong_byte_is_found() {
        let mut body = bytes(1, 0, 9_000);
        body[8_765] ^= 1;
        assert_eq!(mismatch(1, 0, &body), Some(8_765));
    }
}

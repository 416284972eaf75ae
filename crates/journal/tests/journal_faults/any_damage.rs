//! Files that were damaged in several ways at once: recovered exactly, or refused.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::damage::rests;

/// A change of the bytes of a file.
#[derive(Debug, Clone)]
enum Damage {
    Written(Index, Vec<u8>),
    Zeroed(Index, usize),
    Lost(Index, usize),
    PutIn(Index, Vec<u8>),
    Copied(Index, Index, usize),
    CutShort(Index),
}

impl Damage {
    fn strike(&self, file: &mut Vec<u8>, meaning: usize) {
        let end = |at: usize, length: usize| (at + length).min(file.len());
        let place = |at: &Index| at.index(meaning.clamp(1, file.len().max(1))).min(file.len());
        match self {
            Self::Written(at, bytes) => {
                let at = place(at);
                let end = end(at, bytes.len());
                file[at..end].copy_from_slice(&bytes[..end - at]);
            }
            Self::Zeroed(at, length) => {
                let at = place(at);
                let end = end(at, *length);
                file[at..end].fill(0);
            }
            Self::Lost(at, length) => {
                let at = place(at);
                let end = end(at, *length);
                file.drain(at..end);
            }
            Self::PutIn(at, bytes) => {
                let at = place(at);
                file.splice(at..at, bytes.iter().copied());
            }
            Self::Copied(from, to, length) => {
                let (from, to) = (place(from), place(to));
                let length = (*length).min(file.len() - from.max(to));
                file.copy_within(from..from + length, to);
            }
            Self::CutShort(at) => file.truncate(place(at)),
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    let bytes = || vec(any::<u8>(), 1..40);
    prop_oneof![
        (index(), bytes()).prop_map(|(at, bytes)| Damage::Written(at, bytes)),
        (index(), 1..200usize).prop_map(|(at, length)| Damage::Zeroed(at, length)),
        (index(), 1..200usize).prop_map(|(at, length)| Damage::Lost(at, length)),
        (index(), bytes()).prop_map(|(at, bytes)| Damage::PutIn(at, bytes)),
        (index(), index(), 1..200usize)
            .prop_map(|(from, to, length)| Damage::Copied(from, to, length)),
        index().prop_map(Damage::CutShort),
    ]
}

/// The offsets of the copies of the head's mark.
const HEAD: usize = 4_200;

proptest! {
    #[test]
    fn a_journal_damaged_in_many_places_is_read_exactly_or_refused(
        which in any::<Index>(),
        damages in vec(damage(), 1..5),
    ) {
        // L6
        let rests = rests();
        let rest = which.get(&rests);
        let mut journal = rest.journal.clone();
        for damage in &damages {
            damage.strike(&mut journal, rest.journal_end() + 64);
        }
        rest.check(&journal, &rest.head, &format!("journal after {damages:?}"));
    }

    #[test]
    fn a_head_damaged_in_many_places_is_refused_or_of_no_consequence(
        which in any::<Index>(),
        damages in vec(damage(), 1..5),
    ) {
        // L6
        let rests = rests();
        let rest = which.get(&rests);
        let mut head = rest.head.clone();
        for damage in &damages {
            damage.strike(&mut head, HEAD);
        }
        rest.check(&rest.journal, &head, &format!("head after {damages:?}"));
    }
}

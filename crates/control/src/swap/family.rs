//! The targets of a color that count at the gate.
//!
//! A name may have addresses of both families while its service listens on only one: `localhost` has
//! `::1` and `127.0.0.1`. If nothing at all answers over one family, that family does not count, as long
//! as something answers over the other. Within a family every address counts.

use super::roster::ColorSeat;
use super::seat::TargetSeat;

/// The family of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Returns the word used in every interface.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    /// Returns the family in which none of these addresses of a name answers, if one in the other family does.
    /// Each address comes with true if it is silent: nothing answers there, and traffic does not use it.
    pub(crate) fn left_out(addresses: impl IntoIterator<Item = (Self, bool)>) -> Option<Self> {
        let (mut silent_v4, mut silent_v6) = (None, None);
        for (family, is_silent) in addresses {
            let all = match family {
                Self::V4 => &mut silent_v4,
                Self::V6 => &mut silent_v6,
            };
            *all.get_or_insert(true) &= is_silent;
        }
        match (silent_v4?, silent_v6?) {
            (true, false) => Some(Self::V4),
            (false, true) => Some(Self::V6),
            (true, true) | (false, false) => None,
        }
    }

    /// Returns the family of an address.
    pub(crate) fn of(address: std::net::SocketAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl ColorSeat {
    /// Returns all targets; those that do not count at the gate come with the family that is left out.
    // lossless: L9
    pub(crate) fn weighed(&self) -> impl Iterator<Item = (&TargetSeat, Option<Family>)> {
        let names = self.targets.chunk_by(|one, other| one.url == other.url);
        names.flat_map(|targets| {
            let members = targets.iter().filter_map(|target| {
                Some((Family::of(target.address?), target.absent && !target.is_reachable()))
            });
            let left_out = if targets.len() > 1 { Family::left_out(members) } else { None };
            targets.iter().map(move |target| {
                let family = target.address.map(Family::of);
                (target, family.filter(|family| left_out == Some(*family)))
            })
        })
    }

    /// Returns the targets that count at the gate.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &TargetSeat> {
        self.weighed().filter(|(_, left_out)| left_out.is_none()).map(|(target, _)| target)
    }
}

#[cfg(test)]
mod tests {
    use super::Family::{self, V4, V6};

    #[test]
    fn r67_a_family_is_left_out_only_where_all_of_it_is_silent_and_the_other_is_not() {
        let left_out = |all: &[(Family, bool)]| Family::left_out(all.iter().copied());
        assert_eq!(left_out(&[(V4, false), (V6, true)]), Some(V6));
        assert_eq!(left_out(&[(V4, true), (V4, true), (V6, false)]), Some(V4));
        assert_eq!(left_out(&[(V4, false), (V4, true), (V6, true)]), Some(V6));
        assert_eq!(left_out(&[(V4, false), (V6, true), (V6, false)]), None, "one of it answers");
        assert_eq!(left_out(&[(V4, true), (V6, true)]), None, "nobody answers at all");
        assert_eq!(left_out(&[(V4, false), (V4, true)]), None, "there is no other family");
        assert_eq!(left_out(&[]), None);
    }
}

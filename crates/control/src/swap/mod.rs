//! From what was decided to what the data plane reads.
//!
//! The roster holds what lives longer than a table: the identities and books of services,
//! colors and targets, and what probes say. An identity is never used again: a target that is
//! removed and added again, or a color whose targets were all replaced, is a new one, so
//! that nothing old can be taken for it.

mod family;
mod identity;
mod name;
mod roster;
mod seat;
mod table;
mod told;

pub(crate) use family::Family;
pub(crate) use name::{ADDRESSES, Followed};
pub(crate) use roster::{ColorSeat, Member, Roster, Subject};
pub(crate) use seat::{Candidate, NameId, NameSeat, TargetSeat};
pub(crate) use table::build;

//! From decisions to the table that the data plane reads.
//!
//! The roster holds the state that outlives a table: the identities and counters of services,
//! colors and targets, and their health. An identity is never reused: a target that is removed and
//! added again, or a color whose targets were all replaced, is a new one, so that it cannot be
//! confused with the old one.

mod family;
mod identity;
mod name;
mod published;
mod roster;
mod seat;
mod table;

pub(crate) use family::Family;
pub(crate) use name::{ADDRESSES, LookupChanges};
pub(crate) use published::PublishedMember;
pub(crate) use roster::{ColorSeat, Member, Roster, Subject};
pub(crate) use seat::{Candidate, NameId, NameSeat, TargetSeat};
pub(crate) use table::build;

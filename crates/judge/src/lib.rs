//! Running tests of a candidate: is it worse than stable, is it good enough, and how much is known.
//!
//! Each judge is an e-process: a number E that begins at 1 and, while its null hypothesis is true, is expected to stay
//! there whatever the traffic does. By Ville's inequality it ever reaches a threshold t with a probability of at most
//! 1/t, so that it may be looked at after each request, for as long as one likes, and the error stays as stated.
//! (Ramdas, Grünwald, Vovk, Shafer: Game-theoretic statistics and safe anytime-valid inference, 2023, arXiv 2210.01948.)
//!
//! | judge | null hypothesis | used for |
//! |---|---|---|
//! | [`BeforeAfter`] | a request of the candidate fails with a probability of at most what is allowed, whatever was before it | taking a candidate back |
//! | [`Pass`] | it fails with a probability of at least what is bad | saying that a candidate is good |
//!
//! Requests count as one trial each, in any order and in batches of any size: E depends on the sums alone. Where some
//! failures are left out of the sums, E is lower than it would be, and the error smaller.
//!
//! Guaranteed: pure functions of counts, no allocation for an observation, no panic for any counts. Never here: where counts
//! come from, a clock, a consequence.

#![forbid(unsafe_code)]

mod before_after;
mod bound;
mod counts;
mod mixture;
mod pass;

pub use before_after::{BeforeAfter, THRESHOLD, Tolerance};
pub use bound::at_most;
pub use counts::Counts;
pub use pass::{PASS_THRESHOLD, Pass};

//! The ledger: what was sent, what came back, what the targets saw, and the
//! verdict that follows from joining the three.
//!
//! * `client`: one outcome per request, kept by the load client.
//! * `target`: the lines that targets wrote before they answered.
//! * `timeline`: when which color was allowed to see a request.
//! * `books`: what Teal itself counted.
//! * `tally`: the figures by what requests travelled over.
//! * `verdict`: the join, as figures; `report`: the same for a person.
//!
//! Each request is in exactly one column, so the columns add up to what was
//! sent. A ledger never rounds in anybody's favor and never drops a line.

mod books;
mod client;
mod latency;
mod loss;
mod report;
mod tally;
mod target;
mod timeline;
mod verdict;

pub use books::Books;
pub use client::{ClientLedger, Recorder, Snapshot};
pub use loss::{Loss, LossNote};
pub use tally::Tally;
pub use target::{LedgerError, TargetLedger};
pub use timeline::{Switched, Timeline};
pub use verdict::{Seen, Verdict};

pub(crate) use loss::Fault;
pub(crate) use report::grouped;

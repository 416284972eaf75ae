//! The ledger: the requests sent, the answers received, the requests seen by targets,
//! and the verdict from joining the three.
//!
//! * `client`: one outcome per request, kept by the load client.
//! * `target`: the lines that targets wrote before they answered.
//! * `timeline`: when which color was allowed to see a request.
//! * `books`: Teal's own counts.
//! * `tally`: the figures by protocol.
//! * `verdict`: the join, as figures; `report`: the same for a person.
//!
//! Each request is in exactly one column, so the columns add up to the number
//! sent. A ledger never rounds in anyone's favor and never drops a line.

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

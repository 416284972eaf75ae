//! The one place where the two planes meet.
//!
//! The control plane publishes an immutable [`Table`]; every worker of the data
//! plane adopts it, acknowledges it, and takes its leases from it. Nothing else
//! passes between the planes but labels for the access log ([`Versions`]), so the
//! promises of a switch can be argued here in one page:
//!
//! * **L1, choosing and counting are one step.** [`Reader::claim`] reads the
//!   worker's own table and counts the lease on the worker's own cell without an
//!   await between. A worker is one thread, so no adoption can fall between them.
//! * **L2, no lease on the old color after `published`.** A worker adopts a table
//!   by swapping its only reference to it, and acknowledges after that. Once all
//!   have acknowledged, no worker has a table that names the old color as active.
//! * **Previews** ([`PreviewClaim`]) take their leases by the same step, on the idle color: never on one
//!   that drains, so what a drain waits for only falls.
//! * **L4, drained is final.** Cells have a single writer. They are summed only
//!   after all workers acknowledged, when nothing can be added on a draining
//!   color or target: what a worker took away before it acknowledged is ordered by the
//!   acknowledgement (store Release, load Acquire); what it takes away later it
//!   announces by waking the drain, because by then it knows the color to be
//!   draining. So no wake-up is lost and no fence is needed on the request path.
//!
//! Nothing here knows tokio, sockets or HTTP, and nothing on the path of a
//! request is locked or shared with another worker.

#![forbid(unsafe_code)]

mod adopt;
mod bell;
mod books;
mod cell;
mod channel;
mod drain;
mod guest;
mod histogram;
mod lease;
mod preview;
mod publish;
mod random;
mod report;
mod route;
mod sync;
mod table;
mod versions;

pub use adopt::{LocalService, Reader, Subscription};
pub use books::{
    AbortCause, AnsweredBy, Answers, CLASSES, ColorBooks, ColorCell, ColorSum, CutKind,
    FailureCell, FailureSum, HandshakeFailure, OwnReason, ReloadEnd, ServiceBooks, ServiceCell,
    ServiceSum, SwitchEnd, TargetBooks, TargetSum, UpgradeEnd, WorkerSum,
};
pub use cell::{Count, Gauge};
pub use channel::table_channel;
pub use drain::{DrainBooks, Remaining};
pub use guest::Guest;
pub use histogram::{BUCKETS, Histogram, HistogramSum, bucket_bound, latency_of};
pub use lease::{ConnectionHold, Lease, StreamKind};
pub use preview::{NoPreview, PreviewClaim};
pub use publish::{Publisher, Version};
pub use report::{Report, ReportKind};
pub use route::{Route, Routes, Unrouted, without_port};
pub use table::{
    ColorEntry, ColorId, Draining, Held, Leaving, PreviewTerms, Service, Table, TargetEntry,
    TargetId,
};
pub use versions::Versions;

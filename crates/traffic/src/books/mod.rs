//! The books: requests received, answered, aborted and cut. Workers write their own cells, the control plane
//! sums them. Promise L8 is that these numbers balance.

mod color;
mod cut;
mod failure;
mod label;
mod service;
mod target;
mod worker;

use crate::cell::{Count, PerWorker};

pub use color::{ColorCell, ColorSum};
pub(crate) use cut::CutCell;
pub use cut::CutKind;
pub use failure::{FailureCell, FailureSum};
pub use label::{
    AbortCause, AnsweredBy, HandshakeFailure, OwnReason, ReloadEnd, SwitchEnd, UpgradeEnd,
};
pub use service::{CLASSES, ServiceCell, ServiceSum};
pub(crate) use target::TargetCell;
pub use target::{Answers, TargetSum};
pub(crate) use worker::WorkerCell;
pub use worker::WorkerSum;

/// The requests of one service, or those not routed to one.
pub type ServiceBooks = PerWorker<ServiceCell>;
/// The leases and connections of one color.
pub type ColorBooks = PerWorker<ColorCell>;
/// The answers of one target.
pub type TargetBooks = PerWorker<TargetCell>;
/// The client connections of all workers.
pub(crate) type WorkerBooks = PerWorker<WorkerCell>;

fn set_all(into: &[Count], from: &[u64]) {
    for (count, value) in into.iter().zip(from) {
        count.set(*value);
    }
}

fn add_all(into: &mut [u64], from: &[Count]) {
    for (sum, count) in into.iter_mut().zip(from) {
        *sum += count.value();
    }
}

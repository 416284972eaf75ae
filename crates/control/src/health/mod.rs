//! Health checks of targets.
//!
//! Every target of both colors is always probed, unless its color is retired, each by its own task, so that a slow one delays no
//! other and no two probes of a target overlap. A change of health is published, since workers
//! prefer targets that are not down.

mod exchange;
mod follow;
mod grpc;
mod names;
mod passive;
mod probe;
mod prove;
mod prove_all;
mod response;
mod schedule;
mod warm_up;

pub(crate) use names::follow_name;
pub(crate) use passive::listen;
pub(crate) use prove::{ProvenTarget, prove, prove_targets, reason};
pub(crate) use prove_all::{SwitchEvidence, prove_all};
pub(crate) use schedule::watch;
pub(crate) use warm_up::warm_up;

//! What is known about targets, and how it comes to be known.
//!
//! Every target of both colors is probed always, each by a task of its own, so that a slow one
//! delays no other and no two probes of one target overlap. A change of what is believed is
//! published, since workers prefer targets that are not down.

mod answer;
mod exchange;
mod follow;
mod grpc;
mod names;
mod passive;
mod probe;
mod prove;
mod schedule;
mod together;

pub(crate) use names::follow_name;
pub(crate) use passive::listen;
pub(crate) use prove::{ProvenTarget, prove, prove_targets, reason};
pub(crate) use schedule::watch;
pub(crate) use together::{Proven, prove_all};

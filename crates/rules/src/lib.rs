//! What a switch is, when it is allowed, and what follows from it.
//!
//! Everything here is a pure function of its arguments: the same code decides
//! live, replays the journal after a crash and runs inside the simulation.
//! It does no I/O, reads no clock, starts nothing and depends on nothing.

#![forbid(unsafe_code)]

mod name;
mod spec;

pub use name::{Actor, Color, Generation, InvalidName, ServiceName};
pub use spec::{
    ColorSpec, Drain, Failover, Health, Hold, Invalid, Limits, ServiceSpec, StatusRange, TargetUrl,
    Timeouts,
};

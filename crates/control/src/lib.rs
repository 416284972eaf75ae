//! The life of a switch: controller, journal, publish, drain.
//!
//! Its modules are layers, and each imports only those below it: `handover` (follows a newer Teal), `controller`
//! (one module per call), `inbox` (its inputs), `health` (probes), `drain`, `core` (the state, its locks, the
//! journal), `swap` (from the state to a table), and the leaves `ask`, `news`, `view`, `record`, `resolve`,
//! `tally`, `clock`.
//!
//! **Never here:** HTTP to operators (see `admin`); the path of a request (see `proxy`).

#![forbid(unsafe_code)]

mod ask;
mod clock;
mod controller;
mod core;
mod drain;
mod handover;
mod health;
mod inbox;
mod news;
mod record;
mod resolve;
mod swap;
mod tally;
mod view;

pub use crate::core::{Closed, Frozen};
pub use ask::*;
pub use controller::{Settings, StartError, start};
pub use handover::{Course, Follower};
pub use inbox::{Answer, Handle};
pub use news::{News, NewsItem, NewsReader, Read};
pub use resolve::Resolver;
pub use view::{
    CallStage, CallStatus, ColorMetrics, ColorStatus, DrainStatus, HeldStatus, MetricsSnapshot,
    MetricsSource, NameStatus, ReloadStatus, Role, ServiceMetrics, ServiceStatus, Status,
    TargetFigures, TargetMetrics, TargetStatus, Usage,
};

/// The controller's end of a [`Handle`], for stand-ins such as in the tests of the admin API.
pub mod seam {
    pub use crate::inbox::{Inbox, Input, Reply};
    pub use crate::news::NewsDesk;
}

//! The life of a switch: controller, journal, publish, drain.
//!
//! Its modules are layers, and each imports only those below it: `handover` (follows a newer Teal), `controller`
//! (one module per call), `inbox` (its inputs), `health` (probes), `drain`, `core` (the state, its locks, the
//! journal), `watched` (the evidence about rollouts), `swap` (from the state to a table), and the leaves `request`, `events`, `view`, `record`, `resolve`,
//! `tally`, `series`, `clock`.
//!
//! **Never here:** HTTP to operators (see `admin`); the path of a request (see `proxy`).

#![forbid(unsafe_code)]

mod clock;
mod controller;
mod core;
mod drain;
mod events;
mod handover;
mod health;
mod inbox;
mod record;
mod request;
mod resolve;
mod series;
mod swap;
mod tally;
mod view;
mod watched;

pub use crate::core::{ClosedJournal, Frozen};
pub use controller::{Settings, StartError, start};
pub use events::{DeployProgress, EventRead, EventReader, LiveEvent, NumberedEvent};
pub use handover::{Follower, NewerStatus};
pub use inbox::{Answer, Handle};
pub use request::*;
pub use resolve::Resolver;
pub use series::{ColorPoint, SeriesPoint, SeriesStep};
pub use view::{
    CallStage, CallStatus, ChangeStatus, ColorMetrics, ColorStatus, DeployStatus, DrainStatus,
    Evidence, HeldStatus, MetricsSnapshot, MetricsSource, NameStatus, ReloadStatus, Role,
    RollbackStatus, RolloutMetrics, RolloutStatus, SeriesView, ServiceMetrics, ServiceSeries,
    ServiceStatus, Status, TargetFigures, TargetMetrics, TargetStatus, Usage,
};

/// The controller's end of a [`Handle`], for stand-ins such as in the tests of the admin API.
pub mod seam {
    pub use crate::events::EventBuffer;
    pub use crate::inbox::{Inbox, Input, Reply};
}

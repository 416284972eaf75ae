//! The rules of a switch: when it is allowed, and its consequences.
//!
//! Everything here is a pure function of its arguments: the same code decides
//! live, replays the journal after a crash and runs inside the simulation.
//! It does no I/O, reads no clock, starts nothing and depends on nothing.

#![forbid(unsafe_code)]

mod access;
mod apply;
mod circle;
mod command;
mod decide;
mod deploy;
mod error_page;
mod event;
mod follow;
pub mod gate;
mod health;
mod history;
mod invalid;
mod maintenance;
mod name;
pub mod near;
mod network;
mod notified;
mod policy;
mod receipt;
mod refusal;
mod remarks;
mod rollout;
mod spec;
mod split;
mod state;
mod target;
mod time;
mod told;
mod version;
mod wait;
mod warmup;

pub use access::{Role, Token};
pub use apply::apply;
pub use circle::{leads_to, own_admin, own_listener, shared_target};
pub use command::{
    BeginDeploy, Claim, Command, ConfiguredService, Direction, EndRollout, Move, MoveRequest,
    ProvenColor, ReportDeploy, Verdict, Watched,
};
pub use decide::decide;
pub use deploy::{
    DEPLOYS_KEPT, Deploy, DeployEnd, DeployId, DeployResult, DeployStep, Deploys, GONE_AFTER,
    TAKE_AFTER,
};
pub use error_page::{ErrorPage, ErrorPages};
pub use event::{DeployEvent, Event, RolloutEvent, ServiceChange};
pub use follow::{Shown, follow};
pub use health::{Probe, ProbeOutcome, Proof, Standing, TargetHealth, Unproven};
pub use history::{DeployEntry, History, HistoryEntry, KEPT};
pub use invalid::Invalid;
pub use maintenance::{Maintained, Maintenance, Notice};
pub use name::{Actor, Color, Generation, GroupName, InvalidName, ServiceName};
pub use network::{Network, reaches};
pub use notified::NotifiedEvent;
pub use policy::*; // a key with a type of its own needs no line here
pub use receipt::{Cause, ColorFigures, Cut, DrainEnd, Figures, Progress, Receipt};
pub use refusal::{DeployRefusal, Refusal};
pub use remarks::Remarks;
pub use rollout::{
    Bake, Baseline, JudgeSettings, OnFail, Quarantine, ROLLOUTS_KEPT, Rollout, RolloutEnd,
    RolloutId, RolloutResult, RolloutSettings, Rollouts,
};
pub use spec::{
    ColorSpec, Expected, ExpectedHeader, GroupSpec, Health, Limits, ProbeKind, ServiceSpec,
    StatusRange,
};
pub use split::Split;
pub use state::{HeldSince, Lifecycle, Service, Serving, State, check};
pub use target::{ProxyHeader, Resolve, ServerName, TargetName, TargetTls, TargetUrl};
pub use time::{DURATION_MAX, NotADuration, Time, civil, parse_duration};
pub use told::{TargetSettings, Tell, Told};
pub use version::Version;
pub use wait::{Verb, WaitEnd};
pub use warmup::{WARM_UP_MAX, WarmUp};

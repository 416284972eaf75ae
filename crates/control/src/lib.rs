//! The life of a switch: controller, journal, publish, drain.

pub mod handover;

mod ask;
mod clock;
mod controller;
mod core;
mod drain;
mod health;
mod inbox;
mod news;
mod record;
mod swap;
mod tally;
mod view;

pub use ask::{
    ColorDrained, Destination, DrainTeller, DrainWatch, HoldAsk, HoldInForce, NewConfig, ReloadAsk,
    Reloaded, Reloader, ResumeAsk, Resumed, Scope, Selection, Stuck, SwitchAsk, Switched,
    UpgradeAsk, UpgradeWish, Upgraded,
};
pub use controller::{Settings, StartError, start};
pub use health::Resolver;
pub use inbox::{Answer, Handle, Inbox, Input, Reply};
pub use news::{News, NewsDesk, NewsItem, NewsReader, Read};
pub use view::{
    CallStage, CallStatus, ColorMetrics, ColorStatus, DrainStatus, HeldStatus, MetricsSnapshot,
    MetricsSource, NameStatus, ReloadStatus, Role, ServiceMetrics, ServiceStatus, Status,
    TargetFigures, TargetMetrics, TargetStatus, Usage,
};

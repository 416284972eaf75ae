//! The life of a switch: api, controller, journal, publish, drain.

pub mod api;
pub mod journal;

mod ask;
mod inbox;
mod news;
mod view;

pub use ask::{
    ColorDrained, Destination, DrainTeller, DrainWatch, HoldAsk, HoldInForce, NewConfig, ReloadAsk,
    Reloaded, Reloader, ResumeAsk, Resumed, SwitchAsk, Switched,
};
pub use inbox::{Answer, Handle, Inbox, Input, Reply};
pub use news::{News, NewsDesk, NewsItem, NewsReader, Read};
pub use view::{
    ColorMetrics, ColorStatus, DrainStatus, HeldStatus, MetricsSnapshot, Role, ServiceMetrics,
    ServiceStatus, Status, SwitchCounts, TargetMetrics, TargetStatus,
};

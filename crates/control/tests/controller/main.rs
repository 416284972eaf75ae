//! The controller with real workers, a real journal and real targets: one file per topic.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod addresses;
mod deploys;
mod disk;
mod drain;
mod dry_runs;
mod failover;
mod groups;
mod health;
mod hold;
mod names;
mod reload;
mod restart;
mod retire;
mod rollout;
mod switch;
mod take_back;
mod told;
mod upgrade;
mod warm_up;
mod world;

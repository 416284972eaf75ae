//! The admin API over real sockets, with the test as the controller.

mod answers;
mod asks;
mod console;
mod deploys;
mod dry_runs;
mod events;
mod fixture;
mod groups;
mod guards;
mod maintenance;
mod metrics;
mod patience;
mod previews;
mod properties;
mod reading;
mod sample;
mod series;
mod targets;

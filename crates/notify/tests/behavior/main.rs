//! Notifications over real sockets, by scenario.

mod delivery;
mod endpoint;
mod office;
mod order;
mod reference;
mod setup;

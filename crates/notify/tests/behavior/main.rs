//! Notifications over real sockets, by scenario.

mod delivery;
mod dispatcher;
mod endpoint;
mod order;
mod reference;
mod setup;

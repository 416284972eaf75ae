//! The JSON of the books of a service: what became of every request since Teal was started.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The requests of a service: accepted = answered + aborted + in flight + lost. Upgrades carry the counts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Books {
    /// Requests whose head was taken from a client.
    pub accepted: u64,
    /// Requests with a complete answer, or a tunnel, by the side that gave it.
    pub answered: Answered,
    /// Requests that ended without a complete answer.
    pub aborted: u64,
    /// Requests that have not ended, without open tunnels.
    pub in_flight: u64,
    /// Requests that are none of these: always 0, else it is a bug in Teal.
    pub lost: u64,
}

/// Answers by the side that gave them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answered {
    /// Answers of blue targets.
    pub blue: u64,
    /// Answers of green targets.
    pub green: u64,
    /// Answers of Teal itself, such as 503 during maintenance.
    pub teal: u64,
}

//! The JSON of what a switch would move, as a dry run answers it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The traffic that a switch would move, as it is now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Forecast {
    /// The mean rate of the last ten seconds on the color that would be left.
    pub requests_per_second: f64,
    /// Requests in flight there, without the streams.
    pub in_flight: u64,
    /// WebSockets, other tunnels and event streams there.
    pub streams: u64,
    /// The time they have until they are cut.
    pub drain_seconds: f64,
    /// The version of the color that would become active, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "v42")]
    pub to_version: Option<String>,
    /// True if a rollback would pass the gate now: the color that would be left is healthy.
    pub can_roll_back: bool,
}

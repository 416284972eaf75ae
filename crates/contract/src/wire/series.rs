//! The JSON of `GET /admin/series`: the recent traffic of services, in steps of equal length.
//!
//! All arrays of one answer have the same length and the oldest step first, so that a client draws them against
//! one time axis: step `n` of `length` ends at `end - (length - 1 - n) * step_seconds`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Color;

/// The recent traffic of services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Series {
    /// The time at which the newest step ends.
    #[schema(example = "2026-11-23T15:04:05.000Z")]
    pub at: String,
    /// The same in seconds since 1970: the value for `after` in the next call.
    #[schema(example = 1_795_446_245)]
    pub end: u64,
    /// The length of a step: 1 or 10.
    pub step_seconds: u32,
    /// The services that were asked for, in the order of the configuration.
    pub services: Vec<ServiceSeries>,
}

/// The recent traffic of one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceSeries {
    /// The service.
    pub service: String,
    /// The first environment.
    pub blue: ColorSeries,
    /// The second environment.
    pub green: ColorSeries,
    /// Requests that Teal answered itself, by step.
    pub teal: Vec<u64>,
    /// Requests that ended without a complete answer, whatever the cause, by step.
    pub aborted: Vec<u64>,
}

/// The recent traffic of one color, by step. Previews are not in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColorSeries {
    /// Requests to its targets that ended: with a complete answer, or failed.
    pub requests: Vec<u64>,
    /// Complete answers with a status from 400 to 499.
    pub client_errors: Vec<u64>,
    /// Complete answers with a status from 500 to 599.
    pub server_errors: Vec<u64>,
    /// Requests that got no complete answer from a target, perhaps sent again to another one.
    pub failed: Vec<u64>,
    /// The time within which half of the complete answers came, in milliseconds; `null`: there were none. At most
    /// a quarter above the exact value.
    pub p50_ms: Vec<Option<f64>>,
    /// The time within which 99 % of the complete answers came; as `p50_ms`.
    pub p99_ms: Vec<Option<f64>>,
    /// Requests and tunnels in flight at the end of the step.
    pub in_flight: Vec<u64>,
    /// WebSockets, other tunnels and event streams among those in flight.
    pub streams: Vec<u64>,
}

// === impl ServiceSeries, ColorSeries ===

impl ServiceSeries {
    /// Returns the traffic of one color.
    pub fn of(&self, color: Color) -> &ColorSeries {
        match color {
            Color::Blue => &self.blue,
            Color::Green => &self.green,
        }
    }

    /// Returns the number of steps.
    pub fn steps(&self) -> usize {
        self.teal.len()
    }
}

impl ColorSeries {
    /// Returns the traffic with room for this many steps.
    pub fn with_capacity(steps: usize) -> Self {
        Self {
            requests: Vec::with_capacity(steps),
            client_errors: Vec::with_capacity(steps),
            server_errors: Vec::with_capacity(steps),
            failed: Vec::with_capacity(steps),
            p50_ms: Vec::with_capacity(steps),
            p99_ms: Vec::with_capacity(steps),
            in_flight: Vec::with_capacity(steps),
            streams: Vec::with_capacity(steps),
        }
    }
}

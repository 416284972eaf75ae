//! The JSON of a target and its newest probe.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One target of a color.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// The address as configured.
    #[schema(example = "http://127.0.0.1:8081")]
    pub url: String,
    /// The single address it stands for: one of those its name resolves to, or the configured one;
    /// `null`: a Unix socket, a name without an address, or all addresses of a name
    /// (`resolve = "first"`).
    #[serde(default)]
    #[schema(example = "10.0.0.3:8081")]
    pub address: Option<String>,
    /// A note on how traffic uses it; `null`: nothing unusual.
    #[serde(default)]
    #[schema(example = "being proven, no traffic yet")]
    pub note: Option<String>,
    /// Its health according to the probes.
    pub health: Health,
    /// Its address, its health and the newest probe in words, as in texts and on the page.
    #[serde(default)]
    #[schema(example = "http://127.0.0.1:8081 up, probed 2s ago: 200 in 0.8 ms")]
    pub words: String,
    /// The addresses that receive traffic: those its name resolves to that have passed probes; empty: none.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Requests and tunnels in flight on it.
    #[serde(default)]
    pub in_flight: u64,
    /// Probes that passed in a row up to now, counted up to `rise`.
    #[serde(default)]
    pub passes: u32,
    /// Probes that failed in a row up to now.
    #[serde(default)]
    pub fails: u32,
    /// The number of passed probes in a row that makes it `up`.
    #[serde(default)]
    pub rise: u32,
    /// The number of failed probes in a row that makes it `down`.
    #[serde(default)]
    pub fall: u32,
    /// The time at which its health changed last; `null`: not since this Teal serves.
    #[serde(default)]
    pub changed_at: Option<String>,
    /// The reason of the last probe before that change; `null` if it passed.
    #[serde(default)]
    pub changed_reason: Option<String>,
    /// The newest probe; `null` before the first one.
    pub last_probe: Option<Probe>,
}

/// The health of a target according to the probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not enough probes have ended to tell.
    Unknown,
    /// Enough consecutive probes passed.
    Up,
    /// Enough consecutive probes failed.
    Down,
}

/// One active health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Probe {
    /// The time at which it ended.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub at: String,
    /// The time that has passed since then.
    #[serde(default)]
    pub age_seconds: f64,
    /// True if it passed.
    pub ok: bool,
    /// The status code of the response; `null` if there was none.
    pub status: Option<u16>,
    /// Its duration.
    pub latency_ms: f64,
    /// The reason it failed, in words; `null` if it passed.
    #[schema(example = "connection refused")]
    pub reason: Option<String>,
}

impl From<rules::Standing> for Health {
    fn from(standing: rules::Standing) -> Self {
        match standing {
            rules::Standing::Unknown => Self::Unknown,
            rules::Standing::Up => Self::Up,
            rules::Standing::Down => Self::Down,
        }
    }
}

//! The JSON of a target and its newest probe.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One target of a color.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// The address as configured.
    #[schema(example = "http://127.0.0.1:8081")]
    pub url: String,
    /// The one address that it is: one of those that its name has, or the one that is configured;
    /// `null`: a socket, a name without an address, or all the addresses of a name
    /// (`resolve = "first"`).
    #[serde(default)]
    #[schema(example = "10.0.0.3:8081")]
    pub address: Option<String>,
    /// How traffic uses it, where a person should know; `null`: nothing in particular.
    #[serde(default)]
    #[schema(example = "being proven, no traffic yet")]
    pub note: Option<String>,
    /// What probes say.
    pub health: Health,
    /// Its address, its health and the newest probe in words, as texts and the page have them.
    #[serde(default)]
    #[schema(example = "http://127.0.0.1:8081 up, probed 2s ago: 200 in 0.8 ms")]
    pub words: String,
    /// The addresses that traffic uses: those of its name that probes have proven; empty: none.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// The newest probe; `null` before the first.
    pub last_probe: Option<Probe>,
}

/// What probes say about a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not proven either way yet.
    Unknown,
    /// Enough probes in a row passed.
    Up,
    /// Enough probes in a row failed.
    Down,
}

/// One active health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Probe {
    /// When it ended.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub at: String,
    /// How long ago that was.
    #[serde(default)]
    pub age_seconds: f64,
    /// Whether it passed.
    pub ok: bool,
    /// The status of the answer; `null` if none came.
    pub status: Option<u16>,
    /// How long it took.
    pub latency_ms: f64,
    /// Why it failed, in words; `null` if it passed.
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

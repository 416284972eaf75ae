//! The JSON of certificates: those in use, and those that are ordered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Color;

/// A name for which certificates are ordered of an authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ordered {
    /// The name.
    #[schema(example = "example.com")]
    pub name: String,
    /// Why the last order failed; `null` if it did not.
    pub problem: Option<String>,
    /// When the name is looked at next; `null`: at once.
    #[schema(example = "2026-11-23T15:04:05.000Z")]
    pub next: Option<String>,
}

/// A certificate in use at the listeners, or that of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// The file it was read from; `null` for that of a target.
    #[schema(example = "/etc/teal/example.com.pem")]
    pub file: Option<String>,
    /// The target that has shown it to the newest probe; `null` for one of the listeners.
    #[serde(default)]
    pub target: Option<TargetName>,
    /// The DNS names and addresses it is for.
    #[schema(example = json!(["example.com", "*.example.com"]))]
    pub names: Vec<String>,
    /// The end of its time.
    #[schema(example = "2026-11-23T15:04:05.000Z")]
    pub not_after: String,
    /// How long that is from now; below zero when it is over.
    pub left_seconds: f64,
}

/// A target by its service, its color and its address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetName {
    /// The service.
    #[schema(example = "web")]
    pub service: String,
    /// The color.
    pub color: Color,
    /// The address as configured.
    #[schema(example = "https://app.internal:8443")]
    pub url: String,
    /// The address of its name that it is; `null`: it is configured by its address.
    #[schema(example = "10.0.0.7:8443")]
    pub address: Option<String>,
}

//! The JSON of certificates: those in use, and those being ordered from a CA.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Color;

/// A name for which certificates are ordered from a CA (ACME).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CertificateOrder {
    /// The name.
    #[schema(example = "example.com")]
    pub name: String,
    /// The reason the last order failed; `null` if it did not.
    pub problem: Option<String>,
    /// The time of the next check of the name; `null`: immediately.
    #[schema(example = "2026-11-23T15:04:05.000Z")]
    pub next: Option<String>,
}

/// A certificate in use at the listeners, or one presented by a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// The file it was read from; `null` for a target's certificate.
    #[schema(example = "/etc/teal/example.com.pem")]
    pub file: Option<String>,
    /// The target that presented it to the newest probe; `null` for a certificate of the listeners.
    #[serde(default)]
    pub target: Option<TargetName>,
    /// The DNS names and IP addresses it is valid for.
    #[schema(example = json!(["example.com", "*.example.com"]))]
    pub names: Vec<String>,
    /// The time at which it expires.
    #[schema(example = "2026-11-23T15:04:05.000Z")]
    pub not_after: String,
    /// The time until it expires; negative once it has expired.
    pub left_seconds: f64,
}

/// A target, identified by its service, its color and its address.
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
    /// The address it stands for, one of those its name resolves to; `null`: it is configured by address.
    #[schema(example = "10.0.0.7:8443")]
    pub address: Option<String>,
}

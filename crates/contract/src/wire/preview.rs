//! The JSON of previews.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Color;

/// A preview of the idle color of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// The service.
    pub service: String,
    /// The idle color, which it shows.
    pub color: Color,
    /// The generation of the service. The preview ends with the next one.
    pub generation: u64,
    /// The version that runs in the color, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The token, for the field `Teal-Preview` of a request; absent: the service has none. Whoever has it sees the color.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The time at which the token expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Addresses to open in a browser. Those with the token set a cookie and lead to the same address without it.
    pub urls: Vec<String>,
    /// The addresses of the listener for previews, which needs no token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listener_urls: Vec<String>,
}

/// The tokens of a service that were made until now are void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewsRevoked {
    /// The service.
    pub service: String,
}

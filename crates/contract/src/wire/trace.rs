//! The JSON of `GET /admin/trace`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Color;

/// A step of a followed request. Which members are present depends on the step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TraceStep {
    /// The number of the request within this response, from 1.
    pub request: u64,
    /// The time since the head of the request was read.
    pub after_ms: f64,
    /// `accepted`, `routed`, `waits`, `goes`, `leased`, `connected`, `sent`, `answers`, `failed` or `ended`.
    pub step: String,
    /// The number of steps lost before this one because they were not read in time; 0: none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed: u64,
    /// The address of the client, with its port if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The address of the listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
    /// The TLS version; absent: no TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// The HTTP version of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The method; absent: the request head could not be parsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path, without the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The color of the lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// The target of the lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The address of the target, if its name has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// `new`, `kept`, `shared` or `login` (the one that its client has logged in on).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The time for which a reused connection (`kept`) had been idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<f64>,
    /// The bytes of the body: of the request at `sent`, of the response at `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The status code of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// True if a failed attempt is retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<bool>,
    /// True if the response was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<bool>,
    /// The reason it waits, failed, was answered by Teal or was aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The end of a stream of followed requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceEnd {
    /// The number of requests that were followed.
    pub requests: u64,
    /// `done` (all requests asked for have ended), `time` (the time is up) or `stopping` (Teal is stopping, or
    /// an upgrade is taking over).
    pub reason: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

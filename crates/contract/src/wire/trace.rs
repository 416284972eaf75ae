//! The JSON of `GET /admin/trace`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Color;

/// A step of a request that is followed. Which members are there depends on the step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceStep {
    /// The number of the request in this answer, from 1.
    pub request: u64,
    /// The time since the head of the request was read.
    pub after_micros: u64,
    /// `accepted`, `routed`, `waits`, `goes`, `leased`, `connected`, `sent`, `answers`, `failed` or `ended`.
    pub step: String,
    /// Steps before this one that are lost, since they were not read in time; 0: none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed: u64,
    /// The address of the client, with its port if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The address of the listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
    /// The version of TLS; absent: plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// The version of HTTP that the client speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The method; absent: the head could not be understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The host of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path of the request, without its query.
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
    /// The address of the target, where its name has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// `new`, `kept` or `shared`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The time that a kept connection was idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_millis: Option<u64>,
    /// Bytes of the body: of the request at `sent`, of the answer at `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// True if a failed attempt is followed by another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<bool>,
    /// True if the request was answered in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<bool>,
    /// Why it waits, has failed, was answered by Teal or was broken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The end of what is told of requests that are followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceEnd {
    /// Requests that were followed.
    pub requests: u64,
    /// `done` (all that were asked for have ended), `time` (it is over) or `stopping` (Teal stops, or an
    /// upgrade takes over).
    pub reason: String,
}

/// Passed by reference, as serde does.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

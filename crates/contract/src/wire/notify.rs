//! The JSON of notifications: their endpoints, and tests of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The endpoints that are notified, in the order of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotifyEndpoints {
    /// The endpoints.
    pub endpoints: Vec<NotifyEndpoint>,
}

/// An endpoint that is notified of events. Counts begin with the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotifyEndpoint {
    /// Its name.
    #[schema(example = "ops")]
    pub name: String,
    /// Scheme, host and port of its URL. The rest may be a secret.
    #[schema(example = "https://hooks.example.com")]
    pub url: String,
    /// `json` or `slack`.
    pub format: String,
    /// The events that it gets.
    pub events: Vec<String>,
    /// The number of messages that wait for it.
    pub pending: usize,
    /// The time of the oldest of them; `null`: there are none.
    pub oldest: Option<String>,
    /// The time of the next try; `null`: nothing waits, or a try is under way.
    pub next_try: Option<String>,
    /// The last delivery; `null`: none since this Teal started.
    pub last_success: Option<NotifySuccess>,
    /// The last try that failed; `null`: none has since this Teal started.
    pub last_failure: Option<NotifyFailure>,
    /// The number of tries that have failed since the last delivery.
    pub failures: u32,
    /// True if nothing is sent until a reload or restart, since the endpoint answered 410.
    pub disabled: bool,
    /// The reason why a crash would lose messages that wait; `null`: they are on the disk.
    pub outbox_problem: Option<String>,
    /// Messages delivered.
    pub delivered: u64,
    /// Tries that have failed.
    pub failed: u64,
    /// Messages given up after 24 hours.
    pub expired: u64,
    /// Messages dropped because too many waited.
    pub dropped: u64,
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotifySuccess {
    /// The time.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub at: String,
    /// The status of the answer.
    #[schema(example = 204)]
    pub status: u16,
    /// The time that it took.
    pub took_ms: f64,
}

/// A try that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotifyFailure {
    /// The time.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub at: String,
    /// The reason.
    #[schema(example = "answered 503")]
    pub reason: String,
}

/// The result of a test of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotifyTest {
    /// The name of the endpoint.
    #[schema(example = "ops")]
    pub endpoint: String,
    /// True if the test message was delivered.
    pub delivered: bool,
    /// The status of the answer; `null`: there was none.
    pub status: Option<u16>,
    /// The time that it took.
    pub took_ms: f64,
    /// The reason why it was not delivered; `null`: it was.
    pub problem: Option<String>,
}

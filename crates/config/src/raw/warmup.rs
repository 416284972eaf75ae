//! The keys of a warm-up.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::key::{At, Key, Time};

/// Requests to each target of a color after the gate and before `teal switch` or `teal deploy` moves traffic to
/// it, so that its caches are filled before the first client comes. They are sent as probes are, with the
/// `User-Agent` `teal-warm-up`; an answer with a status below 500 is a success. A rollback and a failover
/// do not wait for a warm-up.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WarmUp {
    /// The paths to request with GET, one after the other, at most 100.
    #[schemars(extend("default" = ["/"], "minItems" = 1, "maxItems" = 100))]
    pub(crate) paths: Key<Vec<At<String>>>,
    /// Requests to each target.
    #[schemars(range(min = 1, max = 100_000), extend("default" = 50))]
    pub(crate) requests: Key<u32>,
    /// Requests to a target at once.
    #[schemars(range(min = 1, max = 64), extend("default" = 8))]
    pub(crate) connections: Key<u32>,
    /// The total time, at most 5m. What has not been answered by then has failed.
    #[schemars(extend("default" = "30s"))]
    pub(crate) timeout: Key<Time>,
    /// Refuse the switch if a request fails. Otherwise failures are only told, in the log, the events and the
    /// answer.
    #[schemars(extend("default" = false))]
    pub(crate) required: Key<bool>,
}

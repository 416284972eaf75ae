//! The keys of a rollout.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::key::{Key, Time};

/// Watch each switch of the service: for a while after it, the failed requests of the new color are compared to those
/// of the old color before. If it is worse beyond doubt, Teal moves traffic back by itself, once, by the same gate and
/// drain as a rollback by hand. Failed are answers with a status from 500 on, and requests that got no complete answer.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rollout {
    /// The watched time after a switch, at most 24h.
    #[schemars(extend("default" = "10m"))]
    pub(crate) bake: Key<Time>,
    /// The consequence of a new color that fails: `rollback` moves traffic back, `notify` only tells it, for versions
    /// that cannot go back, such as after a change of the database.
    #[schemars(extend("default" = "rollback"))]
    pub(crate) on_fail: Key<OnFail>,
    pub(crate) judge: Key<Judge>,
}

/// The judgement of a new color. It is wrong at most once in 1,000 rollouts, however long it watches.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Judge {
    /// The new color may fail this many times as often as the old one.
    #[schemars(range(min = 1.0, max = 100.0), extend("default" = 2.0))]
    pub(crate) tolerance: Key<f64>,
    /// The new color may fail this often in any case, from 0.01% to 50%.
    #[schemars(extend("default" = "0.5%"))]
    pub(crate) floor: Key<String>,
    /// Failed requests without which nothing is decided.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 5))]
    pub(crate) min_bad: Key<u32>,
    /// Clients whose requests failed, without which nothing is decided. A client is a /24 of IPv4 or a /56 of IPv6, and
    /// counts at most twice in ten seconds. `1`: clients are not told apart, for a service whose clients all come from one address.
    #[schemars(range(min = 1, max = 32), extend("default" = 3))]
    pub(crate) min_clients: Key<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnFail {
    Rollback,
    Notify,
}

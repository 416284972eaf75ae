//! The settings of a warm-up: requests to an idle color before a switch moves traffic to it.

use std::time::Duration;

/// Requests that each target of a color answers after the gate and before a switch to it, so that caches are filled
/// and code is compiled before the first client comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmUp {
    /// The paths to request, one after the other, each beginning with `/`; never empty.
    pub paths: Vec<String>,
    /// Requests to each target.
    pub requests: u32,
    /// Requests to a target at once.
    pub connections: u32,
    /// The total time; what has not been answered by then has failed.
    pub timeout: Duration,
    /// True if a failed request refuses the switch; otherwise it is only told.
    pub required: bool,
}

/// The longest time that a warm-up may take.
pub const WARM_UP_MAX: Duration = Duration::from_secs(300);

impl Default for WarmUp {
    fn default() -> Self {
        Self {
            paths: vec!["/".to_owned()],
            requests: 50,
            connections: 8,
            timeout: Duration::from_secs(30),
            required: false,
        }
    }
}

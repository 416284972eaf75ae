//! Wall-clock time as it stands in the journal and in receipts, and how long anything may take.

use std::time::Duration;

/// The longest duration that anybody may ask for, in the configuration or in a call: 30 days,
/// which every timer can hold. Every wait has a deadline.
pub const DURATION_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Milliseconds since the Unix epoch. Given by the caller, never read here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(pub u64);

// === impl Time ===

impl Time {
    /// This instant; the epoch for those before it.
    pub fn of(at: std::time::SystemTime) -> Self {
        let since = at.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// How far apart the two are, whichever comes first: clocks can be set back.
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }
}

//! The watchdog of the service manager (`WatchdogSec=` of systemd), fed only while Teal serves.
//!
//! At half of its interval the serving Teal gets a liveness check, and the watchdog is fed when it answers,
//! which takes its control thread and each of its workers. While none can answer (it is starting or being
//! restarted), the parent feeds the watchdog itself, for a limited time.

use std::env;
use std::process;
use std::time::{Duration, Instant};

/// The variables that request it. A serving Teal does not see them.
pub(crate) const VARIABLES: [&str; 2] = ["WATCHDOG_USEC", "WATCHDOG_PID"];

/// The time limit of a start.
// lossless: L10
const STARTS_WITHIN: Duration = Duration::from_secs(90);

/// The interval and the time of the next check, if a watchdog is requested.
#[derive(Debug)]
pub(crate) struct Watchdog(Option<(Duration, Instant)>);

impl Watchdog {
    /// The watchdog that the environment requests of this process.
    pub(crate) fn from_environment() -> Self {
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let [micros, pid] = VARIABLES.map(number);
        let ours = pid.is_none_or(|pid| pid == u64::from(process::id()));
        let half = micros.filter(|micros| ours && *micros > 0);
        let half = half.map(|micros| Duration::from_micros(micros).div_f64(2.0));
        Self(half.map(|half| (half, Instant::now())))
    }

    pub(crate) fn nobody() -> Self {
        Self(None)
    }

    /// The time of the next check.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.0.map(|(_, next)| next)
    }

    /// Returns true if a check is due now.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        match &mut self.0 {
            Some((half, next)) if *next <= now => {
                *next = now + *half;
                true
            }
            _ => false,
        }
    }

    /// Returns true if the parent still answers for a Teal that has been starting for this long.
    pub(crate) fn trusts_a_start_of(for_so_long: Duration) -> bool {
        for_so_long < STARTS_WITHIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_at_half_of_the_interval_and_never_without_a_watchdog() {
        let now = Instant::now();
        let half = Duration::from_secs(5);
        let mut watchdog = Watchdog(Some((half, now)));
        assert!(watchdog.is_due(now) && !watchdog.is_due(now));
        assert!(!watchdog.is_due(now + half * 9 / 10));
        assert_eq!(watchdog.due(), Some(now + half));
        assert!(watchdog.is_due(now + half * 3), "late");
        assert!(!watchdog.is_due(now + half * 3 + half / 2), "no backlog");
        assert!(!Watchdog::nobody().is_due(now) && Watchdog::nobody().due().is_none());
        assert!(!Watchdog::trusts_a_start_of(STARTS_WITHIN));
    }
}

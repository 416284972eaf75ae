//! The times at which a certificate is renewed, and a failed order retried.

use std::time::{Duration, SystemTime};

use instant_acme::{Account, Error};

use super::store::StoredCertificate;

/// A CA's suggestion of when to renew a certificate (RFC 9773).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// A moment within what it suggests, the same for this certificate from now on; `None`: it
    /// suggests nothing.
    pub(crate) at: Option<SystemTime>,
    /// When to ask it again.
    pub(crate) ask_again: SystemTime,
}

/// The facts that decide when a certificate is renewed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    pub(crate) window: Option<Window>,
}

/// The polling interval for a CA that suggests nothing, and the longest one for a CA that does.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// The pauses after failed orders. CAs rate-limit them: five in an hour are too many for some.
const PAUSES: [Duration; 5] = [
    MINUTE,
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    HOUR.saturating_mul(2),
    HOUR.saturating_mul(6),
];

/// The pause after so many failures before this one.
pub(crate) fn pause(failures: u32) -> Duration {
    let last = PAUSES[PAUSES.len() - 1];
    usize::try_from(failures).ok().and_then(|at| PAUSES.get(at)).copied().unwrap_or(last)
}

/// The time until then; zero if it has passed.
pub(crate) fn from_now(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::now()).unwrap_or_default()
}

/// Asks the CA when to renew a certificate.
pub(crate) async fn ask(account: &Account, stored: &StoredCertificate) -> Window {
    let Some(identifier) = &stored.identifier else { return unknown() };
    match account.renewal_info(identifier).await {
        Ok((info, again)) => {
            let window = info.suggested_window;
            let (start, end) = (SystemTime::from(window.start), SystemTime::from(window.end));
            Window {
                at: Some(within(start, end, chance())),
                ask_again: SystemTime::now() + again.clamp(MINUTE, DAY),
            }
        }
        Err(Error::Unsupported(_)) => unknown(),
        Err(error) => {
            tracing::debug!("the CA did not say when to renew: {error}");
            unheard()
        }
    }
}

/// The window of a CA that suggests nothing.
fn unknown() -> Window {
    Window { at: None, ask_again: SystemTime::now() + DAY }
}

/// The window of a CA that could not be asked.
pub(crate) fn unheard() -> Window {
    Window { at: None, ask_again: SystemTime::now() + HOUR }
}

/// A moment between two: at the one with 0, at the other with 1.
fn within(start: SystemTime, end: SystemTime, chance: f64) -> SystemTime {
    start + end.duration_since(start).unwrap_or_default().mul_f64(chance)
}

/// A random number from 0 to 1, so that not everyone renews at once.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)
        .map_or(0.5, |()| f64::from(u32::from_le_bytes(bytes)) / 4_294_967_296.0)
}

// === impl Plan ===

impl Plan {
    /// The time to renew: when the CA suggests it, else when a third of the lifetime is left, and never
    /// later than that, even if the CA suggests its last hour.
    pub(crate) fn renewal(&self) -> SystemTime {
        let whole = self.not_after.duration_since(self.not_before).unwrap_or_default();
        let usual = self.not_before + whole.mul_f64(2.0 / 3.0);
        let latest = self.not_after - whole / 10;
        let suggested = self.window.as_ref().and_then(|window| window.at);
        suggested.map_or(usual, |at| at.min(latest))
    }

    /// The time of the next check: to renew it, or to ask the CA.
    pub(crate) fn next(&self) -> SystemTime {
        let asking = self.window.as_ref().map(|window| window.ask_again);
        asking.map_or(self.renewal(), |asking| asking.min(self.renewal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(days: u64) -> SystemTime {
        START + DAY * u32::try_from(days).expect("few")
    }

    fn plan(window: Option<Window>) -> Plan {
        Plan { not_before: START, not_after: at(90), window }
    }

    #[test]
    fn a_third_of_the_lifetime_is_left_by_default() {
        assert_eq!(plan(None).renewal(), at(60));
        let silent = Window { at: None, ask_again: at(1) };
        assert_eq!(plan(Some(silent.clone())).renewal(), at(60));
        assert_eq!(plan(Some(silent)).next(), at(1));
    }

    #[test]
    fn the_ca_may_move_a_renewal_earlier_or_later_but_not_too_late() {
        let said = |day| plan(Some(Window { at: Some(at(day)), ask_again: at(200) })).next();
        assert_eq!((said(3), said(70), said(89)), (at(3), at(70), at(81)));
    }

    #[test]
    fn a_moment_lies_within_the_window_and_an_invalid_window_is_its_start() {
        assert_eq!(within(at(2), at(4), 0.5), at(3));
        assert_eq!(within(at(4), at(2), 0.5), at(4));
        assert!((0.0..1.0).contains(&chance()));
    }

    #[test]
    fn pauses_grow_and_stay() {
        let minutes: Vec<_> = (0..7).map(|n| pause(n).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 5, 30, 120, 360, 360, 360]);
    }
}

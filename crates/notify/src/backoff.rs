//! The times of tries: when a message is tried again, and when it is given up.

use std::time::{Duration, SystemTime};

/// The age at which a message is given up.
pub(crate) const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The longest pause of our own.
const LONGEST: Duration = Duration::from_secs(600);

/// The longest wait that an endpoint may ask for (`Retry-After`).
const ASKED_MAX: Duration = Duration::from_secs(3600);

/// Returns the pause after so many failures in a row: 1 s, 2 s, 4 s and so on up to 10 min, of which half is random, so
/// that many senders do not come back at once. `asked`: what the endpoint asked for, which can only lengthen it.
pub(crate) fn pause(failures: u32, asked: Option<Duration>) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let full = Duration::from_secs(1 << doublings).min(LONGEST);
    let own = full / 2 + full.mul_f64(chance() / 2.0);
    own.max(asked.unwrap_or_default().min(ASKED_MAX))
}

/// Reads `Retry-After`: seconds, or a date. `None`: it says nothing that can be understood.
pub(crate) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = httpdate::parse_http_date(text.trim()).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// Returns a random number from 0 to 1; 0.5 without a source of randomness.
fn chance() -> f64 {
    let mut random = [0; 4];
    match getrandom::fill(&mut random) {
        Ok(()) => f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes_and_are_never_the_same_for_all() {
        for (failures, full) in [(1, 1), (2, 2), (3, 4), (10, 512), (11, 600), (u32::MAX, 600)] {
            let full = Duration::from_secs(full);
            for _ in 0..100 {
                let pause = pause(failures, None);
                assert!((full / 2..=full).contains(&pause), "{failures}: {pause:?}");
            }
        }
        let (one, other) = (pause(20, None), pause(20, None));
        assert_ne!(one, other);
    }

    #[test]
    fn an_endpoint_may_ask_for_more_up_to_an_hour_and_not_for_less() {
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(pause(1, asked(120)), Duration::from_secs(120));
        assert_eq!(pause(1, asked(1 << 40)), ASKED_MAX);
        assert!(pause(11, asked(0)) >= Duration::from_secs(300));
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let read = |text| retry_after(text, now);
        assert_eq!(read(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(read("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO), "in the past");
        for text in ["", "-1", "soon", "99999999999999"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}

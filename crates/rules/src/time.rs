//! Wall-clock time as in the journal and in receipts, and the limit of durations.

use std::time::Duration;

/// The longest duration allowed, in the configuration or in a call: 30 days,
/// which every timer can hold. Every wait has a deadline.
pub const DURATION_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Units of a duration, in the order in which they may follow one another.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// The reason why a text is not an allowed duration. The message is up to the place where it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotADuration {
    /// It is not whole numbers with units, larger ones first.
    Unreadable,
    /// It is zero.
    Zero,
    /// It is longer than [`DURATION_MAX`].
    TooLong,
}

/// Reads a duration: whole numbers with the units h, m, s, ms, larger units first, each at most once, such as
/// `500ms`, `5s` or `1m30s`; from 1 ms to [`DURATION_MAX`].
// lossless: L10
pub fn parse_duration(text: &str) -> Result<Duration, NotADuration> {
    let duration = millis(text).map(Duration::from_millis).ok_or(NotADuration::Unreadable)?;
    match duration {
        Duration::ZERO => Err(NotADuration::Zero),
        _ if duration > DURATION_MAX => Err(NotADuration::TooLong),
        _ => Ok(duration),
    }
}

fn millis(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0u64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, next) = after.split_at_checked(letters)?;
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*factor)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

/// Year, month and day of a day since 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last of its year; a cycle of 400
/// years has 146,097 days.
pub fn civil(days: u64) -> (u64, u64, u64) {
    let since_0000 = days.saturating_add(719_468);
    let (cycle, day_of_cycle) = (since_0000 / 146_097, since_0000 % 146_097);
    let leaps = day_of_cycle / 1460 - day_of_cycle / 36_524 + day_of_cycle / 146_096;
    let year_of_cycle = (day_of_cycle - leaps) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_cycle + cycle * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// Milliseconds since the Unix epoch. Given by the caller, never read here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(pub u64);

// === impl Time ===

impl Time {
    /// Converts a system time; times before the epoch become the epoch.
    pub fn of(at: std::time::SystemTime) -> Self {
        let since = at.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Returns the time from `earlier` to this; zero if this is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns the time between the two, whichever comes first: clocks can be set back.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_whole_numbers_with_units_larger_first() {
        for (text, millis) in [
            ("1ms", 1),
            ("500ms", 500),
            ("5s", 5000),
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("25h", 90_000_000),
            ("1h2m3s4ms", 3_723_004),
            ("720h", 2_592_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        let huge = ["18446744073709551615h", "18446744073709551616ms", "99999999999999999999s"];
        let others =
            ["5", "s", "5 s", "-5s", "+5s", "1.5s", "5S", "5sec", "1s1m", "1s1s", "1d", "٣s"];
        for text in [""].into_iter().chain(others).chain(huge) {
            assert_eq!(parse_duration(text), Err(NotADuration::Unreadable), "{text}");
        }
    }

    // L10
    #[test]
    fn no_duration_is_zero_or_longer_than_a_timer_can_hold() {
        for text in ["0s", "0h0ms"] {
            assert_eq!(parse_duration(text), Err(NotADuration::Zero), "{text}");
        }
        for text in ["721h", "720h1ms", "5124095576h"] {
            assert_eq!(parse_duration(text), Err(NotADuration::TooLong), "{text}");
        }
        assert_eq!(parse_duration("720h"), Ok(DURATION_MAX));
    }

    #[test]
    fn days_have_their_dates_across_leap_years_and_centuries() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (11_016, (2000, 2, 29)),
            (19_783, (2024, 3, 1)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(days), date);
        }
    }
}

//! Moments and spans as the contract has them: RFC 3339 in UTC with milliseconds, and plain numbers whose unit
//! stands in the name of their field.

use std::time::Duration;

use rules::Time;

const DAY: u64 = 86_400_000;

/// Writes a moment: `2026-11-23T15:04:05.678Z`.
pub fn rfc3339(time: Time) -> String {
    let (days, millis) = (time.0 / DAY, time.0 % DAY);
    let (year, month, day) = civil(days);
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The date that lies this many days after 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last of its year; a cycle of 400
/// years has 146,097 days.
fn civil(days: u64) -> (u64, u64, u64) {
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

/// Seconds with three decimals.
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Milliseconds with three decimals.
pub fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (1_795_446_245_678, "2026-11-23T15:04:05.678Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Time(millis)), text);
        }
    }
}

//! Durations as people write them in a call: `500ms`, `30s`, `1m30s`; as in the configuration.

use std::time::Duration;

use rules::DURATION_MAX;

/// Units in the order in which they may follow one another.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads whole numbers with the units h, m, s and ms, larger ones first; from 1 ms to 720 h.
/// The error says what would be accepted.
pub fn parse(text: &str) -> Result<Duration, String> {
    let duration = millis(text).map(Duration::from_millis).ok_or(
        "must be whole numbers with the units h, m, s and ms, such as 500ms, 30s or 1m30s",
    )?;
    if duration.is_zero() || duration > DURATION_MAX {
        return Err("must be from 1ms to 720h".to_owned());
    }
    Ok(duration)
}

/// Writes a duration for people, with as many digits as help: `850ms`, `1.2s`, `42s`, `3m20s`.
pub fn show(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ 0..1000 => format!("{millis}ms"),
        millis @ 1000..10_000 if millis % 1000 >= 100 => {
            format!("{}.{}s", millis / 1000, millis % 1000 / 100)
        }
        millis => match millis / 1000 {
            seconds @ 0..120 => format!("{seconds}s"),
            seconds @ 120..7200 => join(seconds / 60, "m", seconds % 60, "s"),
            seconds => join(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        },
    }
}

fn join(large: u128, large_unit: &str, small: u128, small_unit: &str) -> String {
    match small {
        0 => format!("{large}{large_unit}"),
        small => format!("{large}{large_unit}{small}{small_unit}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_units_larger_first() {
        for (text, millis) in [("1ms", 1), ("30s", 30_000), ("1m30s", 90_000), ("25h", 90_000_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "30", "s", "30 s", "-1s", "1.5s", "1s1m", "1d", "99999999999999999999s", "٣s"]
        {
            assert!(parse(text).expect_err(text).starts_with("must be whole numbers"), "{text}");
        }
    }

    // L10
    #[test]
    fn no_duration_is_zero_or_longer_than_one_in_the_configuration() {
        for text in ["0s", "720h1ms", "721h", "5124095576h"] {
            assert_eq!(parse(text), Err("must be from 1ms to 720h".to_owned()), "{text}");
        }
        assert_eq!(parse("720h"), Ok(DURATION_MAX));
    }

    #[test]
    fn durations_are_shown_with_the_digits_that_help() {
        for (millis, text) in [
            (0, "0ms"),
            (850, "850ms"),
            (1000, "1s"),
            (1234, "1.2s"),
            (42_900, "42s"),
            (200_000, "3m20s"),
            (180_000, "3m"),
            (7_260_000, "2h1m"),
        ] {
            assert_eq!(show(Duration::from_millis(millis)), text);
        }
    }
}

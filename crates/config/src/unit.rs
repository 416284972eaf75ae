//! Parses durations and sizes: `"1m30s"`, `"32MiB"`.
//!
//! Whole numbers with a unit, nothing rounded, nothing guessed. A duration is longer
//! than zero and at most 30 days: every wait has a deadline (promise L10), and a timer
//! can always hold it.

use std::time::Duration;

use rules::{NotADuration, parse_duration};

const SIZE_UNITS: [(&str, u64); 8] = [
    ("B", 1),
    ("kB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Parses a duration. The error says what to write.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| match error {
        NotADuration::Unreadable => format!(
            "{text:?} is not a duration: use whole numbers with h, m, s or ms, larger \
             units first, such as \"500ms\", \"5s\" or \"1m30s\""
        ),
        NotADuration::Zero => format!("{text:?} is zero; write at least \"1ms\""),
        NotADuration::TooLong => format!("{text:?} is too long; write at most \"720h\""),
    })
}

/// Parses `"32MiB"`, `"64kB"`, `"512"`: a whole number of bytes, with or without a unit.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let read = || {
        let (number, unit) = leading_number(text)?;
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let (_, factor) = SIZE_UNITS
            .iter()
            .find(|(name, _)| *name == unit || (unit.is_empty() && *name == "B"))?;
        number.checked_mul(*factor)
    };
    read().ok_or_else(|| {
        format!(
            "{text:?} is not a size: use a whole number of bytes, or one with the unit \
             B, kB, KiB, MB, MiB, GB, GiB or TiB, such as \"32MiB\""
        )
    })
}

/// Splits off the number at the start, without sign or separators.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_duration_is_refused_with_the_way_to_write_it() {
        for text in ["", "5", "s", "5 s", "-5s", "+5s", "1.5s", "5S", "5sec", "1s1m", "1s1s", "1d"]
        {
            let message = duration(text).expect_err(text);
            assert!(message.starts_with(&format!("{text:?} is not a duration: use")), "{message}");
        }
    }

    // L10
    #[test]
    fn no_duration_is_zero_or_longer_than_a_timer_can_hold() {
        assert_eq!(duration("0s"), Err("\"0s\" is zero; write at least \"1ms\"".into()));
        assert!(duration("0h0ms").is_err());
        assert_eq!(duration("721h"), Err("\"721h\" is too long; write at most \"720h\"".into()));
        assert!(duration("720h1ms").is_err());
        assert_eq!(duration("720h"), Ok(rules::DURATION_MAX), "the same as in a call");
    }

    #[test]
    fn a_size_is_a_whole_number_with_or_without_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("64kB", 64_000),
            ("64KiB", 65_536),
            ("32MiB", 33_554_432),
            ("32 MiB", 33_554_432),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "1.5MiB", "-1", "1mib", "1M", "1  MiB", "99999999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}

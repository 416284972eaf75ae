//! Durations as people write them in a call, the same as in the configuration: `500ms`, `30s`, `1m30s`.

use std::time::Duration;

use rules::{NotADuration, parse_duration};

/// Parses whole numbers with the units h, m, s and ms, larger units first; from 1 ms to 720 h.
/// The error says what would be accepted.
pub fn parse(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| match error {
        NotADuration::Unreadable => {
            "must be whole numbers with the units h, m, s and ms, such as 500ms, 30s or 1m30s"
                .to_owned()
        }
        NotADuration::Zero | NotADuration::TooLong => "must be from 1ms to 720h".to_owned(),
    })
}

/// Formats a duration for people, with only as many digits as are useful: `850ms`, `1.2s`, `42s`, `3m20s`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_duration_is_refused_with_a_valid_one() {
        for text in ["", "30", "s", "1.5s", "1s1m", "99999999999999999999s"] {
            assert!(parse(text).expect_err(text).starts_with("must be whole numbers"), "{text}");
        }
    }

    // L10
    #[test]
    fn no_duration_is_zero_or_longer_than_one_in_the_configuration() {
        for text in ["0s", "720h1ms", "721h", "5124095576h"] {
            assert_eq!(parse(text), Err("must be from 1ms to 720h".to_owned()), "{text}");
        }
        assert_eq!(parse("720h"), Ok(rules::DURATION_MAX));
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

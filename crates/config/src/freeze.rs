//! Weekly windows in which deploys are refused.
//!
//! A window is in the local time of its zone, so it moves with daylight saving time. Zones are those of the system,
//! else those that Teal was built with.

use std::fmt;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A weekly window in the time of a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Freeze {
    /// Its first minute in a week.
    from: u32,
    /// The first minute after it in a week; earlier than `from` if it goes over Sunday night.
    to: u32,
    zone: TimeZone,
    text: Box<str>,
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY: u32 = 24 * 60;

impl Freeze {
    /// Reads `DAY HH:MM - DAY HH:MM ZONE`. The error says what to write.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let shaped = match words[..] {
            [first, begin, "-", last, end, zone] => {
                minute(first, begin).zip(minute(last, end)).map(|window| (window, zone))
            }
            _ => None,
        };
        let Some(((from, to), name)) = shaped else {
            return Err(format!(
                "{text:?} is not a weekly window: write DAY HH:MM - DAY HH:MM ZONE, such as \
                 \"Fri 16:00 - Mon 07:00 Europe/Berlin\""
            ));
        };
        if from == to {
            return Err(format!("{text:?} begins and ends at the same time; write another end"));
        }
        let zone = TimeZone::get(name).map_err(|_| {
            format!(
                "{name:?} is not a time zone: write a name such as \"Europe/Berlin\" or \"UTC\""
            )
        })?;
        Ok(Self { from, to, zone, text: words.join(" ").into() })
    }

    /// Returns true if a time is inside.
    pub fn contains(&self, time: SystemTime) -> bool {
        let Ok(time) = Timestamp::try_from(time) else { return false }; // beyond the year 9999
        let local = time.to_zoned_datetime(self.zone.clone());
        let days = u32::from(local.weekday().to_monday_zero_offset().unsigned_abs());
        let (hour, minute) = (local.hour().unsigned_abs(), local.minute().unsigned_abs());
        let now = days * DAY + u32::from(hour) * 60 + u32::from(minute);
        if self.from < self.to {
            (self.from..self.to).contains(&now)
        } else {
            now >= self.from || now < self.to
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The minute in a week.
fn minute(day: &str, time: &str) -> Option<u32> {
    let days = DAYS.iter().position(|name| name.eq_ignore_ascii_case(day))?;
    let (hours, minutes) = time.split_once(':')?;
    let number = |text: &str, below: u32| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| digits && *number < below)
    };
    Some(days as u32 * DAY + number(hours, 24)? * 60 + number(minutes, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().expect(text).try_into().expect(text)
    }

    #[test]
    fn a_window_is_in_the_time_of_its_zone() {
        let weekend = Freeze::parse("Fri 16:00 - Mon 07:00 Europe/Berlin").expect("a window");
        // Berlin is two hours ahead of UTC in summer and one in winter. 2026-07-03 is a Friday.
        for (time, inside) in [
            ("2026-07-03T13:59:59Z", false),
            ("2026-07-03T14:00:00Z", true),
            ("2026-07-05T12:00:00Z", true),
            ("2026-07-06T04:59:59Z", true),
            ("2026-07-06T05:00:00Z", false),
            ("2026-12-04T14:59:59Z", false),
            ("2026-12-04T15:00:00Z", true),
            ("2026-12-07T06:00:00Z", false),
        ] {
            assert_eq!(weekend.contains(at(time)), inside, "{time}");
        }
        let night = Freeze::parse("tue  22:00 -  wed 06:30 UTC").expect("a window");
        assert_eq!(night.to_string(), "tue 22:00 - wed 06:30 UTC");
        assert!(night.contains(at("2026-07-08T06:29:00Z")));
        assert!(!night.contains(at("2026-07-09T00:00:00Z")));
    }

    #[test]
    fn what_is_not_a_window_is_refused_with_the_way_to_write_it() {
        for (text, words) in [
            ("", "is not a weekly window: write DAY HH:MM"),
            ("Fri 16:00", "is not a weekly window: write DAY HH:MM"),
            ("Fri 16:00 - Mon 07:00", "is not a weekly window: write DAY HH:MM"),
            ("Fri 24:00 - Mon 07:00 UTC", "is not a weekly window: write DAY HH:MM"),
            ("Fri 7:00 - Mon 07:00 UTC", "is not a weekly window: write DAY HH:MM"),
            ("Foo 16:00 - Mon 07:00 UTC", "is not a weekly window: write DAY HH:MM"),
            ("Fri 16:00 - Fri 16:00 UTC", "begins and ends at the same time"),
            ("Fri 16:00 - Mon 07:00 Europe/Berlyn", "\"Europe/Berlyn\" is not a time zone"),
        ] {
            let message = Freeze::parse(text).expect_err(text);
            assert!(message.contains(words), "{message}");
        }
    }
}

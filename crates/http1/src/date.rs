//! The format of the `Date` field (RFC 9110 section 5.6.7). Never reads a clock: the caller does.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

/// Formats seconds since 1970-01-01T00:00:00Z as an IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`. Exact
/// for the years 1970 to 9999; later instants become the last one of 9999.
pub fn http_date(seconds: u64) -> [u8; 29] {
    const LAST: u64 = 253_402_300_799;
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST));
    let mut text = [b' '; 29];
    let _always_fits = write!(&mut text[..], "{}", httpdate::HttpDate::from(moment));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_fixdates_across_leap_years_and_centuries() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(std::str::from_utf8(&http_date(seconds)), Ok(text));
        }
    }
}

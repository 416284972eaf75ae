//! The time allowed for a gRPC answer to begin. Servers send the head of an answer with its first message, so
//! silence before the head counts like silence within an answer.

use std::time::Duration;

use http1::Request;
use rules::Timeouts;

/// Returns `response_idle`, or the client's own deadline if that is shorter; never less than `response_head`,
/// the limit of all other requests.
pub(super) fn silence(request: &Request<'_>, timeouts: &Timeouts) -> Duration {
    let longest = timeouts.response_idle.max(timeouts.response_head);
    let named = request.field("grpc-timeout").and_then(timeout);
    named.map_or(longest, |named| named.max(timeouts.response_head).min(longest))
}

/// Parses one to eight digits and a unit.
fn timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.len() > 8 {
        return None;
    }
    let count: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_and_a_unit() {
        for (value, read) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("99999999S", Some(Duration::from_secs(99_999_999))),
            ("10m", Some(Duration::from_millis(10))),
            ("5u", Some(Duration::from_micros(5))),
            ("7n", Some(Duration::from_nanos(7))),
            ("123456789S", None),
            ("S", None),
            ("", None),
            ("1", None),
            ("-1S", None),
            ("1s", None),
        ] {
            assert_eq!(timeout(value.as_bytes()), read, "{value:?}");
        }
    }
}

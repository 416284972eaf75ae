//! A dry run in sentences, for the command line and for the dialogs of the console.

use crate::wire::{Color, Forecast};

use super::{running, seconds};

/// Formats what a switch would move, what would stay, and whether it could be undone.
pub fn forecast(from: Color, to: Color, forecast: &Forecast) -> Vec<String> {
    let to = running(to, forecast.to_version.as_deref());
    vec![
        moved(forecast.requests_per_second, &to),
        left(from, forecast.in_flight, forecast.streams, forecast.drain_seconds),
        if forecast.can_roll_back {
            format!("A rollback to {from} stays possible")
        } else {
            format!("A rollback to {from} would be refused now: {from} is not healthy")
        },
    ]
}

fn moved(rate: f64, to: &str) -> String {
    match rate_words(rate) {
        None => format!("New requests go to {to}; there were almost none in the last 10s"),
        Some(requests) => format!("{requests} move to {to}"),
    }
}

/// Formats the rate of requests; `None`: there are almost none.
pub(super) fn rate_words(rate: f64) -> Option<String> {
    match rate {
        ..0.05 => None,
        ..9.5 => Some(format!("{rate:.1} requests per second")),
        _ => Some(format!("{rate:.0} requests per second")),
    }
}

/// Formats what stays on a color that is left.
pub(super) fn left(from: Color, in_flight: u64, streams: u64, drain_seconds: f64) -> String {
    let Some(what) = in_flight_words(in_flight, streams) else {
        return format!("Nothing is in flight on {from}");
    };
    let verb = if in_flight + streams == 1 { "stays" } else { "stay" };
    format!("{what} {verb} on {from} for up to {}", seconds(drain_seconds))
}

/// Formats requests and streams; `None`: there are none.
pub(super) fn in_flight_words(in_flight: u64, streams: u64) -> Option<String> {
    let (requests, streams_words) = (count(in_flight, "request"), count(streams, "stream"));
    match (in_flight, streams) {
        (0, 0) => None,
        (_, 0) => Some(requests),
        (0, _) => Some(streams_words),
        (_, _) => Some(format!("{requests} and {streams_words}")),
    }
}

/// Formats a number of things.
fn count(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_what_moves_what_stays_and_if_it_can_be_undone() {
        let busy = Forecast {
            requests_per_second: 412.3,
            in_flight: 37,
            streams: 3,
            drain_seconds: 30.0,
            to_version: Some("v42".to_owned()),
            can_roll_back: true,
        };
        assert_eq!(
            forecast(Color::Blue, Color::Green, &busy),
            [
                "412 requests per second move to green (v42)",
                "37 requests and 3 streams stay on blue for up to 30s",
                "A rollback to blue stays possible",
            ]
        );
        let quiet = Forecast { streams: 1, drain_seconds: 5.0, ..Forecast::default() };
        assert_eq!(
            forecast(Color::Green, Color::Blue, &quiet),
            [
                "New requests go to blue; there were almost none in the last 10s",
                "1 stream stays on green for up to 5s",
                "A rollback to green would be refused now: green is not healthy",
            ]
        );
        let words = |requests_per_second, in_flight| {
            let some = Forecast { requests_per_second, in_flight, ..Forecast::default() };
            forecast(Color::Blue, Color::Green, &some)[..2].join(". ")
        };
        assert_eq!(
            words(0.3, 0),
            "0.3 requests per second move to green. Nothing is in flight on blue"
        );
        assert_eq!(
            words(9.7, 2),
            "10 requests per second move to green. 2 requests stay on blue for up to 0ms"
        );
    }
}

//! A dry run in sentences, for the command line and for the dialogs of the console.

use crate::wire::{Color, Forecast};

use super::{running, seconds};

/// Formats what a switch would move, what would stay, and whether it could be undone.
pub fn forecast(from: Color, to: Color, forecast: &Forecast) -> Vec<String> {
    let to = running(to, forecast.to_version.as_deref());
    vec![
        moved(forecast.requests_per_second, &to),
        left(from, forecast),
        if forecast.can_roll_back {
            format!("A rollback to {from} stays possible")
        } else {
            format!("A rollback to {from} would be refused now: {from} is not healthy")
        },
    ]
}

fn moved(rate: f64, to: &str) -> String {
    match rate {
        ..0.05 => format!("New requests go to {to}; there were almost none in the last 10s"),
        ..9.5 => format!("{rate:.1} requests per second move to {to}"),
        _ => format!("{rate:.0} requests per second move to {to}"),
    }
}

fn left(from: Color, forecast: &Forecast) -> String {
    let count = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    };
    let (requests, streams) =
        (count(forecast.in_flight, "request"), count(forecast.streams, "stream"));
    let what = match (forecast.in_flight, forecast.streams) {
        (0, 0) => return format!("Nothing is in flight on {from}"),
        (_, 0) => requests,
        (0, _) => streams,
        (_, _) => format!("{requests} and {streams}"),
    };
    let verb = if forecast.in_flight + forecast.streams == 1 { "stays" } else { "stay" };
    format!("{what} {verb} on {from} for up to {}", seconds(forecast.drain_seconds))
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

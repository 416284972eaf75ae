//! Dry runs of calls that need no gate, in sentences.

use crate::wire::{Color, Deploy, DeployResult, DryRun};

use super::forecast::{in_flight_words, left, rate_words};
use super::{TextBuilder, capital, line, seconds};

/// The traffic that a hold would keep waiting.
#[derive(Clone, Copy, Debug, Default)]
pub struct HoldForecast {
    /// The longest time that a request would wait.
    pub max_wait_seconds: f64,
    /// The mean rate of the last ten seconds.
    pub requests_per_second: f64,
    /// Requests in flight on the active color, without long streams.
    pub in_flight: u64,
    /// WebSockets, other tunnels and event streams there.
    pub streams: u64,
    /// The time they have until they are cut.
    pub drain_seconds: f64,
}

/// A closer deadline of a drain under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct CloserDeadline {
    /// Requests on the color, without long streams.
    pub in_flight: u64,
    /// WebSockets, other tunnels and event streams there.
    pub streams: u64,
    /// The time that they have left now.
    pub left_seconds: f64,
    /// The time that they would have.
    pub within_seconds: f64,
}

/// Formats a dry run.
pub fn dry_run(answer: &DryRun) -> String {
    let mut lines = TextBuilder::default();
    line!(lines, "Dry run: nothing was changed");
    for sentence in &answer.sentences {
        line!(lines, "{sentence}");
    }
    lines.0
}

/// Formats what a hold would do while a color is active.
pub fn would_hold(color: Color, forecast: &HoldForecast) -> Vec<String> {
    let each = seconds(forecast.max_wait_seconds);
    let wait = match rate_words(forecast.requests_per_second) {
        None => format!(
            "New requests wait at Teal, each at most {each}; there were almost none in the last 10s"
        ),
        Some(requests) => format!("{requests} wait at Teal, each at most {each}"),
    };
    vec![
        wait,
        left(color, forecast.in_flight, forecast.streams, forecast.drain_seconds),
        "A request that has waited for that long is answered 503".to_owned(),
    ]
}

/// Formats what a resume would do; `unhealthy` is why the color would fail the gate now.
pub fn would_resume(color: Color, waiting: u64, unhealthy: Option<&str>) -> Vec<String> {
    let released = match waiting {
        0 => format!("No request waits; new ones go to {color}"),
        1 => format!("1 waiting request goes to {color}"),
        _ => format!("{waiting} waiting requests go to {color}, in the order of their arrival"),
    };
    let warning = unhealthy.map(|reason| format!("{} is not healthy: {reason}", capital(color)));
    std::iter::once(released).chain(warning).collect()
}

/// Formats what a retirement would do.
pub fn would_retire(color: Color, is_retired: bool) -> Vec<String> {
    if is_retired {
        return vec![format!("{} is retired already: nothing would change", capital(color))];
    }
    vec![
        format!(
            "Teal sends {color} nothing any more, not even a probe: it may be stopped for good"
        ),
        format!("A rollback to {color} is refused then; a switch or a deploy to {color} ends that"),
    ]
}

/// Formats what a closer deadline would do to the drain of a color.
pub fn would_shorten(color: Color, closer: &CloserDeadline) -> Vec<String> {
    let CloserDeadline { in_flight, streams, left_seconds, within_seconds } = *closer;
    let (left, within) = (seconds(left_seconds), seconds(within_seconds));
    if within_seconds >= left_seconds {
        return vec![format!(
            "The drain of {color} ends within {left} anyway: nothing would change"
        )];
    }
    let Some(what) = in_flight_words(in_flight, streams) else {
        return vec![format!("Nothing is in flight on {color}: its drain is about to end")];
    };
    let verb = if in_flight + streams == 1 { "has" } else { "have" };
    vec![
        format!("{what} on {color} {verb} {within} instead of {left}"),
        "What is left then is cut, counted, and listed in the receipt".to_owned(),
    ]
}

/// Formats what a report about a deploy would do.
pub fn would_report(deploy: &Deploy, result: Option<DeployResult>) -> Vec<String> {
    let Deploy { id, color, step, .. } = deploy;
    match result {
        None => vec![format!("The report about deploy {id} would be taken")],
        Some(DeployResult::Abandoned) => {
            let traffic = deploy
                .generation
                .map(|_| format!("Traffic stays on {color}: roll back if it should not"));
            let sentences = [
                format!(
                    "The record of deploy {id} ends at its step {step}, and another deploy may begin"
                ),
                format!(
                    "What it has started in {color} is left as it is; teal deploy --abandon {id} stops that, too"
                ),
            ];
            sentences.into_iter().chain(traffic).collect()
        }
        Some(result) => vec![format!("The record of deploy {id} ends as {result}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_says_what_waits_and_what_goes_on() {
        let busy = HoldForecast {
            max_wait_seconds: 30.0,
            requests_per_second: 412.3,
            in_flight: 3,
            streams: 1,
            drain_seconds: 10.0,
        };
        assert_eq!(
            would_hold(Color::Green, &busy),
            [
                "412 requests per second wait at Teal, each at most 30s",
                "3 requests and 1 stream stay on green for up to 10s",
                "A request that has waited for that long is answered 503",
            ]
        );
        let quiet = HoldForecast { max_wait_seconds: 5.0, ..HoldForecast::default() };
        assert_eq!(
            would_hold(Color::Blue, &quiet)[..2].join(". "),
            "New requests wait at Teal, each at most 5s; there were almost none in the last 10s. \
             Nothing is in flight on blue"
        );
    }

    #[test]
    fn a_resume_warns_of_a_color_that_is_not_healthy() {
        assert_eq!(would_resume(Color::Blue, 1, None), ["1 waiting request goes to blue"]);
        assert_eq!(
            would_resume(Color::Blue, 7, Some("connection refused")),
            [
                "7 waiting requests go to blue, in the order of their arrival",
                "Blue is not healthy: connection refused",
            ]
        );
        assert_eq!(would_resume(Color::Green, 0, None), ["No request waits; new ones go to green"]);
    }

    #[test]
    fn a_closer_deadline_says_who_is_cut_and_a_later_one_that_nothing_changes() {
        let one =
            CloserDeadline { streams: 1, left_seconds: 28.0, within_seconds: 5.0, in_flight: 0 };
        assert_eq!(would_shorten(Color::Blue, &one)[0], "1 stream on blue has 5s instead of 28s");
        let later = CloserDeadline { within_seconds: 60.0, ..one };
        assert_eq!(
            would_shorten(Color::Blue, &later),
            ["The drain of blue ends within 28s anyway: nothing would change"]
        );
        let none = CloserDeadline { streams: 0, ..one };
        assert!(would_shorten(Color::Blue, &none)[0].starts_with("Nothing is in flight on blue"));
    }

    #[test]
    fn a_retirement_says_what_it_ends() {
        assert_eq!(would_retire(Color::Blue, true).len(), 1);
        assert!(would_retire(Color::Blue, false)[1].contains("A rollback to blue is refused"));
    }
}

//! The recent traffic of a real Teal: the numbers of `/admin/series` are those of `/metrics`, also over an upgrade;
//! the books in status never show a loss that is none; and a dry run says what a switch would move.

mod forecast;
mod numbers;
mod upgrade;

use std::time::Duration;

use serde_json::Value;
use testkit::{Metrics, Teal, wait_for_ok};

/// The program under test.
const TEAL: &str = env!("CARGO_BIN_EXE_teal");

/// Longer than a second on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// The counts of a service over a whole series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sums {
    /// Requests, client errors, server errors and failed ones, of blue and green.
    colors: [[u64; 4]; 2],
    teal: u64,
    aborted: u64,
}

/// The series of the only service.
fn series(teal: &Teal, query: &str) -> Value {
    let (status, json) = teal.ask_json("GET", &format!("/admin/series{query}"));
    assert_eq!(status, 200, "{json}");
    json
}

fn total(counts: &Value) -> u64 {
    let counts = counts.as_array().expect("an array of counts");
    counts.iter().map(|count| count.as_u64().expect("a count")).sum()
}

// === impl Sums ===

impl Sums {
    fn of_series(series: &Value) -> Self {
        let service = &series["services"][0];
        let keys = ["requests", "client_errors", "server_errors", "failed"];
        let color = |color: &str| keys.map(|key| total(&service[color][key]));
        Self {
            colors: [color("blue"), color("green")],
            teal: total(&service["teal"]),
            aborted: total(&service["aborted"]),
        }
    }

    fn of_metrics(metrics: &Metrics) -> Self {
        let count = |name, labels: &[(&str, &str)]| {
            let labels: Vec<_> = labels.iter().copied().chain([("service", "web")]).collect();
            metrics.count(name, &labels)
        };
        let class = |color: &'static str, class: &'static str| {
            count("teal_target_requests_total", &[("color", color), ("class", class)])
        };
        let color = |color: &'static str| {
            let all = count("teal_target_requests_total", &[("color", color)]);
            [all, class(color, "4xx"), class(color, "5xx"), class(color, "failed")]
        };
        Self {
            colors: [color("blue"), color("green")],
            teal: count("teal_requests_answered_total", &[("by", "teal")]),
            aborted: count("teal_requests_aborted_total", &[]),
        }
    }
}

/// Waits until all traffic up to now is in the points of a second; returns the sums.
#[track_caller]
fn assert_same_as_metrics(teal: &Teal) -> Sums {
    wait_for_ok(SOON, "the series adds up to the metrics", || {
        let metrics = Sums::of_metrics(&teal.metrics());
        let series = Sums::of_series(&series(teal, ""));
        if series == metrics { Ok(series) } else { Err(format!("{series:?} is not {metrics:?}")) }
    })
}

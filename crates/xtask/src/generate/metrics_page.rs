//! `docs/reference/metrics.md`: every metric, from the one list of names.

use std::fmt::Write as _;

use control::api::METRICS;

const OPENING: &str = "\
# Metrics

`GET /metrics` on the admin listener and on the admin socket, for Prometheus. Names and labels are
part of the contract. Labels have values from the configuration only, so their number is bounded.

The books of every service balance: accepted = answered + aborted + in flight. `service=\"\"` counts
requests that reached no service.

This page is generated from the code.

| metric | kind | labels | what it says |
|---|---|---|---|
";

/// The whole page.
pub(super) fn page() -> String {
    let mut page = OPENING.to_owned();
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        // infallible: into a String
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            metric.name,
            metric.kind.as_str(),
            labels.join(", "),
            metric.help
        );
    }
    page
}

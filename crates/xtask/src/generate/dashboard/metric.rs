//! The list of metrics, as the reference has it, and the check of a query against it.

use anyhow::{Context, Result, bail, ensure};

/// A metric of the reference.
#[derive(Clone, Debug)]
pub(super) struct Metric {
    pub(super) name: String,
    kind: String,
    pub(super) help: String,
}

/// Functions that make a rate or a difference of a counter.
const OF_COUNTERS: [&str; 4] = ["rate(", "increase(", "changes(", "resets("];

/// Every metric of the page.
pub(super) fn all(reference: &str) -> Result<Vec<Metric>> {
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `"));
    let metrics = rows.map(|row| {
        let (name, rest) = row.split_once("` | ").context("a row without a kind")?;
        let cells: Vec<&str> = rest.trim_end_matches(" |").split(" | ").collect();
        let (kind, help) = (cells.first(), cells.last());
        let (kind, help) = kind.zip(help).context("a row without a meaning")?;
        Ok(Metric { name: name.to_owned(), kind: (*kind).to_owned(), help: (*help).to_owned() })
    });
    let metrics: Vec<Metric> = metrics.collect::<Result<_>>()?;
    ensure!(!metrics.is_empty(), "the reference lists no metrics");
    Ok(metrics)
}

/// The metrics that a query names, in its order.
pub(super) fn named(expression: &str) -> impl Iterator<Item = &str> {
    let outside = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let words = expression.split(outside);
    words.filter(|word| word.starts_with("teal_") || word.starts_with("process_"))
}

/// The metric behind a name in a query; a histogram has three names.
pub(super) fn find<'m>(name: &str, metrics: &'m [Metric]) -> Option<&'m Metric> {
    let is_part = |metric: &&Metric| {
        metric.kind == "histogram"
            && ["_bucket", "_sum", "_count"]
                .iter()
                .any(|end| name.strip_suffix(end) == Some(&metric.name))
    };
    let exact = metrics.iter().find(|metric| metric.name == name && metric.kind != "histogram");
    exact.or_else(|| metrics.iter().find(is_part))
}

/// Checks that a query names metrics that exist, and counters only below a function of counters.
pub(super) fn check(expression: &str, metrics: &[Metric]) -> Result<()> {
    for name in named(expression) {
        let Some(metric) = find(name, metrics) else {
            bail!("{name} in `{expression}` is not a metric of docs/reference/metrics.md");
        };
        let before = expression.split(name).next().unwrap_or_default();
        let below = OF_COUNTERS.iter().any(|function| before.ends_with(function));
        ensure!(
            metric.kind == "gauge" || below,
            "{name} in `{expression}` is a {}: write its rate",
            metric.kind
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| metric | kind | labels | appears | meaning |\n|---|---|---|---|---|\n\
        | `teal_a` | gauge |  | always | A, b |\n| `teal_b_total` | counter | `c` | always | B |\n\
        | `teal_d` | histogram | `c`, `e` | always | D |\n";

    #[test]
    fn queries_of_other_metrics_and_bare_counters_are_refused() {
        let metrics = all(PAGE).expect("a list");
        assert_eq!(metrics[0].help, "A, b");
        for good in [
            "teal_a",
            "sum(rate(teal_b_total{c=\"x\"}[5m]))",
            "histogram_quantile(0.5, rate(teal_d_bucket[5m])) > teal_a",
        ] {
            check(good, &metrics).expect(good);
        }
        for bad in ["teal_aa", "teal_b_total", "rate(teal_d[5m])", "rate(teal_a_bucket[5m])"] {
            check(bad, &metrics).expect_err(bad);
        }
    }
}

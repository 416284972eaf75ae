//! `packaging/grafana/teal.json`: a dashboard for Grafana, whose queries use only metrics that Teal has.
//!
//! The panels are in `panels`, their JSON in `layout`. A metric that was renamed or removed, or a counter that is read
//! without a rate, fails the generation.

mod layout;
mod metric;
mod panels;

use anyhow::{Context, Result};

/// The dashboard, for the metrics in this reference page.
pub(super) fn document(reference: &str) -> Result<String> {
    let metrics = metric::all(reference)?;
    for panel in panels::ROWS.iter().flat_map(|row| row.panels) {
        for query in panel.queries {
            metric::check(query.expression, &metrics)
                .with_context(|| format!("the panel {:?} of the dashboard", panel.title))?;
        }
    }
    metric::check(panels::SWITCHES, &metrics).context("the annotation of the dashboard")?;
    let mut text = serde_json::to_string_pretty(&layout::dashboard(&metrics))?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md");
        std::fs::read_to_string(path).expect("the reference")
    }

    #[test]
    fn a_metric_that_was_renamed_is_found() {
        let said = document(&reference().replace("`teal_leases`", "`teal_holds`"));
        let said = format!("{:#}", said.expect_err("there is no such metric"));
        assert!(said.contains("teal_leases") && said.contains("panel"), "{said}");
    }

    #[test]
    fn panels_neither_overlap_nor_share_a_number() {
        let text = document(&reference()).expect("a dashboard");
        let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let panels = dashboard["panels"].as_array().expect("a list");
        let number = |panel: &serde_json::Value, key: &str| panel["gridPos"][key].as_u64();
        let mut seen = std::collections::HashSet::new();
        for panel in panels {
            assert!(seen.insert(panel["id"].as_u64()), "{panel}");
            let (x, w) = (number(panel, "x"), number(panel, "w"));
            assert!(x.zip(w).is_some_and(|(x, w)| x + w <= 24), "{panel}");
            for other in panels.iter().filter(|other| other["id"] != panel["id"]) {
                let place = |panel| (number(panel, "x"), number(panel, "y"));
                assert_ne!(place(panel), place(other), "{panel} and {other}");
            }
        }
        assert!(seen.len() > 20, "{}", seen.len());
    }
}

//! `packaging/grafana/teal.json` with a real Prometheus that scrapes a real Teal: every query of the dashboard is one, and
//! where there was traffic it has an answer.

use std::time::Duration;

use serde_json::Value;
use testkit::{Client, Prometheus, Settings, Target, Teal, wait_until};

use crate::{TEAL, file, read};

const SCRAPED_WITHIN: Duration = Duration::from_secs(30);

/// Panels that need an event that this test does not make: a drain that cuts, a deploy, a tunnel, a certificate.
const QUIET: [&str; 10] = [
    "teal_requests_aborted_total",
    "class=~\"5xx|failed\"",
    "by=\"teal\"",
    "teal_tunnels_open",
    "teal_requests_waiting",
    "teal_deploys_total",
    "teal_drain_cut_total",
    "teal_certificate_expiry_timestamp_seconds",
    "teal_target_certificate_expiry_timestamp_seconds",
    "changes(teal_service_generation",
];

/// Every query of the dashboard, as Grafana fills it in.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let annotations = dashboard["annotations"]["list"].as_array().expect("annotations").iter();
    let all = targets.chain(annotations).map(|query| query["expr"].as_str().expect("a query"));
    let filled = all.map(|text| {
        let text = text.replace("$__rate_interval", "1m").replace("$job", "teal");
        text.replace("$instance", ".*").replace("$service", ".*")
    });
    filled.collect()
}

#[test]
fn every_query_of_the_dashboard_is_answered_by_a_real_prometheus() {
    let dashboard: Value =
        serde_json::from_str(&read("packaging/grafana/teal.json")).expect("JSON");
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = Settings::of_urls(&[&blue.url()], &[&green.url()]);
    let teal = Teal::start_healthy(TEAL, &settings);
    let rules = file("packaging/prometheus/teal.rules.yml");
    let prometheus = Prometheus::start(&teal.admin().to_string(), &rules);
    wait_until(SCRAPED_WITHIN, "Prometheus scrapes Teal", || {
        prometheus.value("up{job=\"teal\"}").is_some_and(|up| up > 0.0)
    });
    let mut client = Client::connect(teal.listener());
    assert_eq!(client.get("/").status, 200);
    teal.switch_to("green");
    assert_eq!(client.get("/").status, 200);
    let queries = queries(&dashboard);
    assert!(queries.len() > 25, "{queries:?}");
    for query in &queries {
        assert!(!query.contains('$'), "a variable that is not known here: {query}");
        prometheus.query(query).unwrap_or_else(|why| panic!("{query}: {why}"));
        if QUIET.iter().any(|quiet| query.contains(quiet)) {
            continue;
        }
        wait_until(SCRAPED_WITHIN, &format!("{query} has a value"), || {
            prometheus.value(query).is_some()
        });
    }
    drop(client);
    teal.assert_books_balance();
}

//! Scrapes as Prometheus makes them: both formats, their size, and nothing lost over an upgrade.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::{Client, Prometheus, Settings, Target, Teal, run, wait_for, wait_until};

use crate::TEAL;
use crate::setup::{SOON, Setup};

const RULES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/prometheus/teal.rules.yml");
const RULE_TESTS: &str = "teal.rules.test.yml";
const ALERTS: &str = include_str!("../../../../packaging/prometheus/teal.rules.yml");
const GUIDE: &str = include_str!("../../../../docs/guide/operate.md");
const REFERENCE: &str = include_str!("../../../../docs/reference/metrics.md");
const LONG: Duration = Duration::from_secs(30);

/// The complaints of `promtool check metrics` about a page; empty if there are none.
fn lint(page: &str) -> String {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    promtool.stdin.take().expect("piped").write_all(page.as_bytes()).expect("taken");
    let output = promtool.wait_with_output().expect("an end");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Traffic of many kinds, so that many series are there.
fn traffic(setup: &Setup) {
    for path in ["/", "/a", "/b"] {
        assert_eq!(setup.client().get(path).status, 200);
    }
    let mut client = setup.client();
    client.send("BAD\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    setup.teal.switch_to("green");
    assert_eq!(setup.client().get("/").status, 200);
    assert_eq!(setup.teal.switch("purple", "").status, 400);
}

#[test]
fn r71_pages_in_both_formats_are_what_promtool_and_openmetrics_want() {
    let setup = Setup::with(|settings| settings.extra("[metrics]\nlisten = \"127.0.0.1:0\"\n"));
    traffic(&setup);
    let text = setup.teal.ask("GET", "/metrics", &[]);
    let kind = text.fields.get("content-type");
    assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(lint(&text.text()), "", "{}", text.text());
    let accept = [("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let open = setup.teal.ask("GET", "/metrics", &accept);
    let kind = open.fields.get("content-type");
    assert_eq!(kind, Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(open.text().ends_with("\n# EOF\n"));
    // A sample for each series, once.
    let page = open.text();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let series: Vec<_> = lines.filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
    let distinct: HashSet<_> = series.iter().collect();
    assert_eq!(distinct.len(), series.len());
    setup.finish();
}

#[test]
fn r71_a_scrape_of_many_idle_services_is_small() {
    const SERVICES: usize = 300;
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut services = String::new();
    for number in 0..SERVICES {
        let hosts = format!("name = \"s{number}\"\nhosts = [\"s{number}.test\"]\n");
        let blue = format!("blue = {{ targets = [\"{}\"] }}\n", blue.url());
        let green = format!("green = {{ targets = [\"{}\"] }}\n", green.url());
        services.extend(["[[service]]\n", &hosts, &blue, &green]);
    }
    let teal = Teal::start(TEAL, &Settings::new(&blue, &green).extra(&services));
    let up = || teal.metrics().count("teal_target_up", &[]) == 2 * (SERVICES as u64 + 1);
    wait_until(LONG, "every target is up", up);
    let idle = teal.ask("GET", "/metrics", &[]).text();
    // So that 2,000 services are under 4 MB, with room.
    assert!(idle.len() < SERVICES * 1_000, "{} bytes for {SERVICES} services", idle.len());
    let mut client = Client::connect(teal.listener());
    client.send("GET / HTTP/1.1\r\nHost: s7.test\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    let used = teal.ask("GET", "/metrics", &[]).text();
    assert!(used.len() < idle.len() + 8_000, "{} more for one service", used.len() - idle.len());
    teal.assert_books_balance();
}

#[test]
fn r71_a_real_prometheus_loses_no_series_and_sees_no_counter_fall_over_an_upgrade() {
    // L8
    let mut setup = Setup::new();
    traffic(&setup);
    let prometheus = Prometheus::start(&setup.teal.admin().to_string(), Path::new(RULES));
    let up = || prometheus.value("up{job=\"teal\"}").is_some_and(|up| up > 0.0);
    wait_until(LONG, "the target is up", up);
    let page = setup.teal.ask("GET", "/metrics", &[]).text();
    let samples = page.lines().filter(|line| !line.starts_with('#')).count();
    let taken = || prometheus.value("scrape_samples_scraped{job=\"teal\"}");
    wait_until(SOON * 2, "a scrape of every sample", || taken() == Some(samples as f64));
    let switched = "sum(teal_switches_total)";
    let before = prometheus.value(switched);
    assert!(before.is_some_and(|count| count > 0.0), "{before:?}");
    setup.teal.write_config("no = \"configuration\"");
    assert_eq!(setup.teal.ask("POST", "/admin/reload", &[]).status, 400);
    setup.teal.write_settings(&setup.settings());
    let refused = || prometheus.value("teal_reloads_total{outcome=\"refused\"}") == Some(1.0);
    wait_until(SOON * 2, "the refused reload is counted", refused);

    setup.teal.upgrade();
    assert_eq!(setup.client().get("/").status, 200);
    let upgraded = || prometheus.value("teal_upgrades_total{outcome=\"done\"}") == Some(1.0);
    wait_until(SOON * 4, "the upgrade is counted", upgraded);
    let counters =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"));
    for counter in counters.filter(|name| name.starts_with("teal_")) {
        let fell = prometheus.value(&format!("sum(resets({counter}[5m]))"));
        assert!(fell.is_none_or(|times| times < 0.5), "{counter} fell over the upgrade: {fell:?}");
    }
    let count = "sum(resets(teal_request_duration_seconds_count[5m]))";
    assert_eq!(prometheus.value(count), Some(0.0));
    assert_eq!(prometheus.value(switched), before);
    assert_eq!(prometheus.value("min_over_time(up{job=\"teal\"}[30s])"), Some(1.0));

    let rules = wait_for(SOON * 2, "all rules are evaluated", || {
        let rules = prometheus.get("/api/v1/rules")?["groups"][0]["rules"].clone();
        let rules = rules.as_array()?.clone();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    let sick: Vec<_> = rules.iter().filter(|rule| rule["health"] != "ok").collect();
    assert!(sick.is_empty() && rules.len() > 20, "{sick:?}");
    drop(prometheus);
    setup.finish();
}

#[test]
fn r72_the_rules_are_right_and_fire_when_they_should() {
    let directory = Path::new(RULES).parent().expect("a directory").display().to_string();
    let checked = run(Path::new("promtool"), ["check", "rules", RULES], &[], LONG);
    checked.assert_code(0);
    let script = format!("cd '{directory}' && promtool test rules {RULE_TESTS}");
    let tested = run(Path::new("sh"), ["-c", &*script], &[], LONG);
    tested.assert_code(0);
    assert!(tested.all().contains("SUCCESS"), "{}", tested.all());
}

/// The names of metrics in a text.
fn metrics_in(text: &str) -> HashSet<&str> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    // A package is called teal_0.1.0_amd64.deb.
    let is_plain = |name: &&str| !name.bytes().any(|byte| byte.is_ascii_digit());
    let names =
        text.split(word).filter(|word| word.starts_with("teal_") || word.starts_with("process_"));
    names.filter(is_plain).collect()
}

#[test]
fn r72_every_alert_is_in_the_guide_and_every_metric_in_the_reference() {
    let alerts: Vec<_> =
        ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 20, "{alerts:?}");
    for alert in &alerts {
        assert!(GUIDE.contains(&format!("| `{alert}` |")), "{alert} is not in operate.md");
    }
    let rows = GUIDE.lines().filter_map(|line| line.strip_prefix("| `Teal")?.split_once('`'));
    for (rest, _) in rows {
        assert!(
            alerts.contains(&&*format!("Teal{rest}")),
            "Teal{rest} is in operate.md, but no rule"
        );
    }
    let known = metrics_in(REFERENCE);
    for text in [ALERTS, GUIDE] {
        for name in metrics_in(text) {
            assert!(known.contains(name), "{name} is not a metric");
        }
    }
}

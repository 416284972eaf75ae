//! Events for operators: reloads, upgrades, handshakes, limits, drains, and the process itself.

use testkit::{Client, Health, Pki, Trust, wait_until};

use crate::stage::{SOON, Stage};
use crate::upgrade::LEFT;

#[test]
fn r72_a_refused_reload_is_seen_until_one_is_accepted() {
    let stage = Stage::new();
    let gauge = |name: &str| stage.teal.metrics().sum(name, &[]);
    let outcome =
        |outcome| stage.teal.metrics().count("teal_reloads_total", &[("outcome", outcome)]);
    assert!(gauge("teal_config_last_reload_successful") > 0.5);
    let started = gauge("teal_config_last_reload_success_timestamp_seconds");
    assert!(started > 1.7e9, "{started}");
    stage.teal.write_config("no = \"configuration\"");
    assert_ne!(stage.teal.cli(&["reload"]).code, Some(0));
    assert!(gauge("teal_config_last_reload_successful") < 0.5);
    assert_eq!((outcome("refused"), outcome("done"), outcome("unchanged")), (1, 0, 0));
    assert!((gauge("teal_config_last_reload_success_timestamp_seconds") - started).abs() < 1e-6);
    stage.teal.write_settings(&stage.settings());
    stage.teal.cli(&["reload"]).assert_code(0);
    assert!(gauge("teal_config_last_reload_successful") > 0.5);
    stage.teal.write_settings(&stage.settings().drain("7s"));
    stage.teal.cli(&["reload"]).assert_code(0);
    assert_eq!((outcome("refused"), outcome("done"), outcome("unchanged")), (1, 1, 1));
    assert!(gauge("teal_config_last_reload_success_timestamp_seconds") > started);
    stage.finish();
}

#[test]
fn r72_counts_of_the_control_plane_go_on_over_upgrades_and_over_removal() {
    // L8
    let mut stage = Stage::new();
    stage.teal.switch_to("green");
    stage.teal.switch_to("blue");
    stage.teal.write_config("no = \"configuration\"");
    assert_ne!(stage.teal.cli(&["reload"]).code, Some(0));
    stage.teal.write_settings(&stage.settings());
    let switches = [("service", "web"), ("result", "drained")];
    for upgrades in 1..=2 {
        stage.teal.upgrade();
        let done = [("outcome", "done")];
        let counted = || stage.teal.metrics().count("teal_upgrades_total", &done) == upgrades;
        wait_until(SOON, "the upgrade is counted", counted);
        let metrics = stage.teal.metrics();
        assert_eq!(metrics.count("teal_switches_total", &switches), 2);
        assert_eq!(metrics.count("teal_reloads_total", &[("outcome", "refused")]), 1);
        assert_eq!(metrics.count("teal_older_present", &[]), 1);
    }
    let gone = || stage.teal.metrics().count("teal_older_present", &[]) == 0;
    wait_until(LEFT, "the older ones have gone", gone);
    assert_eq!(stage.teal.metrics().count("teal_switches_total", &switches), 2);
    // Removed, and added again.
    let other = stage.settings().service("name", "\"other\"");
    stage.teal.write_settings(&other);
    stage.teal.cli(&["reload"]).assert_code(0);
    assert_eq!(stage.teal.metrics().count("teal_switches_total", &switches), 0);
    stage.teal.write_settings(&stage.settings());
    stage.teal.cli(&["reload"]).assert_code(0);
    assert_eq!(stage.teal.metrics().count("teal_switches_total", &switches), 2);
    stage.finish();
}

#[test]
fn r72_an_upgrade_that_fails_is_counted() {
    let mut stage = Stage::new();
    stage.teal.write_config("no = \"configuration\"");
    let answer = stage.teal.try_upgrade();
    assert_ne!(answer.status, 200, "{}", answer.text());
    let failed = [("outcome", "failed")];
    assert_eq!(stage.teal.metrics().count("teal_upgrades_total", &failed), 1);
    assert_eq!(stage.teal.metrics().count("teal_upgrades_total", &[("outcome", "done")]), 0);
    stage.finish();
}

#[test]
fn r72_handshakes_that_fail_are_counted_by_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("a", &["a.test"]);
    let stage = Stage::with(|settings| {
        let certificate = format!(
            "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
            pair.cert.display(),
            pair.key.display()
        );
        let settings = settings.listener_key("tls", "true").timeouts("tls_hello = \"2s\"");
        settings.extra(&certificate)
    });
    let address = stage.teal.listener();
    let mut plain = Client::connect(address);
    plain.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(plain.answer().status, 400);
    drop(plain);
    assert!(pki.trust(Some("b.test")).connect(address).is_err());
    let strangers = tempfile::tempdir().expect("a directory");
    let stranger: Trust = Pki::new(strangers.path()).trust(Some("a.test"));
    assert!(stranger.connect(address).is_err());
    drop(Client::connect(address));
    let silent = Client::connect(address);
    let counted = |reason| {
        stage.teal.metrics().count("teal_tls_handshake_failures_total", &[("reason", reason)])
    };
    for reason in ["not_tls", "unknown_name", "refused", "closed", "timeout"] {
        wait_until(SOON, reason, || counted(reason) == 1);
    }
    assert_eq!(counted("other"), 0);
    drop(silent);
    stage.finish();
}

#[test]
fn r72_the_limit_of_connections_is_seen_when_it_is_reached() {
    let stage = Stage::with(|settings| settings.limits("connections", "32"));
    let count = |name: &str| stage.teal.metrics().count(name, &[]);
    assert_eq!(count("teal_connections_limit"), 32);
    assert_eq!(count("teal_connections_limit_reached_total"), 0);
    let mut clients: Vec<_> = (0..32).map(|_| stage.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    let mut late = stage.client();
    assert_eq!(late.get("/").status, 200, "an idle one was given up for it");
    assert!(count("teal_connections_limit_reached_total") >= 1);
    assert!(count("teal_connections_given_up_total") >= 1);
    drop(clients);
    stage.finish();
}

#[test]
fn r72_the_age_of_a_drain_probes_calls_and_the_process_are_reported() {
    let stage = Stage::new();
    let (mut held, gate) = stage.held_on_blue();
    let answer = stage.teal.switch("green", "&wait=published&drain=60s");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let blue = [("service", "web"), ("color", "blue")];
    let age = || stage.teal.metrics().sum("teal_oldest_lease_seconds", &blue);
    wait_until(SOON, "the lease grows old", || age() > 1.0);
    let metrics = stage.teal.metrics();
    for name in ["teal_target_probe_duration_seconds", "process_cpu_seconds_total"] {
        assert!(metrics.sum(name, &[]) > 0.0, "{name}");
    }
    let probes = [("color", "green"), ("address", &*stage.green.address().to_string())]
        .map(|(label, value)| (label, value.to_owned()));
    let probes: Vec<_> = probes.iter().map(|(label, value)| (*label, &**value)).collect();
    assert!(metrics.has("teal_target_probe_duration_seconds", &probes));
    let started = metrics.sum("process_start_time_seconds", &[]);
    assert!(started > 1.7e9, "{started}");
    assert!(metrics.sum("process_resident_memory_bytes", &[]) > 1e6);
    assert!(metrics.sum("process_open_fds", &[]) > 10.0);
    assert!(metrics.sum("process_max_fds", &[]) > metrics.sum("process_open_fds", &[]));
    assert_eq!(metrics.count("teal_calls", &[]), 0);
    // A call that waits for the gate.
    stage.blue.health(Health::Status(503));
    stage.teal.wait_healthy("blue", false);
    let waiting = crate::stage::beside(&stage.teal, &["switch", "blue", "--wait-healthy", "30s"]);
    wait_until(SOON, "the call is seen", || stage.teal.metrics().count("teal_calls", &[]) == 1);
    let waits = || stage.teal.metrics().sum("teal_calls_oldest_seconds", &[]);
    wait_until(SOON, "it waits", || waits() > 0.2);
    gate.open();
    assert_eq!(held.answer().status, 200);
    stage.teal.switch_to("green"); // supersedes it
    assert_ne!(waiting.join().expect("no panic").code, Some(0));
    stage.finish();
}

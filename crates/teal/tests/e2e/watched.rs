//! Events for operators: reloads, upgrades, handshakes, limits, drains, and the process itself.

use testkit::{Client, Health, Pki, Trust, wait_until};

use crate::setup::{SOON, Setup};
use crate::upgrade::LEFT;

#[test]
fn r72_a_refused_reload_is_seen_until_one_is_accepted() {
    let setup = Setup::new();
    let gauge = |name: &str| setup.teal.metrics().sum(name, &[]);
    let outcome =
        |outcome| setup.teal.metrics().count("teal_reloads_total", &[("outcome", outcome)]);
    assert!(gauge("teal_config_last_reload_successful") > 0.5);
    let started = gauge("teal_config_last_reload_success_timestamp_seconds");
    assert!(started > 1.7e9, "{started}");
    setup.teal.write_config("no = \"configuration\"");
    assert_ne!(setup.teal.cli(&["reload"]).code, Some(0));
    assert!(gauge("teal_config_last_reload_successful") < 0.5);
    assert_eq!((outcome("refused"), outcome("done"), outcome("unchanged")), (1, 0, 0));
    assert!((gauge("teal_config_last_reload_success_timestamp_seconds") - started).abs() < 1e-6);
    setup.teal.write_settings(&setup.settings());
    setup.teal.cli(&["reload"]).assert_code(0);
    assert!(gauge("teal_config_last_reload_successful") > 0.5);
    setup.teal.write_settings(&setup.settings().drain("7s"));
    setup.teal.cli(&["reload"]).assert_code(0);
    assert_eq!((outcome("refused"), outcome("done"), outcome("unchanged")), (1, 1, 1));
    assert!(gauge("teal_config_last_reload_success_timestamp_seconds") > started);
    setup.finish();
}

#[test]
fn r72_counts_of_the_control_plane_go_on_over_upgrades_and_over_removal() {
    // L8
    let mut setup = Setup::new();
    setup.teal.switch_to("green");
    setup.teal.switch_to("blue");
    setup.teal.write_config("no = \"configuration\"");
    assert_ne!(setup.teal.cli(&["reload"]).code, Some(0));
    setup.teal.write_settings(&setup.settings());
    let switches = [("service", "web"), ("result", "drained")];
    for upgrades in 1..=2 {
        setup.teal.upgrade();
        let done = [("outcome", "done")];
        let counted = || setup.teal.metrics().count("teal_upgrades_total", &done) == upgrades;
        wait_until(SOON, "the upgrade is counted", counted);
        let metrics = setup.teal.metrics();
        assert_eq!(metrics.count("teal_switches_total", &switches), 2);
        assert_eq!(metrics.count("teal_reloads_total", &[("outcome", "refused")]), 1);
        assert_eq!(metrics.count("teal_older_present", &[]), 1);
    }
    let gone = || setup.teal.metrics().count("teal_older_present", &[]) == 0;
    wait_until(LEFT, "the older ones have gone", gone);
    assert_eq!(setup.teal.metrics().count("teal_switches_total", &switches), 2);
    // Removed, and added again.
    let other = setup.settings().service("name", "\"other\"");
    setup.teal.write_settings(&other);
    setup.teal.cli(&["reload"]).assert_code(0);
    assert_eq!(setup.teal.metrics().count("teal_switches_total", &switches), 0);
    setup.teal.write_settings(&setup.settings());
    setup.teal.cli(&["reload"]).assert_code(0);
    assert_eq!(setup.teal.metrics().count("teal_switches_total", &switches), 2);
    setup.finish();
}

#[test]
fn r72_an_upgrade_that_fails_is_counted() {
    let mut setup = Setup::new();
    setup.teal.write_config("no = \"configuration\"");
    let answer = setup.teal.try_upgrade();
    assert_ne!(answer.status, 200, "{}", answer.text());
    let failed = [("outcome", "failed")];
    assert_eq!(setup.teal.metrics().count("teal_upgrades_total", &failed), 1);
    assert_eq!(setup.teal.metrics().count("teal_upgrades_total", &[("outcome", "done")]), 0);
    setup.finish();
}

#[test]
fn r72_handshakes_that_fail_are_counted_by_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("a", &["a.test"]);
    let setup = Setup::with(|settings| {
        let certificate = format!(
            "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
            pair.cert.display(),
            pair.key.display()
        );
        let settings = settings.listener_key("tls", "true").timeouts("tls_hello = \"2s\"");
        settings.extra(&certificate)
    });
    let address = setup.teal.listener();
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
        setup.teal.metrics().count("teal_tls_handshake_failures_total", &[("reason", reason)])
    };
    for reason in ["not_tls", "unknown_name", "refused", "closed", "timeout"] {
        wait_until(SOON, reason, || counted(reason) == 1);
    }
    assert_eq!(counted("other"), 0);
    drop(silent);
    setup.finish();
}

#[test]
fn r72_the_limit_of_connections_is_seen_when_it_is_reached() {
    let setup = Setup::with(|settings| settings.limits("connections", "32"));
    let count = |name: &str| setup.teal.metrics().count(name, &[]);
    assert_eq!(count("teal_connections_limit"), 32);
    assert_eq!(count("teal_connections_limit_reached_total"), 0);
    let mut clients: Vec<_> = (0..32).map(|_| setup.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    let mut late = setup.client();
    assert_eq!(late.get("/").status, 200, "an idle one was given up for it");
    assert!(count("teal_connections_limit_reached_total") >= 1);
    assert!(count("teal_connections_given_up_total") >= 1);
    drop(clients);
    setup.finish();
}

#[test]
fn r72_the_age_of_a_drain_probes_calls_and_the_process_are_reported() {
    let setup = Setup::new();
    let (mut held, gate) = setup.held_on_blue();
    let answer = setup.teal.switch("green", "&wait=published&drain=60s");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let blue = [("service", "web"), ("color", "blue")];
    let age = || setup.teal.metrics().sum("teal_oldest_lease_seconds", &blue);
    wait_until(SOON, "the lease grows old", || age() > 1.0);
    let metrics = setup.teal.metrics();
    for name in ["teal_target_probe_duration_seconds", "process_cpu_seconds_total"] {
        assert!(metrics.sum(name, &[]) > 0.0, "{name}");
    }
    let probes = [("color", "green"), ("address", &*setup.green.address().to_string())]
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
    setup.blue.health(Health::Status(503));
    setup.teal.wait_healthy("blue", false);
    let waiting = crate::setup::beside(&setup.teal, &["switch", "blue", "--wait-healthy", "30s"]);
    wait_until(SOON, "the call is seen", || setup.teal.metrics().count("teal_calls", &[]) == 1);
    let waits = || setup.teal.metrics().sum("teal_calls_oldest_seconds", &[]);
    wait_until(SOON, "it waits", || waits() > 0.2);
    gate.open();
    assert_eq!(held.answer().status, 200);
    setup.teal.switch_to("green"); // supersedes it
    assert_ne!(waiting.join().expect("no panic").code, Some(0));
    setup.finish();
}

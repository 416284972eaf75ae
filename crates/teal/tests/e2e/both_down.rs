//! Both colors down, and how soon a failure is found.

use std::time::{Duration, Instant};

use testkit::{Behavior, Health, wait_until};

use crate::setup::{SOON, Setup};

#[test]
fn with_both_colors_down_clients_get_a_502_and_service_comes_back_by_itself() {
    let setup = Setup::new();
    setup.blue.stop();
    setup.green.stop();
    let answer = setup.client().get("/");
    assert_eq!(answer.status, 502);
    assert!(answer.text().starts_with("Backend unavailable"), "{}", answer.text());
    assert!(answer.fields.get("proxy-status").is_some());
    setup.teal.wait_healthy("blue", false);
    setup.teal.wait_healthy("green", false);
    // With no healthy target of the active color all its targets are tried.
    assert_eq!(setup.client().get("/").status, 502);
    assert_eq!(setup.teal.switch("green", "").status, 412);
    // A command for the color that is active already has nothing to do, and says that it is down.
    let already = setup.teal.cli(&["switch", "blue"]);
    already.assert_code(0);
    assert!(
        already.stdout.starts_with("Already on blue\nWarning: blue is not healthy: "),
        "{}",
        already.all()
    );
    assert!(already.stdout.contains("connection refused"), "{}", already.all());
    let already = setup.teal.cli(&["switch", "blue", "--json"]).stdout;
    let already: serde_json::Value = serde_json::from_str(&already).expect(&already);
    let reason = already["unhealthy"].as_str().unwrap_or_default();
    assert!(reason.contains("connection refused"), "{already}");
    assert_eq!(setup.teal.ask("GET", "/readyz", &[]).status, 200);

    setup.blue.restart();
    wait_until(SOON, "blue answers again", || setup.client().get("/").status == 200);
    setup.finish();
}

#[test]
fn a_refused_connection_is_found_within_an_interval_and_fall_fast_probes() {
    let setup = Setup::new();
    setup.green.stop();
    let begun = Instant::now();
    setup.teal.wait_healthy("green", false);
    // interval 200 ms + fall 2 x fast_interval 50 ms, and room for a busy machine.
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    setup.finish();
}

#[test]
fn a_frozen_target_is_found_within_the_promised_bound() {
    let setup = Setup::new();
    setup.green.health(Health::Hang);
    let begun = Instant::now();
    setup.teal.wait_healthy("green", false);
    // interval 200 ms + fall 2 x (timeout 500 ms + fast_interval 50 ms), and room.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let probe = &setup.teal.color("green")["targets"][0]["last_probe"];
    let reason = probe["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("timed out"), "{probe}");
    setup.finish();
}

#[test]
fn a_probe_names_the_fault() {
    // A9
    let setup = Setup::new();
    for (health, word) in [
        (Health::Status(503), "503"),
        (Health::Redirect("/login".to_owned()), "302"),
        (Health::EndlessBody, "64 KiB"),
        (Health::Slow(Duration::from_secs(5)), "timed out"),
    ] {
        setup.green.health(health);
        setup.teal.wait_healthy("green", false);
        wait_until(SOON, "the last probe has the reason", || {
            let target = &setup.teal.color("green")["targets"][0];
            let reason = target["last_probe"]["reason"].as_str().unwrap_or_default().to_owned();
            target["health"] == "down" && reason.contains(word)
        });
        let refused = setup.teal.switch("green", "");
        assert_eq!(refused.status, 412, "{}", refused.text());
        assert!(refused.text().contains(word), "{}", refused.text());
        setup.green.health(Health::Healthy);
        setup.teal.wait_healthy("green", true);
    }
    setup.finish();
}

#[test]
fn a_target_that_answers_errors_is_not_hidden_from_clients() {
    let setup = Setup::new();
    setup.blue.behave(Behavior::raw("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"));
    let answer = setup.client().get("/");
    assert_eq!((answer.status, answer.text().as_str()), (503, "busy"));
    setup.finish();
}

//! The watched time after a switch.

use std::time::{Duration, Instant};

use testkit::{Behavior, Client, Gate, Settings, Step, Target, Teal, wait_for, wait_until};

use crate::{SOON, TEAL, newest, settings, under_load};

const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";

/// A target half of whose answers are errors under the load of these tests.
fn half_broken(name: &str) -> Target {
    let target = Target::start(name);
    target.behave_at("/broken", Behavior::raw(BROKEN));
    target
}

/// Waits until the traffic of blue is in the series, as far as it matters.
fn known(teal: &Teal, requests: u64) {
    wait_until(SOON, "blue has a history", || {
        let (_, series) = teal.ask_json("GET", "/admin/series");
        let points = series["services"][0]["blue"]["requests"].as_array().cloned();
        let sum: u64 = points.iter().flatten().filter_map(serde_json::Value::as_u64).sum();
        sum >= requests
    });
}

#[test]
fn a_version_that_fails_every_other_request_is_taken_back_within_a_second() {
    // L12
    let (blue, green) = (Target::start("blue"), half_broken("green"));
    let teal = Teal::start_healthy(TEAL, &settings(&blue, &green, r#"{ bake = "10m" }"#));
    let ((took, hit), answers) = under_load(teal.listener(), |answers| {
        known(&teal, 1000);
        let before = answers.failed();
        assert_eq!(before, 0, "blue answers well");
        teal.switch("green", "&wait=published&version=v2");
        let began = Instant::now();
        wait_until(SOON, "traffic is back", || teal.active() == "blue");
        let took = began.elapsed();
        wait_until(SOON, "the drain of green is over", || teal.color("green")["drained"] == true);
        (took, answers.failed())
    });
    assert!(took < Duration::from_secs(1), "it took {took:?}");
    assert!(answers.failed() == hit && hit > 0, "{answers:?}: nobody is hit after the drain");
    println!("taken back in {took:?}; {hit} requests of {} failed", answers.good() + hit);
    let rollout = newest(&teal);
    assert_eq!((&rollout["state"], &rollout["version"]), (&"rolled_back".into(), &"v2".into()));
    let verdict = rollout["verdict"].as_str().expect("a verdict").to_owned();
    assert!(verdict.contains("requests failed; blue had 0 of "), "{verdict}");
    let receipt = teal.receipt(teal.generation());
    assert_eq!((&receipt["cause"], &receipt["reason"]), (&"rollback".into(), &verdict.into()));
    assert_eq!(receipt["actor"], "teal");
    let metrics = teal.metrics();
    let state =
        |state| metrics.count("teal_rollout_state", &[("service", "web"), ("state", state)]);
    assert_eq!((state("rolled_back"), state("baking")), (1, 0));
    let refused = teal.cli(&["switch", "green"]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("Teal took web back from green v2"), "{refused:?}");
    let shown = teal.cli(&["rollout", "status"]);
    assert!(shown.stdout.starts_with("Rollout 1 of v2 of web to green: rolled_back"), "{shown:?}");
    let again = teal.cli(&["switch", "green", "--supersede"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(newest(&teal)["takes_back"], false, "a version is taken back once");
    teal.assert_books_balance();
}

#[test]
fn a_good_version_stays_and_an_upgrade_goes_on_watching_a_bad_one() {
    // L7 L12
    let (blue, green) = (Target::start("blue"), half_broken("green"));
    let mut teal = Teal::start_healthy(TEAL, &settings(&blue, &green, r#"{ bake = "2s" }"#));
    let (baking, _) = under_load(teal.listener(), |answers| {
        known(&teal, 500);
        teal.switch("green", "&wait=published&version=v1");
        green.behave_at("/broken", Behavior::Echo);
        let status = teal.cli(&["status"]);
        let end = wait_for(SOON, "its time is over", || {
            Some(newest(&teal)).filter(|rollout| rollout["ended"].is_string())
        });
        (status.stdout, end, answers.failed())
    });
    let (status, end, _) = baking;
    assert!(status.contains("Rollout 1 of v1 of web to green: baking"), "{status}");
    assert_eq!(end["state"], "done", "{end}");
    assert_eq!(teal.active(), "green");
    teal.switch_to("blue");
    green.behave_at("/broken", Behavior::raw(BROKEN));
    teal.write_settings(&settings(&blue, &green, r#"{ bake = "10m" }"#));
    assert_eq!(teal.cli(&["reload"]).code, Some(0));
    teal.switch("green", "&version=v2");
    teal.upgrade();
    assert_eq!(newest(&teal)["state"], "baking", "the newer Teal has it");
    under_load(teal.listener(), |_| {
        wait_until(SOON, "traffic is back", || teal.active() == "blue");
    });
    assert_eq!(newest(&teal)["state"], "rolled_back");
}

#[test]
fn the_past_of_an_older_teal_is_no_evidence_against_a_version_of_now() {
    // L7 L12
    const PAST: u64 = 400;
    const HELD: usize = 20;
    let (blue, green) = (Target::start("blue"), half_broken("green"));
    let gate = Gate::default();
    let fails_late = [Step::WaitFor(gate.clone()), Step::Send(BROKEN.into())];
    green.behave_at("/held", Behavior::Script(fails_late.to_vec()));
    let mut teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
    let ask = |times: u64, path: &str| {
        let mut client = Client::connect(teal.listener());
        for _ in 0..times {
            client.get(path);
        }
    };
    teal.switch_to("green");
    ask(PAST, "/broken");
    teal.switch_to("blue");
    ask(2 * PAST, "/");
    let rollout = r#"{ bake = "10m", judge = { min_clients = 1 } }"#;
    teal.write_settings(&settings(&blue, &green, rollout));
    assert_eq!(teal.cli(&["reload"]).code, Some(0));
    teal.switch_to("green");
    let mut held: Vec<Client> = (0..HELD).map(|_| Client::connect(teal.listener())).collect();
    for client in &mut held {
        client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let arrived = || green.seen().requests_to("/held").len();
    wait_until(SOON, "the older Teal waits for green", || arrived() == HELD);
    teal.upgrade();
    let mut client = Client::connect(teal.listener());
    let evidence_after = |asked: u64| {
        wait_for(SOON, "the newer Teal has looked", || {
            let evidence = newest(&teal)["evidence"][0].clone();
            Some(evidence).filter(|evidence| evidence["requests"].as_u64() >= Some(asked))
        })
    };
    evidence_after(0);
    gate.open();
    for client in &mut held {
        assert_eq!(client.answer().status, 500);
    }
    let ended = || teal.metrics().count("teal_target_requests_total", &[("color", "green")]);
    wait_until(SOON, "the counters of the older Teal have come", || ended() >= PAST + HELD as u64);
    client.get("/");
    let evidence = evidence_after(1);
    assert_eq!((&evidence["requests"], &evidence["failed"]), (&1.into(), &0.into()), "{evidence}");
    assert_eq!(newest(&teal)["state"], "baking");
}

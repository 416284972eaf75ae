//! Answers to a caller about a change, in text and in JSON.

use std::time::Duration;

use control::{
    DrainWatch, HoldInForce, Reloaded, Resumed, Stuck, Switched, Upgraded, WarmUpResult,
};
use rules::{Color, Cut, DrainEnd, Generation, Refusal};

use crate::fixture::Fixture;
use crate::sample::{target, web};

const SWITCH: &str = "/admin/switch?to=green";

fn published(drain: DrainWatch) -> Switched {
    Switched::Published {
        service: web(),
        from: Color::Blue,
        to: Color::Green,
        cause: rules::Cause::Switch,
        generation: Generation(8),
        drain,
        warm_up: None,
    }
}

fn answer_with(fixture: &Fixture, switched: Switched) {
    let services = vec![switched];
    fixture.script(|script| script.on_switch = Box::new(move |_| Ok(services.clone())));
}

#[tokio::test]
async fn a_switch_is_answered_in_the_words_of_the_article() {
    let fixture = Fixture::new().await;
    answer_with(&fixture, published(DrainWatch::ended(DrainEnd::Drained)));
    let reply = fixture.ask("POST", SWITCH, &[]).await;
    let text = "Switched from blue to green\nGeneration: 8\nblue is drained: safe to stop\n";
    assert_eq!((reply.status, &*reply.body), (200, text));
    let already = |drain| Switched::AlreadyOn {
        service: web(),
        color: Color::Green,
        generation: Generation(8),
        drain,
        unhealthy: None,
        shortened: None,
    };
    answer_with(&fixture, already(None));
    assert_eq!(fixture.ask("POST", SWITCH, &[]).await.body, "Already on green\n");
    let reason = "http://green: connection refused";
    let dead = Switched::AlreadyOn {
        service: web(),
        color: Color::Green,
        generation: Generation(8),
        drain: None,
        unhealthy: Some(reason.to_owned()),
        shortened: None,
    };
    answer_with(&fixture, dead.clone());
    let reply = fixture.ask("POST", SWITCH, &[]).await;
    let text =
        "Already on green\nWarning: green is not healthy: http://green: connection refused\n";
    assert_eq!((reply.status, &*reply.body), (200, text));
    answer_with(&fixture, dead);
    let json = fixture.ask("POST", SWITCH, &[("accept", "application/json")]).await.body;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["result"], &json["unhealthy"]), (&"already".into(), &reason.into()));
    answer_with(&fixture, already(Some(DrainWatch::ended(DrainEnd::Drained))));
    let body = fixture.ask("POST", SWITCH, &[]).await.body;
    assert_eq!(body, "Already on green\nblue is drained: safe to stop\n");
    fixture.stop().await;
}

// L3
#[tokio::test]
async fn a_warm_up_is_told_in_text_and_in_json() {
    let fixture = Fixture::new().await;
    let reason = "http://green: GET /login: 500 Internal Server Error";
    for (failed, told, line) in [
        (0, None, "Warm-up: 50 requests in 1.5s".to_owned()),
        (2, Some(reason), format!("Warm-up: 2 of 50 requests failed in 1.5s, first {reason}")),
    ] {
        let took = Duration::from_millis(1500);
        let result = WarmUpResult { requests: 50, failed, reason: told.map(str::to_owned), took };
        let mut switched = published(DrainWatch::ended(DrainEnd::Drained));
        if let Switched::Published { warm_up, .. } = &mut switched {
            *warm_up = Some(result);
        }
        answer_with(&fixture, switched);
        let text = fixture.ask("POST", SWITCH, &[]).await.body;
        assert_eq!(text.lines().nth(2), Some(&*line), "{text}");
        let json = fixture.ask("POST", SWITCH, &[("accept", "application/json")]).await.body;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["warm_up"]["requests"], 50);
        assert_eq!(json["warm_up"]["failed"], failed);
        assert_eq!(json["warm_up"].get("reason").and_then(|reason| reason.as_str()), told);
    }
}

#[tokio::test]
async fn the_end_of_the_drain_is_reported_in_text_and_in_json() {
    let fixture = Fixture::new().await;
    let cut = Cut { unanswered: 1, answering: 2, tunnels: 3 };
    for (end, state, words) in [
        (DrainEnd::Drained, "drained", "blue is drained: safe to stop"),
        (DrainEnd::Cut(cut), "cut", "the deadline cut 6 (1 without an answer, 2 while answering"),
        (
            DrainEnd::Superseded { by: Generation(9) },
            "superseded",
            "superseded by generation 9: do not stop blue",
        ),
        (DrainEnd::Interrupted, "interrupted", "interrupted: do not stop blue"),
    ] {
        answer_with(&fixture, published(DrainWatch::ended(end)));
        let body = fixture.ask("POST", SWITCH, &[]).await.body;
        assert!(body.contains(words), "{body}");
        let (status, json) = fixture.json("POST", SWITCH).await;
        assert_eq!((status, &json["drain"]["state"]), (200, &state.into()), "{json}");
        assert_eq!(json["drain"]["color"], "blue");
    }
    let (_, json) = fixture.json("POST", SWITCH).await;
    assert_eq!((&json["result"], &json["from"]), (&"switched".into(), &"blue".into()));
    assert_eq!(json["to"], "green");
    assert_eq!(json["generation"], 8);
    fixture.stop().await;
}

// L4 L10
#[tokio::test]
async fn a_caller_that_waits_for_a_stuck_drain_gets_the_rest_and_the_advice_not_to_stop_it() {
    let fixture = Fixture::new().await;
    let (reporter, drain) = DrainWatch::pair();
    reporter.report_stuck(Stuck { leases: 3, connections: 2 });
    answer_with(&fixture, published(drain.clone()));
    let body = fixture.ask("POST", SWITCH, &[]).await.body;
    assert!(body.starts_with("Switched from blue to green\n"), "{body}");
    let words = "everything the deadline cut: 3 leases and 2 connections are left; do not stop blue; \
                 see teal status and Teal's log\n";
    assert!(body.ends_with(words), "{body}");
    let (status, json) = fixture.json("POST", SWITCH).await;
    assert_eq!((status, &json["drain"]["state"]), (200, &"stuck".into()), "{json}");
    assert_eq!(
        (&json["drain"]["left"]["leases"], &json["drain"]["left"]["connections"]),
        (&3.into(), &2.into())
    );
    let held =
        HoldInForce { service: web(), color: Color::Blue, max_wait: Duration::from_secs(1), drain };
    fixture.script(|script| script.on_hold = Ok(held));
    let body = fixture.ask("POST", "/admin/hold", &[]).await.body;
    assert!(body.ends_with(words), "{body}");
    fixture.stop().await;
}

// L4
#[tokio::test]
async fn the_answer_waits_for_the_drain_unless_told_otherwise() {
    let fixture = Fixture::new().await;
    let (reporter, drain) = DrainWatch::pair();
    answer_with(&fixture, published(drain));
    let soon = fixture.ask("POST", &format!("{SWITCH}&wait=published"), &[]).await;
    assert!(soon.body.ends_with("blue is still draining: do not stop blue\n"), "{}", soon.body);
    let (address, token) = (fixture.address, crate::fixture::OPERATOR);
    let waiting = tokio::spawn(async move {
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("connected");
        let text = format!(
            "POST {SWITCH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n\r\n"
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.expect("text");
        answer
    });
    let asked = async {
        while fixture.asked().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked).await.expect("it was asked");
    // Others are answered while one waits.
    assert_eq!(fixture.ask("GET", "/admin/status", &[]).await.status, 200);
    assert!(!waiting.is_finished(), "no answer came before the drain ended");
    reporter.report_end(DrainEnd::Drained);
    let answer = waiting.await.expect("an answer");
    assert!(answer.contains("blue is drained: safe to stop"), "{answer}");
    fixture.stop().await;
}

#[tokio::test]
async fn a_dry_run_shows_the_evidence_and_says_that_nothing_was_changed() {
    let fixture = Fixture::new().await;
    let proof = rules::Proof {
        target: target(8082).into(),
        at: rules::Time(0),
        status: 204,
        latency: Duration::from_millis(3),
    };
    let evidence = vec![proof];
    let (from, to, generation) = (Color::Blue, Color::Green, Generation(7));
    let forecast = control::Forecast {
        requests_per_second: 412.34,
        in_flight: 37,
        streams: 3,
        drain: Duration::from_secs(30),
        to_version: rules::Version::new("v42").ok(),
        can_roll_back: true,
    };
    let service = web();
    let passed = Switched::DryRun { service, from, to, generation, evidence, forecast };
    answer_with(&fixture, passed);
    let body = fixture.ask("POST", &format!("{SWITCH}&dry_run=true"), &[]).await.body;
    assert!(body.starts_with("Would switch from blue to green\n"), "{body}");
    assert!(
        body.contains("nothing was changed") && body.contains("answered 204 in 3 ms"),
        "{body}"
    );
    let (_, json) = fixture.json("POST", &format!("{SWITCH}&dry_run=true")).await;
    assert_eq!(
        (&json["result"], &json["drain"]),
        (&"would_switch".into(), &serde_json::Value::Null)
    );
    assert_eq!(json["evidence"][0]["target"], "http://127.0.0.1:8082");
    assert_eq!(
        json["forecast"],
        serde_json::json!({
            "requests_per_second": 412.3, "in_flight": 37, "streams": 3, "drain_seconds": 30.0,
            "to_version": "v42", "can_roll_back": true,
        })
    );
    let sentences = [
        "412 requests per second move to green (v42)",
        "37 requests and 3 streams stay on blue for up to 30s",
        "A rollback to blue stays possible",
    ];
    assert_eq!(json["sentences"], serde_json::json!(sentences));
    assert!(body.contains(&sentences.join("\n")), "{body}");
    fixture.stop().await;
}

#[tokio::test]
async fn every_refusal_has_its_status_and_its_code() {
    let fixture = Fixture::new().await;
    let service = web;
    let generation = Generation(8);
    for (refusal, status) in [
        (Refusal::ServiceRequired { services: vec![web()] }, 400),
        (Refusal::UnknownService { name: web(), services: vec![web()] }, 404),
        (Refusal::NoReceipt { generation, service: None }, 404),
        (
            Refusal::Unhealthy {
                service: service(),
                color: Color::Green,
                reason: "http://127.0.0.1:8082: connection refused".to_owned(),
            },
            412,
        ),
        (
            Refusal::GenerationMismatch {
                service: service(),
                expected: Generation(6),
                actual: generation,
            },
            412,
        ),
        (Refusal::SwitchInProgress { generation: Some(generation) }, 409),
        (Refusal::NothingToRollBack { services: vec![service()] }, 409),
        (Refusal::ColorActive { service: service(), color: Color::Blue }, 409),
        (Refusal::PublishIncomplete { generation, workers: vec![1] }, 500),
        (Refusal::JournalUnavailable { reason: "no space left on device".to_owned() }, 503),
        (Refusal::UpgradeInProgress, 409),
        (Refusal::AlreadyHeld { service: service() }, 409),
        (Refusal::NotHeld { service: service() }, 409),
        (Refusal::ReloadProblems { problems: vec!["a".to_owned(), "b".to_owned()] }, 400),
        (Refusal::FailoverCooling { service: service(), left: Duration::from_secs(5) }, 409),
        (Refusal::Stopping, 503),
    ] {
        let code = refusal.code();
        let text = refusal.to_string();
        fixture.script(|script| script.on_switch = Box::new(move |_| Err(refusal.clone())));
        let reply = fixture.ask("POST", SWITCH, &[]).await;
        assert_eq!((reply.status, &*reply.body), (status, &*format!("{text}\n")), "{code}");
        let reply = fixture.ask("POST", SWITCH, &[("Accept", "application/json")]).await;
        assert!(reply.head.contains("content-type: application/problem+json"), "{}", reply.head);
        let problem = reply.json();
        assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()));
        assert_eq!(problem["type"], format!("urn:teal:problem:{code}"));
        assert!(text.starts_with(problem["title"].as_str().expect("a title")), "{problem}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn an_unhealthy_color_is_refused_with_the_last_probes_reason_on_line_two() {
    let fixture = Fixture::new().await;
    let reason = "http://127.0.0.1:8082: connection refused".to_owned();
    let refusal = Refusal::Unhealthy { service: web(), color: Color::Green, reason };
    fixture.script(|script| script.on_switch = Box::new(move |_| Err(refusal.clone())));
    let body = fixture.ask("POST", SWITCH, &[]).await.body;
    assert_eq!(body, "Target green is not healthy\nhttp://127.0.0.1:8082: connection refused\n");
    let (_, problem) = fixture.json("POST", SWITCH).await;
    assert_eq!(problem["title"], "Target green is not healthy");
    assert_eq!((&problem["service"], &problem["color"]), (&"web".into(), &"green".into()));
    fixture.stop().await;
}

#[tokio::test]
async fn an_upgrade_reports_the_new_process_or_the_reason_for_none() {
    let fixture = Fixture::new().await;
    fixture.script(|script| {
        script.on_upgrade = Ok(Upgraded { pid: 4711, version: "0.2.0".to_owned() });
    });
    let upgraded = fixture.ask("POST", "/admin/upgrade", &[]).await;
    let text = "Upgraded: Teal 0.2.0 serves as process 4711\n\
                The older Teal exits when its last request has ended\n";
    assert_eq!((upgraded.status, &*upgraded.body), (200, text));
    let (_, json) = fixture.json("POST", "/admin/upgrade").await;
    assert_eq!((&json["pid"], &json["version"]), (&4711.into(), &"0.2.0".into()));
    let reason = || "it ended without a word".to_owned();
    for (refusal, status, code) in [
        (Refusal::UpgradeInProgress, 409, "upgrade_in_progress"),
        (Refusal::DrainUnderWay, 409, "drain_under_way"),
        (Refusal::UpgradeFailed { reason: reason() }, 500, "upgrade_failed"),
    ] {
        fixture.script(|script| script.on_upgrade = Err(refusal));
        let (got, json) = fixture.json("POST", "/admin/upgrade").await;
        assert_eq!((got, &json["code"]), (status, &code.into()), "{json}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn hold_resume_and_reload_report_their_effect() {
    let fixture = Fixture::new().await;
    fixture.script(|script| {
        script.on_hold = Ok(HoldInForce {
            service: web(),
            color: Color::Blue,
            max_wait: Duration::from_secs(30),
            drain: DrainWatch::ended(DrainEnd::Drained),
        });
        script.on_resume = Ok(Resumed { service: web(), color: Color::Blue, waiting: 4 });
        script.on_reload =
            Ok(Reloaded { generation: Some(Generation(9)), changes: vec!["web: blue".to_owned()] });
    });
    let held = fixture.ask("POST", "/admin/hold?max_wait=30s&drain=1s", &[]).await;
    let text = "Held: new requests wait, each at most 30s\nNo request is on blue\n";
    assert_eq!((held.status, &*held.body), (200, text));
    let (_, json) = fixture.json("POST", "/admin/hold").await;
    assert_eq!(json["max_wait_seconds"], 30.0);
    let resumed = fixture.ask("POST", "/admin/resume", &[]).await;
    assert_eq!(&*resumed.body, "Resumed: 4 waiting requests go to blue\n");
    let reloaded = fixture.ask("POST", "/admin/reload", &[]).await;
    assert_eq!(&*reloaded.body, "Reloaded: generation 9\n  web: blue\n");
    assert!(
        fixture.asked()[0].contains("max_wait: Some(30s), drain: Some(1s)"),
        "{:?}",
        fixture.asked()
    );
    fixture.stop().await;
}

#[tokio::test]
async fn once_the_controller_has_stopped_every_call_says_so() {
    let fixture = Fixture::new().await;
    fixture.script(|script| script.on_switch = Box::new(|_| Err(Refusal::Stopping)));
    let (status, problem) = fixture.json("POST", SWITCH).await;
    assert_eq!((status, &problem["code"]), (503, &"stopping".into()));
    fixture.stop().await;
}

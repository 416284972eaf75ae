//! Reads: status, receipts, history, the page, the API description.

use control::{DrainStatus, HeldStatus, Role};
use rules::{Actor, Color, Generation, HistoryEntry, Time};
use std::time::Duration;

use crate::fixture::Fixture;
use crate::sample::{receipt, web};

#[tokio::test]
async fn status_begins_as_in_the_article_and_names_the_color_that_may_be_stopped() {
    let fixture = Fixture::new().await;
    let body = fixture.ask("GET", "/admin/status", &[]).await.body;
    assert_eq!(
        body,
        "Active: blue\n\
         Blue healthy: true\n\
         Green healthy: false\n\
         Generation: 7\n\
         Blue: active, 3 in flight, oldest 1.2s\n  \
           http://127.0.0.1:8081 up, probed 2s ago: 200 in 1.5 ms\n\
         Green: drained: safe to stop\n  \
           http://127.0.0.1:8082 down, probed 2s ago: connection refused\n\
         Certificate: a.test, expires in 21990 days (2030-03-17T17:46:40.000Z)\n"
    );
    fixture.stop().await;
}

#[tokio::test]
async fn status_has_the_books_the_last_change_and_the_progress_of_health_for_a_console() {
    let fixture = Fixture::new().await;
    fixture.script(|script| {
        let service = &mut script.status.services[0];
        service.rollback = Some(control::RollbackStatus {
            to: Color::Green,
            version: rules::Version::new("v41").ok(),
            until: Some(Time(20_000)),
        });
        service.changed = Some(control::ChangeStatus {
            at: Time(1_000),
            actor: Actor::Token("ci".into()),
            verb: "switch",
            reason: Some("release".to_owned()),
        });
        service.colors[0].streams = 2;
        service.colors[0].tunnels = 1;
        script.status.workers = (3, 2);
    });
    let (_, json) = fixture.json("GET", "/admin/status").await;
    assert_eq!(json["workers"], serde_json::json!({ "total": 3, "acknowledged": 2 }));
    let service = &json["services"][0];
    assert_eq!(
        service["books"],
        serde_json::json!({
            "accepted": 10, "answered": { "blue": 4, "green": 1, "teal": 1 }, "aborted": 1,
            "in_flight": 3, "lost": 0,
        })
    );
    assert_eq!(
        service["changed"],
        serde_json::json!({
            "at": "1970-01-01T00:00:01.000Z", "actor": { "token": "ci" }, "verb": "switch",
            "reason": "release",
        })
    );
    assert_eq!(
        service["rollback"],
        serde_json::json!({
            "to": "green", "version": "v41", "until": "1970-01-01T00:00:20.000Z",
        })
    );
    let blue = &service["colors"]["blue"];
    assert_eq!((&blue["streams"], &blue["tunnels"]), (&2.into(), &1.into()));
    let target = &service["colors"]["green"]["targets"][0];
    for (key, value) in [("in_flight", 2), ("passes", 1), ("fails", 0), ("rise", 2), ("fall", 3)] {
        assert_eq!(target[key], value, "{key}");
    }
    assert_eq!(target["changed_at"], "1970-01-01T00:00:07.000Z");
    assert_eq!(target["changed_reason"], "connection refused");
    fixture.stop().await;
}

// L4
#[tokio::test]
async fn a_draining_color_must_not_be_stopped() {
    let fixture = Fixture::new().await;
    fixture.script(|script| {
        let service = &mut script.status.services[0];
        let green = &mut service.colors[Color::Green.index()];
        green.role = Role::Draining;
        green.drained = false;
        green.in_flight = 2;
        green.oldest_age = Some(Duration::from_secs(12));
        green.drain = Some(DrainStatus { left: Duration::from_secs(17), cutting: false });
        service.held = Some(HeldStatus {
            since: Time(0),
            by: Actor::Uid(0),
            max_wait: Duration::from_secs(30),
            waiting: 5,
        });
        script.status.journal = Some("no space left on device".to_owned());
        script.status.publishing = Some(Generation(8));
    });
    let body = fixture.ask("GET", "/admin/status", &[]).await.body;
    for line in [
        "Green: draining 2, oldest 12s, 17s to the deadline: do not stop green\n",
        "Held: 5 requests wait, each at most 30s\n",
        "Journal: no space left on device; no change is possible, traffic continues\n",
        "Publishing: generation 8, not yet applied by every worker\n",
    ] {
        assert!(body.contains(line), "{line:?} is missing in\n{body}");
    }
    let (_, json) = fixture.json("GET", "/admin/status").await;
    let green = &json["services"][0]["colors"]["green"];
    assert_eq!((&green["role"], &green["drained"]), (&"draining".into(), &false.into()));
    assert_eq!(green["deadline_seconds"], 17.0);
    assert_eq!(json["services"][0]["held"]["actor"]["uid"], 0);
    fixture.stop().await;
}

#[tokio::test]
async fn several_services_are_blocks_under_their_names() {
    let fixture = Fixture::new().await;
    fixture.script(|script| {
        let mut api = script.status.services[0].clone();
        api.name = rules::ServiceName::new("api").expect("a name");
        script.status.services.push(api);
    });
    let body = fixture.ask("GET", "/admin/status", &[]).await.body;
    assert!(body.starts_with("Service: web\nActive: blue\n"), "{body}");
    assert!(body.contains("\n\nService: api\nActive: blue\n"), "{body}");
    fixture.stop().await;
}

#[tokio::test]
async fn status_as_json_has_the_fields_that_scripts_rely_on() {
    let fixture = Fixture::new().await;
    let (_, json) = fixture.json("GET", "/admin/status").await;
    assert_eq!(json["teal"]["version"], "1.2.3");
    assert_eq!(json["teal"]["instance"], "teal-test");
    assert_eq!(json["teal"]["pid"], std::process::id());
    assert!(json["teal"]["uptime_seconds"].is_number());
    assert_eq!(json["generation"], 7);
    assert_eq!(json["listeners"], serde_json::json!(["127.0.0.1:8080"]));
    assert_eq!(json["admin"], fixture.address.to_string());
    let service = &json["services"][0];
    assert_eq!(service["name"], "web");
    assert_eq!(service["active"], "blue");
    assert!(service["held"].is_null());
    let (blue, green) = (&service["colors"]["blue"], &service["colors"]["green"]);
    assert_eq!((&blue["role"], &green["role"]), (&"active".into(), &"idle".into()));
    assert_eq!(blue["oldest_age_seconds"], 1.2);
    assert!(green["oldest_age_seconds"].is_null());
    let target = &green["targets"][0];
    assert_eq!(target["url"], "http://127.0.0.1:8082");
    assert_eq!(target["health"], "down");
    assert_eq!(target["last_probe"]["ok"], false);
    assert!(target["last_probe"]["status"].is_null());
    assert_eq!(target["last_probe"]["latency_ms"], 1.5);
    assert_eq!(target["last_probe"]["reason"], "connection refused");
    assert_eq!(target["last_probe"]["at"], "1970-01-01T00:00:08.000Z");
    fixture.stop().await;
}

#[tokio::test]
async fn a_receipt_is_found_by_its_generation_or_as_the_latest() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.ask("GET", "/admin/receipts/9", &[]).await.status, 404);
    fixture.script(|script| script.receipts = Ok(vec![receipt()]));
    let body = fixture.ask("GET", "/admin/receipts/7", &[]).await.body;
    for line in [
        "Generation 7: rollback of web from blue to green\n",
        "By: token ci\n",
        "Published: 1970-01-01T00:00:01.100Z\n",
        "Drain: blue is drained: the deadline cut 6 (1 without an answer, 2 while answering, 3 tunnels)",
        "Probe: http://127.0.0.1:8082 answered 200 in 2 ms",
    ] {
        assert!(body.contains(line), "{line:?} is missing in\n{body}");
    }
    let (_, json) = fixture.json("GET", "/admin/receipts/latest").await;
    assert_eq!(json["actor"]["token"], "ci");
    assert_eq!(json["drain"]["cut"]["total"], 6);
    assert_eq!(fixture.asked(), ["Some(Generation(9))", "Some(Generation(7))", "None"]);
    for path in ["/admin/receipts/-1", "/admin/receipts/7x", "/admin/receipts/%ff"] {
        assert_eq!(fixture.ask("GET", path, &[]).await.status, 400, "{path}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn the_history_is_listed_newest_first() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.ask("GET", "/admin/history", &[]).await.body, "No changes yet\n");
    fixture.script(|script| {
        let (service, actor) = (web(), Actor::Uid(1000));
        script.history = vec![
            HistoryEntry::Switch(Box::new(receipt())),
            HistoryEntry::Resume { service, actor, at: Time(3_000) },
        ];
    });
    let body = fixture.ask("GET", "/admin/history", &[]).await.body;
    let lines: Vec<&str> = body.lines().collect();
    assert!(lines[0].contains("resume of web, by uid 1000"), "{body}");
    assert!(lines[1].contains("rollback of web from blue to green, by token ci: cut 6"), "{body}");
    let (_, json) = fixture.json("GET", "/admin/history").await;
    assert_eq!(json["changes"][0]["kind"], "resume");
    assert_eq!(json["changes"][1]["generation"], 7);
    fixture.stop().await;
}

#[tokio::test]
async fn readiness_follows_the_workers() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.bare("GET", "/livez", &[]).await.body, "live\n");
    assert_eq!(fixture.bare("GET", "/readyz", &[]).await.status, 200);
    fixture.script(|script| script.ready = false);
    assert_eq!(fixture.bare("GET", "/readyz", &[]).await.status, 503);
    fixture.stop().await;
}

// A8
#[tokio::test]
async fn the_page_runs_only_its_own_script() {
    let fixture = Fixture::new().await;
    let page = fixture.bare("GET", "/plain", &[("Accept", "text/html")]).await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    let nonce =
        page.head.split("script-src 'nonce-").nth(1).and_then(|rest| rest.split('\'').next());
    let nonce = nonce.expect("a nonce");
    assert!(nonce.len() >= 32 && page.body.contains(&format!("<script nonce=\"{nonce}\">")));
    assert!(
        page.head.contains("default-src 'none'") && page.head.contains("frame-ancestors 'none'")
    );
    assert!(page.body.contains("Active: blue") && !page.body.contains("{{"), "{}", page.body);
    let other = fixture.bare("GET", "/plain", &[]).await;
    assert!(!other.head.contains(nonce), "a nonce is used once");
    fixture.stop().await;
}

#[tokio::test]
async fn the_description_lists_every_call() {
    let fixture = Fixture::new().await;
    let (_, document) = fixture.json("GET", "/openapi.json").await;
    for (path, method) in [
        ("/admin/switch", "post"),
        ("/admin/rollback", "post"),
        ("/admin/hold", "post"),
        ("/admin/resume", "post"),
        ("/admin/maintenance", "post"),
        ("/admin/previews", "post"),
        ("/admin/previews", "delete"),
        ("/admin/reload", "post"),
        ("/admin/upgrade", "post"),
        ("/admin/retire", "post"),
        ("/admin/deploys", "post"),
        ("/admin/deploys", "get"),
        ("/admin/deploys/{id}", "patch"),
        ("/admin/deploys/{id}", "get"),
        ("/admin/rollouts", "get"),
        ("/admin/rollouts/{id}", "get"),
        ("/admin/services/{name}/{color}/targets", "put"),
        ("/admin/log-level", "get"),
        ("/admin/log-level", "put"),
        ("/admin/status", "get"),
        ("/admin/series", "get"),
        ("/admin/trace", "get"),
        ("/admin/history", "get"),
        ("/admin/receipts/{generation}", "get"),
        ("/admin/events", "get"),
        ("/metrics", "get"),
        ("/livez", "get"),
        ("/readyz", "get"),
        ("/openapi.json", "get"),
        ("/admin/whoami", "get"),
        ("/", "get"),
        ("/plain", "get"),
        ("/assets/{name}", "get"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path} is missing");
    }
    assert_eq!(document["paths"].as_object().map(serde_json::Map::len), Some(31));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    fixture.stop().await;
}

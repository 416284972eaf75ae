//! Observing Teal: status, metrics, events, pages, history.

use std::time::Duration;

use testkit::Client;

use crate::setup::Setup;

#[test]
fn status_says_all_that_is_needed_to_stop_a_color() {
    let setup = Setup::new();
    let status = setup.teal.status();
    assert_eq!(status["teal"]["pid"], setup.teal.pid());
    assert!(status["teal"]["version"].is_string() && status["teal"]["instance"].is_string());
    assert_eq!(status["listeners"][0], setup.teal.listener().to_string());
    assert_eq!(status["admin"], setup.teal.admin().to_string());
    let (_client, gate) = setup.held_on_blue();
    setup.teal.wait_in_flight("blue", 1);
    // Ages are surveyed once a second.
    testkit::wait_until(crate::setup::SOON, "the age of the oldest request is known", || {
        setup.teal.color("blue")["oldest_age_seconds"].is_number()
    });
    let service = setup.teal.service();
    assert_eq!((&service["name"], &service["active"]), (&"web".into(), &"blue".into()));
    let (blue, green) = (&service["colors"]["blue"], &service["colors"]["green"]);
    assert_eq!((&blue["role"], &green["role"]), (&"active".into(), &"idle".into()));
    assert!(green["oldest_age_seconds"].is_null(), "{green}");
    assert_eq!((&blue["drained"], &green["drained"]), (&false.into(), &true.into()));
    let target = &green["targets"][0];
    assert_eq!((&target["url"], &target["health"]), (&setup.green.url().into(), &"up".into()));
    assert_eq!(
        (&target["last_probe"]["ok"], &target["last_probe"]["status"]),
        (&true.into(), &200.into())
    );
    assert!(target["last_probe"]["latency_ms"].is_number());
    gate.open();
    setup.finish();
}

#[test]
fn every_request_is_counted_where_it_went() {
    // L8
    let setup = Setup::new();
    for _ in 0..3 {
        assert_eq!(setup.client().get("/").status, 200);
    }
    setup.teal.switch_to("green");
    assert_eq!(setup.client().get("/").status, 200);
    let mut client = setup.client();
    client.send("BAD\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    setup.teal.assert_books_balance();
    let metrics = setup.teal.metrics();
    let web = ("service", "web");
    assert_eq!(metrics.count("teal_requests_accepted_total", &[web]), 4);
    assert_eq!(metrics.count("teal_requests_answered_total", &[web, ("by", "blue")]), 3);
    assert_eq!(metrics.count("teal_requests_answered_total", &[web, ("by", "green")]), 1);
    let by_teal = [("service", ""), ("by", "teal")];
    assert_eq!(metrics.count("teal_requests_answered_total", &by_teal), 1);
    assert_eq!(metrics.count("teal_active", &[web, ("color", "green")]), 1);
    assert_eq!(metrics.count("teal_active", &[web, ("color", "blue")]), 0);
    assert_eq!(metrics.count("teal_generation", &[]), setup.teal.generation());
    assert!(metrics.count("teal_switches_total", &[web]) >= 1);
    let blue = [web, ("color", "blue"), ("class", "2xx")];
    assert_eq!(metrics.count("teal_target_requests_total", &blue), 3);
    let blue = [web, ("color", "blue")];
    assert_eq!(metrics.count("teal_request_duration_seconds_count", &blue), 3);
    assert!(metrics.has("teal_target_connects_total", &blue));
    assert_eq!(metrics.count("teal_target_up", &blue), 1);
    setup.finish();
}

#[test]
fn events_are_streamed_and_can_be_resumed() {
    let setup = Setup::new();
    let mut client = Client::connect(setup.teal.admin());
    let host = setup.teal.admin();
    client.send(format!("GET /admin/events HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let head = client.read_head(false).expect("a head");
    assert_eq!(head.status, 200);
    assert_eq!(head.fields.get("content-type"), Some("text/event-stream"));
    setup.teal.switch_to("green");
    let events = client.read_body_until("switch");
    assert!(events.contains("data:"), "{events}");
    let mut resumed = Client::connect(setup.teal.admin()).patience(Duration::from_secs(5));
    resumed.send(format!("GET /admin/events HTTP/1.1\r\nHost: {host}\r\nLast-Event-ID: 0\r\n\r\n"));
    assert_eq!(resumed.read_head(false).expect("a head").status, 200);
    assert!(resumed.read_body_until("switch").contains("id:"));
    setup.finish();
}

#[test]
fn probes_pages_and_problems_are_there() {
    let setup = Setup::new();
    assert_eq!(setup.teal.ask("GET", "/livez", &[]).status, 200);
    assert_eq!(setup.teal.ask("GET", "/readyz", &[]).status, 200);
    let (status, document) = setup.teal.ask_json("GET", "/openapi.json");
    assert_eq!(status, 200);
    assert!(document["paths"]["/admin/switch"]["post"].is_object(), "{document}");
    let page = setup.teal.ask("GET", "/", &[("Accept", "text/html")]);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<html"), "{}", page.text());
    let json = [("Accept", "application/json")];
    let problem = setup.teal.ask("POST", "/admin/switch?to=purple", &json);
    assert_eq!(problem.status, 400);
    let content = problem.fields.get("content-type").unwrap_or_default();
    assert!(content.starts_with("application/problem+json"), "{content}");
    let (_, problem) = setup.teal.ask_json("POST", "/admin/switch?to=purple");
    assert!(problem["code"].is_string() && problem["status"] == 400, "{problem}");
    let metrics = setup.teal.ask("GET", "/metrics", &[]);
    assert!(metrics.fields.get("content-type").is_some());
    assert_eq!(setup.teal.ask("GET", "/admin/receipts/999", &[]).status, 404);
    assert_eq!(setup.teal.ask("GET", "/nowhere", &[]).status, 404);
    setup.finish();
}

#[test]
fn the_log_tells_each_switch_refusal_and_health_change() {
    let setup = Setup::new();
    setup.teal.switch_to("green");
    setup.blue.stop();
    setup.teal.wait_healthy("blue", false);
    assert_eq!(setup.teal.switch("blue", "").status, 412);
    for words in ["from=blue to=green", "refused", "connection refused"] {
        setup.teal.log_has(&[words]);
    }
    // Nothing from a request is written unescaped.
    let mut client = setup.client();
    client.send("GET /\x1b[31m HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    assert!(!setup.teal.log().contains('\x1b'));
    setup.finish();
}

//! Spans for a collector, and traces that pass through: with one, without one, and with one that is
//! away or does not answer.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Behavior, Load, LoadOptions, Settings, Target, wait_until};

use crate::setup::{SOON, Setup};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// From the first failed delivery to the third try, and some time.
const AGAIN: Duration = Duration::from_secs(20);

fn traced(settings: Settings, collector: &Target) -> Settings {
    settings.extra(&format!("[otel]\nendpoint = '{}'", collector.url()))
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n")
}

/// All spans that a collector has been sent, each with the attributes of its sender.
fn spans(collector: &Target) -> Vec<Value> {
    let posts = collector.seen().requests_to("/v1/traces");
    let bodies = posts.iter().filter(|post| post.complete).map(|post| {
        assert_eq!(post.method, "POST");
        assert_eq!(post.fields.get("content-type"), Some("application/json"));
        serde_json::from_slice::<Value>(&post.body).expect("JSON")
    });
    let spans = bodies.flat_map(|body| {
        let all = &body["resourceSpans"][0];
        assert_eq!(attribute(&all["resource"], "service.name"), "teal");
        all["scopeSpans"][0]["spans"].as_array().expect("spans").clone()
    });
    spans.collect()
}

/// The text of an attribute; empty: there is none.
fn attribute(of: &Value, key: &str) -> String {
    let all = of["attributes"].as_array().expect("attributes");
    let found = all.iter().find(|attribute| attribute["key"] == key);
    let value = found.map(|attribute| &attribute["value"]);
    let text = value.and_then(|value| value["stringValue"].as_str().or(value["intValue"].as_str()));
    text.unwrap_or_default().to_owned()
}

/// The traceparent that a target got with its last request to this path, as trace and span.
fn given(target: &Target, path: &str) -> (String, String) {
    let request = target.seen().requests_to(path).pop().expect("a request");
    let parents = request.fields.all("traceparent");
    assert_eq!(parents.len(), 1, "{parents:?}");
    let parts: Vec<_> = parents[0].split('-').collect();
    assert_eq!((parts.len(), parts[0], parts[3]), (4, "00", "01"), "{parents:?}");
    (parts[1].to_owned(), parts[2].to_owned())
}

#[test]
fn a_request_is_a_span_of_its_clients_trace_and_the_targets_belongs_to_ours() {
    let collector = Target::start("collector");
    let setup = Setup::with(|settings| traced(settings, &collector));
    let mut client = setup.client();
    let fields = format!(
        "Traceparent: 00-{TRACE}-{SPAN}-01\r\nTracestate: other=1\r\nUser-Agent: a \"test\"\r\n\
         X-Request-Id: id-1\r\n"
    );
    client.send(get("/one?x=1", &fields));
    let length = client.answer().body.len();
    let (trace, ours) = given(&setup.blue, "/one");
    assert_eq!(trace, TRACE);
    assert_ne!(ours, SPAN);
    let seen = setup.blue.seen().requests_to("/one").pop().expect("a request");
    assert_eq!(seen.fields.all("tracestate"), ["other=1"]);

    wait_until(SOON, "a span", || !spans(&collector).is_empty());
    let span = spans(&collector).remove(0);
    assert_eq!((&span["traceId"], &span["spanId"]), (&TRACE.into(), &ours.into()));
    assert_eq!((&span["parentSpanId"], &span["name"]), (&SPAN.into(), &"GET".into()));
    assert_eq!(span["kind"], 2);
    let time = |key: &str| span[key].as_str().and_then(|time| time.parse::<u64>().ok());
    assert!(time("startTimeUnixNano") < time("endTimeUnixNano"), "{span}");
    assert!(span["status"]["code"].is_null(), "{span}");
    for (key, value) in [
        ("url.scheme", "http"),
        ("http.request.method", "GET"),
        ("url.path", "/one"),
        ("url.query", "x=1"),
        ("server.address", "test"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "a \"test\""),
        ("http.response.status_code", "200"),
        ("http.response.body.size", length.to_string().as_str()),
        ("teal.request_id", "id-1"),
        ("teal.service", "web"),
        ("teal.color", "blue"),
        ("teal.served_by", setup.blue.url().as_str()),
        ("client.address", "127.0.0.1"),
        ("server.port", ""),
        ("http.request.method_original", ""),
        ("error.type", ""),
    ] {
        assert_eq!(attribute(&span, key), value, "{key} of {span}");
    }
    setup.finish();
}

#[test]
fn r66_r74_a_span_names_client_and_peer_and_keeps_flags_and_state_of_its_trace() {
    let collector = Target::start("collector");
    let setup = Setup::with(|settings| {
        traced(settings, &collector).listener_key("trusted", "[\"127.0.0.0/8\"]")
    });
    let mut client = setup.client();
    let fields = format!(
        "Traceparent: 00-{TRACE}-{SPAN}-01\r\nTracestate: a=1, b=2\r\nTracestate: c=3\r\n\
         X-Forwarded-For: 203.0.113.7:4711\r\nContent-Length: 4\r\n"
    );
    client.send(format!("{}body", get("/one", &fields).replacen("GET", "POST", 1)));
    assert_eq!(client.answer().status, 200);
    client.send(get("/two", ""));
    assert_eq!(client.answer().status, 200);
    wait_until(SOON, "two spans", || spans(&collector).len() == 2);
    let [one, two] = &spans(&collector)[..] else { panic!("two spans") };
    // The parent is of another process; of a trace that begins here there is none.
    assert_eq!((&one["flags"], &one["traceState"]), (&0x301.into(), &"a=1,b=2,c=3".into()));
    assert_eq!((&two["flags"], &two["traceState"]), (&0x101.into(), &Value::Null));
    let own = client.local().port().to_string();
    for (span, address, port) in [(one, "203.0.113.7", "4711"), (two, "127.0.0.1", &own)] {
        for (key, value) in [
            ("client.address", address),
            ("client.port", port),
            ("network.peer.address", "127.0.0.1"),
            ("network.peer.port", &own),
        ] {
            assert_eq!(attribute(span, key), value, "{key} of {span}");
        }
    }
    assert_eq!(attribute(one, "http.request.body.size"), "4");
    assert_eq!(attribute(one, "tls.protocol.version"), "");
    setup.finish();
}

#[test]
fn traces_begin_here_where_there_is_none_and_answers_of_teal_are_spans_too() {
    let collector = Target::start("collector");
    let setup = Setup::with(|settings| traced(settings, &collector));
    let mut client = setup.client();
    client.send(get("/new", "Traceparent: nonsense\r\nTracestate: other=1\r\n"));
    assert_eq!(client.answer().status, 200);
    let (trace, _) = given(&setup.blue, "/new");
    let seen = setup.blue.seen().requests_to("/new").pop().expect("a request");
    assert!(seen.fields.all("tracestate").is_empty(), "it belonged to no trace");
    setup.blue.behave_at("/bad", Behavior::close());
    client.send(get("/bad", ""));
    assert_eq!(client.answer().status, 502);
    client.send("BREW /pot HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    wait_until(SOON, "three spans", || spans(&collector).len() == 3);
    let spans = spans(&collector);
    assert_eq!(spans[0]["traceId"], trace.as_str());
    assert!(spans[0]["parentSpanId"].is_null(), "{}", spans[0]);
    assert_ne!(spans[1]["traceId"], trace.as_str());
    assert_eq!(attribute(&spans[1], "http.response.status_code"), "502");
    assert_eq!(spans[1]["status"]["code"], 2);
    assert_ne!(attribute(&spans[1], "error.type"), "");
    assert_eq!(spans[2]["name"], "HTTP");
    for (key, value) in [
        ("http.request.method", "_OTHER"),
        ("http.request.method_original", "BREW"),
        ("server.address", "[::1]"),
        ("server.port", "8080"),
        ("error.type", ""),
    ] {
        assert_eq!(attribute(&spans[2], key), value, "{key} of {}", spans[2]);
    }
    setup.finish();
}

#[test]
fn an_unsampled_trace_passes_untouched_with_a_collector_and_any_without() {
    let collector = Target::start("collector");
    let with = Setup::with(|settings| traced(settings, &collector));
    let without = Setup::new();
    for (setup, flags) in [(&with, "00"), (&without, "01")] {
        let parent = format!("00-{TRACE}-{SPAN}-{flags}");
        let fields = format!("Traceparent: {parent}\r\nTracestate: other=1\r\n");
        let mut client = setup.client();
        client.send(get("/passed", &fields));
        assert_eq!(client.answer().status, 200);
        let seen = setup.blue.seen().requests_to("/passed").pop().expect("a request");
        assert_eq!(seen.fields.all("traceparent"), [parent.as_str()]);
        assert_eq!(seen.fields.all("tracestate"), ["other=1"]);
    }
    // One that has a span comes after it, and there is no other.
    assert_eq!(with.client().get("/recorded").status, 200);
    wait_until(SOON, "a span", || !spans(&collector).is_empty());
    let spans = spans(&collector);
    assert_eq!((spans.len(), attribute(&spans[0], "url.path")), (1, "/recorded".to_owned()));
    let mut client = without.client();
    client.send(get("/plain", ""));
    assert_eq!(client.answer().status, 200);
    let seen = without.blue.seen().requests_to("/plain").pop().expect("a request");
    assert!(seen.fields.all("traceparent").is_empty(), "nobody asked for one");
    with.finish();
    without.finish();
}

#[test]
fn a_collector_that_is_away_costs_no_request_and_gets_its_spans_when_it_is_back() {
    // L10
    let collector = Target::stopped("collector");
    let setup = Setup::with(|settings| traced(settings, &collector));
    assert_eq!(setup.client().get("/early").status, 200);
    setup.teal.log_has(&["otel:", "cannot deliver spans, retrying", "connection refused"]);
    assert_eq!(setup.client().get("/later").status, 200);
    collector
        .behave_next("/v1/traces", Behavior::raw("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
    collector.restart();
    // The first is refused once more.
    wait_until(AGAIN, "both spans", || {
        let spans = spans(&collector);
        ["/early", "/later"]
            .map(|path| spans.iter().filter(|span| attribute(span, "url.path") == path).count())
            == [2, 1]
    });
    setup.finish();
}

#[test]
fn a_collector_that_does_not_answer_costs_spans_and_neither_a_request_nor_the_stop() {
    // L7 L10
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("its address");
    let mut setup =
        Setup::with(|settings| settings.extra(&format!("[otel]\nendpoint = 'http://{address}'")));
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    load.wait_for_more(5_000);
    load.stop().assert_nothing_lost();
    let dropped = setup.teal.metrics().count("teal_spans_dropped_total", &[]);
    assert!(dropped > 0, "5,000 spans don't fit");
    setup.teal.assert_books_balance();
    let began = Instant::now();
    assert_eq!(setup.teal.stop(Duration::from_secs(20)), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    setup.teal.log_has(&["the last spans were not delivered"]);
}

#[test]
fn the_last_spans_are_delivered_at_a_stop() {
    let collector = Target::start("collector");
    let mut setup = Setup::with(|settings| traced(settings, &collector));
    for n in 0..20 {
        assert_eq!(setup.client().get(&format!("/{n}")).status, 200);
    }
    assert_eq!(setup.teal.stop(Duration::from_secs(20)), Some(0));
    assert_eq!(spans(&collector).len(), 20);
}

#[test]
fn a_refusal_of_the_collector_is_reported() {
    let collector = Target::start("collector");
    let setup = Setup::with(|settings| traced(settings, &collector));
    let answer = "{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":\"full\"}}";
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
    collector.behave_next("/v1/traces", Behavior::raw(answer));
    assert_eq!(setup.client().get("/").status, 200);
    setup.teal.log_has(&["otel: 1 spans were not accepted", "rejected 1 of them: full"]);
    setup.finish();
}

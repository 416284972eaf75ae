//! Maintenance: Teal answers new requests itself until it is over, whatever happens to Teal meanwhile; requests in
//! flight end, clients on the list pass, and nothing is lost.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;
use testkit::http2::{Http2, request};
use testkit::{
    Behavior, Client, Response, Settings, Target, Teal, tungstenite, wait_until, websocket,
};

use crate::TEAL;
use crate::setup::{SOON, Setup};
use crate::upgrade::LEFT;

const BROWSER: &str = "Accept: text/html\r\n";

fn get(client: &mut Client, fields: &str) -> Response {
    client.send(format!("GET / HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
    client.answer()
}

fn field<'r>(answer: &'r Response, name: &str) -> &'r str {
    answer.fields.get(name).unwrap_or_default()
}

/// Panics unless a client is told of the maintenance.
#[track_caller]
fn told(client: &mut Client, message: &str) {
    let answer = get(client, "");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.text(), format!("{message}\n"));
    assert_eq!(field(&answer, "retry-after"), "60");
    assert!(field(&answer, "proxy-status").contains("details=maintenance"), "{:?}", answer.fields);
    assert_eq!(field(&answer, "cache-control"), "no-store");
}

const USUAL: &str = "Down for maintenance, try again later";

#[test]
fn new_requests_are_answered_by_teal_and_those_in_flight_end_untouched() {
    // L3 L8
    let setup = Setup::with(|settings| settings.listener_key("health", "\"/teal\""));
    let (mut held, gate) = setup.held_on_blue();
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let mut tunnel = websocket(setup.teal.listener(), "/ws");
    tunnel.send(tungstenite::Message::text("before")).expect("sent");
    assert_eq!(tunnel.read().expect("echoed").into_text().expect("text").as_str(), "before");
    let seen = setup.blue.seen().count();
    let result = setup.teal.cli(&["maintenance", "on", "--message", "Back at <noon>"]);
    result.assert_code(0);
    assert!(
        result.stdout.contains("Maintenance of web: new requests are answered 503"),
        "{}",
        result.all()
    );
    let mut client = setup.client();
    told(&mut client, "Back at <noon>");
    told(&mut client, "Back at <noon>");
    let page = get(&mut client, BROWSER);
    assert!(page.text().contains("<p>Back at &lt;noon&gt;</p>"), "{}", page.text());
    assert_eq!(client.get("/teal").status, 200, "this Teal itself is well");
    assert_eq!(setup.blue.seen().count(), seen, "no request has reached a target");
    tunnel.send(tungstenite::Message::text("still")).expect("sent");
    assert_eq!(tunnel.read().expect("echoed").into_text().expect("text").as_str(), "still");
    gate.open();
    assert_eq!(held.answer().status, 200);

    let status = setup.teal.cli(&["status"]).stdout;
    for words in ["Maintenance: since ", ": Back at <noon>", "teal maintenance off --service web"] {
        assert!(status.contains(words), "{words} is missing in {status}");
    }
    let service = setup.teal.service();
    assert_eq!(service["maintenance"]["message"], "Back at <noon>", "{service}");
    assert!(service["problems"].to_string().contains("in maintenance since"), "{service}");
    let metrics = setup.teal.metrics();
    assert_eq!(metrics.count("teal_maintenance", &[("service", "web")]), 1);
    let labels = [("by", "teal"), ("reason", "maintenance")];
    assert_eq!(metrics.count("teal_requests_answered_total", &labels), 3);
    assert_eq!(setup.teal.cli(&["hold"]).code, Some(3), "nothing waits in a maintenance");

    setup.teal.cli(&["maintenance", "off"]).assert_code(0);
    assert_eq!(get(&mut client, "").status, 200, "the connection has stayed");
    assert_eq!(setup.teal.cli(&["maintenance", "off"]).code, Some(3));
    let history = setup.teal.cli(&["history"]).stdout;
    assert!(history.contains("maintenance off of web"), "{history}");
    assert!(
        history.contains("maintenance on of web") && history.contains(": Back at"),
        "{history}"
    );
    drop(tunnel);
    setup.finish();
}

/// Clients that ask until they are told to stop, and the number of their answers by a target and by Teal.
fn ask_until(stop: &AtomicBool, teal: &Teal) -> [u64; 2] {
    let (mut client, mut counts) = (Client::connect(teal.listener()), [0, 0]);
    while !stop.load(Ordering::Relaxed) {
        match get(&mut client, "").status {
            200 => counts[0] += 1,
            503 => counts[1] += 1,
            status => unreachable!("{status}"),
        }
    }
    counts
}

#[test]
fn maintenances_and_switches_under_load_lose_nothing() {
    // L2 L8
    let setup = Setup::new();
    let stop = AtomicBool::new(false);
    let answered = || setup.teal.metrics().count("teal_requests_answered_total", &[]);
    let more = || {
        let before = answered();
        wait_until(SOON, "more requests are answered", || answered() > before + 50);
    };
    let [by_targets, by_teal] = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..4).map(|_| scope.spawn(|| ask_until(&stop, &setup.teal))).collect();
        for to in ["green", "blue", "green"] {
            more();
            setup.teal.cli(&["maintenance", "on"]).assert_code(0);
            let seen = || setup.blue.seen().count() + setup.green.seen().count();
            wait_until(SOON, "all requests in flight have ended", || {
                ["blue", "green"].iter().all(|color| setup.teal.color(color)["in_flight"] == 0)
            });
            let before = seen();
            more();
            setup.teal.switch_to(to);
            more();
            assert_eq!(seen(), before, "no request has reached a target");
            setup.teal.cli(&["maintenance", "off"]).assert_code(0);
            assert_eq!(setup.who(), to);
        }
        more();
        stop.store(true, Ordering::Relaxed);
        let counts = clients.into_iter().map(|client| client.join().expect("no request was lost"));
        counts.fold([0, 0], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
    });
    let labels = [("by", "teal"), ("reason", "maintenance")];
    let metrics = setup.teal.metrics();
    assert_eq!(metrics.count("teal_requests_answered_total", &labels), by_teal);
    assert!(by_targets > 0 && by_teal > 0);
    setup.finish();
}

#[test]
fn a_maintenance_outlives_a_crash_a_reload_a_restart_and_an_upgrade() {
    // L6 L7
    let mut setup = Setup::new();
    let page = setup.teal.state_dir().join("page.html");
    fs::write(&page, "<h1>Closed</h1>{{message}}").expect("written");
    let page = page.display().to_string();
    let on = ["maintenance", "on", "--message", "A & B", "--page", &page];
    setup.teal.cli(&on).assert_code(0);
    let shown = |teal: &Teal| {
        let answer = get(&mut Client::connect(teal.listener()), BROWSER);
        assert_eq!((answer.status, answer.text()), (503, "<h1>Closed</h1>A &amp; B".to_owned()));
    };
    shown(&setup.teal);
    let killed = setup.teal.kill_serving();
    shown(&setup.teal);
    setup.teal.wait_revived(killed);
    setup.teal.write_settings(&setup.settings().drain("7s"));
    setup.teal.cli(&["reload"]).assert_code(0);
    shown(&setup.teal);
    let mut of_older = setup.client();
    told(&mut of_older, "A & B");
    setup.teal.upgrade();
    shown(&setup.teal);
    // The older one follows the decisions of the newer one.
    setup.teal.cli(&["maintenance", "off"]).assert_code(0);
    assert_eq!(get(&mut of_older, "").status, 200);
    setup.teal.wait_alone(LEFT);
    setup.teal.cli(&["maintenance", "on"]).assert_code(0);
    setup.teal.kill();
    setup.teal.start_again();
    told(&mut setup.client(), USUAL);
    setup.teal.cli(&["maintenance", "off"]).assert_code(0);
    wait_until(SOON, "a target answers", || get(&mut setup.client(), "").status == 200);
    setup.finish();
}

#[test]
fn an_older_teal_that_leaves_answers_as_the_newer_one_has_decided() {
    // L7
    let mut setup = Setup::new();
    let (mut held, gate) = setup.held_on_blue();
    let mut of_older = setup.client();
    assert_eq!(get(&mut of_older, "").status, 200);
    setup.teal.upgrade();
    let on = ["maintenance", "on", "--message", "later", "--allow", "192.0.2.0/24"];
    setup.teal.cli(&on).assert_code(0);
    told(&mut of_older, "later");
    gate.open();
    assert_eq!(held.answer().status, 200);
    setup.teal.wait_alone(LEFT);
    setup.teal.cli(&["maintenance", "off"]).assert_code(0);
    setup.finish();
}

#[test]
fn clients_on_the_list_pass_also_behind_a_trusted_proxy() {
    let trusted = "[\"127.0.0.3\"]";
    let setup = Setup::with(|settings| settings.listener_key("trusted", trusted));
    let on = ["maintenance", "on", "--allow", "127.0.0.2", "--allow", "192.0.2.0/24"];
    setup.teal.cli(&on).assert_code(0);
    let address = setup.teal.listener();
    let from = |last: u8| Client::connect_from([127, 0, 0, last].into(), address);
    assert_eq!(get(&mut from(2), "").status, 200);
    told(&mut from(1), USUAL);
    let said = "X-Forwarded-For: 192.0.2.7\r\n";
    assert_eq!(get(&mut from(3), said).status, 200, "the proxy is trusted");
    assert_eq!(get(&mut from(3), "X-Forwarded-For: 198.51.100.1\r\n").status, 503);
    assert_eq!(get(&mut from(1), said).status, 503, "anybody can say so");
    setup.teal.cli(&["maintenance", "on"]).assert_code(0);
    assert_eq!(get(&mut from(2), "").status, 503, "the list is replaced");
    setup.finish();
}

#[test]
fn requests_that_were_held_are_answered_and_the_hold_is_over() {
    // L3
    let setup = Setup::with(|settings| settings.service("hold", "{ release_per_second = 1 }"));
    let (mut in_flight, gate) = setup.held_on_blue();
    setup.teal.cli(&["hold", "--no-wait", "--drain", "2s"]).assert_code(0);
    let mut waiting: Vec<_> = (1..=4)
        .map(|last| {
            let mut client = Client::connect_from([127, 0, 0, last].into(), setup.teal.listener());
            client.send("GET /waits HTTP/1.1\r\nHost: test\r\n\r\n");
            client
        })
        .collect();
    wait_until(SOON, "all wait", || setup.teal.service()["held"]["waiting"] == 4);
    setup.teal.cli(&["maintenance", "on", "--allow", "127.0.0.4"]).assert_code(0);
    let allowed = waiting.pop().expect("four").answer();
    assert_eq!((allowed.status, field(&allowed, "x-target")), (200, "blue"));
    for client in &mut waiting {
        let answer = client.answer();
        assert_eq!((answer.status, field(&answer, "retry-after")), (503, "60"));
    }
    assert_eq!(setup.teal.service()["held"], Value::Null);
    // The drain that the hold began would have cut it.
    assert_eq!(setup.teal.color("blue")["deadline_seconds"], Value::Null);
    gate.open();
    assert_eq!(in_flight.answer().status, 200);
    setup.teal.cli(&["maintenance", "off"]).assert_code(0);
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn the_page_of_the_service_has_the_message_in_every_protocol() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("maintenance.html"), "<b>{{message}}</b>").expect("written");
    fs::write(directory.path().join("503.html"), "another").expect("written");
    let key = format!("{:?}", directory.path().display().to_string());
    let setup =
        Setup::with(|settings| settings.service("error_pages", &key).listener_key("http2", "true"));
    setup.teal.cli(&["maintenance", "on", "--message", "<Noon>"]).assert_code(0);
    let expected = "<b>&lt;Noon&gt;</b>";
    let mut client = setup.client();
    assert_eq!(get(&mut client, BROWSER).text(), expected);
    client.send(format!("HEAD / HTTP/1.1\r\nHost: test\r\n{BROWSER}\r\n"));
    let head = client.read_answer(true).expect("an answer");
    assert_eq!((head.status, field(&head, "content-length")), (503, &*expected.len().to_string()));
    let json = get(&mut client, "Accept: application/json\r\n");
    let document: Value = serde_json::from_slice(&json.body).expect("JSON");
    assert_eq!((&document["code"], &document["detail"]), (&"maintenance".into(), &"<Noon>".into()));
    let mut http2 = Http2::connect(setup.teal.listener());
    let answer = http2.ask(request("GET", "/", &[("accept", "text/html")]));
    assert_eq!((answer.status, answer.body), (503, expected.as_bytes().to_vec()));
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.answer().status, 503);
    setup.teal.cli(&["maintenance", "on"]).assert_code(0);
    assert_eq!(get(&mut setup.client(), BROWSER).text(), format!("<b>{USUAL}</b>"));
    setup.finish();
}

#[test]
fn a_group_is_in_maintenance_as_a_whole_and_others_are_not() {
    let [web, api, mail] = ["web", "api", "mail"].map(Target::start);
    let service = |name: &str, target: &Target| {
        let url = target.url();
        format!(
            "[[service]]\nname = \"{name}\"\nhosts = [\"{name}.test\"]\nblue.targets = [\"{url}\"]\n\
             green.targets = [\"http://127.0.0.1:1\"]\nhealth = {{ interval = \"200ms\" }}\n"
        )
    };
    let further = service("api", &api) + &service("mail", &mail);
    let group = "[[group]]\nname = \"shop\"\nservices = [\"web\", \"api\"]\n";
    let green = Target::start("green");
    let settings = Settings::new(&web, &green).service("hosts", "[\"web.test\"]");
    let teal = Teal::start(TEAL, &settings.extra(&(further + group)));
    let statuses = || {
        ["web", "api", "mail"].map(|name| {
            let mut client = Client::connect(teal.listener());
            client.send(format!("GET / HTTP/1.1\r\nHost: {name}.test\r\n\r\n"));
            client.answer().status
        })
    };
    assert_eq!(statuses(), [200, 200, 200]);
    let refused = teal.cli(&["maintenance", "on"]);
    assert!(refused.all().contains("name one of: api, mail, web"), "{}", refused.all());
    teal.cli(&["maintenance", "on", "--group", "shop"]).assert_code(0);
    assert_eq!(statuses(), [503, 503, 200]);
    teal.cli(&["maintenance", "off", "--service", "web"]).assert_code(0);
    assert_eq!(statuses(), [200, 503, 200]);
    teal.cli(&["maintenance", "off", "--group", "shop"]).assert_code(0);
    assert_eq!(statuses(), [200, 200, 200]);
    teal.assert_books_balance();
}

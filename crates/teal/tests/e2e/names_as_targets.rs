//! Each address of a name is a target: with a real name server (dnsmasq) in a network of its own, whose
//! answers come, go, fail and lie.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use testkit::{
    Behavior, Client, Gate, Health, Load, LoadOptions, Settings, Target, Teal, wait_until,
};

use crate::TEAL;
use crate::dnsmasq::Names;
use crate::own_network;
use crate::setup::SOON;

const HEALTH: &str = "{ interval = \"400ms\", fast_interval = \"50ms\", timeout = \"1s\" }";

/// Runs the test of this name inside; true: this is inside.
fn is_inside(test: &str) -> bool {
    let setup = "ip addr add fd00:9::1/128 dev lo nodad";
    let hosts = "127.0.0.1 localhost\n::1 localhost\n";
    own_network::is_inside(module_path!(), test, hosts, "hosts: files dns", setup)
}

fn at(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().expect("an address"), 8081)
}

/// An application at this address, port 8081, in a namespace that has it for itself.
fn target(name: &str, address: &str) -> Target {
    Target::start_at(name, at(address))
}

fn settings(blue: &str, green: &str) -> Settings {
    Settings::of_urls(&[&format!("http://{blue}:8081")], &[&format!("http://{green}:8081")])
        .service("health", HEALTH)
}

/// The target of a color at this address, as the status shows it.
fn shown(teal: &Teal, color: &str, address: &str) -> Value {
    let status = teal.color(color);
    let targets = status["targets"].as_array().cloned().unwrap_or_default();
    let address = at(address).to_string();
    targets.into_iter().find(|target| target["address"] == *address).unwrap_or_default()
}

fn is_used(teal: &Teal, color: &str, address: &str) -> bool {
    let target = shown(teal, color, address);
    target["health"] == "up" && target["note"].is_null()
}

/// The number of requests on connections of their own that each target answers.
fn shares(teal: &Teal, requests: usize) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..requests {
        let answer = Client::connect(teal.listener()).get("/");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let name = answer.fields.get("x-target").unwrap_or_default().to_owned();
        *shares.entry(name).or_default() += 1;
    }
    shares
}

/// Waits until the name server answers from its new file.
fn has_addresses(name: &str, count: usize) {
    wait_until(SOON, "the name server has read its file", || {
        (name, 8081).to_socket_addrs().map_or(0, Iterator::count) == count
    });
}

/// Requests other than probes.
fn traffic(target: &Target) -> usize {
    target.seen().count()
}

#[test]
fn r67_three_addresses_of_a_name_get_a_share_each() {
    if !is_inside("r67_three_addresses_of_a_name_get_a_share_each") {
        return;
    }
    let all = ["127.0.0.11", "127.0.0.12", "127.0.0.13"];
    let _names = Names::start(&all.map(|address| ("app.test", address)));
    let _apps = all.map(|address| target(address, address));
    let spare = target("spare", "127.0.0.99");
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("access.log");
    let access = format!("[access_log]\npath = '{}'\nformat = \"json\"\n", log.display());
    let teal = Teal::start(TEAL, &settings("app.test", "127.0.0.99").extra(&access));
    teal.wait_healthy("blue", true);
    let shares = shares(&teal, 300);
    // The access log says which of them it was.
    wait_until(SOON, "each has its lines", || {
        let lines = std::fs::read_to_string(&log).unwrap_or_default();
        all.iter().all(|address| {
            let whole = format!(
                "\"served_by\":\"http://app.test:8081\",\"served_by_address\":\"{address}:8081\""
            );
            lines.matches(&whole).count() == shares[*address]
        })
    });
    assert!(shares.len() == 3 && shares.values().all(|share| *share > 50), "{shares:?}");
    for address in all {
        let target = shown(&teal, "blue", address);
        assert_eq!(target["url"], "http://app.test:8081", "{target}");
        assert_eq!(target["health"], "up", "{target}");
    }
    let text = teal.cli(&["status"]).stdout;
    assert!(text.contains("http://app.test:8081 at 127.0.0.12 up, probed"), "{text}");
    teal.wait_healthy("green", true);
    teal.switch_to("green");
    teal.switch_to("blue");
    drop(spare);
    teal.assert_books_balance();
}

#[test]
fn r67_a_new_address_is_proven_first_and_a_removed_one_drains() {
    // L3 L4 L9
    if !is_inside("r67_a_new_address_is_proven_first_and_a_removed_one_drains") {
        return;
    }
    let [one, two, three] = ["127.0.0.11", "127.0.0.12", "127.0.0.13"];
    let names = Names::start(&[("app.test", one), ("app.test", two)]);
    let (first, _second, third) = (target("1", one), target("2", two), target("3", three));
    third.health(Health::Status(503));
    let teal = Teal::start(TEAL, &settings("app.test", "127.0.0.99"));
    teal.wait_healthy("blue", true);
    let load = Load::start(teal.listener(), LoadOptions::default());
    names.say(&[("app.test", one), ("app.test", two), ("app.test", three)]);
    wait_until(SOON, "it is being proven", || {
        shown(&teal, "blue", three)["note"] == "being proven, no traffic yet"
            && third.seen().probes().len() > 2
    });
    load.wait_for_more(300);
    assert_eq!(traffic(&third), 0, "not before it is proven");
    third.health(Health::Healthy);
    let before = third.seen().probes().len();
    wait_until(SOON, "it is used", || is_used(&teal, "blue", three));
    assert!(third.seen().probes().len() >= before + 2, "after `rise` probes");
    wait_until(SOON, "and gets its share", || traffic(&third) > 50);

    let gate = Gate::new();
    first.behave_at("/held", Behavior::Held(gate.clone()));
    let mut held = Client::connect(teal.listener());
    wait_until(SOON, "a request is in flight on the first", || {
        held = Client::connect(teal.listener());
        held.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
        let until = Instant::now() + Duration::from_millis(200);
        while Instant::now() < until && first.seen().requests_to("/held").is_empty() {
            std::thread::yield_now();
        }
        !first.seen().requests_to("/held").is_empty()
    });
    names.say(&[("app.test", two), ("app.test", three)]);
    wait_until(SOON, "it has left", || shown(&teal, "blue", one).is_null());
    wait_until(SOON, "only the connection in use is left", || first.seen().open_connections() == 1);
    let before = first.seen().count();
    load.wait_for_more(300);
    assert_eq!(first.seen().count(), before, "nobody new");
    gate.open();
    let answer = held.answer();
    assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("1")), "nothing is cut");
    teal.log_has(&["the name no longer has the address: it drains"]);
    teal.log_has(&["the drain of a removed color or target has ended", one, "end=drained"]);
    load.stop().assert_nothing_lost();
    teal.assert_books_balance();
}

#[test]
fn r67_the_gate_refuses_a_name_of_which_one_address_refuses_and_names_it() {
    // L9
    if !is_inside("r67_the_gate_refuses_a_name_of_which_one_address_refuses_and_names_it") {
        return;
    }
    let names = Names::start(&[("two.test", "127.0.0.11"), ("two.test", "127.0.0.12")]);
    let (_blue, _one) = (target("blue", "127.0.0.99"), target("1", "127.0.0.11"));
    let teal = Teal::start(TEAL, &settings("127.0.0.99", "two.test"));
    teal.wait_healthy("blue", true);
    let refused = teal.cli(&["switch", "green"]);
    refused.assert_code(3);
    let reason = "http://two.test:8081 at 127.0.0.12: connection refused";
    assert!(refused.all().contains(reason), "{}", refused.all());
    // The gate looks the name up, however long the interval is.
    teal.write_settings(
        &settings("127.0.0.99", "two.test").service(
            "health",
            "{ interval = \"60s\", fast_interval = \"50ms\", timeout = \"1s\" }",
        ),
    );
    teal.cli(&["reload"]).assert_code(0);
    names.say(&[("two.test", "127.0.0.11")]);
    has_addresses("two.test", 1);
    teal.switch_to("green");
    teal.switch_to("blue");
    names.say(&[("two.test", "127.0.0.11"), ("two.test", "127.0.0.13")]);
    has_addresses("two.test", 2);
    let refused = teal.cli(&["switch", "green"]);
    refused.assert_code(3);
    let reason = "http://two.test:8081 at 127.0.0.13: connection refused";
    assert!(refused.all().contains(reason), "{}", refused.all());
    names.say(&[]);
    has_addresses("two.test", 0);
    let refused = teal.cli(&["switch", "green"]);
    refused.assert_code(3);
    assert!(refused.all().contains("no address for two.test"), "{}", refused.all());
    teal.assert_books_balance();
}

#[test]
fn r67_a_family_over_which_nothing_answers_does_not_count() {
    // L9
    if !is_inside("r67_a_family_over_which_nothing_answers_does_not_count") {
        return;
    }
    let _names = Names::start(&[("both.test", "127.0.0.11"), ("both.test", "fd00:9::1")]);
    let (_four, blue) = (target("4", "127.0.0.11"), target("blue", "127.0.0.1"));
    // `localhost` has both families, too; the first request finds the one that is there.
    let teal = Teal::start(TEAL, &settings("localhost", "both.test"));
    assert_eq!(shares(&teal, 20).into_keys().collect::<Vec<_>>(), ["blue"]);
    teal.wait_healthy("blue", true);
    teal.wait_healthy("green", true);
    for (color, address) in [("blue", "::1"), ("green", "fd00:9::1")] {
        wait_until(SOON, "the other family is left out", || {
            shown(&teal, color, address)["note"] == "not used: nothing answers over IPv6"
        });
    }
    assert_eq!(blue.seen().malformed(), Vec::<String>::new());
    teal.switch_to("green");
    assert_eq!(shares(&teal, 20).into_keys().collect::<Vec<_>>(), ["4"]);
    let six = target("6", "fd00:9::1");
    wait_until(SOON, "it answers over IPv6, too", || is_used(&teal, "green", "fd00:9::1"));
    assert_eq!(shares(&teal, 40).len(), 2);
    six.health(Health::Status(503));
    teal.wait_healthy("green", false);
    teal.assert_books_balance();
}

#[test]
fn r67_of_a_thousand_addresses_only_64_are_used_and_that_is_reported() {
    if !is_inside("r67_of_a_thousand_addresses_only_64_are_used_and_that_is_reported") {
        return;
    }
    let all: Vec<_> = (0..1_000).map(|n| format!("127.9.{}.{}", n / 250, n % 250 + 1)).collect();
    let all: Vec<_> = all.iter().map(|address| ("many.test", address.as_str())).collect();
    let names = Names::start(&all[500..563]);
    let _app = target("app", "0.0.0.0");
    let teal = Teal::start(TEAL, &settings("many.test", "127.0.0.99"));
    teal.wait_healthy("blue", true);
    names.say(&all);
    let problem = "has 1000 addresses; 64 are used";
    wait_until(SOON, "the limit is reported", || {
        teal.color("blue")["names"][0]["problem"] == *problem
    });
    wait_until(SOON * 2, "and kept", || teal.color("blue")["names"][0]["used"] == 64);
    assert!(is_used(&teal, "blue", all[530].1), "those in use come first");
    assert!(teal.cli(&["status"]).stdout.contains(&format!("http://many.test:8081: {problem}")));
    teal.log_has(&["the name has 1000 addresses; only 64 are used"]);
    assert_eq!(shares(&teal, 50).values().sum::<usize>(), 50);
    teal.assert_books_balance();
}

#[test]
fn r67_a_name_server_that_hangs_dies_or_lies_moves_no_traffic() {
    // L9 L10
    if !is_inside("r67_a_name_server_that_hangs_dies_or_lies_moves_no_traffic") {
        return;
    }
    let (one, two, foreign) = ("127.0.0.11", "127.0.0.12", "127.0.0.66");
    let mut names = Names::start(&[("app.test", one), ("app.test", two)]);
    let mine = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nweb is well";
    let apps = [target("1", one), target("2", two)];
    for app in &apps {
        app.behave_at("/ready", Behavior::raw(mine));
    }
    let stranger = target("stranger", foreign);
    let health = HEALTH.replace(" }", ", path = \"/ready\", expect_body = \"web is well\" }");
    let settings = settings("app.test", "127.0.0.99").service("health", &health);
    let teal = Teal::start(TEAL, &settings.listener("127.0.0.1:8081"));
    teal.wait_healthy("blue", true);
    let load = Load::start(teal.listener(), LoadOptions::default());
    let unanswered = || teal.color("blue")["names"][0]["problem"].to_string();

    names.signal(Signal::STOP);
    wait_until(SOON, "the hanging name server is reported", || {
        unanswered().contains("no answer to lookups")
    });
    load.wait_for_more(300);
    assert!(is_used(&teal, "blue", one) && is_used(&teal, "blue", two), "nothing changes");
    names.signal(Signal::CONT);
    wait_until(SOON * 2, "it answers again", || unanswered() == "null");
    names.die();
    wait_until(SOON * 2, "the dead name server is reported", || unanswered().contains("no answer"));
    load.wait_for_more(300);
    assert!(is_used(&teal, "blue", one) && is_used(&teal, "blue", two), "nothing changes");
    names.come_back();
    wait_until(SOON * 2, "it is back", || unanswered() == "null");

    // Teal's own address, and somebody else's.
    names.say(&[
        ("app.test", one),
        ("app.test", two),
        ("app.test", "127.0.0.1"),
        ("app.test", foreign),
    ]);
    wait_until(SOON, "the new process is probed", || {
        stranger.seen().requests_to("/ready").len() > 3
    });
    load.wait_for_more(300);
    assert!(shown(&teal, "blue", "127.0.0.1").is_null(), "Teal is not its own target");
    let asked = stranger.seen().requests();
    assert!(asked.iter().all(|seen| seen.target == "/ready"), "0 requests at the stranger");
    assert_eq!(shown(&teal, "blue", foreign)["note"], "being proven, no traffic yet");
    // Lies alone move nothing, while the targets are up where they were.
    names.say(&[("app.test", foreign)]);
    wait_until(SOON, "the old ones stay", || {
        shown(&teal, "blue", one)["note"].to_string().contains("until its new addresses are proven")
    });
    load.wait_for_more(300);
    names.say(&[]);
    wait_until(SOON, "no such name", || shown(&teal, "blue", foreign).is_null());
    load.wait_for_more(300);
    load.stop().assert_nothing_lost();
    apps.iter().for_each(Target::stop);
    wait_until(SOON, "nobody is left, and nobody is asked", || {
        Client::connect(teal.listener()).get("/").status == 502
            && shown(&teal, "blue", one).is_null()
            && shown(&teal, "blue", two).is_null()
    });
    teal.assert_books_balance();
}

#[test]
fn r67_switches_under_load_lose_nothing_while_the_addresses_change() {
    // L2 L4
    if !is_inside("r67_switches_under_load_lose_nothing_while_the_addresses_change") {
        return;
    }
    let blue = ["127.0.1.1", "127.0.1.2", "127.0.1.3"];
    let green = ["127.0.2.1", "127.0.2.2", "127.0.2.3"];
    let _blues = blue.map(|address| target("blue", address));
    let _greens = green.map(|address| target("green", address));
    let all: Vec<_> = blue.iter().map(|at| ("blue.test", *at)).collect();
    let all: Vec<_> = all.into_iter().chain(green.iter().map(|at| ("green.test", *at))).collect();
    let names = Names::start(&all);
    let mut teal = Teal::start(TEAL, &settings("blue.test", "green.test"));
    teal.wait_healthy("blue", true);
    teal.wait_healthy("green", true);
    let load = Load::start(teal.listener(), LoadOptions::default());
    for round in 0..6 {
        let (from, to) = if round % 2 == 0 { ("blue", "green") } else { ("green", "blue") };
        let without = all.iter().enumerate().filter(|(n, _)| n % 3 != round % 3);
        let without: Vec<_> = without.map(|(_, one)| *one).collect();
        names.say(&without);
        load.expect_anyone();
        teal.switch_to(to);
        load.expect_only(to);
        let drained = teal.color(from)["drained"].clone();
        assert_eq!(drained, true, "{from}");
        load.wait_for_more(200);
        names.say(&all);
        if round == 2 {
            teal.upgrade();
        }
        load.wait_for_more(200);
        teal.wait_healthy(from, true);
    }
    teal.wait_alone(SOON * 3);
    load.stop().assert_nothing_lost();
    teal.assert_books_balance();
}

#[test]
fn r67_an_upgrade_sends_nothing_to_an_address_that_the_older_one_has_not_proven() {
    // L4 L9
    if !is_inside("r67_an_upgrade_sends_nothing_to_an_address_that_the_older_one_has_not_proven") {
        return;
    }
    let [one, two, three] = ["127.0.0.11", "127.0.0.12", "127.0.0.13"];
    let all = [one, two, three].map(|address| ("app.test", address));
    let names = Names::start(&all[..2]);
    let (first, _second, third) = (target("1", one), target("2", two), target("3", three));
    let _green = target("green", "127.0.0.99");
    third.health(Health::Status(503));
    let mut teal = Teal::start(TEAL, &settings("app.test", "127.0.0.99"));
    teal.wait_healthy("blue", true);
    let gate = Gate::new();
    first.behave_at("/held", Behavior::Held(gate.clone()));
    let mut held: Vec<_> = (0..12).map(|_| Client::connect(teal.listener())).collect();
    for client in &mut held {
        client.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    wait_until(SOON, "some are held", || !first.seen().requests_to("/held").is_empty());
    names.say(&all);
    // It is not healthy as a whole now, so that an upgrade need not find it up.
    wait_until(SOON, "it is being proven", || third.seen().probes().len() > 2);
    let load = Load::start(teal.listener(), LoadOptions::default());
    teal.upgrade();
    load.wait_for_more(300);
    assert_eq!(traffic(&third), 0, "neither the older nor the newer one");
    load.expect_anyone();
    // Leases of the older one on an address of blue delay the drain.
    teal.wait_healthy("green", true);
    assert_eq!(teal.switch("green", "&wait=published").status, 200);
    load.expect_only("green");
    load.wait_for_more(200);
    assert_eq!(teal.color("blue")["drained"], false, "{}", teal.color("blue"));
    gate.open();
    let answers: Vec<_> = held.iter_mut().map(|client| client.answer().status).collect();
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    drop(held);
    wait_until(SOON, "then it is drained", || teal.color("blue")["drained"] == true);
    load.stop().assert_nothing_lost();
    assert_eq!(traffic(&third), 0);
    teal.wait_alone(SOON * 3);
    teal.assert_books_balance();
}

//! Targets by name, in a network and a mount namespace of their own: a name that is gone, an
//! address that another service takes over, a target that comes back elsewhere.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Behavior, Client, Health, Load, LoadOptions, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::own_network;
use crate::setup::SOON;

/// The answer of the name server for `app.test`: an address, no such name, or a failure.
#[derive(Clone, Copy, Debug)]
enum Says {
    At([u8; 4]),
    Gone,
    Fails,
}

/// A name server on 127.0.0.1:53.
#[derive(Clone)]
struct Names(Arc<Mutex<Says>>);

impl Names {
    fn start(first: Says) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").expect("the namespace has port 53 free");
        let names = Names(Arc::new(Mutex::new(first)));
        let said = names.clone();
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let says = *said.0.lock().expect("no thread panics with it");
                let _ = socket.send_to(&answer(&buffer[..length], says), from);
            }
        });
        names
    }

    fn say(&self, says: Says) {
        *self.0.lock().expect("no thread panics with it") = says;
    }
}

/// The answer to a question (RFC 1035 section 4).
fn answer(question: &[u8], says: Says) -> Vec<u8> {
    let name_end = question[12..].iter().position(|byte| *byte == 0).expect("a name") + 13;
    let is_a = question[name_end..name_end + 2] == [0, 1];
    let (code, count) = match says {
        Says::At(_) if is_a => (0, 1),
        Says::At(_) => (0, 0),
        Says::Gone => (3, 0),
        Says::Fails => (2, 0),
    };
    let mut answer = question[..name_end + 4].to_vec();
    answer[2..4].copy_from_slice(&[0x81, 0x80 | code]);
    answer[6..12].copy_from_slice(&[0, count, 0, 0, 0, 0]);
    if let (Says::At(address), 1) = (says, count) {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address);
    }
    answer
}

/// Runs the test of this name inside; true: this is inside.
fn is_inside(test: &str) -> bool {
    let hosts = "127.0.0.1 localhost\n";
    own_network::is_inside(module_path!(), test, hosts, "hosts: files dns", "true")
}

/// An application at this address, port 8081, in a namespace that has it for itself.
fn target(name: &str, address: &str) -> Target {
    Target::start_at(name, format!("{address}:8081").parse().expect("an address"))
}

fn teal(health: &str) -> (Teal, Target) {
    let spare = Target::start("spare");
    let settings = Settings::of_urls(&["http://app.test:8081"], &[&spare.url()]);
    (Teal::start(TEAL, &settings.service("health", health)), spare)
}

fn has_no_address(teal: &Teal) -> bool {
    teal.color("blue")["targets"][0]["addresses"].as_array().is_some_and(Vec::is_empty)
}

const HEALTH: &str = "{ interval = \"500ms\", fast_interval = \"50ms\", timeout = \"2s\" }";

#[test]
fn r62_a_container_that_is_gone_leaves_nothing_to_the_next_owner_of_its_address() {
    // L9
    if !is_inside("r62_a_container_that_is_gone_leaves_nothing_to_the_next_owner_of_its_address") {
        return;
    }
    let names = Names::start(Says::At([127, 0, 0, 11]));
    let app = target("app", "127.0.0.11");
    let (teal, _spare) = teal(HEALTH);
    teal.wait_healthy("blue", true);
    let load = Load::start(teal.listener(), LoadOptions::default());
    load.wait_for_more(200);
    names.say(Says::Gone);
    app.stop();
    wait_until(SOON, "no address is left", || has_no_address(&teal));
    wait_until(SOON, "and every worker knows", || {
        (0..20).all(|_| Client::connect(teal.listener()).get("/").status == 502)
    });
    // It answers everything with 200, its health too.
    let stranger = target("stranger", "127.0.0.11");
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        assert_eq!(Client::connect(teal.listener()).get("/").status, 502);
    }
    drop(load.stop());
    assert_eq!(stranger.seen().count(), 0, "neither a request nor a probe");
    // The target comes back elsewhere, and is proven there before it gets anything.
    let back = target("app", "127.0.0.12");
    names.say(Says::At([127, 0, 0, 12]));
    wait_until(SOON, "it answers again", || {
        Client::connect(teal.listener()).get("/").status == 200
    });
    assert!(back.seen().probes().len() >= 2, "after `rise` probes");
    assert_eq!(stranger.seen().count(), 0);
    teal.assert_books_balance();
}

#[test]
fn r62_a_name_server_that_fails_takes_no_healthy_target_with_it() {
    if !is_inside("r62_a_name_server_that_fails_takes_no_healthy_target_with_it") {
        return;
    }
    let names = Names::start(Says::At([127, 0, 0, 11]));
    let app = target("app", "127.0.0.11");
    let (teal, _spare) = teal(HEALTH);
    teal.wait_healthy("blue", true);
    names.say(Says::Fails);
    let before = app.seen().probes().len();
    wait_until(SOON * 4, "it is probed on", || app.seen().probes().len() > before + 3);
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    // The name is gone, but its target is up where it was.
    names.say(Says::Gone);
    let before = app.seen().probes().len();
    wait_until(SOON, "it is probed on", || app.seen().probes().len() > before + 3);
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    app.health(Health::Status(404));
    wait_until(SOON, "a process without the health path is another one", || {
        has_no_address(&teal) && Client::connect(teal.listener()).get("/").status == 502
    });
    teal.assert_books_balance();
}

#[test]
fn r62_a_name_that_moves_is_followed_only_to_where_the_target_is_proven() {
    // L9
    if !is_inside("r62_a_name_that_moves_is_followed_only_to_where_the_target_is_proven") {
        return;
    }
    let names = Names::start(Says::At([127, 0, 0, 11]));
    let (app, stranger) = (target("app", "127.0.0.11"), target("stranger", "127.0.0.12"));
    let mine = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nweb is well";
    app.behave_at("/ready", Behavior::raw(mine));
    let health = HEALTH.replace(" }", ", path = \"/ready\", expect_body = \"web is well\" }");
    let (teal, _spare) = teal(&health);
    teal.wait_healthy("blue", true);
    names.say(Says::At([127, 0, 0, 12]));
    wait_until(SOON, "the new process is probed", || {
        stranger.seen().requests_to("/ready").len() > 3
    });
    for _ in 0..50 {
        let answer = Client::connect(teal.listener()).get("/");
        assert_eq!(answer.fields.get("x-target"), Some("app"), "the target is up where it was");
    }
    app.stop();
    wait_until(SOON, "no address is left", || {
        has_no_address(&teal) && Client::connect(teal.listener()).get("/").status == 502
    });
    for _ in 0..50 {
        assert_eq!(Client::connect(teal.listener()).get("/").status, 502);
    }
    let seen = stranger.seen().requests();
    assert!(seen.iter().all(|seen| seen.target == "/ready"), "0 requests at the stranger");
    stranger.behave_at("/ready", Behavior::raw(mine));
    wait_until(SOON, "it was the target all along", || {
        Client::connect(teal.listener()).get("/").status == 200
    });
    teal.assert_books_balance();
}

#[test]
fn r67_an_address_that_shows_another_identity_loses_its_traffic_at_once() {
    // L9
    if !is_inside("r67_an_address_that_shows_another_identity_loses_its_traffic_at_once") {
        return;
    }
    let names = Names::start(Says::At([127, 0, 0, 11]));
    let app = target("app", "127.0.0.11");
    let mine = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nweb is well";
    app.behave_at("/ready", Behavior::raw(mine));
    // It would take a hundred failures to be down.
    let health =
        HEALTH.replace(" }", ", path = \"/ready\", expect_body = \"web is well\", fall = 100 }");
    let (teal, _spare) = teal(&health);
    teal.wait_healthy("blue", true);
    for _ in 0..20 {
        assert_eq!(Client::connect(teal.listener()).get("/mine").status, 200);
    }
    // The container is gone, another has its address, and the name server has not noticed.
    app.behave_at("/ready", Behavior::raw(mine.replace("web", "bob")));
    wait_until(SOON, "it is left by every worker", || {
        has_no_address(&teal)
            && (0..20).all(|_| Client::connect(teal.listener()).get("/mine").status == 502)
    });
    let before = app.seen().requests_to("/mine").len();
    for _ in 0..20 {
        assert_eq!(Client::connect(teal.listener()).get("/mine").status, 502);
    }
    assert_eq!(app.seen().requests_to("/mine").len(), before, "0 requests at the stranger");
    app.behave_at("/ready", Behavior::raw(mine));
    wait_until(SOON, "the target is back", || {
        Client::connect(teal.listener()).get("/mine").status == 200
    });
    drop(names);
    teal.assert_books_balance();
}

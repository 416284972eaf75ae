//! Names with several addresses of which one does not answer, in a network of their own: new connections
//! and probes lose no time to it, whatever its family and its place among them.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::{Behavior, Client, Pki, SecureTarget, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::own_network;
use crate::setup::SOON;

/// The dead and the good address of each name. Packets to the dead ones have a way that ends nowhere.
const NAMES: [(&str, &str, &str); 5] = [
    ("first-dead.test", "10.9.0.2", "10.9.0.3"),
    ("last-dead.test", "10.9.0.2", "10.9.0.1"),
    ("six-first-dead.test", "fd00:9::2", "fd00:9::3"),
    ("six-last-dead.test", "fd00:9::2", "fd00:9::1"),
    ("four-dead.test", "10.9.0.2", "fd00:9::3"),
];

const SETUP: &str = "for at in 10.9.0.1/32 10.9.0.3/32; do ip addr add $at dev lo; done; \
     for at in fd00:9::1/128 fd00:9::3/128; do ip addr add $at dev lo nodad; done; \
     ip route add 10.9.0.2 dev lo; ip -6 route add fd00:9::2 dev lo";

const HEALTH: &str = "{ interval = \"500ms\", fast_interval = \"50ms\", timeout = \"2s\" }";

/// The bound of a first request, which may wait a quarter of a second for a dead address. The machine may
/// be busy, so that one of several has to keep it.
const FIRST: Duration = Duration::from_millis(700);

/// The bound of the median later, when it is known which address is dead: less than the wait for one.
const LATER: Duration = Duration::from_millis(150);

fn is_inside(test: &str) -> bool {
    let mut hosts = "127.0.0.1 localhost\n".to_owned();
    for (name, dead, good) in NAMES {
        let _ = writeln!(hosts, "{dead} {name}\n{good} {name}");
    }
    for dead in ["10.9.0.2", "fd00:9::2"] {
        let _ = writeln!(hosts, "{dead} admin.test");
    }
    hosts.push_str("127.0.0.1 admin.test\n");
    own_network::is_inside(module_path!(), test, &hosts, "hosts: files", SETUP)
}

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().expect("an address"), port)
}

/// A target that closes each connection, so that each request needs a new one.
fn target(name: &str, address: SocketAddr) -> Target {
    let target = Target::start_at(name, address);
    target.behave(Behavior::raw_then_close(format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Target: {name}\r\nContent-Length: 0\r\n\r\n"
    )));
    target
}

fn teal(url: &str, tls: &str, spare: &Target) -> Teal {
    let color = format!("{{ targets = [\"{url}\"], resolve = \"first\"{tls} }}");
    let settings = Settings::of_urls(&[], &[&spare.url()]).service("blue", &color);
    Teal::start(TEAL, &settings.service("health", HEALTH))
}

/// The name of the target that answers one request on a connection of its own, and the time it takes.
fn ask(teal: &Teal) -> (String, Duration) {
    let began = Instant::now();
    let answer = Client::connect(teal.listener()).get("/");
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.fields.get("x-target").unwrap_or_default().to_owned(), began.elapsed())
}

/// The median time of some requests, all answered by this target.
fn usual(teal: &Teal, by: &str, requests: u32) -> Duration {
    let times = (0..requests).map(|_| {
        let (name, time) = ask(teal);
        assert_eq!(name, by);
        time
    });
    median(times.collect())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A Teal that has only just begun, and whose first request kept its bound.
///
/// The first probe may be what meets the dead address first; no request waits for it then.
fn prompt(start: impl Fn() -> Teal, what: &str) -> Teal {
    let mut times = Vec::new();
    loop {
        let teal = start();
        let (name, time) = ask(&teal);
        assert_eq!(name, "good");
        if time < FIRST {
            return teal;
        }
        times.push(time);
        assert!(times.len() < 3, "{what}: {times:?} for the first requests");
    }
}

/// The median times of the switches to both colors, each to one that had its probes before.
fn switches(teal: &Teal) -> (Duration, Duration) {
    let switch = |color: &str| {
        let began = Instant::now();
        teal.switch_to(color);
        began.elapsed()
    };
    let both: Vec<_> = (0..5).map(|_| (switch("green"), switch("blue"))).collect();
    let (green, blue) = both.into_iter().unzip();
    (median(green), median(blue))
}

/// Traffic and the gate lose no time to the dead address of any name.
fn hold_the_bound(
    scheme: &str,
    start: impl Fn(SocketAddr, &str) -> (Target, Option<SecureTarget>),
    tls: &str,
) {
    let spare = Target::start("spare");
    for (name, _, good) in NAMES {
        let good = start(at(good, 8081), name);
        let url = format!("{scheme}://{name}:8081");
        let teal = prompt(|| teal(&url, tls, &spare), &url);
        teal.wait_healthy("blue", true);
        let later = usual(&teal, "good", 40);
        assert!(later < LATER, "{url}: {later:?} later");
        teal.wait_healthy("green", true);
        let (without, with) = switches(&teal);
        assert!(with < without + LATER, "{url}: {with:?} for the switch, not {without:?}");
        teal.assert_books_balance();
        drop(good);
    }
}

#[test]
fn r53_a_dead_address_costs_neither_traffic_nor_the_gate_a_wait() {
    // L9
    if !is_inside("r53_a_dead_address_costs_neither_traffic_nor_the_gate_a_wait") {
        return;
    }
    hold_the_bound("http", |address, _| (target("good", address), None), "");
}

#[test]
fn r53_a_dead_address_costs_nothing_over_tls_either() {
    if !is_inside("r53_a_dead_address_costs_nothing_over_tls_either") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let start = |address, name: &str| {
        let target = target("good", at("127.0.0.1", 0));
        let front = SecureTarget::start_at(address, &target, &pki.issue(name, &[name]));
        (target, Some(front))
    };
    hold_the_bound("https", start, &tls(&pki.ca()));
}

fn tls(ca: &Path) -> String {
    format!(", tls = {{ ca = '{}' }}", ca.display())
}

#[test]
fn r53_an_address_that_comes_back_is_used_when_the_other_one_dies() {
    if !is_inside("r53_an_address_that_comes_back_is_used_when_the_other_one_dies") {
        return;
    }
    let spare = Target::start("spare");
    let other = target("other", at("10.9.0.3", 8081));
    let teal = teal("http://first-dead.test:8081", "", &spare);
    teal.wait_healthy("blue", true);
    usual(&teal, "other", 5);
    // The dead one comes back, and probes find it before any request needs it.
    ip(&["addr", "add", "10.9.0.2/32", "dev", "lo"]);
    let back = target("back", at("10.9.0.2", 8081));
    wait_until(SOON, "it is found", || back.seen().accepted() > 0);
    other.stop();
    let over = usual(&teal, "back", 20);
    assert!(over < LATER, "{over:?} after one that refuses");
    // And the other way round, where the one in use goes silent.
    let before = other.seen().accepted();
    other.restart();
    wait_until(SOON, "it is found again", || other.seen().accepted() > before);
    ip(&["addr", "del", "10.9.0.2/32", "dev", "lo"]);
    let over = usual(&teal, "other", 20);
    assert!(over < LATER, "{over:?} after one that went silent");
    let log = teal.log();
    assert!(!log.contains("the target is down"), "{log}");
    teal.assert_books_balance();
}

#[test]
fn r53_an_address_whose_handshake_fails_or_hangs_is_set_back() {
    if !is_inside("r53_an_address_whose_handshake_fails_or_hangs_is_set_back") {
        return;
    }
    let (spare, directory) = (Target::start("spare"), tempfile::tempdir().expect("a directory"));
    let pki = Pki::new(directory.path());
    ip(&["addr", "add", "10.9.0.2/32", "dev", "lo"]);
    let (name, good) = ("first-dead.test", target("good", at("127.0.0.1", 0)));
    let _front = SecureTarget::start_at(at("10.9.0.3", 8081), &good, &pki.issue("good", &[name]));
    let url = format!("https://{name}:8081");
    {
        let wrong = pki.issue("wrong", &["another.test"]);
        let _wrong = SecureTarget::start_at(at("10.9.0.2", 8081), &good, &wrong);
        let teal = teal(&url, &tls(&pki.ca()), &spare);
        let time = usual(&teal, "good", 20);
        assert!(time < LATER, "{time:?} beside one whose certificate is for another name");
        teal.wait_healthy("blue", true);
        teal.assert_books_balance();
    }
    let _hangs = TcpListener::bind(at("10.9.0.2", 8081)).expect("an address");
    let teal = teal(&url, &tls(&pki.ca()), &spare);
    teal.wait_healthy("blue", true);
    let time = usual(&teal, "good", 20);
    assert!(time < LATER, "{time:?} beside one that hangs");
    teal.assert_books_balance();
}

#[test]
fn r53_a_name_of_which_all_addresses_refuse_fails_at_once() {
    if !is_inside("r53_a_name_of_which_all_addresses_refuse_fails_at_once") {
        return;
    }
    let spare = Target::start("spare");
    let good = target("good", at("10.9.0.3", 8081));
    let teal = teal("http://first-dead.test:8081", "", &spare);
    teal.wait_healthy("blue", true);
    good.stop();
    let began = Instant::now();
    let status = Client::connect(teal.listener()).get("/").status;
    // Not 504 at the deadline: the silent address is not waited for, so that the request may go on to
    // another target.
    assert_eq!(status, 502, "after {:?}", began.elapsed());
    teal.assert_books_balance();
}

#[test]
fn r53_the_command_line_does_not_wait_for_a_dead_address_either() {
    if !is_inside("r53_the_command_line_does_not_wait_for_a_dead_address_either") {
        return;
    }
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = Settings::new(&blue, &green).admin("hosts", "[\"admin.test\"]");
    let teal = Teal::start_healthy(TEAL, &settings);
    let admin = format!("http://admin.test:{}", teal.admin().port());
    let began = Instant::now();
    let status = teal.cli_bare(&["status", "--admin", &admin], &[]);
    status.assert_code(0);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // With nothing listening there, that is reported in time.
    let nobody = teal.cli_bare(&["status", "--admin", "http://admin.test:1"], &[]);
    nobody.assert_code(4);
    teal.assert_books_balance();
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().expect("ip is installed");
    assert!(status.success(), "ip {arguments:?}");
}

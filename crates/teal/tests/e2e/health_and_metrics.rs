//! Requests of supervisors, scrapers and load balancers without a token: the listener of metrics, and the health
//! path of a public listener.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use testkit::http2::get;
use testkit::{Behavior, Client, Pki, Response, Settings, wait_for_ok, wait_until};

use crate::http2::{connect, prior_knowledge};
use crate::setup::{SOON, Setup};

const METRICS: &str = "[metrics]\nlisten = \"127.0.0.1:0\"\n";

fn with_metrics() -> Setup {
    Setup::with(|settings| settings.extra(METRICS))
}

/// The address of the listener of metrics, from the log.
fn metrics_of(setup: &Setup) -> SocketAddr {
    let log = setup.teal.log();
    let said = log.lines().rev().find_map(|line| line.split_once("metrics on "));
    said.and_then(|(_, address)| address.trim().parse().ok()).expect("the log says where")
}

#[track_caller]
fn ask(address: SocketAddr, request: &str) -> Response {
    let mut client = Client::connect(address);
    client.send(format!("{request}\r\nConnection: close\r\n\r\n"));
    client.read_answer(request.starts_with("HEAD")).expect("an answer")
}

#[test]
fn r68_metrics_have_a_listener_that_asks_for_no_token_and_does_nothing_else() {
    let setup = with_metrics();
    let address = metrics_of(&setup);
    for request in [
        "GET /metrics HTTP/1.1\r\nHost: anything.example",
        "GET /metrics HTTP/1.1\r\nHost: 10.1.2.3:9901\r\nAuthorization: Bearer of-another-service",
        "HEAD /metrics HTTP/1.1\r\nHost: x",
        "GET /livez HTTP/1.1\r\nHost: x",
        "GET /readyz HTTP/1.1\r\nHost: x",
    ] {
        assert_eq!(ask(address, request).status, 200, "{request}");
    }
    let page = ask(address, "GET /metrics HTTP/1.1\r\nHost: x").text();
    assert!(page.contains("\nteal_active{service=\"web\",color=\"blue\"} 1\n"), "{page}");
    let token = setup.teal.token();
    for request in [
        "GET / HTTP/1.1\r\nHost: localhost".to_owned(),
        "GET /admin/status HTTP/1.1\r\nHost: localhost".to_owned(),
        format!(
            "POST /admin/switch?to=green HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}"
        ),
        "GET /openapi.json HTTP/1.1\r\nHost: localhost".to_owned(),
        "GET /metrics/ HTTP/1.1\r\nHost: localhost".to_owned(),
    ] {
        let answer = ask(address, &request);
        assert_eq!((answer.status, &*answer.text()), (404, "Not found\n"), "{request}");
    }
    assert_eq!(ask(address, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0").status, 405);
    assert_eq!(setup.teal.active(), "blue");
    setup.finish();
}

#[test]
fn r68_the_listener_of_metrics_passes_over_an_upgrade_and_a_crash() {
    // L7
    let mut setup = with_metrics();
    let address = metrics_of(&setup);
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let asking = thread::spawn(move || {
        let mut refused = 0;
        while !told.load(Ordering::Relaxed) {
            match TcpStream::connect(address) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => refused += 1,
                _ => {}
            }
            thread::sleep(Duration::from_millis(2)); // a pace, not a wait
        }
        refused
    });
    setup.teal.upgrade();
    assert_eq!(ask(address, "GET /readyz HTTP/1.1\r\nHost: x").status, 200);
    let killed = setup.teal.kill_serving();
    setup.teal.wait_revived(killed);
    assert_eq!(ask(address, "GET /metrics HTTP/1.1\r\nHost: x").status, 200);
    stop.store(true, Ordering::Relaxed);
    assert_eq!(asking.join().expect("no panic"), 0, "connections were refused");
    setup.finish();
}

#[test]
fn r68_a_reload_refuses_another_listener_of_metrics_by_name_and_an_upgrade_takes_it() {
    let mut setup = with_metrics();
    let before = metrics_of(&setup);
    setup.teal.write_settings(&setup.settings());
    let refused = setup.teal.cli(&["reload"]);
    assert!(
        refused.all().contains("metrics.listen cannot be changed by a reload"),
        "{}",
        refused.all()
    );
    assert_eq!(ask(before, "GET /livez HTTP/1.1\r\nHost: x").status, 200);
    setup.teal.upgrade();
    wait_until(SOON * 2, "the old listener is closed", || TcpStream::connect(before).is_err());
    setup.teal.write_settings(&setup.settings().extra(METRICS));
    setup.teal.upgrade();
    let after = metrics_of(&setup);
    assert_eq!(ask(after, "GET /livez HTTP/1.1\r\nHost: x").status, 200);
    setup.finish();
}

#[test]
fn r68_check_reports_the_faults_of_either() {
    let setup = Setup::new();
    let check = |settings: &Settings| {
        setup.teal.write_settings(settings);
        let config = setup.teal.config().display().to_string();
        setup.teal.cli_bare(&["check", "--config", &config], &[])
    };
    for (listen, wrong) in [
        (
            "127.0.0.1:9944",
            "metrics.listen: 127.0.0.1:9944 is taken by the listener 127.0.0.1:9944",
        ),
        ("9901", "metrics.listen: \"9901\" is not an IP address with a port"),
    ] {
        let settings = setup.settings().listener("127.0.0.1:9944");
        let checked = check(&settings.extra(&format!("[metrics]\nlisten = \"{listen}\"\n")));
        checked.assert_code(2);
        assert!(checked.all().contains(wrong), "{}", checked.all());
    }
    for path in ["teal/health", "/", "", "/a?b", "/a/../b", "/a b", "/ü"] {
        let checked = check(&setup.settings().listener_key("health", &format!("{path:?}")));
        checked.assert_code(2);
        assert!(checked.all().contains("listener.health: "), "{path}: {}", checked.all());
    }
    check(&setup.settings().listener_key("health", "\"/teal/health\"").extra(METRICS))
        .assert_code(0);
    setup.finish();
}

fn with_health(settings: Settings) -> Settings {
    settings.listener_key("health", "\"/teal/health\"")
}

#[test]
fn r68_a_balancer_is_answered_by_teal_itself_on_any_host() {
    // L8
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("access.log");
    let setup = Setup::with(|settings| {
        let log = format!("[access_log]\npath = '{}'", log.display());
        prior_knowledge(with_health(settings)).service("hosts", "[\"a.test\"]").extra(&log)
    });
    let address = setup.teal.listener();
    for request in [
        "GET /teal/health HTTP/1.1\r\nHost: 10.0.0.7:8080",
        "GET /teal/health HTTP/1.1\r\nHost: a.test",
        "GET /teal/health?x=1 HTTP/1.1\r\nHost: b.test",
        "HEAD /teal/health HTTP/1.1\r\nHost: b.test",
        "GET /teal/health HTTP/1.0", // as HAProxy asks by default
    ] {
        let answer = ask(address, request);
        let body = if request.starts_with("HEAD") { "" } else { "ok\n" };
        assert_eq!((answer.status, &*answer.text()), (200, body), "{request}");
    }
    let mut kept = setup.client();
    for _ in 0..3 {
        assert_eq!(kept.get("/teal/health").text(), "ok\n", "the connection stays");
    }
    let mut http2 = connect(&setup);
    let answer = http2.ask(get("/teal/health"));
    assert_eq!((answer.status, &answer.body[..]), (200, &b"ok\n"[..]));
    // Anything else is the service's.
    for request in [
        "POST /teal/health HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0",
        "GET /teal/health/ HTTP/1.1\r\nHost: a.test",
        "GET /Teal/health HTTP/1.1\r\nHost: a.test",
    ] {
        assert!(ask(address, request).fields.get("x-target").is_some(), "{request}");
    }
    setup.teal.assert_books_balance();
    let metrics = setup.teal.metrics();
    let own = [("service", ""), ("by", "teal"), ("reason", "health_check")];
    assert_eq!(metrics.count("teal_requests_answered_total", &own), 9);
    assert_eq!(metrics.count("teal_requests_accepted_total", &[("service", "web")]), 3);
    let lines = || std::fs::read_to_string(&log).unwrap_or_default();
    wait_until(SOON, "three lines in the access log", || lines().lines().count() >= 3);
    assert_eq!(lines().lines().count(), 3, "{}", lines());
    setup.finish();
}

#[test]
fn r68_health_comes_before_a_redirect_and_by_tls() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("a", &["a.test"]);
    let setup = Setup::with(|settings| {
        with_health(settings).listener_key("redirect_https", "true").extra(&format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\nhealth = \"/up\"\n\
             [[certificate]]\ncert = '{}'\nkey = '{}'\n",
            pair.cert.display(),
            pair.key.display()
        ))
    });
    let plain = setup.teal.listener();
    assert_eq!(ask(plain, "GET /teal/health HTTP/1.1\r\nHost: a.test").status, 200);
    assert_eq!(ask(plain, "GET /up HTTP/1.1\r\nHost: a.test").status, 308);
    let secure = setup.teal.status()["listeners"][1].as_str().map(str::parse);
    let secure = secure.expect("a second listener").expect("an address");
    let mut client =
        Client::try_connect_tls(secure, &pki.trust(Some("a.test"))).expect("a handshake");
    client.send("GET /up HTTP/1.1\r\nHost: other.test\r\n\r\n");
    assert_eq!(client.answer().text(), "ok\n", "whatever the host");
    setup.finish();
}

#[test]
fn r68_health_says_503_once_teal_stops() {
    // L8
    let mut setup = Setup::with(with_health);
    setup.blue.behave_at("/slow", Behavior::Slow(Duration::from_secs(2)));
    let mut balancer = setup.client();
    assert_eq!(balancer.get("/teal/health").status, 200);
    let mut slow = setup.client();
    slow.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    setup.teal.wait_in_flight("blue", 1);
    setup.teal.signal(Signal::TERM);
    setup.teal.log_has(&["SIGTERM: stopping"]);
    // It is logged a moment before the workers know.
    let answer = wait_for_ok(SOON, "the balancer is told", || {
        let answer = balancer.get("/teal/health");
        if answer.status == 503 { Ok(answer) } else { Err(answer.text()) }
    });
    assert!(answer.closes(), "{}", answer.text());
    assert_eq!(slow.answer().status, 200);
    assert_eq!(setup.teal.wait_exit(SOON * 2), Some(0));
    let log = setup.teal.log();
    assert!(log.contains("stopped, nothing was cut"), "{log}");
    assert!(log.contains("difference=0"), "{log}");
}

//! Teal is replaced while it serves: nothing is refused, reset or lost, whatever becomes of the newer
//! one; and what it says of a color is true of the older one, too.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::{
    Behavior, Client, Ending, Gate, Load, LoadOptions, Pki, Settings, Target, Teal, tungstenite,
    wait_until, websocket,
};

use crate::TEAL;
use crate::setup::{SOON, Setup, beside};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The older one is watched for five seconds, then it leaves.
pub(crate) const LEFT: Duration = Duration::from_secs(15);

pub(crate) fn other(color: &str) -> &'static str {
    if color == "blue" { "green" } else { "blue" }
}

fn second_listener(setup: &Setup) -> SocketAddr {
    let address = setup.teal.status()["listeners"][1].as_str().map(str::parse);
    address.expect("a second listener").expect("an address")
}

#[test]
fn a_hundred_upgrades_under_load_lose_nothing_and_one_teal_is_left() {
    // L2 L4 L7 L8
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("site", &["load.test"]);
    let (cert, key) = (pair.cert.display(), pair.key.display());
    let mut setup = Setup::with(|settings| {
        settings.extra(&format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\n\
             [[certificate]]\ncert = '{cert}'\nkey = '{key}'"
        ))
    });
    let options = LoadOptions { connections: 4, ..LoadOptions::default() };
    let plain = Load::start(setup.teal.listener(), options);
    let secure = Load::start_tls(second_listener(&setup), pki.trust(Some("load.test")), options);
    let mut color = "blue";
    for round in 1..=100 {
        let pid = setup.teal.upgrade();
        assert_eq!(setup.teal.status()["teal"]["pid"], pid);
        if round % 5 == 0 {
            let new = other(color);
            plain.expect_anyone();
            secure.expect_anyone();
            let answer = setup.teal.switch(new, "&wait_healthy=10s");
            assert_eq!(answer.status, 200, "{}", answer.text());
            plain.expect_only(new);
            secure.expect_only(new);
            color = new;
        }
        plain.wait_for_more(10);
        secure.wait_for_more(10);
    }
    let (plain, secure) = (plain.stop(), secure.stop());
    plain.assert_nothing_lost();
    secure.assert_nothing_lost();
    setup.teal.wait_alone(LEFT);
    // Of all of them together.
    let accepted = setup.teal.metrics().count("teal_requests_accepted_total", &[]);
    assert_eq!(accepted, plain.sent + secure.sent, "the books of a hundred Teals");
    setup.finish();
}

#[test]
fn requests_in_flight_in_the_older_one_are_waited_for_and_drained_is_true() {
    // L3 L4 L7
    let mut setup = Setup::new();
    let gate = Gate::new();
    setup.blue.behave_at("/held", Behavior::Held(gate.clone()));
    // On a connection of the older one; the newer one has been informed that nothing is open there.
    let mut client = setup.client();
    assert_eq!(client.get("/").status, 200);
    setup.teal.upgrade();
    client.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until(SOON, "it is in flight", || !setup.blue.seen().requests_to("/held").is_empty());
    let switching = beside(&setup.teal, &["switch", "green", "--wait-healthy", "10s"]);
    wait_until(SOON, "the newer one knows of it", || {
        setup.teal.active() == "green" && setup.teal.color("blue")["in_flight"] == 1
    });
    assert_eq!(setup.teal.color("blue")["drained"], false);
    assert!(!switching.is_finished(), "drained, with a request in flight in the older one");
    gate.open();
    let answer = client.answer();
    assert_eq!((answer.status, answer.fields.get("connection")), (200, Some("close")));
    switching.join().expect("no panic").assert_code(0);
    assert_eq!(setup.blue.seen().open_connections(), 0, "drained means that nothing is open");
    setup.blue.stop();
    assert_eq!(setup.who(), "green");
    setup.teal.wait_alone(LEFT);
    setup.teal.log_has(&["the older Teal has left"]);
    setup.finish();
}

#[test]
fn a_request_on_a_connection_of_the_older_one_goes_where_the_newer_one_says() {
    // L2 L7
    let mut setup = Setup::new();
    let mut clients: Vec<Client> = (0..4).map(|_| setup.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").fields.get("x-target"), Some("blue"));
    }
    setup.teal.upgrade();
    assert_eq!(setup.teal.switch("green", "&wait_healthy=10s").status, 200);
    for client in &mut clients {
        let answer = client.get("/");
        assert_eq!(answer.fields.get("x-target"), Some("green"), "the switch was published");
        assert_eq!(answer.fields.get("connection"), Some("close"), "and the connection moves on");
    }
    setup.finish();
}

#[test]
fn an_idle_connection_of_the_older_one_keeps_its_full_time() {
    // L7
    let mut setup = Setup::with(|settings| settings.timeouts("idle = \"3s\""));
    let mut client = setup.client();
    assert_eq!(client.get("/").status, 200);
    let idle = Instant::now();
    setup.teal.upgrade();
    assert_eq!(client.ending(SOON), Ending::Fin(Vec::new()));
    assert!(idle.elapsed() >= Duration::from_millis(2_900), "{:?}", idle.elapsed());
    setup.teal.wait_alone(LEFT);
    setup.finish();
}

#[test]
fn a_tunnel_stays_in_the_older_one_through_more_upgrades_until_it_ends() {
    // L7 L8
    let mut setup = Setup::new();
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let mut socket = websocket(setup.teal.listener(), "/ws");
    let mut echo = |text: &str| {
        socket.send(tungstenite::Message::text(text)).expect("the tunnel is open");
        assert_eq!(socket.read().expect("an echo").to_text().ok(), Some(text));
    };
    echo("before");
    let first = setup.teal.pid();
    setup.teal.upgrade();
    assert_eq!(setup.teal.status()["teal"]["older_pid"], first);
    echo("in the older one");
    setup.teal.upgrade();
    setup.teal.upgrade();
    echo("in the oldest of four");
    assert_eq!(setup.teal.processes(), 4, "each leaves through the next");
    assert_eq!(setup.teal.color("blue")["in_flight"], 1, "and the newest knows");
    let text = setup.teal.cli(&["status"]).stdout;
    assert!(text.contains("is still finishing its last requests"), "{text}");
    drop(socket);
    setup.teal.wait_alone(LEFT);
    assert!(setup.teal.status()["teal"]["older_pid"].is_null());
    assert_eq!(setup.teal.metrics().count("teal_tunnels_closed_total", &[]), 1);
    setup.finish();
}

#[test]
fn requests_cut_by_the_deadline_of_an_upgrade_are_counted_and_reported() {
    // L3 L8 L10
    let mut setup = Setup::with(|settings| settings.extra("[upgrade]\ndrain = \"1s\""));
    let (client, _gate) = setup.held_on_blue();
    setup.teal.upgrade();
    let answer = client.patience(LEFT).answer();
    assert_eq!(answer.status, 503, "{}", answer.text());
    setup.teal.wait_alone(LEFT);
    setup.teal.log_has(&["1 requests were cut", "upgrade.drain"]);
    setup.finish();
}

#[test]
fn more_and_fewer_workers_than_before_lose_nothing() {
    // L7
    let mut setup = Setup::with(|settings| settings.top("workers", "2"));
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    for workers in ["4", "1", "3", "1"] {
        setup.teal.write_settings(&setup.settings().top("workers", workers));
        setup.teal.upgrade();
        load.wait_for_more(200);
        // Each connects once more: every queue has a process that accepts from it.
        for _ in 0..32 {
            assert_eq!(setup.client().get("/").status, 200);
        }
    }
    load.stop().assert_nothing_lost();
    setup.teal.wait_alone(LEFT);
    setup.finish();
}

#[test]
fn an_upgrade_changes_keys_that_a_reload_cannot_change() {
    // L7
    let mut setup = Setup::new();
    let bound = setup.teal.listener();
    let load = Load::start(bound, LoadOptions::default());
    // The port that the kernel had chosen, written down; one listener more.
    let more = "[[listener]]\naddress = \"127.0.0.1:0\"";
    let settings = setup.settings().listener(&bound.to_string()).extra(more);
    let settings = settings.limits("connections", "500");
    setup.teal.write_settings(&settings);
    let refused = setup.teal.ask("POST", "/admin/reload", &[]);
    assert!(refused.text().contains("use `teal upgrade`"), "{}", refused.text());
    setup.teal.upgrade();
    load.wait_for_more(100);
    load.stop().assert_nothing_lost();
    assert_eq!(Client::connect(second_listener(&setup)).get("/").status, 200);
    assert_eq!(setup.client().get("/").status, 200);
    setup.teal.wait_alone(LEFT);
    setup.finish();
}

#[test]
fn requests_that_wait_in_the_older_one_are_released_by_the_newer_one() {
    // L7
    let mut setup = Setup::new();
    setup.teal.ask("POST", "/admin/hold", &[]);
    let mut client = setup.client();
    client.send("GET /waits HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until(SOON, "it waits", || setup.teal.service()["held"]["waiting"] == 1);
    setup.teal.upgrade();
    wait_until(SOON, "it still waits", || setup.teal.service()["held"]["waiting"] == 1);
    assert_eq!(setup.teal.switch("green", "&wait_healthy=10s").status, 200);
    assert_eq!(setup.teal.ask("POST", "/admin/resume", &[]).status, 200);
    assert_eq!(client.answer().fields.get("x-target"), Some("green"));
    setup.finish();
}

#[test]
fn a_link_that_leads_to_another_version_is_followed() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let directory = tempfile::tempdir().expect("a directory");
    let link = directory.path().join("teal");
    symlink(TEAL, &link).expect("a link");
    let program = link.display().to_string();
    let mut teal = Teal::start_healthy(&program, &Settings::new(&blue, &green));
    teal.upgrade();
    // The same program under another name, as a newer version would be.
    let newer = Teal::script(directory.path(), &format!("echo NEWER >&2\nexec {TEAL} \"$@\"\n"));
    fs::remove_file(&link).expect("the link is there");
    symlink(newer, &link).expect("a link");
    teal.upgrade();
    teal.log_has(&["NEWER"]);
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    teal.wait_alone(LEFT);
}

#[test]
fn only_one_upgrade_at_a_time_and_calls_meanwhile_are_answered() {
    let setup = Setup::new();
    let asked: Vec<_> = (0..3).map(|_| beside(&setup.teal, &["upgrade", "--json"])).collect();
    let asking = beside(&setup.teal, &["status"]);
    let done: Vec<_> = asked.into_iter().map(|asked| asked.join().expect("no panic")).collect();
    let codes: Vec<_> = done.iter().map(|done| done.code).collect();
    assert!(codes.contains(&Some(0)), "{codes:?}");
    assert!(codes.iter().all(|code| [Some(0), Some(3)].contains(code)), "{codes:?}");
    asking.join().expect("no panic").assert_code(0);
    assert_eq!(setup.who(), "blue");
    setup.teal.wait_alone(LEFT);
    setup.finish();
}

#[test]
fn a_signal_asks_for_it_too_and_the_service_manager_is_notified() {
    // L7
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(SOON)).expect("a timeout");
    let told = || {
        let mut room = [0; 512];
        let count = manager.recv(&mut room).expect("a notification");
        String::from_utf8_lossy(&room[..count]).into_owned()
    };
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    teal.spawn_as_service(&[("NOTIFY_SOCKET", &path.display().to_string())], None);
    let ready = |pid: u32| format!("READY=1\nSTATUS=Teal {VERSION} serves as process {pid}");
    let first = told();
    assert_eq!(first, ready(teal.pid()));
    teal.wait_ready();
    let parent = teal.parent_pid();
    let load = Load::start(teal.listener(), LoadOptions::default());
    teal.signal(Signal::USR2);
    // Another one serves, and the process that the manager has started is the same.
    let second = told();
    assert_eq!(second, ready(teal.pid()));
    assert_ne!(first, second);
    load.wait_for_more(200);
    load.stop().assert_nothing_lost();
    teal.wait_alone(LEFT);
    assert!(teal.is_running());
    assert_eq!(teal.parent_pid(), parent);
    assert_eq!(teal.status()["teal"]["pid"], teal.pid());
    teal.assert_books_balance();
    teal.signal(Signal::TERM);
    assert_eq!(told(), "STOPPING=1", "and no notification in between");
    assert_eq!(teal.wait_exit(SOON), Some(0));
}

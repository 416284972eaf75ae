//! One notion of the client behind listed proxies: the same in the access log, in spans and in requests to
//! targets.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use serde_json::Value;
use testkit::http2::{Http2, request};
use testkit::{Client, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::setup::{SOON, Setup};

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const TRUSTED: &str = "[\"127.0.0.2/32\", \"10.0.0.0/8\", \"2001:db8:1::/48\"]";

/// Lines of an access log, once there are so many.
fn lines(path: &Path, count: usize) -> Vec<Value> {
    let text = || fs::read_to_string(path).unwrap_or_default();
    wait_until(SOON, "all lines", || text().lines().count() >= count);
    text().lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn logged(settings: Settings, path: &Path) -> Settings {
    settings.extra(&format!("[access_log]\npath = '{}'\n", path.display()))
}

/// The client and its port by what a request says of the hops in front of the proxy.
const SAID: [(&str, &str, Option<u16>); 14] = [
    ("X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7", None),
    ("X-Forwarded-For: 203.0.113.7, 10.1.1.1\r\n", "203.0.113.7", None),
    (
        "X-Forwarded-For: 198.51.100.1, 203.0.113.7:4711, 10.1.1.1, 10.1.1.2\r\n",
        "203.0.113.7",
        Some(4711),
    ),
    ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7", None),
    ("X-Forwarded-For: [2001:db8::7]:4711, [2001:db8:1::1]:80\r\n", "2001:db8::7", Some(4711)),
    ("Forwarded: for=203.0.113.7;proto=https, for=\"10.1.1.1:80\"\r\n", "203.0.113.7", None),
    ("Forwarded: for=\"[2001:db8::7]:4711\"\r\n", "2001:db8::7", Some(4711)),
    ("Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7", None),
    // All of them are listed: the farthest is the client.
    ("X-Forwarded-For: 10.1.1.1:5, 10.1.1.2\r\n", "10.1.1.1", Some(5)),
    // Nobody vouches for what stands behind a hop without an address.
    ("X-Forwarded-For: 203.0.113.7, unknown, 10.1.1.2\r\n", "10.1.1.2", None),
    ("Forwarded: for=203.0.113.7, for=_hidden\r\n", "127.0.0.2", None),
    ("X-Forwarded-For: nonsense\r\n", "127.0.0.2", None),
    ("X-Forwarded-For: \r\n", "127.0.0.2", None),
    ("X-Real-IP: 203.0.113.7\r\n", "127.0.0.2", None),
];

#[test]
fn r66_the_access_log_names_the_client_with_the_peer_beside_it() {
    // L8
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let setup = Setup::with(|settings| {
        logged(settings, &path).listener_key("trusted", TRUSTED).listener_key("http2", "true")
    });
    let mut client = Client::connect_from(PROXY, setup.teal.listener());
    for (fields, ..) in SAID {
        client.send(format!("GET /who HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
        assert_eq!(client.answer().status, 200, "{fields}");
    }
    for (line, (fields, address, port)) in lines(&path, SAID.len()).iter().zip(SAID) {
        let own = (address == "127.0.0.2").then(|| client.local().port());
        assert_eq!(line["client"], address, "{fields}");
        assert_eq!(line["client_port"].as_u64(), port.or(own).map(u64::from), "{fields}");
        assert_eq!(line["peer"], "127.0.0.2", "{fields}");
        assert_eq!(line["peer_port"], client.local().port(), "{fields}");
    }
    // Anybody else is believed nothing, over HTTP/2 neither.
    let mut stranger = setup.client();
    stranger.send("GET /who HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n");
    assert_eq!(stranger.answer().status, 200);
    let mut http2 = Http2::connect(setup.teal.listener());
    http2.ask(request("GET", "/who", &[("x-forwarded-for", "203.0.113.7")]));
    // A head that nobody understands has the client of its connection.
    stranger.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n");
    assert_eq!(stranger.answer().status, 400);
    let all = lines(&path, SAID.len() + 3);
    for line in &all[SAID.len()..] {
        assert_eq!((&line["client"], &line["peer"]), (&"127.0.0.1".into(), &"127.0.0.1".into()));
        assert_eq!(line["client_port"], line["peer_port"], "{line}");
    }
    setup.finish();
}

#[test]
fn r66_the_client_of_a_stream_and_of_an_announced_connection_is_found_alike() {
    // L8
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let setup = Setup::with(|settings| {
        logged(settings, &path)
            .listener_key("trusted", "[\"127.0.0.1/32\", \"10.0.0.0/8\"]")
            .listener_key("proxy_protocol", "[\"127.0.0.2/32\"]")
            .listener_key("http2", "true")
    });
    let mut http2 = Http2::connect(setup.teal.listener());
    for client in ["203.0.113.7", "203.0.113.8"] {
        http2.ask(request("GET", "/who", &[("x-forwarded-for", client)]));
    }
    // A load balancer announces a listed proxy, which speaks for the client.
    for (header, said) in [
        ("PROXY TCP4 10.1.1.1 192.0.2.1 1234 80\r\n", "203.0.113.9, 10.2.2.2"),
        ("PROXY TCP4 203.0.113.10 192.0.2.1 1234 80\r\n", "203.0.113.9"),
        ("PROXY UNKNOWN\r\n", "203.0.113.9"),
    ] {
        let mut client = Client::connect_from(PROXY, setup.teal.listener());
        let head = format!("GET /who HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: {said}\r\n\r\n");
        client.send(format!("{header}{head}"));
        assert_eq!(client.answer().status, 200);
    }
    let lines = lines(&path, 5);
    let clients: Vec<_> = lines.iter().map(|line| line["client"].as_str().expect("text")).collect();
    assert_eq!(clients, ["203.0.113.7", "203.0.113.8", "203.0.113.9", "203.0.113.10", "127.0.0.2"]);
    let peers: Vec<_> = lines.iter().map(|line| line["peer"].as_str().expect("text")).collect();
    assert_eq!(peers, ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2", "127.0.0.2"]);
    assert_eq!(lines[3]["client_port"], 1234);
    setup.finish();
}

#[test]
fn r66_a_target_that_believes_the_same_proxies_finds_the_same_client() {
    let setup = Setup::with(|settings| settings.listener_key("trusted", TRUSTED));
    let mut client = Client::connect_from(PROXY, setup.teal.listener());
    let said = "X-Forwarded-For: 198.51.100.1, 203.0.113.7, 10.1.1.1\r\nX-Real-IP: 203.0.113.7\r\n\
                Forwarded: for=203.0.113.7\r\n";
    client.send(format!("GET /who HTTP/1.1\r\nHost: test\r\n{said}\r\n"));
    assert_eq!(client.answer().status, 200);
    let mut stranger = setup.client();
    stranger.send(format!("GET /who HTTP/1.1\r\nHost: test\r\n{said}\r\n"));
    assert_eq!(stranger.answer().status, 200);
    let seen = setup.blue.seen().requests_to("/who");
    let of = |place: usize| {
        ["x-forwarded-for", "x-real-ip", "forwarded"].map(|name| seen[place].fields.get(name))
    };
    let chain = "198.51.100.1, 203.0.113.7, 10.1.1.1, 127.0.0.2";
    assert_eq!(of(0), [Some(chain), Some("203.0.113.7"), Some("for=203.0.113.7")]);
    assert_eq!(of(1), [Some("127.0.0.1"), None, None]);
    setup.finish();
}

/// The first line of each connection that is not a probe's.
fn announced_to() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") || head.split(|byte| *byte == b'\n').count() < 4 {
                let mut byte = [0];
                match client.read(&mut byte) {
                    Ok(1) => head.push(byte[0]),
                    _ => break,
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            if head.contains("GET /who") {
                let first = head.lines().next().unwrap_or_default().to_owned();
                let _test_has_ended = tell.send(first);
            }
            let _gone = client
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (url, told)
}

#[test]
fn r66_the_proxy_protocol_tells_targets_of_the_client_and_not_of_the_proxy() {
    let (url, told) = announced_to();
    let spare = Target::start("spare");
    let blue = format!("{{ targets = [\"{url}\"], proxy_protocol = \"v1\" }}");
    let settings = Settings::of_urls(&[], &[&spare.url()]).service("blue", &blue);
    let teal = Teal::start_healthy(TEAL, &settings.listener_key("trusted", TRUSTED));
    let here = teal.listener();
    let mut client = Client::connect_from(PROXY, here);
    let own = client.local().port();
    for (said, family, address, port) in [
        ("X-Forwarded-For: 203.0.113.7:4711, 10.1.1.1\r\n", "TCP4", "203.0.113.7", 4711),
        ("X-Forwarded-For: 203.0.113.8\r\n", "TCP4", "203.0.113.8", 0),
        ("Forwarded: for=\"[2001:db8::7]\"\r\n", "TCP6", "2001:db8::7", 0),
        ("", "TCP4", "127.0.0.2", own),
    ] {
        client.send(format!("GET /who HTTP/1.1\r\nHost: test\r\n{said}\r\n"));
        assert_eq!(client.answer().status, 200);
        let to =
            if family == "TCP6" { format!("::ffff:{}", here.ip()) } else { here.ip().to_string() };
        let line = told.recv_timeout(SOON).expect("a request");
        assert_eq!(line, format!("PROXY {family} {address} {to} {port} {}", here.port()));
    }
    teal.assert_books_balance();
}

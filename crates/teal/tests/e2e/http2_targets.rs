//! Targets that speak HTTP/2 without gRPC: clients of HTTP/1.1 notice nothing, and requests that a target
//! refuses go elsewhere.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::http2::{END_HEADERS, END_STREAM, Frame, Http2, fields, get, kind};
use testkit::{Client, Gate, Pki, SecureTarget, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::setup::SOON;

/// The reaction of a target to a request on this stream, which is the `count`th of all: false ends the
/// connection.
type Does = dyn Fn(&mut Http2, u32, usize) -> bool + Send + Sync;

/// A target that speaks HTTP/2 frame by frame.
pub(crate) struct Fake {
    url: String,
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

pub(crate) fn answer(peer: &mut Http2, stream: u32, body: &str) {
    let head = fields(&[(":status", "200"), ("x-target", "fake")]);
    peer.send(&Frame::new(kind::HEADERS, END_HEADERS, stream, head));
    peer.send(&Frame::new(kind::DATA, END_STREAM, stream, body));
}

impl Fake {
    /// Answers probes, and handles everything else with `does`.
    pub(crate) fn start(
        does: impl Fn(&mut Http2, u32, usize) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let url = format!("h2c://{address}");
        let connections = Arc::new(AtomicUsize::new(0));
        let (does, count): (Arc<Does>, _) = (Arc::new(does), Arc::new(AtomicUsize::new(0)));
        let counted = connections.clone();
        // Ends with the process of the test: nobody connects any more.
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (does, count) = (does.clone(), count.clone());
                counted.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    let mut peer = Http2::accept(socket.expect("a connection"));
                    while let Some((stream, probe)) = peer.asked() {
                        if probe {
                            answer(&mut peer, stream, "fine");
                        } else if !does(&mut peer, stream, count.fetch_add(1, Ordering::SeqCst)) {
                            return;
                        }
                    }
                });
            }
        });
        Fake { url, address, connections }
    }

    pub(crate) fn teal(&self, spare: &Target) -> Teal {
        let settings = Settings::of_urls(&[&self.url], &[&spare.url()]);
        Teal::start_healthy(TEAL, &settings.listener_key("http2", "true"))
    }
}

#[test]
fn any_client_is_served_by_a_target_of_http_2_on_one_connection() {
    let fake = Fake::start(|peer, stream, count| {
        answer(peer, stream, &format!("answer {count}"));
        true
    });
    let spare = Target::start("green");
    let teal = fake.teal(&spare);
    let mut old = Client::connect(teal.listener());
    let mut new = Http2::connect(teal.listener());
    let probes = fake.connections.load(Ordering::SeqCst);
    for count in 0..20 {
        let said =
            if count % 2 == 0 { old.get("/").text().into_bytes() } else { new.ask(get("/")).body };
        assert_eq!(said, format!("answer {count}").into_bytes());
    }
    let (asked, answered) = (old.post("/", b"hello"), teal.metrics());
    assert_eq!(asked.status, 200);
    let connects =
        answered.count("teal_target_connects_total", &[("color", "blue"), ("result", "ok")]);
    assert!(connects <= 2, "{connects} connections, {probes} of probes");
    teal.switch_to("green");
    assert_eq!(old.get("/").fields.get("x-target"), Some("green"));
    teal.assert_books_balance();
}

#[test]
fn a_path_that_is_not_a_valid_uri_is_forwarded_and_disturbs_no_other() {
    // L5
    let fake = Fake::start(|peer, stream, _| {
        answer(peer, stream, "fine");
        true
    });
    let spare = Target::start("green");
    let teal = fake.teal(&spare);
    let mut client = Client::connect(teal.listener());
    assert_eq!(client.get("/").status, 200);
    let connections = fake.connections.load(Ordering::SeqCst);
    for path in ["/?q=<x>", "/<x>", "/`", "/?\"", "/{}|^\\"] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.text()), (200, "fine".to_owned()), "{path}");
    }
    let mut oldest = Client::connect(teal.listener());
    oldest.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(oldest.answer().status, 200, "without a host");
    let lost = teal.metrics();
    assert_eq!(lost.count("teal_retries_total", &[]), 0);
    let probes = fake.connections.load(Ordering::SeqCst) - connections;
    let connects = lost.count("teal_target_connects_total", &[("color", "blue"), ("result", "ok")]);
    assert!(connects <= 2, "{connects} connections, {probes} of probes");
    teal.assert_books_balance();
}

#[test]
fn a_stalled_target_delays_no_drain() {
    // L3 L4 L10
    let fake = Fake::start(|peer, stream, _| {
        for place in [0, stream] {
            peer.send(&Frame::new(kind::WINDOW_UPDATE, 0, place, 0x7fff_0000_u32.to_be_bytes()));
        }
        loop {
            thread::park(); // reads nothing more, and closes nothing
        }
    });
    let spare = Target::start("green");
    let teal = fake.teal(&spare);
    let mut client = Client::connect(teal.listener()).patience(Duration::from_millis(500));
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000000\r\n\r\n");
    let piece = vec![b'x'; 1 << 20];
    // Until no buffer on the way takes any more.
    while client.try_send(&piece).is_ok() {}
    teal.wait_in_flight("blue", 1);
    let begun = Instant::now();
    let switched = teal.switch("green", "&drain=1s");
    assert!(switched.text().contains("cut 1"), "{}", switched.text());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(teal.color("blue")["drained"], true);
    teal.assert_books_balance();
}

#[test]
fn an_idle_connection_is_proven_before_a_request_that_cannot_be_sent_twice() {
    // L5
    let fake = Fake::start(|peer, stream, count| {
        answer(peer, stream, &format!("answer {count}"));
        // The first connection is open and nobody is behind it any more.
        if count == 0 {
            loop {
                thread::park();
            }
        }
        true
    });
    let spare = Target::start("green");
    let settings = Settings::of_urls(&[&fake.url], &[&spare.url()]);
    let teal = Teal::start_healthy(TEAL, &settings.timeouts("connect = \"300ms\""));
    let mut client = Client::connect(teal.listener());
    assert_eq!(client.get("/").text(), "answer 0");
    thread::sleep(Duration::from_millis(20)); // longer than is trusted at first
    assert_eq!(client.post("/", b"once").text(), "answer 1");
    teal.assert_books_balance();
}

/// A place in front of a target where connections are let through, or wait until they are.
fn turnstile(target: SocketAddr, open: &Gate) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, open) = (listener.local_addr().expect("bound"), open.clone());
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (near, open) = (socket.expect("a connection"), open.clone());
            thread::spawn(move || {
                open.wait(Instant::now() + Duration::from_secs(20));
                let far = TcpStream::connect(target)?;
                let (mut back, mut forth) = (far.try_clone()?, near.try_clone()?);
                thread::spawn(move || io::copy(&mut back, &mut forth));
                io::copy(&mut &near, &mut &far)
            });
        }
    });
    address
}

#[test]
fn a_connection_that_comes_up_during_a_drain_is_not_kept() {
    // L4
    let fake = Fake::start(|peer, stream, _| {
        answer(peer, stream, "fine");
        true
    });
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let front = SecureTarget::start_http2(fake.address, &pki.issue("blue", &["localhost"]));
    let open = Gate::new();
    let place = turnstile(front.address(), &open);
    let spare = Target::start("green");
    let blue = format!(
        "{{ targets = [\"https://localhost:{}\"], tls = {{ ca = '{}' }} }}",
        place.port(),
        pki.ca().display()
    );
    let settings = Settings::of_urls(&["http://127.0.0.1:1"], &[&spare.url()]);
    let teal = Teal::start(
        TEAL,
        &settings.service("blue", &blue).timeouts("connect = \"20s\"").drain("20s"),
    );
    teal.wait_healthy("green", true);
    let mut client = Client::connect(teal.listener());
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    teal.wait_in_flight("blue", 1); // in the handshake
    assert_eq!(teal.switch("green", "&wait=published").status, 200);
    open.open();
    assert_eq!(client.answer().text(), "fine");
    // Not only when it has been idle for `target_idle`.
    wait_until(SOON, "nothing is left of blue", || teal.color("blue")["drained"] == true);
    teal.assert_books_balance();
}

#[test]
fn a_target_is_sent_no_more_at_once_than_it_says_from_the_first_connection_on() {
    // L5
    const LIMIT: usize = 3;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("h2c://{}", listener.local_addr().expect("bound"));
    let (most, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen, counted) = (most.clone(), connections.clone());
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (seen, counted) = (seen.clone(), counted.clone());
            thread::spawn(move || {
                let limits = [(3, LIMIT as u32)];
                let mut peer = Http2::accept_with(socket.expect("a connection"), &limits);
                while let Some((stream, probe)) = peer.asked() {
                    if probe {
                        answer(&mut peer, stream, "fine");
                        continue;
                    }
                    counted.fetch_add(1, Ordering::SeqCst);
                    // All that comes at once, then all answers.
                    let mut open = vec![stream];
                    while let Some(Some(frame)) = peer.frame_within(Duration::from_millis(30)) {
                        if frame.kind == kind::HEADERS {
                            open.push(frame.stream);
                        }
                    }
                    seen.fetch_max(open.len(), Ordering::SeqCst);
                    for stream in open {
                        answer(&mut peer, stream, "fine");
                    }
                }
            });
        }
    });
    let spare = Target::start("green");
    let settings = Settings::of_urls(&[&url], &[&spare.url()]);
    let teal = Teal::start_healthy(TEAL, &settings);
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let mut client = Client::connect(teal.listener());
            client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
            client
        })
        .collect();
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
    }
    assert!(most.load(Ordering::SeqCst) <= LIMIT, "{most:?} at once");
    assert_eq!(teal.metrics().count("teal_retries_total", &[]), 0);
    teal.assert_books_balance();
}

#[test]
fn a_request_that_a_target_did_not_process_is_sent_again_even_a_post() {
    // L5
    let fake = Fake::start(|peer, stream, count| match count {
        // Refused by name, then by leaving: both mean that nothing was done.
        0 => {
            peer.send(&Frame::new(kind::RST_STREAM, 0, stream, [0, 0, 0, 7]));
            true
        }
        1 => {
            peer.send(&Frame::new(kind::GOAWAY, 0, 0, [0; 8]));
            false
        }
        // Reset: it may have been done.
        4 => {
            peer.send(&Frame::new(kind::RST_STREAM, 0, stream, [0, 0, 0, 2]));
            true
        }
        _ => {
            answer(peer, stream, "done");
            true
        }
    });
    let spare = Target::start("green");
    let teal = fake.teal(&spare);
    let mut client = Client::connect(teal.listener());
    let first = client.post("/", b"once");
    assert_eq!((first.status, first.text()), (200, "done".to_owned()), "asked three times");
    assert_eq!(client.post("/", b"once").status, 200);
    assert_eq!(client.post("/", b"once").status, 502, "asked once");
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    teal.assert_books_balance();
}

#[test]
fn r11_a_connection_on_which_an_upload_was_refused_unread_carries_nothing_more() {
    let over = Gate::new();
    let held = over.clone();
    let fake = Fake::start(move |peer, stream, count| {
        if count > 0 {
            answer(peer, stream, "next");
            return true;
        }
        let head = fields(&[(":status", "413"), ("content-length", "0")]);
        peer.send(&Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, stream, head));
        held.wait(Instant::now() + 2 * SOON); // it reads nothing more
        false
    });
    let spare = Target::start("green");
    let teal = fake.teal(&spare);
    let mut client = Client::connect(teal.listener());
    let head = "POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n";
    client.send([head.as_bytes(), &*vec![b'b'; 200_000]].concat());
    assert_eq!(client.answer().status, 413);
    assert_eq!(Client::connect(teal.listener()).get("/").text(), "next");
    over.open();
}

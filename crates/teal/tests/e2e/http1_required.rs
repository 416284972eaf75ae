//! Targets that offer HTTP/2 and require HTTP/1.1 (IIS with Windows authentication or client
//! certificates): they are asked again over HTTP/1.1, once, and from then on only so. And the error codes
//! of HTTP/2, as the log and the probes tell them.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use testkit::http2::{Frame, Http2, kind};
use testkit::{Client, Pki, SecureTarget, Settings, Target, Teal, tungstenite, wait_until};

use crate::TEAL;
use crate::http2_targets::{Fake, answer};
use crate::setup::SOON;

/// Handles a request over HTTP/2 on this stream; `true`: it is a probe. False ends the connection.
type Does = fn(&mut Http2, u32, bool) -> bool;

/// The error code (RFC 9113 section 7).
const HTTP_1_1_REQUIRED: u8 = 13;

/// A place where both versions are spoken: HTTP/2 frame by frame, HTTP/1.1 by a target behind it.
struct Both {
    address: SocketAddr,
    /// Connections of HTTP/2, and requests on them that are not probes.
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    http1: Target,
}

impl Both {
    fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let http1 = Target::start("blue");
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let (counted, asked, behind) =
            (connections.clone(), Arc::<AtomicUsize>::clone(&requests), http1.address());
        // Ends with the process of the test: nobody connects any more.
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (counted, asked) = (counted.clone(), asked.clone());
                thread::spawn(move || {
                    let socket = socket.expect("a connection");
                    let mut first = [0; 3];
                    if socket.peek(&mut first).is_ok_and(|count| count == 0) {
                        return;
                    }
                    if &first != b"PRI" {
                        return pass(&socket, behind);
                    }
                    counted.fetch_add(1, Ordering::SeqCst);
                    let mut peer = Http2::accept(socket);
                    while let Some((stream, probe)) = peer.asked() {
                        asked.fetch_add(usize::from(!probe), Ordering::SeqCst);
                        if !does(&mut peer, stream, probe) {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, connections, requests, http1 }
    }

    fn over_http2(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Lets a connection through, byte for byte.
fn pass(near: &TcpStream, behind: SocketAddr) {
    let far = TcpStream::connect(behind).expect("the target listens");
    let (mut back, mut forth) = (far.try_clone().expect("a socket"), near.try_clone());
    thread::spawn(move || {
        let _ended = forth.as_mut().map(|forth| io::copy(&mut back, forth));
        let _gone = forth.map(|forth| forth.shutdown(std::net::Shutdown::Both));
    });
    let _ended = io::copy(&mut &*near, &mut &far);
    let _gone = far.shutdown(std::net::Shutdown::Both);
}

/// Resets the stream with this code.
fn reset(peer: &mut Http2, stream: u32, code: u8) -> bool {
    peer.send(&Frame::new(kind::RST_STREAM, 0, stream, [0, 0, 0, code]));
    true
}

/// Ends the connection with this code, for streams beyond `last`.
fn goaway(peer: &mut Http2, last: u32, code: u8) -> bool {
    let payload = [&last.to_be_bytes()[..], &[0, 0, 0, code]].concat();
    peer.send(&Frame::new(kind::GOAWAY, 0, 0, payload));
    false
}

/// A Teal in front of it, over TLS with both in ALPN, and what has to live as long.
fn secured(both: &Both, further: &str) -> (Teal, (SecureTarget, Target, tempfile::TempDir)) {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("blue", &["localhost"]);
    let front = SecureTarget::start_offering(both.address, &pair, None, &["h2", "http/1.1"]);
    let spare = Target::start("green");
    let ca = pki.ca();
    let blue = format!(
        "{{ targets = [\"{}\"], tls = {{ ca = '{}'{further} }} }}",
        front.url(),
        ca.display()
    );
    let settings = Settings::of_urls(&["http://127.0.0.1:1"], &[&spare.url()]);
    let settings = settings.service("blue", &blue).top("workers", "1");
    (Teal::start_healthy(TEAL, &settings), (front, spare, directory))
}

/// GET and a small POST are answered, each done once, and what comes later is not asked over HTTP/2.
fn answered_once_each(teal: &Teal, both: &Both, asked_over_http2: usize) {
    let mut client = Client::connect(teal.listener());
    let answer = client.get("/first");
    assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("blue")));
    assert_eq!(client.post("/second", b"small").status, 200);
    for _ in 0..5 {
        assert_eq!(client.get("/later").status, 200);
        assert_eq!(client.post("/later", &vec![b'x'; 200_000]).status, 200);
    }
    assert_eq!(both.over_http2(), asked_over_http2);
    for path in ["/first", "/second"] {
        assert_eq!(both.http1.seen().requests_to(path).len(), 1, "{path} is done once");
    }
    teal.log_has(&["requires HTTP/1.1 (HTTP_1_1_REQUIRED)", "new requests use HTTP/1.1"]);
    teal.assert_books_balance();
}

#[test]
fn r50_a_target_that_requires_http_1_1_for_everything_is_asked_so() {
    // L5 L9
    let ways: [Does; 3] = [
        |peer, stream, _| reset(peer, stream, HTTP_1_1_REQUIRED),
        |peer, _, _| goaway(peer, 0, HTTP_1_1_REQUIRED),
        |peer, stream, _| goaway(peer, stream, HTTP_1_1_REQUIRED),
    ];
    for does in ways {
        let both = Both::start(does);
        let (teal, _kept) = secured(&both, "");
        answered_once_each(&teal, &both, 1);
    }
}

#[test]
fn r50_a_target_that_requires_http_1_1_for_traffic_alone_is_asked_so() {
    // L5
    let both = Both::start(|peer, stream, probe| {
        if probe {
            answer(peer, stream, "fine");
            return true;
        }
        reset(peer, stream, HTTP_1_1_REQUIRED)
    });
    let (teal, _kept) = secured(&both, "");
    answered_once_each(&teal, &both, 1);
}

#[test]
fn r50_one_without_tls_is_asked_so_too() {
    // L5 L9
    let both = Both::start(|peer, stream, _| reset(peer, stream, HTTP_1_1_REQUIRED));
    let (url, spare) = (format!("h2c://{}", both.address), Target::start("green"));
    let settings = Settings::of_urls(&[&url], &[&spare.url()]).top("workers", "1");
    let teal = Teal::start_healthy(TEAL, &settings);
    answered_once_each(&teal, &both, 1);
}

#[test]
fn r50_a_post_that_a_goaway_covers_is_not_sent_again() {
    // L5
    let both = Both::start(|peer, stream, probe| {
        if probe {
            answer(peer, stream, "fine");
            return true;
        }
        // It may have been acted on before the connection was ended.
        goaway(peer, stream, HTTP_1_1_REQUIRED)
    });
    let (teal, _kept) = secured(&both, "");
    let mut client = Client::connect(teal.listener());
    assert_eq!(client.post("/pay", b"once").status, 502);
    assert_eq!((both.over_http2(), both.http1.seen().requests_to("/pay").len()), (1, 0));
    // Later requests use the protocol that the target asks for.
    let mut client = Client::connect(teal.listener());
    assert_eq!(client.post("/later", b"once").status, 200);
    assert_eq!((both.over_http2(), both.http1.seen().requests_to("/later").len()), (1, 1));
    teal.assert_books_balance();
}

#[test]
fn r50_a_body_that_was_not_kept_is_answered_502_once_and_says_why() {
    // L5
    let both = Both::start(|peer, stream, probe| {
        if probe {
            answer(peer, stream, "fine");
            return true;
        }
        // Only when more has come than is kept.
        let mut taken = 0;
        while taken < 100_000 {
            let Some(Some(frame)) = peer.frame_within(SOON) else { return false };
            peer.acknowledge(&frame);
            taken += if frame.kind == kind::DATA { frame.payload.len() } else { 0 };
        }
        reset(peer, stream, HTTP_1_1_REQUIRED)
    });
    let (teal, _kept) = secured(&both, "");
    let mut client = Client::connect(teal.listener());
    assert_eq!(client.post("/long", &vec![b'x'; 200_000]).status, 502);
    assert_eq!(both.http1.seen().requests_to("/long").len(), 0);
    teal.log_has(&["requires HTTP/1.1 (HTTP_1_1_REQUIRED)", "too long to be kept"]);
    let mut client = Client::connect(teal.listener());
    assert_eq!(client.post("/long", &vec![b'x'; 200_000]).status, 200);
    assert_eq!((both.over_http2(), both.http1.seen().requests_to("/long").len()), (1, 1));
    teal.assert_books_balance();
}

#[test]
fn r50_http2_false_never_offers_it_and_tunnels_pass() {
    // L9
    let both = Both::start(|peer, stream, _| reset(peer, stream, HTTP_1_1_REQUIRED));
    both.http1.behave_at("/ws", testkit::Behavior::WebSocket);
    let (mut teal, _kept) = secured(&both, ", http2 = false");
    for upgraded in [false, true] {
        if upgraded {
            teal.upgrade();
        }
        let mut client = Client::connect(teal.listener());
        assert_eq!(client.get("/").status, 200);
        assert_eq!(client.post("/", &vec![b'x'; 200_000]).status, 200);
        let mut socket = testkit::websocket(teal.listener(), "/ws");
        socket.send(tungstenite::Message::text("one")).expect("the tunnel is open");
        assert_eq!(socket.read().expect("an echo").to_text().ok(), Some("one"));
    }
    assert_eq!(both.connections.load(Ordering::SeqCst), 0, "nothing came over HTTP/2");
    teal.assert_books_balance();
}

#[test]
fn r50_error_codes_are_reported_and_a_request_that_is_refused_for_itself_is_not_repeated() {
    // L5
    // The number of times that a GET is sent that gets this code: again where an equal one may succeed.
    let codes = [
        (1, "RST_STREAM PROTOCOL_ERROR", 1),
        (2, "RST_STREAM INTERNAL_ERROR", 3),
        (7, "RST_STREAM REFUSED_STREAM", 3),
        (8, "RST_STREAM CANCEL", 3),
        (11, "RST_STREAM ENHANCE_YOUR_CALM", 1),
    ];
    for (code, words, asked) in codes {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let fake = Fake::start(move |peer, stream, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            reset(peer, stream, code)
        });
        let spare = Target::start("green");
        let teal = fake.teal(&spare);
        assert_eq!(Client::connect(teal.listener()).get("/").status, 502, "{words}");
        assert_eq!(count.load(Ordering::SeqCst), asked, "{words}");
        teal.log_has(&[words]);
        teal.assert_books_balance();
    }
    let fake = Fake::start(|peer, stream, _| goaway(peer, stream, 2));
    let spare = Target::start("green");
    let teal = fake.teal(&spare);
    assert_eq!(Client::connect(teal.listener()).get("/").status, 502);
    teal.log_has(&["ended the connection with GOAWAY INTERNAL_ERROR"]);
}

#[test]
fn r50_probes_tell_error_codes_in_the_same_words() {
    // L9
    let ways: [(Does, &str); 3] = [
        (|peer, stream, _| reset(peer, stream, 2), "RST_STREAM INTERNAL_ERROR"),
        (|peer, stream, _| goaway(peer, stream, 11), "GOAWAY ENHANCE_YOUR_CALM"),
        (|peer, _, _| goaway(peer, 0, 12), "GOAWAY INADEQUATE_SECURITY"),
    ];
    for (does, words) in ways {
        let both = Both::start(does);
        let (url, spare) = (format!("h2c://{}", both.address), Target::start("green"));
        let settings = Settings::of_urls(&[&spare.url()], &[&url]);
        let teal = Teal::start(TEAL, &settings);
        teal.wait_healthy("blue", true);
        let told = || teal.switch("green", "").text();
        wait_until(SOON, words, || told().contains(words));
    }
}

#[test]
fn r50_probes_of_grpc_and_http2_false_contradict_each_other() {
    let spare = Target::start("green");
    let blue = "{ targets = [\"https://localhost:1\"], tls = { http2 = false } }";
    let settings = Settings::of_urls(&["http://127.0.0.1:1"], &[&spare.url()])
        .service("blue", blue)
        .service("green", "{ targets = [\"h2c://127.0.0.1:2\"] }")
        .service("health", "{ type = \"grpc\" }");
    let teal = Teal::prepare(TEAL, &settings);
    let config = teal.config().display().to_string();
    let checked = teal.cli_bare(&["check", "--config", &config], &[]);
    checked.assert_code(2);
    let said = checked.all();
    assert!(said.contains("tls.http2 = false disables it for https://localhost:1"), "{said}");
}

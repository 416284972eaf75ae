//! Targets that speak HTTP/2 without gRPC: who asks in HTTP/1.1 notices nothing, what a target
//! refuses goes elsewhere, and one that attacks is left.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::http2::{END_HEADERS, END_STREAM, Frame, Http2, fields, get, kind};
use testkit::{Client, Gate, Pki, SecureTarget, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::stage::SOON;

/// What a target does with a request on this stream, which is the `count`th of all: false ends the
/// connection.
type Does = dyn Fn(&mut Http2, u32, usize) -> bool + Send + Sync;

/// A target that speaks HTTP/2 frame by frame.
struct Fake {
    url: String,
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

fn answer(peer: &mut Http2, stream: u32, body: &str) {
    let head = fields(&[(":status", "200"), ("x-target", "fake")]);
    peer.send(&Frame::new(kind::HEADERS, END_HEADERS, stream, head));
    peer.send(&Frame::new(kind::DATA, END_STREAM, stream, body));
}

impl Fake {
    /// Answers probes, and does with everything else what it is told.
    fn start(does: impl Fn(&mut Http2, u32, usize) -> bool + Send + Sync + 'static) -> Self {
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

    fn teal(&self, spare: &Target) -> Teal {
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
fn what_no_uri_may_hold_goes_on_and_disturbs_no_other() {
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
fn a_target_that_stands_still_puts_off_no_drain() {
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
fn a_connection_that_idled_is_proven_before_what_can_not_be_sent_twice() {
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
fn what_a_target_says_that_it_did_not_take_is_asked_again_even_if_it_is_a_post() {
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

#[test]
fn d9_a_target_that_attacks_is_left_and_its_client_hears_of_it() {
    let fake = Fake::start(|peer, stream, count| {
        let frame = match count {
            0 => Frame::new(kind::SETTINGS, 0, 0, []).bytes().repeat(1000),
            1 => Frame::new(5, END_HEADERS, stream, [&[0, 0, 0, 2], &*get("/pushed")].concat())
                .bytes(),
            2 => Frame::new(kind::HEADERS, END_HEADERS, stream, fields(&[("x", "no status")]))
                .bytes(),
            3 => Frame::new(kind::DATA, 0, stream, "no head").bytes(),
            4 => {
                let head = [(":status", "200"), ("content-length", "3")];
                let head = Frame::new(kind::HEADERS, END_HEADERS, stream, fields(&head));
                [head.bytes(), Frame::new(kind::DATA, END_STREAM, stream, "four").bytes()].concat()
            }
            _ => {
                answer(peer, stream, "well");
                return true;
            }
        };
        // It may be gone before it has taken all of it.
        let _gone = peer.try_raw(&frame);
        true
    });
    let spare = Target::start("green");
    let teal = fake.teal(&spare);
    for count in 0..5 {
        let mut client = Client::connect(teal.listener());
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx");
        let failed = match client.read_answer(false) {
            Ok(answer) => answer.status == 502,
            Err(_) => true, // cut within its body
        };
        assert!(failed, "{count}");
    }
    assert_eq!(Client::connect(teal.listener()).get("/").text(), "well");
    teal.assert_books_balance();
}

/// A target that answers all that is asked at once, GET with a head that is malformed in this way; and how
/// often it was asked with GET.
fn breaks_on_get(head: &'static [(&'static str, &'static str)]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("h2c://{}", listener.local_addr().expect("bound"));
    let gets = Arc::new(AtomicUsize::new(0));
    let counted = gets.clone();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let counted = counted.clone();
            thread::spawn(move || {
                let mut peer = Http2::accept(socket.expect("a connection"));
                let (mut open, mut patience) = (Vec::new(), Duration::from_secs(10));
                loop {
                    match peer.frame_within(patience) {
                        Some(Some(frame)) if frame.kind == kind::HEADERS && frame.is_probe() => {
                            answer(&mut peer, frame.stream, "fine");
                        }
                        Some(Some(frame)) if frame.kind == kind::HEADERS => {
                            open.push((frame.stream, frame.is_get()));
                            patience = Duration::from_millis(200); // for those beside it
                        }
                        Some(Some(frame)) => peer.acknowledge(&frame),
                        Some(None) => return,
                        None => {
                            // The malformed one first: the others have to do without it.
                            open.sort_by_key(|(_, get)| !get);
                            for (stream, get) in open.drain(..) {
                                if get {
                                    counted.fetch_add(1, Ordering::SeqCst);
                                    let flags = END_HEADERS | END_STREAM;
                                    let bad =
                                        Frame::new(kind::HEADERS, flags, stream, fields(head));
                                    let _gone = peer.try_raw(&bad.bytes());
                                    continue;
                                }
                                let head = fields(&[(":status", "200")]);
                                let head = Frame::new(kind::HEADERS, END_HEADERS, stream, head);
                                let end = Frame::new(kind::DATA, END_STREAM, stream, "done");
                                let _gone = peer.try_raw(&[head.bytes(), end.bytes()].concat());
                            }
                            patience = Duration::from_secs(10);
                        }
                    }
                }
            });
        }
    });
    (url, gets)
}

/// Asks with one GET and 15 POSTs at once: how the GET was answered, and how many POSTs well.
fn one_get_beside_posts(teal: &Teal) -> (u16, usize) {
    let open = |text: &str| {
        let mut client = Client::connect(teal.listener());
        client.send(text);
        client
    };
    let posts: Vec<_> = (0..15)
        .map(|_| open("POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx"))
        .collect();
    let mut get = open("GET /g HTTP/1.1\r\nHost: test\r\n\r\n");
    let status = get.answer().status;
    let good = posts.into_iter().map(|mut post| post.answer().status).filter(|s| *s == 200);
    (status, good.count())
}

/// Malformed by a name: the library ends the whole connection.
const UNREADABLE: &[(&str, &str)] = &[(":status", "200"), ("a name", "x")];
/// Malformed by what it lacks: the library ends the stream.
const NO_STATUS: &[(&str, &str)] = &[("x", "y")];

#[test]
fn r14_what_begins_to_be_answered_is_never_asked_again() {
    // L5
    for head in [UNREADABLE, NO_STATUS, &[(":status", "200"), ("connection", "close")]] {
        let (url, gets) = breaks_on_get(head);
        let spare = Target::start("green");
        let teal = Teal::start_healthy(TEAL, &Settings::of_urls(&[&url], &[&spare.url()]));
        let answer = Client::connect(teal.listener()).get("/g");
        assert_eq!(answer.status, 502, "{head:?}");
        assert_eq!(gets.load(Ordering::SeqCst), 1, "{head:?}: asked once");
        assert_eq!(teal.metrics().count("teal_retries_total", &[]), 0);
        teal.log_has(&["broke the protocol", "HTTP/2"]);
        teal.assert_books_balance();
    }
}

#[test]
fn r14_a_malformed_answer_whose_fields_could_be_read_harms_no_other() {
    // L5
    let (url, gets) = breaks_on_get(NO_STATUS);
    let spare = Target::start("green");
    let teal = Teal::start_healthy(TEAL, &Settings::of_urls(&[&url], &[&spare.url()]));
    assert_eq!(Client::connect(teal.listener()).post("/", b"x").status, 200);
    assert_eq!(one_get_beside_posts(&teal), (502, 15));
    assert_eq!(gets.load(Ordering::SeqCst), 1);
    teal.assert_books_balance();
}

#[test]
fn r14_a_target_that_has_ended_a_connection_for_all_gets_one_for_each_request() {
    // L5
    let (url, gets) = breaks_on_get(UNREADABLE);
    let spare = Target::start("green");
    // Each worker finds out by itself.
    let settings = Settings::of_urls(&[&url], &[&spare.url()]).top("workers", "1");
    let teal = Teal::start_healthy(TEAL, &settings);
    assert_eq!(Client::connect(teal.listener()).get("/g").status, 502);
    for count in 2..5 {
        assert_eq!(one_get_beside_posts(&teal), (502, 15), "{count}");
        assert_eq!(gets.load(Ordering::SeqCst), count, "each asked once");
    }
    teal.assert_books_balance();
}

#[test]
#[ignore = "needs an HTTP/2 engine of our own: h2 ends the connection"]
fn r14_a_malformed_answer_harms_no_other_whatever_is_wrong_with_it() {
    let heads: [&'static [(&str, &str)]; 5] = [
        UNREADABLE,
        &[(":status", "200"), ("X-Upper", "x")],
        &[(":status", "200"), ("a", "x\r\nb: y")],
        &[(":status", "20x")],
        &[(":status", "200"), (":other", "x")],
    ];
    for head in heads {
        let (url, _) = breaks_on_get(head);
        let spare = Target::start("green");
        let teal = Teal::start_healthy(TEAL, &Settings::of_urls(&[&url], &[&spare.url()]));
        assert_eq!(Client::connect(teal.listener()).post("/", b"x").status, 200);
        assert_eq!(one_get_beside_posts(&teal), (502, 15), "{head:?}");
        teal.assert_books_balance();
    }
}

//! Targets that break the rules of HTTP/2: one that attacks is left, and what answers badly is asked once,
//! and harms no other.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use testkit::http2::{END_HEADERS, END_STREAM, Frame, Http2, fields, get, kind};
use testkit::{Client, Settings, Target, Teal};

use crate::TEAL;
use crate::http2_targets::{Fake, answer};

#[test]
fn d9_a_hostile_target_is_disconnected_and_its_client_gets_an_error() {
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
fn r14_a_request_whose_answer_has_begun_is_never_sent_again() {
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
fn r24_malformed_answers_over_a_long_time_do_not_end_a_connection() {
    let fake = Fake::start(|peer, stream, count| {
        if count % 2 == 0 {
            answer(peer, stream, "well");
        } else {
            let bad =
                Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, stream, fields(NO_STATUS));
            peer.send(&bad);
        }
        true
    });
    let spare = Target::start("green");
    let teal = fake.teal(&spare);
    let ask = || Client::connect(teal.listener()).get("/").status;
    for count in 0..1500 {
        assert_eq!((ask(), ask()), (200, 502), "{count}");
    }
    let connects = teal.metrics().count("teal_target_connects_total", &[("color", "blue")]);
    assert!(connects <= 8, "one for each worker: {connects}");
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

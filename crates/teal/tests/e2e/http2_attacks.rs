//! Attacks by HTTP/2, frame by frame: ambiguous requests are refused, and a client that floods or stalls
//! is disconnected. The rows are those of the table of attacks: T5, H5, D1 to D10.

use std::cell::Cell;
use std::time::Duration;

use testkit::http2::{END_HEADERS, END_STREAM, Frame, Http2, fields, get, kind, request};
use testkit::{Behavior, wait_until};

use crate::hostile_clients::resident;
use crate::http2::{connect, goaway, prior_knowledge, setup};
use crate::setup::{SOON, Setup};

#[test]
fn t5_h5_d7_ambiguous_requests_are_refused() {
    let setup = setup();
    let scheme = (":scheme", "http");
    let (method, path) = ((":method", "GET"), (":path", "/refused"));
    let authority = (":authority", "test");
    let whole = [method, scheme, authority, path];
    let with = |further: &[(&str, &str)]| fields(&[&whole[..], further].concat());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("T5 another host", with(&[("host", "other")])),
        ("T5 two hosts", with(&[("host", "test"), ("host", "test")])),
        ("T5 no host", fields(&[method, scheme, path])),
        ("T5 a line in the path", fields(&[method, scheme, authority, (":path", "/a\r\nb: c")])),
        ("T5 a space in the path", fields(&[method, scheme, authority, (":path", "/a b")])),
        ("T5 a line in the method", fields(&[(":method", "GET /\r\n"), scheme, authority, path])),
        ("T5 a space in the method", fields(&[(":method", "GET /x"), scheme, authority, path])),
        ("T5 a line in the authority", fields(&[method, scheme, (":authority", "a\r\nb"), path])),
        ("T5 a user", fields(&[method, scheme, (":authority", "u@test"), path])),
        ("T5 a path without a slash", fields(&[method, scheme, authority, (":path", "refused")])),
        ("T5 no path", fields(&[method, scheme, authority])),
        ("T5 an empty path", fields(&[method, scheme, authority, (":path", "")])),
        ("T5 another scheme", fields(&[method, (":scheme", "gopher"), authority, path])),
        ("T5 no scheme", fields(&[method, authority, path])),
        ("T5 a path twice", fields(&[method, scheme, authority, path, path])),
        ("T5 a late path", fields(&[method, scheme, authority, ("a", "b"), path])),
        ("T5 an unknown one", with(&[(":other", "x")])),
        ("T5 an empty name", with(&[("", "x")])),
        ("T5 upper case", with(&[("X-Upper", "x")])),
        ("T5 a space in a name", with(&[("a b", "x")])),
        ("T5 a line in a value", with(&[("a", "x\r\nb: y")])),
        ("T5 a zero in a value", with(&[("a", "x\0")])),
        ("H5 connection", with(&[("connection", "close")])),
        ("H5 transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        ("H5 upgrade", with(&[("upgrade", "h2c")])),
        ("H5 keep-alive", with(&[("keep-alive", "1")])),
        ("H5 te", with(&[("te", "gzip")])),
        ("D7 a length and no body", with(&[("content-length", "5")])),
        ("D7 a length that is none", with(&[("content-length", "+5")])),
        ("U CONNECT", fields(&[(":method", "CONNECT"), authority])),
        ("F TRACE", fields(&[(":method", "TRACE"), scheme, authority, path])),
    ];
    for (name, block) in cases {
        let mut client = connect(&setup);
        let answer = client.ask(block);
        let refused = answer.reset.is_some() || answer.goaway.is_some() || answer.status >= 400;
        assert!(refused, "{name}: {answer:?}");
    }
    for (name, length, pieces) in [
        ("D7 more than announced", "3", vec![("abcd", END_STREAM)]),
        ("D7 less than announced", "3", vec![("ab", END_STREAM)]),
        ("D7 more in pieces", "3", vec![("ab", 0), ("cd", END_STREAM)]),
    ] {
        let mut client = connect(&setup);
        let stream = client.open(request("POST", "/length", &[("content-length", length)]), 0);
        for (piece, flags) in pieces {
            client.send(&Frame::new(kind::DATA, flags, stream, piece.as_bytes()));
        }
        let answer = client.answer(stream);
        assert!(answer.reset.is_some() || answer.status == 400, "{name}: {answer:?}");
    }
    assert_eq!(setup.blue.seen().requests_to("/refused").len(), 0, "none went on");
    let whole =
        setup.blue.seen().requests_to("/length").iter().filter(|seen| seen.complete).count();
    assert_eq!(whole, 0, "no body counts as whole");
    setup.finish();
}

#[test]
fn d4_crumbs_count_by_their_bytes_and_references_as_the_fields_that_they_are() {
    let setup = setup();
    let mut client = connect(&setup);
    let many: Vec<_> = (0..101).map(|_| ("x-many", "a=1")).collect();
    assert_eq!(client.ask(request("GET", "/", &many)).status, 431);
    let crumbs: Vec<_> = (0..1000).map(|_| ("cookie", "a=1")).collect();
    assert_eq!(connect(&setup).ask(request("GET", "/", &crumbs)).status, 431);
    let crumbs = &crumbs[..50];
    assert_eq!(client.ask(request("GET", "/crumbs", crumbs)).status, 200);
    let seen = setup.blue.seen().requests_to("/crumbs").pop().expect("a request");
    assert_eq!(seen.fields.all("cookie"), [vec!["a=1"; 50].join("; ")]);
    // A field of 4,000 bytes that is remembered once and named 60,000 times with a byte each.
    let mut bomb = request("GET", "/", &[]);
    bomb.push(0x40);
    let large = fields(&[("x-large", &"x".repeat(3000))]);
    bomb.extend(&large[1..]);
    bomb.extend(std::iter::repeat_n(0xbe, 16_000 - bomb.len()));
    let answer = client.ask(bomb);
    assert!(
        answer.status == 431 || answer.reset.is_some() || answer.goaway.is_some(),
        "{answer:?}"
    );
    assert_eq!(setup.blue.seen().requests_to("/").len(), 0);
    setup.finish();
}

/// Sends this until the connection is ended, or so many times.
fn flood(setup: &Setup, times: usize, what: impl Fn(&mut Http2, usize) -> Vec<u8>) -> Option<u32> {
    let mut client = connect(setup);
    for time in 0..times {
        let bytes = what(&mut client, time);
        if client.try_raw(&bytes).is_err() {
            break;
        }
    }
    goaway(&client.rest())
}

#[test]
fn d1_d2_d3_d6_a_client_that_floods_gets_enhance_your_calm() {
    // L10
    const CALM: u32 = 11;
    let setup = setup();
    let frame = |kind, payload: &[u8]| {
        let bytes = Frame::new(kind, 0, 0, payload).bytes();
        bytes.repeat(100)
    };
    let of_stream = |kind, payload: &'static [u8]| Frame::new(kind, 0, 1, payload).bytes();
    let ends = |name: &str, times, what: &dyn Fn(&mut Http2, usize) -> Vec<u8>| {
        let ended = flood(&setup, times, what);
        assert!(ended.is_none_or(|code| code == CALM || code == 1), "{name}: {ended:?}");
        ended
    };
    let settings = frame(kind::SETTINGS, &[]);
    assert_eq!(ends("SETTINGS", 100, &|_, _| settings.clone()), Some(CALM));
    let pings = frame(kind::PING, &[0; 8]);
    assert_eq!(ends("PING", 1000, &|_, _| pings.clone()), Some(CALM));
    let priority = of_stream(kind::PRIORITY, &[0, 0, 0, 3, 1]);
    assert_eq!(ends("PRIORITY", 10_000, &|_, _| priority.clone()), Some(CALM));
    let unknown = frame(0x42, b"x");
    assert_eq!(ends("unknown", 100, &|_, _| unknown.clone()), Some(CALM));
    let updates = Frame::new(kind::WINDOW_UPDATE, 0, 0, [0, 0, 0, 1]).bytes().repeat(1000);
    assert_eq!(ends("WINDOW_UPDATE", 1000, &|_, _| updates.clone()), Some(CALM));
    // D1: asked and taken back at once.
    let resets = |_: &mut Http2, time: usize| {
        let stream = 1 + 2 * time as u32;
        let open = Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, stream, get("/hang"));
        let reset = Frame::new(kind::RST_STREAM, 0, stream, [0, 0, 0, 8]);
        [open.bytes(), reset.bytes()].concat()
    };
    setup.blue.behave_at("/hang", Behavior::Hang);
    ends("rapid reset", 20_000, &resets);
    // D2: what makes the other side reset.
    ends("made to reset", 20_000, &|_, time| {
        let stream = 1 + 2 * time as u32;
        let open = Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, stream, get("/hang"));
        let wrong = Frame::new(kind::WINDOW_UPDATE, 0, stream, [0, 0, 0, 0]);
        [open.bytes(), wrong.bytes()].concat()
    });
    // D3: a head without end.
    ends("CONTINUATION", 10_000, &|_, time| {
        if time == 0 {
            return Frame::new(kind::HEADERS, 0, 1, get("/")).bytes();
        }
        Frame::new(kind::CONTINUATION, 0, 1, fields(&[("x", "y")])).bytes()
    });
    ends("empty DATA", 10_000, &|_, time| {
        if time == 0 {
            return Frame::new(kind::HEADERS, END_HEADERS, 1, request("POST", "/", &[])).bytes();
        }
        of_stream(kind::DATA, &[])
    });
    // An honest client is served as if nothing had happened.
    assert_eq!(connect(&setup).ask(get("/after")).status, 200);
    wait_until(SOON, "nothing is left", || setup.teal.color("blue")["in_flight"] == 0);
    setup.finish();
}

#[test]
fn d5_d10_a_stalled_client_is_disconnected() {
    // L10
    let setup = Setup::with(|settings| {
        prior_knowledge(settings)
            .timeouts("request_head = \"300ms\", write_stall = \"400ms\", idle = \"600ms\", body_progress = \"300ms\"")
    });
    let large = Behavior::Download { bytes: 1_000_000, chunked: false, pause: Duration::ZERO };
    setup.blue.behave_at("/large", large);
    // A window of nothing.
    let mut client = Http2::connect_with(setup.teal.listener(), &[(4, 0)]);
    let answer = client.ask(get("/large"));
    assert_eq!((answer.status, answer.ended, answer.body.len()), (200, false, 0));
    assert!(answer.reset.is_some(), "{answer:?}");
    // A head that does not end.
    let mut client = connect(&setup);
    client.send(&Frame::new(kind::HEADERS, 0, 1, get("/")));
    assert!(client.rest().iter().all(|frame| frame.kind != kind::HEADERS));
    // A body that does not come.
    let mut client = connect(&setup);
    let stream = client.open(request("POST", "/body", &[("content-length", "5")]), 0);
    let answer = client.answer(stream);
    assert!(answer.status == 408 || answer.reset.is_some(), "{answer:?}");
    // Nothing at all, and nothing any more.
    let mut client = connect(&setup);
    assert_eq!(goaway(&client.rest()), Some(0));
    let mut client = connect(&setup);
    assert_eq!(client.ask(get("/")).status, 200);
    assert_eq!(goaway(&client.rest()), Some(0));
    setup.finish();
}

#[test]
fn d10_a_head_that_does_not_end_is_cut_at_request_head_wherever_it_stops() {
    // L10
    let setup = Setup::with(|settings| {
        prior_knowledge(settings).timeouts("request_head = \"300ms\", idle = \"1m\"")
    });
    let whole = Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, 1, get("/")).bytes();
    let open = Frame::new(kind::HEADERS, END_STREAM, 1, get("/")).bytes();
    for stops in [&whole[..whole.len() - 1], &whole[..10], &open] {
        let mut client = connect(&setup);
        client.raw(stops);
        assert!(client.rest().iter().all(|frame| frame.kind != kind::HEADERS));
    }
    setup.finish();
}

#[test]
fn d5_a_client_that_reads_nothing_of_an_answer_is_disconnected_at_write_stall() {
    // L10
    let setup = Setup::with(|settings| {
        prior_knowledge(settings).timeouts("write_stall = \"500ms\", idle = \"1m\"")
    });
    let some = Behavior::Download { bytes: 10_000, chunked: false, pause: Duration::ZERO };
    setup.blue.behave_at("/some", some);
    let count = |what| setup.teal.metrics().count(what, &[]);
    let before = count("teal_connections_open");
    // Windows for everything: only the socket stands in the way, and 6 MB are more than it holds.
    let mut client = connect(&setup);
    client.send(&Frame::new(kind::WINDOW_UPDATE, 0, 0, (1u32 << 30).to_be_bytes()));
    for round in 0..12 {
        let streams = (0..50).map(|place| 2 * (50 * round + place) + 1);
        let asks = streams.flat_map(|stream| {
            let flags = END_HEADERS | END_STREAM;
            Frame::new(kind::HEADERS, flags, stream, get("/some")).bytes()
        });
        if client.try_raw(&asks.collect::<Vec<_>>()).is_err() {
            break; // it was left already
        }
        // More streams at once than are allowed would be refused.
        wait_until(SOON, "all is answered, as far as targets go, or the client is left", || {
            let asked = setup.blue.seen().requests_to("/some").len();
            let answered =
                asked == 50 * (round as usize + 1) && setup.teal.color("blue")["in_flight"] == 0;
            answered || count("teal_connections_open") == before
        });
    }
    wait_until(SOON, "the client that reads nothing is left", || {
        count("teal_connections_open") == before
    });
    setup.finish();
}

/// Streams of one connection that stand still.
const STANDING: usize = 100;

/// The memory that a further connection of this kind costs a Teal of its own, in bytes: the first ones
/// also pay for everything shared.
fn cost(attack: impl Fn(&Setup) -> Http2) -> usize {
    const CONNECTIONS: usize = 4;
    let setup = setup();
    let large = Behavior::Download { bytes: 10_000_000, chunked: false, pause: Duration::ZERO };
    setup.blue.behave_at("/large", large);
    setup.blue.behave_at("/hang", Behavior::Hang);
    let hold = || (0..CONNECTIONS).map(|_| attack(&setup)).collect::<Vec<_>>();
    let first = hold();
    let before = resident(setup.teal.pid());
    let further = hold();
    let each = resident(setup.teal.pid()).saturating_sub(before) / CONNECTIONS;
    drop((first, further));
    setup.finish();
    each
}

#[test]
fn d8_a_client_that_reads_nothing_costs_less_than_a_mebibyte() {
    // L10
    let each = cost(|setup| {
        let mut client = Http2::connect_with(setup.teal.listener(), &[(4, 0)]);
        ask_for_large(&mut client);
        client
    });
    assert!(each < 1 << 20, "{each} bytes for each connection");
}

#[test]
fn d8_a_client_that_opens_all_windows_and_does_not_read_costs_less_than_a_mebibyte() {
    // L10
    let each = cost(|setup| {
        let mut client = Http2::connect_with(setup.teal.listener(), &[(4, 1 << 30)]);
        client.send(&Frame::new(kind::WINDOW_UPDATE, 0, 0, (1u32 << 30).to_be_bytes()));
        ask_for_large(&mut client);
        client
    });
    assert!(each < 1 << 20, "{each} bytes for each connection");
}

#[test]
fn d8_a_client_that_sends_nothing_more_costs_less_than_a_mebibyte() {
    // L10
    let opened = Cell::new(0);
    let each = cost(|setup| {
        let mut client = connect(setup);
        let mut room = 500 * 1024; // as far as the connection's window goes
        for _ in 0..STANDING {
            let stream = client.open(request("PUT", "/hang", &[]), 0);
            let piece = room.min(5_000);
            client.send(&Frame::new(kind::DATA, 0, stream, vec![b'x'; piece]));
            room -= piece;
        }
        opened.set(opened.get() + STANDING as u64);
        wait_until(SOON, "all are on their way", || {
            setup.teal.color("blue")["in_flight"].as_u64() >= Some(opened.get())
        });
        client
    });
    // Bytes passed on are not kept, except those that may be sent again.
    assert!(each < 1 << 20, "{each} bytes for each connection");
}

/// Asks on all streams, and waits for the heads of the answers.
fn ask_for_large(client: &mut Http2) {
    for _ in 0..STANDING {
        client.open(get("/large"), END_STREAM);
    }
    let mut heads = 0;
    while heads < STANDING {
        heads += usize::from(client.frame().expect("a head").kind == kind::HEADERS);
    }
}

//! HTTP/2 from clients: curl and h2load through switches, stops and upgrades, and frame by frame what
//! they meet.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use testkit::http2::{Answer, END_HEADERS, END_STREAM, Frame, Http2, fields, get, kind, request};
use testkit::{Behavior, CliResult, Pki, Settings, Step, checksum, run, wait_until};

use crate::setup::{SOON, Setup};

const LONG: Duration = Duration::from_secs(60);

pub(crate) fn prior_knowledge(settings: Settings) -> Settings {
    settings.listener_key("http2", "true")
}

pub(crate) fn setup() -> Setup {
    Setup::with(prior_knowledge)
}

pub(crate) fn connect(setup: &Setup) -> Http2 {
    Http2::connect(setup.teal.listener())
}

fn curl(arguments: &[&str]) -> CliResult {
    let common = ["-sS", "--max-time", "30"];
    run(Path::new("curl"), [&common, arguments].concat(), &[], LONG)
}

#[test]
fn curl_asks_in_http_2_and_the_target_hears_http_1() {
    let setup = setup();
    let url = format!("http://{}", setup.teal.listener());
    let ask = |arguments: &[&str]| {
        let said = curl(&[&["--http2-prior-knowledge"], arguments].concat());
        said.assert_code(0);
        said.stdout
    };
    let shown = ask(&["-w", "%{http_version} %{http_code}", "-o", "/dev/null", &url]);
    assert_eq!(shown, "2 200");
    // The same address goes on serving HTTP/1.1.
    curl(&["--http1.1", "-f", &url]).assert_code(0);

    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("body");
    let body: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    fs::write(&file, &body).expect("a file");
    let from = format!("@{}", file.display());
    let upload = format!("{url}/upload");
    let expected = format!("blue POST /upload {} {:016x}\n", body.len(), checksum(0, &body));
    assert_eq!(ask(&["-X", "POST", "--data-binary", &from, &upload]), expected);
    let shown = format!("{}", file.display());
    assert_eq!(ask(&["-X", "POST", "-T", &shown, &upload]), expected);
    for chunked in [false, true] {
        let bytes = 5_000_000;
        let large = Behavior::Download { bytes, chunked, pause: Duration::ZERO };
        setup.blue.behave_at("/large", large);
        let size = ask(&["-o", "/dev/null", "-w", "%{size_download}", &format!("{url}/large")]);
        assert_eq!(size, bytes.to_string());
    }
    let head = ask(&["-I", &format!("{url}/head")]);
    assert!(head.starts_with("HTTP/2 200"), "{head}");

    ask(&["-H", "Cookie: a=1", "-H", "X-Forwarded-For: 1.2.3.4", &format!("{url}/seen?q=1")]);
    let seen = setup.blue.seen().requests_to("/seen").pop().expect("a request");
    assert_eq!(seen.fields.get("host"), Some(&*setup.teal.listener().to_string()));
    assert_eq!(seen.fields.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.fields.get("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.fields.get("cookie"), Some("a=1"));
    setup.finish();
}

#[test]
fn over_tls_the_handshake_decides() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("a", &["a.test"]);
    let certificate = format!(
        "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
        pair.cert.display(),
        pair.key.display()
    );
    for (http2, spoken) in [(None, "2"), (Some("false"), "1.1")] {
        let setup = Setup::with(|settings| {
            let settings = settings.listener_key("tls", "true").extra(&certificate);
            http2.into_iter().fold(settings, |settings, on| settings.listener_key("http2", on))
        });
        let port = setup.teal.listener().port();
        let (ca, to) = (pki.ca(), format!("a.test:{port}:127.0.0.1"));
        let ca = ca.display().to_string();
        let ask = |host: &str| {
            let host = format!("Host: {host}");
            let said = curl(&[
                "--http2",
                "--cacert",
                &ca,
                "--resolve",
                &to,
                "-H",
                &host,
                "-o",
                "/dev/null",
                "-w",
                "%{http_version} %{http_code}",
                &format!("https://a.test:{port}/who"),
            ]);
            said.stdout
        };
        assert_eq!(ask("a.test"), format!("{spoken} 200"));
        assert_eq!(ask("b.test"), format!("{spoken} 421"));
        let seen = setup.blue.seen().requests_to("/who").pop().expect("a request");
        assert_eq!(seen.fields.get("x-forwarded-proto"), Some("https"));
        setup.finish();
    }
}

/// h2load for so many requests, on 4 connections of 16 streams each.
fn h2load(setup: &Setup, requests: &str) -> Child {
    Command::new("h2load")
        .args(["-n", requests, "-c", "4", "-m", "16"])
        .arg(format!("http://{}/load", setup.teal.listener()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("nghttp2-client is installed")
}

/// Waits for its end: all of them were answered with 2xx.
fn all_answered(load: Child, requests: &str) {
    let output = load.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    let right = format!("{requests} done, {requests} succeeded, 0 failed, 0 errored, 0 timeout");
    assert!(said.contains(&right), "{said}");
}

/// Probes that a machine at its limit does not fail.
const PATIENT: &str = "{ interval = \"200ms\", fast_interval = \"50ms\", timeout = \"5s\" }";

#[test]
fn switches_under_h2load_lose_nothing() {
    // L1 L2 L4
    let setup = Setup::with(|settings| prior_knowledge(settings).service("health", PATIENT));
    let mut load = h2load(&setup, "30000");
    let mut switches = 0;
    for to in ["green", "blue"].into_iter().cycle() {
        let (now, retired) =
            if to == "green" { (&setup.green, &setup.blue) } else { (&setup.blue, &setup.green) };
        if load.try_wait().expect("a process").is_some() {
            break;
        }
        assert_eq!(setup.teal.switch(to, "").status, 200);
        let (drained, before) = (retired.seen().count(), now.seen().count());
        wait_until(SOON, "the new color is asked", || {
            now.seen().count() > before + 100 || load.try_wait().is_ok_and(|end| end.is_some())
        });
        assert_eq!(retired.seen().count(), drained, "nothing came after it was drained");
        switches += 1;
    }
    assert!(switches >= 4, "{switches} switches");
    all_answered(load, "30000");
    setup.finish();
}

#[test]
fn a_stop_sends_goaway_twice_and_answers_requests_on_their_way() {
    // L7
    let mut setup = setup();
    setup.blue.behave_at("/slow", Behavior::Slow(Duration::from_millis(500)));
    let mut client = connect(&setup);
    let slow = client.open(get("/slow"), END_STREAM);
    wait_until(SOON, "it is on its way", || !setup.blue.seen().requests_to("/slow").is_empty());
    let mut idle = connect(&setup);
    assert_eq!(idle.ask(get("/")).status, 200);
    setup.teal.signal(rustix::process::Signal::TERM);
    let first = loop {
        let frame = client.frame().expect("a frame");
        if frame.kind == kind::GOAWAY {
            break frame;
        }
    };
    assert_eq!((first.number(0), first.number(4)), (0x7fff_ffff, 0), "whatever is under way");
    // Sent before the client has heard of it, as far as Teal knows.
    let late = client.open(get("/late"), END_STREAM);
    let answers: Vec<Answer> = [late, slow].map(|stream| client.answer(stream)).into();
    let fine = answers.iter().all(|answer| answer.status == 200 && answer.ended);
    assert!(fine, "{answers:?}");
    let last = answers.iter().find_map(|answer| answer.goaway);
    assert_eq!(last.or_else(|| goaway(&client.rest())), Some(0));
    let frames = idle.rest();
    let said: Vec<&Frame> = frames.iter().filter(|frame| frame.kind == kind::GOAWAY).collect();
    assert_eq!(said.len(), 2, "{frames:?}");
    assert_eq!((said[1].number(0), said[1].number(4)), (1, 0), "the last that it serves");
    assert_eq!(setup.teal.wait_exit(Duration::from_secs(20)), Some(0));
}

#[test]
fn a_request_that_crosses_the_last_goaway_gets_no_tcp_reset() {
    // L7
    let mut setup = setup();
    let mut client = connect(&setup);
    assert_eq!(client.ask(get("/")).status, 200);
    setup.teal.signal(rustix::process::Signal::TERM);
    let mut said = 0;
    while said < 2 {
        let frame = client.frame().expect("both steps");
        said += usize::from(frame.kind == kind::GOAWAY);
        if frame.kind == kind::PING {
            client.send(&Frame::new(kind::PING, 1, 0, &*frame.payload));
        }
    }
    // As if it had not been read yet. A reset would take it from a client that writes first.
    for _ in 0..20 {
        client.open(get("/crossed"), END_STREAM);
        thread::sleep(Duration::from_millis(1)); // as long as a reset takes to come back
    }
    assert!(setup.blue.seen().requests_to("/crossed").is_empty(), "the GOAWAY is honored");
    drop(client);
    assert_eq!(setup.teal.wait_exit(Duration::from_secs(20)), Some(0));
}

pub(crate) fn goaway(frames: &[Frame]) -> Option<u32> {
    frames.iter().find(|frame| frame.kind == kind::GOAWAY).map(|frame| frame.number(4))
}

#[test]
fn an_upgrade_under_h2load_loses_nothing_and_connections_move() {
    // L7
    let mut setup = setup();
    let load = h2load(&setup, "30000");
    wait_until(SOON, "it has begun", || setup.blue.seen().count() > 500);
    let mut client = connect(&setup);
    assert_eq!(client.ask(get("/")).status, 200);
    setup.teal.upgrade();
    assert_eq!(goaway(&client.rest()), Some(0));
    assert_eq!(connect(&setup).ask(get("/")).status, 200);
    // h2load opens no other connection after GOAWAY, and tells what it could not send apart.
    let output = load.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(" 0 3xx, 0 4xx, 0 5xx"), "{said}");
    setup.finish();
}

#[test]
fn a_cut_answer_cannot_be_taken_for_a_whole_one() {
    // L3 L8
    let setup = Setup::with(|settings| prior_knowledge(settings).drain("300ms"));
    let broken = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this";
    setup.blue.behave_at("/broken", Behavior::raw_then_close(broken));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    setup.blue.behave_at("/chunked", Behavior::raw_then_close(chunked));
    let hangs = vec![Step::ReadBody, Step::Send(broken.into()), Step::Hang];
    setup.blue.behave_at("/hangs", Behavior::Script(hangs));
    setup.blue.behave_at("/never", Behavior::Hang);
    let mut client = connect(&setup);
    for path in ["/broken", "/chunked"] {
        let answer = client.ask(get(path));
        // A reset may overtake what was not sent yet.
        assert_eq!((answer.ended, answer.reset), (false, Some(2)), "{answer:?}");
    }
    let begun = client.open(get("/hangs"), END_STREAM);
    let silent = client.open(get("/never"), END_STREAM);
    setup.teal.wait_in_flight("blue", 2);
    let said = setup.teal.switch("green", "");
    assert!(said.text().contains("cut"), "{}", said.text());
    let (begun, silent) = (client.answer(begun), client.answer(silent));
    assert_eq!((begun.ended, begun.reset), (false, Some(2)), "{begun:?}");
    assert_eq!((silent.status, silent.ended), (504, true), "{silent:?}");
    assert_eq!(client.ask(get("/")).status, 200, "the connection goes on");
    setup.finish();
}

#[test]
fn interim_answers_and_trailers_pass() {
    let setup = setup();
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let answer =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n";
    setup.blue.behave_at("/hints", Behavior::raw([hints, answer].concat()));
    let mut client = connect(&setup);
    let answer = client.ask(get("/hints"));
    let expected = Answer {
        status: 200,
        interim: vec![103],
        body: b"ok".to_vec(),
        trailers: true,
        ended: true,
        ..Answer::default()
    };
    assert_eq!(answer, expected);
    // And those of a request.
    let stream = client.open(request("POST", "/sum", &[("trailer", "x-sum")]), 0);
    client.send(&Frame::new(kind::DATA, 0, stream, *b"body"));
    let trailers = fields(&[("x-sum", "2")]);
    client.send(&Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, stream, trailers));
    assert_eq!(client.answer(stream).status, 200);
    let seen = setup.blue.seen().requests_to("/sum").pop().expect("a request");
    assert_eq!((&*seen.body, seen.trailers.get("x-sum")), (&b"body"[..], Some("2")));
    setup.finish();
}

#[test]
fn an_answer_that_opens_no_tunnel_does_not_look_like_one() {
    let setup = setup();
    let mut client = connect(&setup);
    let opens = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "test"),
        (":path", "/page"),
        ("sec-websocket-version", "13"),
    ];
    let stream = client.open(fields(&opens), 0);
    assert_eq!(client.answer(stream).status, 502, "its target answered 200 and a page");
    setup.finish();
}

#[test]
fn a_slow_client_of_many_streams_is_not_cut_for_waiting_its_turn() {
    // L10
    let setup = Setup::with(|settings| {
        prior_knowledge(settings).timeouts("write_stall = \"400ms\", body_min_bytes = 100")
    });
    let large = Behavior::Download { bytes: 10_000_000, chunked: false, pause: Duration::ZERO };
    setup.blue.behave_at("/large", large);
    // Room for each stream, and little for all together: most get nothing for longer than the stall.
    let mut client = Http2::connect_with(setup.teal.listener(), &[(4, 1 << 20)]);
    let streams: Vec<u32> = (0..20).map(|_| client.open(get("/large"), END_STREAM)).collect();
    let (pace, until) = (Duration::from_millis(50), Instant::now() + Duration::from_secs(2));
    let mut began = 0;
    while Instant::now() < until {
        client.send(&Frame::new(kind::WINDOW_UPDATE, 0, 0, 1024_u32.to_be_bytes()));
        while let Some(frame) = client.frame_within(pace) {
            let frame = frame.expect("the connection goes on");
            assert!(frame.kind != kind::RST_STREAM && frame.kind != kind::GOAWAY, "{frame:?}");
            began += usize::from(frame.kind == kind::HEADERS);
        }
    }
    assert_eq!(began, streams.len());
    drop(client);
    setup.finish();
}

#[test]
fn a_websocket_is_a_stream() {
    // L1 L3
    let setup = Setup::with(|settings| prior_knowledge(settings).drain("200ms"));
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let mut client = connect(&setup);
    let opens = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "test"),
        (":path", "/ws"),
        ("sec-websocket-version", "13"),
    ];
    let stream = client.open(fields(&opens), 0);
    // A masked text of two letters.
    client.send(&Frame::new(kind::DATA, 0, stream, [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']));
    let mut echoed = Vec::new();
    while echoed.len() < 4 {
        let frame = client.frame().expect("a frame");
        assert_ne!(frame.kind, kind::RST_STREAM, "{frame:?}");
        if frame.kind == kind::DATA {
            echoed.extend(frame.payload);
        }
    }
    assert_eq!(echoed, [0x81, 2, b'h', b'i']);
    let seen = setup.blue.seen().requests_to("/ws").pop().expect("a request");
    assert_eq!(seen.fields.get("upgrade"), Some("websocket"));
    // It holds its color, and is cut with it.
    setup.teal.wait_in_flight("blue", 1);
    let said = setup.teal.switch("green", "");
    assert!(said.text().contains("cut"), "{}", said.text());
    let end = client.answer(stream);
    assert!(end.reset.is_some() || end.ended, "{end:?}");
    let other = [opens[0], (":protocol", "connect-udp"), opens[2], opens[3], opens[4]];
    assert_eq!(client.ask(fields(&other)).status, 501);
    setup.finish();
}

#[test]
fn the_end_of_an_answer_needs_no_window() {
    // L3
    const BYTES: u32 = 5_000;
    let setup = setup();
    let exact = Behavior::Download { bytes: BYTES.into(), chunked: true, pause: Duration::ZERO };
    setup.blue.behave_at("/exact", exact);
    let mut client = Http2::connect_with(setup.teal.listener(), &[(4, BYTES)]);
    let stream = client.open(get("/exact"), END_STREAM);
    let mut bytes = 0;
    loop {
        let frame = client.frame().expect("the answer goes on");
        if (frame.kind, frame.stream) == (kind::DATA, stream) {
            bytes += frame.payload.len();
            if frame.has(END_STREAM) {
                break;
            }
        }
    }
    assert_eq!(bytes, BYTES as usize);
    setup.finish();
}

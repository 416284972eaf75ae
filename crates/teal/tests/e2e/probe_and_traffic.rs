//! Targets that pass the gate can serve traffic, and the other way round: a table of odd
//! answers, each given to a probe and to a request, over every kind of target.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use testkit::http2::{END_HEADERS, END_STREAM, Frame, Http2, fields, kind};
use testkit::{
    Behavior, Client, Pki, SecureTarget, Settings, Target, TargetSocket, Teal, wait_for, wait_until,
};

use crate::TEAL;
use crate::setup::{SOON, Setup};

const HEALTH: &str = "{ path = \"/odd\", interval = \"20ms\", fast_interval = \"20ms\", \
                      timeout = \"1s\", expect = [\"2xx\", \"3xx\"] }";

/// A name, the bytes of an answer, and whether it is good; `None`: either, as long as both agree.
type Row = (&'static str, Vec<u8>, Option<bool>);

fn row(name: &'static str, answer: &str, good: bool) -> Row {
    (name, answer.as_bytes().to_vec(), Some(good))
}

fn rows() -> Vec<Row> {
    let ok = |lines: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n{body}");
    let chunks = "2\r\nhi\r\n0\r\n\r\n";
    let many = |count: usize| "X-Field: a\r\n".repeat(count) + "Content-Length: 2\r\n";
    let long = |bytes: usize| format!("X-Long: {}\r\nContent-Length: 2\r\n", "x".repeat(bytes));
    let chunked = "Transfer-Encoding: chunked\r\n";
    let length = "Content-Length: 2\r\n";
    let both = format!("{length}{chunked}");
    let trailers = |lines: &str| ok(chunked, &format!("2\r\nhi\r\n0\r\n{lines}\r\n"));
    vec![
        row("plain", &ok(length, "hi"), true),
        row("chunked", &ok(chunked, chunks), true),
        row("Transfer-Encoding twice", &ok(&chunked.repeat(2), chunks), false),
        row("unknown coding", &ok("Transfer-Encoding: gzip, chunked\r\n", chunks), false),
        row("both framings", &ok(&both, chunks), false),
        row("equal lengths", &ok(&length.repeat(2), "hi"), true),
        row("equal lengths in one field", &ok("Content-Length: 2, 2\r\n", "hi"), true),
        row("unequal lengths", &ok("Content-Length: 2\r\nContent-Length: 3\r\n", "hi!"), false),
        row("length that is not a number", &ok("Content-Length: +2\r\n", "hi"), false),
        row("shorter than its length", &ok("Content-Length: 9\r\n", "hi"), false),
        row("no length", &ok("", "hi"), true),
        row("chunks cut off", &ok(chunked, "5\r\nhi"), false),
        row("chunks of no size", &ok(chunked, "z\r\nhi\r\n0\r\n\r\n"), false),
        row("204", "HTTP/1.1 204 No Content\r\n\r\n", true),
        row(
            "204 with a coding",
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
            true,
        ),
        row("304", "HTTP/1.1 304 Not Modified\r\n\r\n", true),
        (
            "304 with a coding",
            b"HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
            None,
        ),
        ("304 with a length", b"HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n".to_vec(), None),
        row("head of 20 KB", &ok(&long(20_000), "hi"), true),
        row("head of 40 KB", &ok(&long(40_000), "hi"), false),
        row("120 fields", &ok(&many(120), "hi"), true),
        row("300 fields", &ok(&many(300), "hi"), false),
        row("folded field", &ok(&format!("X-Fold: a\r\n b\r\n{length}"), "hi"), false),
        row("bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", false),
        row("name with a space", &ok(&format!("X Y: a\r\n{length}"), "hi"), false),
        row("space before the colon", &ok(&format!("X : a\r\n{length}"), "hi"), false),
        row("NUL in a value", &ok(&format!("X: a\0b\r\n{length}"), "hi"), false),
        row("bytes beyond ASCII", &ok(&format!("X: \u{e4}\r\n{length}"), "hi"), true),
        row("HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", true),
        row("HTTP/1.0 with a coding", &format!("HTTP/1.0 200 OK\r\n{chunked}\r\n{chunks}"), false),
        row("HTTP/3.0", "HTTP/3.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", false),
        row("no reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", true),
        row("no reason and no space", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", true),
        row("status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nhi", false),
        row("status over 599", "HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nhi", false),
        row("garbage first", &format!("hi\r\n{}", ok(length, "hi")), false),
        row("empty line first", &format!("\r\n{}", ok(length, "hi")), false),
        row("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", false),
        row("nothing", "", false),
        row("cut off in its head", "HTTP/1.1 200 OK\r\nContent-", false),
        row("interim first", &format!("HTTP/1.1 103 X\r\n\r\n{}", ok(length, "hi")), true),
        row(
            "too many interim answers",
            &format!("{}{}", "HTTP/1.1 103 X\r\n\r\n".repeat(40), ok(length, "hi")),
            false,
        ),
        row("101", "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", false),
        row("trailers", &trailers("X-Sum: 1\r\n"), true),
        row("40 trailers", &trailers(&"X-Sum: 1\r\n".repeat(40)), true),
        row("300 trailers", &trailers(&"X-Sum: 1\r\n".repeat(300)), false),
        row("trailer without a colon", &trailers("X-Sum\r\n"), false),
    ]
}

fn last_probe(teal: &Teal) -> (bool, String) {
    let probe = teal.color("blue")["targets"][0]["last_probe"].clone();
    (probe["ok"].as_bool().unwrap_or(false), probe["reason"].as_str().unwrap_or("").to_owned())
}

/// Returns true if a client gets a whole answer from the target.
fn is_answered(teal: &Teal) -> bool {
    let mut client = Client::connect(teal.listener());
    client.send("GET /odd HTTP/1.1\r\nHost: test\r\n\r\n");
    loop {
        match client.read_answer(false) {
            Ok(answer) if answer.status < 200 => {}
            Ok(answer) => return answer.status < 400,
            Err(_) => return false,
        }
    }
}

/// Gives each answer to a probe and to a request. `judged`: it must also be the row's verdict.
fn same_verdicts(teal: &Teal, blue: &Target, judged: bool) {
    let probes = || {
        let seen = blue.seen().requests_to("/odd");
        seen.iter().filter(|seen| seen.fields.get("user-agent") == Some("teal-probe")).count()
    };
    let mut wrong = Vec::new();
    for (name, answer, good) in rows() {
        blue.behave_at("/odd", Behavior::raw_then_close(answer));
        let before = probes();
        // The first may have begun before; when the third comes, the second has been counted.
        wait_until(SOON, name, || probes() >= before + 3);
        let (passed, reason) = last_probe(teal);
        let answered = is_answered(teal);
        if passed != answered || judged && good.is_some_and(|good| good != passed) {
            wrong.push(format!("{name}: probe {passed} ({reason}), traffic {answered}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn r1_probe_and_traffic_give_one_verdict_of_each_answer_over_http() {
    // L9
    let setup = Setup::with(|settings| settings.service("health", HEALTH));
    same_verdicts(&setup.teal, &setup.blue, true);
    setup.teal.assert_books_balance();
}

#[test]
fn r1_probe_and_traffic_give_one_verdict_of_each_answer_over_a_unix_socket() {
    // L9
    let directory = tempfile::tempdir().expect("a directory");
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let socket = TargetSocket::start(&directory.path().join("blue.sock"), &blue);
    let settings = Settings::of_urls(&[&socket.url()], &[&green.url()]);
    let teal = Teal::start_healthy(TEAL, &settings.service("health", HEALTH));
    same_verdicts(&teal, &blue, true);
    teal.assert_books_balance();
}

#[test]
fn r1_probe_and_traffic_give_one_verdict_of_each_answer_over_https() {
    // L9
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("target", &["localhost"]);
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let front = SecureTarget::start(&blue, &pair, None);
    let color =
        format!("{{ targets = [{:?}], tls = {{ ca = '{}' }} }}", front.url(), pki.ca().display());
    let settings = Settings::of_urls(&[&front.url()], &[&green.url()]).service("blue", &color);
    let teal = Teal::start_healthy(TEAL, &settings.service("health", HEALTH));
    same_verdicts(&teal, &blue, false); // where the end of TLS comes decides some of them
    teal.assert_books_balance();
}

/// An answer over HTTP/2: fields, body, trailers.
type Answer2 = (Vec<(String, String)>, Option<&'static str>, usize);

fn over_http2(peer: &mut Http2, stream: u32, (head, body, trailers): &Answer2) {
    let all: Vec<_> = head.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (interim, last) = match all.as_slice() {
        [(":status", "103"), rest @ ..] => (true, rest),
        all => (false, all),
    };
    if interim {
        peer.send(&Frame::new(kind::HEADERS, END_HEADERS, stream, fields(&[(":status", "103")])));
    }
    let block = fields(last);
    let mut pieces = block.chunks(16_000).peekable();
    let mut kind_of = kind::HEADERS;
    while let Some(piece) = pieces.next() {
        let whole = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        let ended = if body.is_none() && kind_of == kind::HEADERS { END_STREAM } else { 0 };
        if peer.try_raw(&Frame::new(kind_of, whole | ended, stream, piece).bytes()).is_err() {
            return;
        }
        kind_of = kind::CONTINUATION;
    }
    let Some(body) = body else { return };
    let ended = if *trailers == 0 { END_STREAM } else { 0 };
    let _ = peer.try_raw(&Frame::new(kind::DATA, ended, stream, *body).bytes());
    if *trailers > 0 {
        let block = fields(&vec![("x-sum", "1"); *trailers]);
        let flags = END_HEADERS | END_STREAM;
        let _ = peer.try_raw(&Frame::new(kind::HEADERS, flags, stream, block).bytes());
    }
}

fn rows_of_http2() -> Vec<(&'static str, Answer2, Option<bool>)> {
    let head = |further: &[(&str, &str)]| -> Vec<(String, String)> {
        let own = [(":status", "200")];
        let all = own.iter().chain(further);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let hi = Some("hi");
    let long = |count: usize| {
        let long = "x".repeat(5000);
        head(&vec![("x-long", long.as_str()); count])
    };
    let two = ("content-length", "2");
    vec![
        ("plain", (head(&[two]), hi, 0), Some(true)),
        ("no length", (head(&[]), hi, 0), Some(true)),
        ("nothing but a head", (head(&[]), None, 0), Some(true)),
        ("head of 20 KB", (long(4), hi, 0), Some(true)),
        ("head of 40 KB", (long(8), hi, 0), Some(false)),
        ("head of 100 KB", (long(20), hi, 0), Some(false)),
        ("120 fields", (head(&[("x", "a"); 120]), hi, 0), Some(true)),
        ("300 fields", (head(&[("x", "a"); 300]), hi, 0), Some(false)),
        ("equal lengths", (head(&[two, two]), hi, 0), None),
        ("unequal lengths", (head(&[two, ("content-length", "3")]), hi, 0), Some(false)),
        ("shorter than its length", (head(&[("content-length", "9")]), hi, 0), Some(false)),
        ("longer than its length", (head(&[("content-length", "1")]), hi, 0), Some(false)),
        ("a coding", (head(&[("transfer-encoding", "chunked")]), hi, 0), Some(false)),
        ("NUL in a value", (head(&[("x", "a\0b")]), hi, 0), Some(false)),
        ("an upper-case name", (head(&[("X", "a")]), hi, 0), Some(false)),
        ("trailers", (head(&[]), hi, 1), Some(true)),
        ("40 trailers", (head(&[]), hi, 40), Some(true)),
        ("300 trailers", (head(&[]), hi, 300), Some(false)),
        (
            "interim first",
            ([vec![(":status".into(), "103".into())], head(&[])].concat(), hi, 0),
            Some(true),
        ),
        ("101", (vec![(":status".into(), "101".into())], None, 0), Some(false)),
        ("204", (vec![(":status".into(), "204".into())], None, 0), Some(true)),
        ("no status", (vec![("x".into(), "a".into())], hi, 0), Some(false)),
    ]
}

#[test]
fn r1_probe_and_traffic_give_one_verdict_of_each_answer_over_h2c() {
    // L9
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("h2c://{}", listener.local_addr().expect("bound"));
    let good = rows_of_http2().remove(0).1;
    let current = Arc::new(Mutex::new((good, 0_usize)));
    let shown = current.clone();
    // Ends with the process of the test: nobody connects any more.
    thread::spawn(move || {
        for socket in listener.incoming() {
            let shown = shown.clone();
            thread::spawn(move || {
                let mut peer = Http2::accept(socket.expect("a connection"));
                while let Some((stream, probe)) = peer.asked() {
                    let answer = {
                        let mut shown = shown.lock().expect("no thread panics with it");
                        shown.1 += usize::from(probe);
                        shown.0.clone()
                    };
                    over_http2(&mut peer, stream, &answer);
                }
            });
        }
    });
    let green = Target::start("green");
    let settings = Settings::of_urls(&[&url], &[&green.url()]).service("health", HEALTH);
    let teal = Teal::start_healthy(TEAL, &settings);
    let mut wrong = Vec::new();
    for (name, answer, good) in rows_of_http2() {
        let before = {
            let mut shown = current.lock().expect("no thread panics with it");
            shown.0 = answer;
            shown.1
        };
        wait_until(SOON, name, || current.lock().expect("as above").1 >= before + 3);
        let (passed, reason) = last_probe(&teal);
        let answered = is_answered(&teal);
        if passed != answered || good.is_some_and(|good| good != passed) {
            wrong.push(format!("{name}: probe {passed} ({reason}), traffic {answered}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    teal.assert_books_balance();
}

#[test]
fn r1_a_target_whose_answers_traffic_keeps_refusing_is_failed_over() {
    let health = HEALTH.replace("/odd", "/health");
    let setup =
        Setup::with(|settings| settings.service("health", &health).service("failover", "\"auto\""));
    let odd = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n";
    setup.blue.behave(Behavior::raw_then_close(odd));
    let reason = wait_for(Duration::from_secs(15), "it is failed over", || {
        for _ in 0..20 {
            setup.client().get("/");
        }
        (setup.teal.active() == "green").then(|| setup.teal.log())
    });
    assert!(reason.contains("traffic refused its last"), "{reason}");
    assert_eq!(setup.who(), "green");
    setup.teal.assert_books_balance();
}

/// The bytes that the last probe of a target has sent.
fn last_asked(target: &Target, name: &str) -> Option<String> {
    let probes = target.seen().probes();
    probes.last().and_then(|probe| probe.fields.get(name).map(ToOwned::to_owned))
}

#[test]
fn r22_an_application_that_insists_on_https_passes_behind_a_listener_with_tls() {
    // L9
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("public", &["localhost"]);
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let certificate = format!(
        "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
        pair.cert.display(),
        pair.key.display()
    );
    let plain = "[[listener]]\naddress = \"127.0.0.1:0\"\nredirect_https = true\n";
    let health = "{ interval = \"50ms\", fast_interval = \"20ms\", host = \"shop.test\", \
                  headers = { X-Probe = \"teal\", user-agent = \"check\" } }";
    let settings = Settings::new(&blue, &green)
        .listener_key("tls", "true")
        .service("health", health)
        .extra(&certificate)
        .extra(plain);
    let teal = Teal::start_healthy(TEAL, &settings);
    let sent = |name: &str| last_asked(&green, name);
    assert_eq!(sent("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(sent("x-forwarded-host").as_deref(), Some("shop.test"));
    assert_eq!(sent("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(sent("x-probe").as_deref(), Some("teal"));
    assert_eq!(sent("user-agent").as_deref(), Some("check"), "once");
    drop(teal);
    let setup = Setup::new();
    assert_eq!(last_asked(&setup.green, "x-forwarded-proto").as_deref(), Some("http"));
    setup.finish();
}

#[test]
fn r62_another_service_at_the_address_is_detected_and_gets_nothing() {
    let health = "{ path = \"/ready\", interval = \"50ms\", fast_interval = \"20ms\", \
                  expect_header = \"X-Target: blue\" }";
    let (blue, other) = (Target::start("blue"), Target::start("green"));
    let mine = |name: &str| {
        Behavior::raw(format!("HTTP/1.1 200 OK\r\nX-Target: {name}\r\nContent-Length: 2\r\n\r\nok"))
    };
    blue.behave_at("/ready", mine("blue"));
    other.behave_at("/ready", mine("blue"));
    let settings = Settings::new(&blue, &other).service("health", health);
    let teal = Teal::start_healthy(TEAL, &settings);
    // Connections to it are idle in the pools of both workers.
    for _ in 0..20 {
        assert_eq!(Client::connect(teal.listener()).get("/mine").status, 200);
    }
    blue.behave_at("/ready", mine("stranger"));
    wait_until(SOON, "the stranger is seen by every worker", || {
        let target = teal.color("blue")["targets"][0].clone();
        target["addresses"].as_array().is_some_and(Vec::is_empty)
            && (0..20).all(|_| Client::connect(teal.listener()).get("/mine").status == 502)
    });
    let before = blue.seen().requests_to("/mine").len();
    for _ in 0..20 {
        assert_eq!(Client::connect(teal.listener()).get("/mine").status, 502);
    }
    assert_eq!(blue.seen().requests_to("/mine").len(), before, "0 requests at the stranger");
    assert!(
        last_probe(&teal).1.contains("another service answers there"),
        "{:?}",
        last_probe(&teal)
    );
    blue.behave_at("/ready", mine("blue"));
    wait_until(SOON, "the target is back", || {
        Client::connect(teal.listener()).get("/mine").status == 200
    });
    teal.assert_books_balance();
}

#[test]
fn r10_a_target_that_is_teals_own_admin_api_is_refused() {
    let setup = Setup::new();
    let admin = setup.teal.admin();
    for target in [
        format!("http://{admin}"),
        format!("http://localhost:{}", admin.port()),
        format!("h2c://0.0.0.0:{}", admin.port()),
        format!("http://[::ffff:127.0.0.1]:{}", admin.port()),
        format!("unix:{}", setup.teal.state_dir().join("admin.sock").display()),
    ] {
        let settings = Settings::of_urls(&[&setup.blue.url()], &[&target]);
        let settings = settings.admin("listen", &format!("\"{admin}\""));
        setup.teal.write_settings(&settings);
        let config = setup.teal.config().display().to_string();
        let checked = setup.teal.cli_bare(&["check", "--config", &config], &[]);
        assert!(checked.all().contains("Teal's own admin API"), "{target}: {}", checked.all());
    }
    // The port was chosen by the system: only the running Teal knows it.
    let admin_by_name = format!("http://localhost:{}", admin.port());
    let settings = Settings::of_urls(&[&setup.blue.url()], &[&admin_by_name]);
    setup.teal.write_settings(&settings);
    setup.teal.cli(&["reload"]).assert_code(0);
    wait_until(SOON, "it has no address", || {
        setup.teal.status().to_string().contains("where Teal itself listens")
    });
    let switched = setup.teal.switch("green", "");
    assert_eq!(switched.status, 412, "{}", switched.text());
    setup.teal.assert_books_balance();
}

//! An answer that comes before the request has ended reaches every client, also one that sends all of
//! its request before it reads: Teal closes its side and reads on (RFC 9112 section 9.6).

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::http2::{Frame, Http2, get as http2_get, kind, request as http2_request};
use testkit::{Behavior, Client, Ending, Gate, Pki, Response, Settings, Step, Target};

use crate::http2::{self, prior_knowledge};
use crate::setup::{SOON, Setup};

/// More than all buffers between a client and Teal hold.
const BODY: usize = 16 << 20;

/// A listener without TLS, and one with.
struct Doors {
    setup: Setup,
    pki: Pki,
    secure: Setup,
    _directory: tempfile::TempDir,
}

impl Doors {
    fn with(adjust: impl Fn(Settings) -> Settings) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let pki = Pki::new(directory.path());
        let pair = pki.issue("a", &["test"]);
        let secure = Setup::with(|settings| {
            let (cert, key) = (pair.cert.display(), pair.key.display());
            let certificate = format!("[[certificate]]\ncert = '{cert}'\nkey = '{key}'\n");
            adjust(settings.listener_key("tls", "true").extra(&certificate))
        });
        Self { setup: Setup::with(adjust), pki, secure, _directory: directory }
    }

    fn behave_at(&self, path: &str, behavior: &Behavior) {
        self.setup.blue.behave_at(path, behavior.clone());
        self.secure.blue.behave_at(path, behavior.clone());
    }

    fn client(&self, secure: bool) -> Client {
        if secure {
            let trust = self.pki.trust(Some("test"));
            return Client::try_connect_tls(self.secure.teal.listener(), &trust).expect("TLS");
        }
        self.setup.client()
    }

    fn finish(self) {
        self.setup.finish();
        self.secure.finish();
    }
}

/// The head of a POST, and its body.
fn post(path: &str, bytes: usize, chunked: bool) -> Vec<u8> {
    let mut request = format!("POST {path} HTTP/1.1\r\nHost: test\r\n").into_bytes();
    if chunked {
        request.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        let chunk = [b"10000\r\n", &*vec![b'b'; 0x10000], b"\r\n"].concat();
        (0..bytes / 0x10000).for_each(|_| request.extend_from_slice(&chunk));
        request.extend_from_slice(b"0\r\n\r\n");
    } else {
        request.extend_from_slice(format!("Content-Length: {bytes}\r\n\r\n").as_bytes());
        request.resize(request.len() + bytes, b'b');
    }
    request
}

/// Sends all, and only then reads.
#[track_caller]
fn sent_before_read(mut client: Client, request: &[u8], what: &str) -> Response {
    let sent = client.try_send(request);
    assert!(sent.is_ok(), "{what}: {sent:?}");
    let answer = client.read_answer(false).map_err(|error| format!("{what}: {error}"));
    let answer = answer.expect("an answer");
    if answer.fields.get("connection") == Some("close") {
        assert!(matches!(client.ending(SOON), Ending::Fin(rest) if rest.is_empty()), "{what}");
    } else {
        // The kernels on the way had taken the whole body, read or not, before the answer passed.
        assert_eq!(client.get("/").status, 200, "{what}");
    }
    answer
}

#[test]
fn r11_an_answer_before_the_end_of_a_body_reaches_clients_that_send_before_they_read() {
    let doors = Doors::with(|settings| settings.limits("body_bytes", "1000"));
    for secure in [false, true] {
        for (path, status, chunked) in [("/x", 413, false), ("/x", 413, true)] {
            let what = format!("TLS: {secure}, chunked: {chunked}");
            let answer = sent_before_read(doors.client(secure), &post(path, BODY, chunked), &what);
            assert_eq!(answer.status, status, "{what}");
            assert!(answer.closes(), "{what}");
        }
        // A request that is malformed, has no service, or expects what nobody knows.
        for (head, status) in [
            ("POST / HTTP/1.1\r\nHost: a b\r\n", 400),
            ("POST /../ HTTP/1.1\r\nHost: test\r\nExpect: x\r\n", 417),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n", 501),
        ] {
            let mut request = format!("{head}Content-Length: {BODY}\r\n\r\n").into_bytes();
            request.resize(request.len() + BODY, b'b');
            let answer = sent_before_read(doors.client(secure), &request, head);
            assert_eq!(answer.status, status, "{head}");
        }
    }
    doors.finish();
}

#[test]
fn r11_an_early_answer_of_a_target_is_passed_on_whatever_it_does_then() {
    let doors = Doors::with(|settings| settings);
    let answer = |body: usize| {
        let head = format!("HTTP/1.1 413 Too Large\r\nContent-Length: {body}\r\n\r\n");
        [head.as_bytes(), &vec![b'a'; body]].concat()
    };
    let wait =
        |body, then: Vec<Step>| Behavior::Script([vec![Step::Send(answer(body))], then].concat());
    // It reads on, does not read, or closes at once, which is a reset. A longer answer would have both
    // wait for each other: its client takes nothing before it has sent all.
    for (name, behavior, body) in [
        ("reads", wait(20, vec![Step::ReadBody]), 20),
        ("stands still", wait(20, vec![Step::Hang]), 20),
        ("closes", wait(20, vec![Step::Close]), 20),
        ("is long", wait(100_000, vec![Step::ReadBody]), 100_000),
    ] {
        doors.behave_at("/early", &behavior);
        for (secure, chunked) in [(false, false), (false, true), (true, false), (true, true)] {
            let what = format!("{name}, TLS: {secure}, chunked: {chunked}");
            let request = post("/early", BODY, chunked);
            let answer = sent_before_read(doors.client(secure), &request, &what);
            assert_eq!((answer.status, answer.body.len()), (413, body), "{what}");
        }
    }
    drop(doors); // the targets did not read what was sent
}

#[test]
fn r11_python_and_curl_get_the_answer_to_an_upload_that_is_too_large() {
    let setup = Setup::with(|settings| settings.limits("body_bytes", "1000"));
    let port = setup.teal.listener().port();
    let script = format!(
        "import http.client\n\
         for n in range(20):\n\
         \x20   c = http.client.HTTPConnection('127.0.0.1', {port}, timeout=20)\n\
         \x20   c.request('POST', '/x', b'b' * 5_000_000)\n\
         \x20   print(c.getresponse().status)\n"
    );
    let python = Command::new("python3").args(["-c", &script]).output().expect("Python is there");
    let said = String::from_utf8_lossy(&python.stdout).into_owned();
    assert_eq!(said, "413\n".repeat(20), "{}", String::from_utf8_lossy(&python.stderr));
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file().write_all(&vec![b'b'; 5_000_000]).expect("written");
    let curl = Command::new("curl")
        .args(["-sS", "--max-time", "20", "-H", "Expect:", "-o", "/dev/null", "-w", "%{http_code}"])
        .arg("--data-binary")
        .arg(format!("@{}", file.path().display()))
        .arg(format!("http://127.0.0.1:{port}/x"))
        .output()
        .expect("curl is there");
    assert_eq!(String::from_utf8_lossy(&curl.stdout), "413", "{curl:?}");
    setup.finish();
}

/// Uploads so many bytes with curl over HTTP/2 and TLS: version, status and exit code.
fn curl_http2(doors: &Doors, path: &str, bytes: usize) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file().write_all(&vec![b'b'; bytes]).expect("written");
    let curl = Command::new("curl")
        .args(["-sk", "--http2", "--max-time", "20", "-o", "/dev/null"])
        .args(["-w", "%{http_version} %{http_code} %{exitcode}", "--data-binary"])
        .arg(format!("@{}", file.path().display()))
        .arg("--connect-to")
        .arg(format!("test:443:127.0.0.1:{}", doors.secure.teal.listener().port()))
        .arg(format!("https://test{path}"))
        .output()
        .expect("curl is there");
    String::from_utf8_lossy(&curl.stdout).into_owned()
}

#[test]
fn r11_curl_over_http2_gets_the_answer_to_an_upload_that_is_too_large() {
    // Of a target that reads nothing of the body.
    let doors = Doors::with(|settings| settings);
    let answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nlong".to_vec();
    doors.behave_at("/early", &Behavior::Script(vec![Step::Send(answer), Step::Hang]));
    for bytes in [60_000, 500_000, 5_000_000] {
        assert_eq!(curl_http2(&doors, "/early", bytes), "2 413 0", "{bytes} bytes");
    }
    drop(doors); // the targets did not read what was sent
    // Of Teal.
    let doors = Doors::with(|settings| settings.limits("body_bytes", "1000"));
    for bytes in [60_000, 500_000, 5_000_000] {
        assert_eq!(curl_http2(&doors, "/x", bytes), "2 413 0", "{bytes} bytes");
    }
    doors.finish();
}

#[test]
fn r11_a_client_of_http2_that_takes_no_answer_before_it_has_sent_all_gets_it() {
    // As Java's own client and httpx do, which wait for room even on a stream that was reset.
    let of_target = Setup::with(prior_knowledge);
    let answer = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlong";
    let unread = vec![Step::Send(answer.into()), Step::Hang];
    of_target.blue.behave_at("/x", Behavior::Script(unread));
    let of_teal = Setup::with(|settings| prior_knowledge(settings).limits("body_bytes", "1000"));
    for (setup, what) in [(&of_target, "of the target"), (&of_teal, "of Teal")] {
        // Without a table for fields: an answer like one before is not written shorter.
        let mut client = Http2::connect_with(setup.teal.listener(), &[(1, 0)]);
        for bytes in [2_000, 60_000, 65_535, 3_000_000] {
            let answer = client.upload(http2_request("POST", "/x", &[]), bytes);
            assert_eq!((answer.status, answer.ended), (413, true), "{bytes} {what}: {answer:?}");
            assert_eq!((answer.reset, answer.goaway), (None, None), "{bytes} {what}");
        }
        assert_eq!(client.ask(http2_get("/fine")).status, 200, "{what}");
    }
    drop(of_target); // the target did not read what was sent
    of_teal.finish();
}

#[test]
fn r11_a_client_of_http2_that_stalls_after_its_answer_is_reset_in_time() {
    // L10
    let setup = Setup::with(|settings| prior_knowledge(settings).limits("body_bytes", "1000"));
    let mut client = http2::connect(&setup);
    let stream = client.open(http2_request("POST", "/x", &[("content-length", "100000")]), 0);
    assert_eq!(client.answer(stream).status, 413);
    // It sends on for longer than the library by itself ignores what comes.
    for _ in 0..25 {
        client.send(&Frame::new(kind::DATA, 0, stream, [b'b'; 1000]));
        std::thread::sleep(Duration::from_millis(100)); // the pace of a slow client
    }
    let begun = Instant::now();
    assert_eq!(client.answer(stream).reset, Some(0), "NO_ERROR: the answer is whole");
    let bounds = Duration::from_secs(3)..Duration::from_secs(9);
    assert!(bounds.contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(client.ask(http2_get("/fine")).status, 200, "the connection goes on");
    setup.finish();
}

#[test]
fn r11_a_client_that_goes_on_sending_after_its_answer_is_disconnected_in_time() {
    // L10
    let setup = Setup::with(|settings| settings.limits("body_bytes", "1000"));
    let head = "POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n";
    let left = |drip: bool| {
        let mut client = setup.client();
        client.send(head);
        assert_eq!(client.answer().status, 413);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            // A byte now and then, or nothing: both too little to be waited for.
            let open =
                if drip { client.try_send("b").is_ok() } else { open_connections(&setup) > 0 };
            if !open {
                break;
            }
            std::thread::sleep(Duration::from_millis(200)); // the pace of the drip
        }
        begun.elapsed()
    };
    for drip in [true, false] {
        let left = left(drip);
        let bounds = Duration::from_secs(3)..Duration::from_secs(15);
        assert!(bounds.contains(&left), "{left:?}, dripping: {drip}");
    }
    setup.finish();
}

fn open_connections(setup: &Setup) -> u64 {
    setup.teal.metrics().count("teal_connections_open", &[])
}

#[test]
fn r11_a_stop_cuts_a_client_that_does_not_end() {
    // L10
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = Settings::new(&blue, &green).limits("body_bytes", "1000").drain("1s");
    let mut teal = testkit::Teal::start_healthy(crate::TEAL, &settings);
    let mut client = Client::connect(teal.listener());
    client.send("POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n");
    assert_eq!(client.answer().status, 413);
    let over = Gate::new();
    let sending = {
        let over = over.clone();
        std::thread::spawn(move || {
            while !over.wait(Instant::now() + Duration::from_millis(1)) {
                if client.try_send([b'b'; 4096]).is_err() {
                    return true;
                }
            }
            false
        })
    };
    assert_eq!(teal.stop(Duration::from_secs(15)), Some(0), "{}", teal.log());
    over.open();
    assert!(sending.join().expect("a sender"), "it was cut");
}

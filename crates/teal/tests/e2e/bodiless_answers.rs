//! Answers without a body, whatever their fields say, and the date that every answer has.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testkit::http2::{Http2, request};
use testkit::{Behavior, Settings, Target, Teal, run, wait_until};

use crate::TEAL;
use crate::http2::{connect, setup};
use crate::setup::{SOON, Setup};

/// A target made with Node, which is ended at last.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

impl Node {
    /// Starts a script that prints its port; none where there is no Node.
    fn start(script: &str) -> Option<(Self, u16)> {
        let mut child =
            Command::new("node").args(["-e", script]).stdout(Stdio::piped()).spawn().ok()?;
        let output = child.stdout.take().expect("a pipe");
        let node = Node(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("a line");
        Some((node, line.trim().parse().expect("a port")))
    }
}

/// Asks over HTTP/1.1 twice on one connection, and over HTTP/2: the status must come, and no body.
fn ask_both(setup: &Setup, method: &str, path: &str, status: u16) {
    let mut client = setup.client();
    for _ in 0..2 {
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\nIf-None-Match: x\r\n\r\n"));
        let answer = client.read_answer(method == "HEAD").expect("an answer");
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert_eq!(answer.fields.get("transfer-encoding"), None, "{method} {path}");
        assert!(answer.body.is_empty() && !answer.closes(), "{method} {path}");
    }
    let mut client: Http2 = connect(setup);
    let answer = client.ask(request(method, path, &[]));
    assert_eq!((answer.status, answer.ended), (status, true), "{method} {path}: {answer:?}");
    assert!(answer.body.is_empty(), "{method} {path}");
}

#[test]
fn r12_a_304_with_transfer_encoding_passes() {
    let setup = setup();
    for (path, head) in [
        ("/304", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("/304-length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n"),
        ("/204", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("/204-end", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("/200", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("/404", "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ] {
        setup.blue.behave_at(path, Behavior::raw(head));
        let status = path[1..4].parse().expect("a status");
        if status != 200 && status != 404 {
            ask_both(&setup, "GET", path, status);
        }
        ask_both(&setup, "HEAD", path, status);
    }
    setup.finish();
}

#[test]
fn r12_a_conditional_get_to_node_is_304_every_time() {
    let script = "const s = require('http').createServer((q, r) => {\
                    if (q.headers['if-none-match']) {\
                      r.writeHead(304, { 'Transfer-Encoding': 'chunked', 'ETag': 'x' });\
                    } else { r.writeHead(200, { 'ETag': 'x' }); r.write('page'); }\
                    r.end(); });\
                  s.listen(0, '127.0.0.1', () => console.log(s.address().port));";
    let Some((_node, port)) = Node::start(script) else { return };
    let green = Target::start("green");
    let settings = Settings::of_urls(&[&format!("http://127.0.0.1:{port}")], &[&green.url()]);
    let teal = Teal::start_healthy(TEAL, &settings);
    let mut client = testkit::Client::connect(teal.listener());
    assert_eq!(client.get("/").text(), "page");
    for _ in 0..5 {
        client.send("GET / HTTP/1.1\r\nHost: test\r\nIf-None-Match: x\r\n\r\n");
        assert_eq!(client.answer().status, 304);
        client.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(client.read_answer(true).expect("an answer").status, 200);
    }
    teal.assert_books_balance();
}

#[test]
fn r25_every_answer_has_one_date() {
    let setup = setup();
    let dated =
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n";
    setup.blue.behave_at("/dated", Behavior::raw(dated));
    let named = dated.replace("Content-", "Connection: date\r\nContent-");
    setup.blue.behave_at("/named", Behavior::raw(named));
    for (code, text) in [(200, "OK"), (204, "No Content"), (304, "Not Modified"), (500, "Oh")] {
        let answer = format!("HTTP/1.1 {code} {text}\r\nContent-Length: 0\r\n\r\n");
        setup.blue.behave_at(&format!("/{code}"), Behavior::raw(answer));
    }
    let day = ["-u", "+%a, %d %b %Y"];
    let day = run(Path::new("date"), day, &[("LC_ALL", "C")], Duration::from_secs(5)).stdout;
    let day = day.trim();
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        for (path, expected) in [
            ("/dated", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("/named", day),
            ("/200", day),
            ("/204", day),
            ("/304", day),
            ("/500", day),
            ("/.well-known/../..", day),
        ] {
            let url = format!("http://{}{path}", setup.teal.listener());
            let arguments = ["-sS", "--path-as-is", "--max-time", "30", version, "-D", "-", &url];
            let said = run(Path::new("curl"), arguments, &[], Duration::from_secs(60)).stdout;
            let dates = said.lines().filter_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("date").then_some(value)
            });
            let dates = dates.collect::<Vec<_>>();
            assert!(dates.len() == 1 && dates[0].starts_with(expected), "{version} {path}: {said}");
        }
    }
    setup.finish();
}

#[test]
fn r25_the_first_answer_after_a_rest_has_the_date_of_its_second() {
    let setup = Setup::with(|settings| settings.service("hosts", "[\"a.test\"]"));
    let second = || SystemTime::now().duration_since(UNIX_EPOCH).expect("a date").as_secs();
    for _ in 0..4 {
        // Just after a second has begun, and nearly one after the request before.
        let last = second();
        wait_until(SOON, "a second begins", || second() > last);
        let now = second();
        let answer = setup.client().get("/");
        assert_eq!(answer.status, 404, "{}", answer.text());
        let date = answer.fields.get("date").expect("a date").to_owned();
        let told = run(Path::new("date"), ["-u", "-d", &date, "+%s"], &[], SOON).stdout;
        let told: u64 = told.trim().parse().expect("seconds");
        assert!(told >= now, "{date} is of the second before");
    }
    setup.finish();
}

#[test]
fn r28_a_host_with_an_empty_port_is_that_host() {
    let setup = Setup::with(|settings| {
        settings.listener_key("http2", "true").service("hosts", "[\"a.test\"]")
    });
    let mut client = setup.client();
    for host in ["a.test:", "A.test.:", "a.test", "a.test:80"] {
        client.send(format!("GET /h HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(client.answer().status, 200, "{host}");
        let seen = setup.blue.seen().requests_to("/h");
        assert_eq!(seen.last().expect("a request").fields.get("host"), Some(host));
        let mut http2 = connect(&setup);
        let own = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", host)];
        assert_eq!(http2.ask(testkit::http2::fields(&own)).status, 200, "{host}");
    }
    setup.finish();
}

//! `teal trace`: single requests followed through their steps, while everything else goes on.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::http2::request;
use testkit::{Behavior, Client, Load, LoadOptions, Step, wait_until};

use crate::http2::connect;
use crate::setup::{SOON, Setup};

/// A `teal trace` that follows already.
struct Trace {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Trace {
    fn start(setup: &Setup, arguments: &[&str]) -> Self {
        let mut command = Command::new(setup.teal.program());
        command.arg("trace").args(arguments).env("TEAL_TOKEN", setup.teal.token());
        command.env("TEAL_ADMIN", format!("http://{}", setup.teal.admin()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let mut said = String::new();
        let mut errors = BufReader::new(child.stderr.take().expect("piped"));
        errors.read_line(&mut said).expect("it says what it does");
        assert!(said.starts_with("Following "), "{said}");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        Trace { child, out }
    }

    /// All that it says, once it has ended by itself.
    fn text(mut self) -> String {
        let mut text = String::new();
        self.out.read_to_string(&mut text).expect("text");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0), "{text}");
        text
    }

    fn steps(self) -> Vec<Value> {
        let text = self.text();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn names(steps: &[Value]) -> Vec<&str> {
    steps.iter().map(|step| step["step"].as_str().unwrap_or("end")).collect()
}

#[test]
fn a_request_is_followed_through_a_hold_and_a_switch() {
    let setup = Setup::new();
    setup.teal.cli(&["hold"]).assert_code(0);
    let trace = Trace::start(&setup, &["--header", "X-Case=Seven", "--count", "1", "--json"]);
    let mut other = setup.client();
    other.send("GET /other HTTP/1.1\r\nHost: test\r\nX-Case: Eight\r\n\r\n");
    let mut client = setup.client();
    client.send(
        "POST /orders?token=sesame HTTP/1.1\r\nHost: test\r\nX-Case: Seven\r\nX-Request-Id: r-7\r\n\
         Authorization: Bearer sesame\r\nContent-Length: 6\r\n\r\nsesame",
    );
    wait_until(SOON, "both wait", || setup.teal.service()["held"]["waiting"] == 2);
    setup.teal.cli(&["switch", "green"]).assert_code(0);
    setup.teal.cli(&["resume"]).assert_code(0);
    assert_eq!(client.answer().status, 200);
    assert_eq!(other.answer().status, 200);

    let mut steps = trace.steps();
    let end = steps.pop().expect("an end");
    // Between its turn and its lease it may have to stand in the queue once more.
    let again = ["waits", "goes", "waits", "goes"];
    while let Some(at) = names(&steps).windows(4).position(|four| four == again) {
        steps.drain(at + 2..at + 4);
    }
    let order =
        ["accepted", "routed", "waits", "goes", "leased", "connected", "sent", "answers", "ended"];
    assert_eq!(names(&steps), order, "{steps:?}");
    assert_eq!((&end["requests"], &end["reason"]), (&1.into(), &"done".into()));
    let [accepted, routed, waits, _, leased, connected, sent, answers, ended] = &steps[..] else {
        panic!()
    };
    for (member, value) in [
        ("method", "POST"),
        ("path", "/orders"),
        ("host", "test"),
        ("protocol", "HTTP/1.1"),
        ("request_id", "r-7"),
        ("listener", &setup.teal.listener().to_string()),
    ] {
        assert_eq!(accepted[member], value, "{accepted}");
    }
    assert_eq!(routed["service"], "web");
    assert!(waits["reason"].as_str().is_some_and(|reason| reason.contains("held")), "{waits}");
    assert_eq!(leased["color"], "green");
    assert!(
        leased["target"]
            .as_str()
            .is_some_and(|url| url.contains(&setup.green.address().to_string()))
    );
    assert_eq!(connected["connection"], "new");
    assert_eq!((&sent["bytes"], &answers["status"]), (&6.into(), &200.into()));
    assert_eq!((&ended["status"], &ended["whole"]), (&200.into(), &true.into()));
    let times: Vec<f64> = steps.iter().filter_map(|step| step["after_ms"].as_f64()).collect();
    assert!(times.is_sorted() && times.len() == steps.len(), "{times:?}");
    let all = format!("{steps:?}");
    assert!(!all.contains("sesame") && !all.contains("Seven"), "{all}");
    setup.finish();
}

#[test]
fn failures_are_reported_with_their_reason_and_as_text() {
    let setup = Setup::with(|settings| settings.listener_key("http2", "true"));
    setup.blue.behave_at("/hangs-up", Behavior::Script(vec![Step::ReadBody, Step::Close]));
    let trace = Trace::start(&setup, &["--count", "4", "--client", "127.0.0.1"]);
    assert_eq!(setup.client().get("/hangs-up").status, 502);
    let mut odd = setup.client();
    odd.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert_eq!(odd.answer().status, 400);
    let mut unserved = setup.client();
    unserved.send("GET /who HTTP/1.0\r\nHost: test\r\n\r\n");
    assert_eq!(unserved.answer().status, 200);
    let mut http2 = connect(&setup);
    assert_eq!(http2.ask(request("GET", "/two", &[])).status, 200);
    let text = trace.text();
    for words in [
        "GET test/hangs-up from 127.0.0.1:",
        "failed: closed the connection without an answer; retried",
        "failed: closed the connection without an answer\n",
        "answered by Teal: 502, ",
        ", target_failed\n",
        "a request that cannot be parsed, from 127.0.0.1:",
        "answered by Teal: 400, ",
        "HTTP/1.0, id ",
        "HTTP/2.0, id ",
        "to blue, target http://127.0.0.1:",
        "sent in full, with a body of 0 bytes",
        "the response begins: status 200",
        "4 requests followed\n",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    setup.blue.assert_well_formed();
}

// L10
#[test]
fn following_is_bounded_and_slows_nothing_down() {
    let setup = Setup::new();
    // One that reads nothing at all, and takes its place and no more.
    let (admin, token) = (setup.teal.admin(), setup.teal.token());
    let ask = |query: &str| {
        let mut reader = Client::connect(admin);
        reader.send(format!(
            "GET /admin/trace?{query} HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer {token}\r\n\r\n"
        ));
        reader
    };
    let deaf = ask("count=1000&for=60s");
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    let began = Instant::now();
    let short = Trace::start(&setup, &["--path", "/nobody-asks-for-this", "--for", "300ms"]);
    assert_eq!(short.text(), "0 requests followed; the time is up\n");
    assert!(began.elapsed() >= Duration::from_millis(300));
    let few = Trace::start(&setup, &["--count", "3", "--json"]).steps();
    let numbers: Vec<_> = few.iter().filter_map(|step| step["request"].as_u64()).collect();
    assert_eq!((numbers.iter().min(), numbers.iter().max()), (Some(&1), Some(&3)));
    assert_eq!(few.iter().filter(|step| step["step"] == "ended").count(), 3);
    setup.teal.cli(&["switch", "green"]).assert_code(0);
    load.wait_for_more(1000);
    load.stop().assert_nothing_lost();

    let others: Vec<Client> = (0..4).map(|_| ask("path=/never")).collect();
    wait_until(SOON, "four follow", || {
        setup.teal.cli(&["trace", "--path", "/never", "--for", "10ms"]).code == Some(1)
    });
    let refused = setup.teal.cli(&["trace", "--path", "/never", "--for", "10ms"]);
    assert!(refused.all().contains("At most four run at once"), "{}", refused.all());
    drop((deaf, others));
    wait_until(SOON, "their places are free", || {
        setup.teal.cli(&["trace", "--path", "/never", "--for", "10ms"]).code == Some(0)
    });
    setup.finish();
}

#[test]
fn callers_without_the_role_and_invalid_filters_are_refused() {
    let setup = Setup::new();
    for (arguments, words) in [
        (&["--header", "X-Case"][..], "must be NAME=VALUE"),
        (&["--header", "a b=c"], "must be NAME=VALUE"),
        (&["--path", "orders"], "must begin with /"),
        (&["--path", "/a?b=c"], "have no query"),
        (&["--count", "0"], "from 1 to 1000"),
        (&["--count", "1001"], "from 1 to 1000"),
        (&["--client", "localhost"], "invalid"),
        (&["--for", "11m"], "at most 10m"),
        (&["--for", "soon"], "soon"),
    ] {
        let all: Vec<&str> = ["trace"].iter().chain(arguments).copied().collect();
        let refused = setup.teal.cli(&all);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.all());
        assert!(refused.all().contains(words), "{arguments:?}: {}", refused.all());
    }
    let admin = setup.teal.admin();
    let mut stranger = Client::connect(admin);
    stranger.send(format!("GET /admin/trace HTTP/1.1\r\nHost: {admin}\r\n\r\n"));
    assert_eq!(stranger.answer().status, 401);
    let nowhere = setup.teal.cli_bare(&["trace", "--admin", "http://127.0.0.1:1"], &[]);
    assert_eq!(nowhere.code, Some(4), "{}", nowhere.all());
    setup.finish();
}

#[test]
fn following_ends_with_its_reader_and_with_teal() {
    let setup = Setup::new();
    let mut trace = Trace::start(&setup, &["--path", "/who", "--count", "1000"]);
    drop(trace.out); // as `teal trace | head` does
    let asking = thread::spawn({
        let listener = setup.teal.listener();
        move || {
            for _ in 0..100 {
                assert_eq!(Client::connect(listener).get("/who").status, 200);
            }
        }
    });
    wait_until(SOON, "it ends", || trace.child.try_wait().expect("its state").is_some());
    asking.join().expect("all were answered");
    let mut teal = setup.teal;
    let mut command = Command::new(teal.program());
    command.args(["trace", "--json"]).env("TEAL_TOKEN", teal.token());
    command.env("TEAL_ADMIN", format!("http://{}", teal.admin()));
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = String::new();
    let mut errors = BufReader::new(child.stderr.take().expect("piped"));
    errors.read_line(&mut said).expect("it says what it does");
    assert_eq!(teal.stop(SOON), Some(0));
    let out = child.wait_with_output().expect("it ends");
    assert!(String::from_utf8_lossy(&out.stdout).contains("\"reason\":\"stopping\""), "{out:?}");
    assert_eq!(out.status.code(), Some(0));
}

//! The access log: a line for each request, a file that can be renamed, and a disk that may be slow
//! or full without a request noticing.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use testkit::{Client, Load, LoadOptions, Settings, Target, Teal, wait_until};

use crate::setup::{SOON, Setup};

fn logging(settings: Settings, path: &Path, format: &str) -> Settings {
    let path = path.display();
    settings.extra(&format!("[access_log]\npath = '{path}'\nformat = \"{format}\"\n"))
}

/// The lines of a log, each as JSON.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn each_request_has_its_line_whether_teal_or_a_target_answers_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let setup = Setup::with(|settings| logging(settings, &path, "json"));
    let mut client = setup.client();
    client.send("GET /one?x=1 HTTP/1.1\r\nHost: test\r\nUser-Agent: a \"test\"\r\nX-Request-Id: id-1\r\n\r\n");
    let length = client.answer().body.len();
    let said = ["switch", "green", "--version", "v42", "--reason", "the fix for orders"];
    setup.teal.cli(&said).assert_code(0);
    assert_eq!(client.post("/two", b"body").status, 200);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    let mut impatient = setup.client();
    setup.green.behave_at("/hang", testkit::Behavior::Hang);
    impatient.send("GET /hang HTTP/1.1\r\nHost: test\r\n\r\n");
    setup.teal.wait_in_flight("green", 1);
    impatient.reset();

    wait_until(SOON, "four lines", || lines(&path).len() == 4);
    let lines = lines(&path);
    let line = |end: &str, part: usize| {
        lines.iter().filter(|line| line["end"] == end).nth(part).expect(end).clone()
    };
    let one = line("answered", 0);
    for (key, value) in [
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("host", "test"),
        ("target", "/one?x=1"),
        ("protocol", "HTTP/1.1"),
        ("service", "web"),
        ("color", "blue"),
        ("served_by", setup.blue.url().as_str()),
        ("request_id", "id-1"),
        ("user_agent", "a \"test\""),
    ] {
        assert_eq!(one[key], value, "{key} of {one}");
    }
    assert_eq!((&one["status"], &one["bytes"]), (&200.into(), &length.into()));
    assert!(one["duration_ms"].as_f64().is_some_and(|took| took > 0.0), "{one}");
    assert!(one["version"].is_null(), "nobody has told blue's: {one}");
    let two = line("answered", 1);
    assert_eq!((&two["color"], &two["version"]), (&"green".into(), &"v42".into()));
    let receipt = setup.teal.cli(&["receipt"]).stdout;
    for words in ["switch of web from blue to green (v42)", "Reason: the fix for orders"] {
        assert!(receipt.contains(words), "{words} in {receipt}");
    }
    let info = [("service", "web"), ("color", "green"), ("version", "v42")];
    assert!(setup.teal.metrics().has("teal_color_info", &info));
    let refused = line("answered", 2);
    assert_eq!((&refused["status"], &refused["reason"]), (&400.into(), &"bad_request".into()));
    assert!(refused["target"].is_null(), "{refused}");
    let gone = line("aborted", 0);
    assert_eq!((&gone["reason"], &gone["target"]), (&"client".into(), &"/hang".into()));
    assert!(gone["status"].is_null(), "{gone}");
    setup.finish();
}

#[test]
fn r74_a_line_has_request_bytes_target_times_ports_and_the_version_of_tls() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let pki = testkit::Pki::new(directory.path());
    let pair = pki.issue("a", &["test"]);
    let certificate = format!(
        "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
        pair.cert.display(),
        pair.key.display()
    );
    let setup = Setup::with(|settings| {
        logging(settings.listener_key("tls", "true").extra(&certificate), &path, "json")
    });
    let trust = pki.trust(Some("test"));
    let mut client = Client::try_connect_tls(setup.teal.listener(), &trust).expect("a handshake");
    setup.blue.behave_at("/slow", testkit::Behavior::Slow(Duration::from_millis(50)));
    assert_eq!(client.post("/slow", &vec![b'x'; 100_000]).status, 200);
    client.send("OPTIONS * HTTP/1.1\r\nHost: test\r\nMax-Forwards: 0\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    wait_until(SOON, "two lines", || lines(&path).len() == 2);
    let lines = lines(&path);
    let (one, own) = (&lines[0], &lines[1]);
    assert_eq!((&one["request_bytes"], &one["tls_version"]), (&100_000.into(), &"1.3".into()));
    assert_eq!(one["client_port"], client.local().port());
    let millis = |key: &str| one[key].as_f64().expect(key);
    assert!(millis("target_head_ms") >= 50.0, "{one}");
    assert!(millis("target_ms") >= millis("target_head_ms"), "{one}");
    assert!(millis("duration_ms") >= millis("target_ms"), "{one}");
    // Teal's own answer knows no target.
    assert_eq!((&own["request_bytes"], &own["target_ms"]), (&0.into(), &Value::Null), "{own}");
    setup.finish();
}

#[test]
fn the_combined_format_is_that_of_other_servers() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let setup = Setup::with(|settings| logging(settings, &path, "combined"));
    let mut client = setup.client();
    client
        .send("GET /x HTTP/1.1\r\nHost: test\r\nReferer: http://r.test/\r\nUser-Agent: me\r\n\r\n");
    let length = client.answer().body.len();
    let text = || fs::read_to_string(&path).unwrap_or_default();
    wait_until(SOON, "a line", || text().ends_with('\n'));
    let text = text();
    assert!(text.starts_with("127.0.0.1 - - ["), "{text}");
    let end = format!("+0000] \"GET /x HTTP/1.1\" 200 {length} \"http://r.test/\" \"me\"\n");
    assert!(text.ends_with(&end), "{text}");
    setup.finish();
}

#[test]
fn a_renamed_log_is_begun_anew_at_the_signal_and_no_line_is_missing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let mut setup = Setup::with(|settings| logging(settings, &path, "json"));
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    let mut renamed = Vec::new();
    for turn in 0..3 {
        load.wait_for_more(100);
        let old = directory.path().join(format!("access.log.{turn}"));
        fs::rename(&path, &old).expect("renamed");
        setup.teal.signal(Signal::USR1);
        wait_until(SOON, "a new file", || path.exists());
        renamed.push(old);
    }
    let report = load.stop();
    report.assert_nothing_lost();
    assert_eq!(setup.teal.stop(Duration::from_secs(20)), Some(0), "and the last lines are written");
    let all: usize = renamed.iter().chain([&path]).map(|path| lines(path).len()).sum();
    assert_eq!(all as u64, report.sent);
}

#[test]
fn a_stalled_disk_costs_lines_and_no_request() {
    // L10
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).expect("a pipe");
    // Somebody has it open and reads nothing, so that it fills up and every write waits.
    let mut options = fs::OpenOptions::new();
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let _reader = options.read(true).custom_flags(flags.cast_signed()).open(&path).expect("open");
    let mut setup = Setup::with(|settings| logging(settings, &path, "json"));
    let ask = "GET /who HTTP/1.1\r\nHost: test\r\n\r\n".repeat(100);
    let mut clients: Vec<Client> = (0..4).map(|_| setup.client()).collect();
    let began = Instant::now();
    for _ in 0..25 {
        for client in &mut clients {
            client.send(&ask);
        }
        for client in &mut clients {
            for _ in 0..100 {
                assert_eq!(client.answer().status, 200);
            }
        }
    }
    assert!(began.elapsed() < Duration::from_secs(60), "requests wait for the log");
    let dropped = setup.teal.metrics().count("teal_access_log_dropped_total", &[]);
    assert!(dropped > 0, "10,000 lines don't fit");
    drop(clients);
    setup.teal.assert_books_balance();
    assert_eq!(setup.teal.stop(Duration::from_secs(20)), Some(0));
    setup.teal.log_has(&["the disk is too slow"]);
}

#[test]
fn a_full_disk_is_reported_and_requests_go_on() {
    let setup = Setup::with(|settings| logging(settings, Path::new("/dev/full"), "json"));
    for _ in 0..20 {
        assert_eq!(setup.client().get("/").status, 200);
    }
    setup.teal.log_has(&["access log: ", " lines were not written: No space left on device"]);
    setup.finish();
}

#[test]
fn r33_lines_that_a_full_disk_did_not_take_are_counted_and_none_is_half() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    fs::write(&path, "{\"half\":").expect("a line that an earlier Teal did not end");
    let program = Teal::surviving_full_files(crate::TEAL, directory.path());
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = logging(Settings::new(&blue, &green), &path, "json");
    let mut teal = Teal::start_healthy(&program, &settings);
    let mut client = Client::connect(teal.listener());
    let mut ask = |count: usize| {
        for _ in 0..count {
            assert_eq!(client.get("/who").status, 200);
        }
    };
    ask(3);
    wait_until(SOON, "they are written", || text_lines(&path) >= 4);
    // Room for a line and a half.
    let length = fs::metadata(&path).expect("a file").len();
    teal.limit_file_size(Some(length + length / 2));
    ask(20);
    let lost = || teal.metrics().count("teal_access_log_dropped_total", &[]);
    wait_until(SOON, "lines are lost", || lost() > 15);
    teal.limit_file_size(None);
    ask(1);
    wait_until(SOON, "it goes on", || {
        fs::read_to_string(&path).is_ok_and(|text| text.ends_with("}\n"))
    });
    let text = fs::read_to_string(&path).expect("a log");
    let whole = text
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("half: {line}")));
    let whole = whole.count() as u64;
    wait_until(SOON, "all are counted", || whole + lost() == 24);
    teal.assert_books_balance();
    assert_eq!(teal.stop(Duration::from_secs(20)), Some(0));
}

fn text_lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn a_log_that_cannot_be_opened_is_named_and_nothing_starts() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("none/access.log");
    let settings = Settings::of_urls(&["http://127.0.0.1:1"], &["http://127.0.0.1:2"]);
    let config = directory.path().join("teal.toml");
    let text = logging(settings, &path, "json").to_toml(&directory.path().join("state"));
    fs::write(&config, text).expect("a file");
    let arguments = ["run".to_owned(), "--config".to_owned(), config.display().to_string()];
    let ended = testkit::run(crate::TEAL.as_ref(), arguments, &[], Duration::from_secs(20));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = format!("cannot create {}: its directory does not exist", path.display());
    assert!(ended.stderr.contains(&said), "{ended:?}");
}

//! Pages of a service for the answers that Teal gives instead of a target: for clients that accept HTML, and in
//! place of nothing that a target has said.

use std::fs;
use std::path::PathBuf;

use testkit::http2::{Http2, request};
use testkit::{Behavior, Client, Response, wait_until};

use crate::setup::{SOON, Setup};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

/// A directory with pages, and the setup whose service uses it.
struct Pages {
    directory: tempfile::TempDir,
    setup: Setup,
}

impl Pages {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            fs::write(directory.path().join(name), text).expect("written");
        }
        let key = format!("{:?}", directory.path().display().to_string());
        let setup = Setup::with(|settings| {
            let settings = settings.service("error_pages", &key).listener_key("http2", "true");
            settings.timeouts("response_head = \"300ms\"")
        });
        Self { directory, setup }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    /// The answer to a GET with these further fields.
    fn get(&self, path: &str, fields: &str) -> Response {
        let mut client = self.setup.client();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
        client.answer()
    }

    /// Returns the page that a browser gets while the active color is down.
    fn shown(&self) -> String {
        self.get("/", BROWSER).text()
    }
}

fn field<'r>(answer: &'r Response, name: &str) -> &'r str {
    answer.fields.get(name).unwrap_or_default()
}

#[test]
fn browsers_get_the_page_of_the_status_and_other_clients_a_short_text() {
    let pages =
        Pages::new(&[("502.html", "<p>broken"), ("503.html", "<p>full"), ("504.html", "<p>slow")]);
    let setup = &pages.setup;
    setup.blue.behave_at("/hangs", Behavior::Hang);
    let slow = pages.get("/hangs", BROWSER);
    assert_eq!((slow.status, slow.text()), (504, "<p>slow".to_owned()));
    setup.teal.cli(&["hold", "--max-wait", "100ms"]).assert_code(0);
    let full = pages.get("/", BROWSER);
    assert_eq!((full.status, field(&full, "retry-after")), (503, "1"));
    assert_eq!(full.text(), "<p>full");
    setup.teal.cli(&["resume"]).assert_code(0);

    setup.blue.stop();
    let broken = pages.get("/", BROWSER);
    assert_eq!((broken.status, broken.text()), (502, "<p>broken".to_owned()));
    assert_eq!(field(&broken, "content-type"), "text/html; charset=utf-8");
    assert_eq!(field(&broken, "content-length"), "9");
    assert_eq!(field(&broken, "cache-control"), "no-store");
    assert!(field(&broken, "proxy-status").contains("target_unavailable"), "{:?}", broken.fields);
    for (accept, kind, text) in [
        ("", "text/plain", "Backend unavailable\n"),
        ("Accept: */*\r\n", "text/plain", "Backend unavailable\n"),
        (
            "Accept: application/json, text/html\r\n",
            "application/problem+json",
            "target_unavailable",
        ),
    ] {
        let answer = pages.get("/", accept);
        assert_eq!(answer.status, 502);
        assert!(field(&answer, "content-type").starts_with(kind), "{accept}: {:?}", answer.fields);
        assert!(answer.text().contains(text), "{accept}: {}", answer.text());
    }
    setup.blue.restart();
    pages.setup.finish();
}

#[test]
fn a_page_is_the_same_in_every_protocol_and_a_head_has_its_length_alone() {
    let large = format!("<p>{}</p>", "é".repeat(32_000));
    let pages = Pages::new(&[("502.html", &large)]);
    pages.setup.blue.stop();
    let mut client = pages.setup.client();
    for _ in 0..2 {
        client.send(format!("HEAD / HTTP/1.1\r\nHost: test\r\n{BROWSER}\r\n"));
        let head = client.read_answer(true).expect("an answer");
        assert_eq!((head.status, head.closes()), (502, false));
        assert_eq!(field(&head, "content-length"), large.len().to_string());
        client.send(format!("GET / HTTP/1.1\r\nHost: test\r\n{BROWSER}\r\n"));
        assert_eq!(client.answer().text(), large, "the connection goes on behind it");
    }
    let mut old = pages.setup.client();
    old.send(format!("GET / HTTP/1.0\r\nHost: test\r\n{BROWSER}\r\n"));
    let answer = old.answer();
    assert_eq!((answer.closes(), answer.text() == large), (true, true));
    let mut http2 = Http2::connect(pages.setup.teal.listener());
    let answer = http2.ask(request("GET", "/", &[("accept", "text/html")]));
    assert_eq!((answer.status, answer.body.len(), answer.ended), (502, large.len(), true));
    let mut http2 = Http2::connect(pages.setup.teal.listener());
    let answer = http2.ask(request("HEAD", "/", &[("accept", "text/html")]));
    assert_eq!((answer.status, answer.body.len(), answer.ended), (502, 0, true));
    pages.setup.blue.restart();
    pages.setup.finish();
}

#[test]
fn an_error_of_a_target_keeps_its_own_body_and_a_status_without_a_page_its_short_one() {
    let pages = Pages::new(&[("503.html", "<p>ours")]);
    let raw = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 6\r\n\r\ntheirs";
    pages.setup.blue.behave_at("/503", Behavior::raw(raw));
    assert_eq!(pages.get("/503", BROWSER).text(), "theirs");
    pages.setup.blue.stop();
    let answer = pages.get("/", BROWSER);
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("<p>Backend unavailable</p>"), "{}", answer.text());
    pages.setup.blue.restart();
    pages.setup.finish();
}

#[test]
fn pages_change_at_a_reload_and_a_directory_that_cannot_be_used_is_refused() {
    let pages = Pages::new(&[("502.html", "first")]);
    let teal = &pages.setup.teal;
    pages.setup.blue.stop();
    pages.write("502.html", "second");
    assert_eq!(pages.shown(), "first", "read at the start");
    let result = teal.cli(&["reload"]);
    result.assert_code(0);
    assert!(result.stdout.contains("web: error_pages changed"), "{}", result.all());
    assert_eq!(pages.shown(), "second");

    let config = teal.config().display().to_string();
    let refused = |words: &[&str]| {
        for result in [teal.cli(&["reload"]), teal.cli_bare(&["check", "--config", &config], &[])] {
            assert!(matches!(result.code, Some(1 | 2)), "{}", result.all());
            for word in [&["teal.toml:", "error_pages"], words].concat() {
                assert!(result.all().contains(word), "{word} is missing in {}", result.all());
            }
        }
        assert_eq!(pages.shown(), "second", "nothing changed");
    };
    pages.write("504.html", &"x".repeat(64 * 1024 + 1));
    refused(&["504.html is larger than 64 KiB"]);
    fs::remove_file(pages.path("504.html")).expect("removed");
    fs::rename(pages.path("502.html"), pages.path("error.html")).expect("renamed");
    refused(&["has none of 502.html, 503.html, 504.html, maintenance.html"]);
    fs::remove_dir_all(pages.directory.path()).expect("removed");
    refused(&["does not exist"]);
    fs::write(pages.directory.path(), "a file").expect("written");
    refused(&["is not a directory"]);
    fs::remove_file(pages.directory.path()).expect("removed");
    pages.setup.blue.restart();
    pages.setup.finish();
}

#[test]
fn pages_that_are_gone_at_a_crash_are_still_answered_and_an_upgrade_reads_new_ones() {
    // L6 L7
    let mut pages = Pages::new(&[("502.html", "first")]);
    fs::remove_file(pages.path("502.html")).expect("removed");
    let killed = pages.setup.teal.kill_serving();
    pages.setup.teal.wait_revived(killed);
    pages.setup.blue.stop();
    assert_eq!(pages.shown(), "first");
    pages.setup.teal.wait_healthy("blue", false); // or the newer one would have to find it healthy

    let refused = pages.setup.teal.try_upgrade();
    assert!(refused.text().contains("has none of 502.html"), "{}", refused.text());
    assert_eq!(pages.shown(), "first");
    pages.write("502.html", "second");
    let mut of_older = pages.setup.client();
    let ask = |client: &mut Client| {
        client.send(format!("GET / HTTP/1.1\r\nHost: test\r\n{BROWSER}\r\n"));
        client.answer().text()
    };
    assert_eq!(ask(&mut of_older), "first");
    pages.setup.teal.upgrade();
    assert_eq!(ask(&mut of_older), "first", "the older Teal has the pages that it has read");
    wait_until(SOON, "the newer one answers", || pages.shown() == "second");
    pages.setup.blue.restart();
    pages.setup.teal.wait_alone(crate::upgrade::LEFT);
    pages.setup.finish();
}

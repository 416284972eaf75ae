//! The reasons of failed probes in `docs/guide/trouble.md` are those that a refused switch gives, and each is there.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use testkit::{Behavior, Pki, SecureTarget, Settings, Target, Teal};

use crate::{TEAL, file};

/// The reasons of the page that no test can bring about: a network that drops packets, and no reason at all.
const NOT_TRIED: [&str; 2] = ["timed out after … connecting", "healthy: unknown"];

/// What is wrong with a target, by the words of the page.
fn faults() -> Vec<(&'static str, Behavior)> {
    let answer =
        |head: &str| Behavior::raw(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n"));
    vec![
        ("timed out after … waiting for the response head", Behavior::Hang),
        ("404 Not Found", answer("404 Not Found")),
        ("400 …", answer("400 Bad Request")),
        ("421 …", answer("421 Misdirected Request")),
        ("301 to https://…", answer("301 Moved Permanently\r\nLocation: https://a.test/")),
        ("308 to https://…", answer("308 Permanent Redirect\r\nLocation: https://a.test/")),
        ("500 …", answer("500 Internal Server Error")),
        ("503 …", answer("503 Service Unavailable")),
        ("connection closed before the response head", Behavior::close()),
        ("another service answers there", Behavior::Echo),
    ]
}

/// The addresses that are wrong by themselves.
fn addresses(plain: &Target, secure: &SecureTarget) -> Vec<(&'static str, String)> {
    let stopped = Target::stopped("stopped").url();
    vec![
        ("connection refused", stopped),
        ("no address for …", "http://nowhere.invalid:80".to_owned()),
        ("the target answered with TLS", secure.url().replace("https://", "http://")),
        ("TLS: …", secure.url()), // its CA is not one that this machine trusts
        ("timed out after … in the TLS handshake", plain.url().replace("http://", "https://")),
    ]
}

/// The words in the first column of the table.
fn documented() -> BTreeSet<String> {
    let page = fs::read_to_string(file("docs/guide/trouble.md")).expect("the page");
    let part = page.split("\n## Reasons of a failed probe").nth(1).expect("the table");
    let rows = part.lines().take_while(|line| !line.starts_with("## "));
    let cells =
        rows.filter_map(|row| row.strip_prefix("| `")).filter_map(|row| row.split(" | ").next());
    let words = |cell: &str| cell.split('`').step_by(2).map(str::to_owned).collect::<Vec<_>>();
    cells.flat_map(words).filter(|words| !words.is_empty()).collect()
}

#[test]
fn a_refused_switch_gives_the_reasons_that_the_page_explains() {
    // L9
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(Path::new(directory.path()));
    let (good, plain) = (Target::start("good"), Target::start("plain"));
    let secure = SecureTarget::start(&good, &pki.issue("secure", &["localhost"]), None);
    let mut targets = Vec::new();
    let mut cases = addresses(&plain, &secure);
    for (words, behavior) in faults() {
        let target = Target::start(words);
        target.behave_at("/up", behavior);
        cases.push((words, target.url()));
        targets.push(target);
    }
    let tried: BTreeSet<String> = cases.iter().map(|(words, _)| (*words).to_owned()).collect();
    let not_tried = NOT_TRIED.map(str::to_owned);
    assert_eq!(documented(), tried.into_iter().chain(not_tried).collect());

    let mut teal = Teal::prepare(TEAL, &Settings::of_urls(&[], &[]));
    let state = teal.state_dir();
    let mut text = format!(
        "state_dir = '{}'\nadmin.listen = \"127.0.0.1:0\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n",
        state.display()
    );
    for (number, (words, url)) in cases.iter().enumerate() {
        let expects =
            if words.starts_with("another") { ", expect_header = \"X-App: web\"" } else { "" };
        let _ = write!(
            text,
            "[[service]]\nname = \"s{number}\"\nhosts = [\"s{number}.test\"]\nblue = {{ targets = [{:?}] }}\n\
             green = {{ targets = [{url:?}] }}\nhealth = {{ path = \"/up\", timeout = \"2s\"{expects} }}\n",
            good.url()
        );
    }
    teal.write_config(&text);
    teal.start_again();
    for (number, (words, url)) in cases.iter().enumerate() {
        let refused = teal.cli(&["switch", "green", "--service", &format!("s{number}")]);
        refused.assert_code(3);
        let said = words.split('…').all(|part| refused.stderr.contains(part.trim()));
        assert!(said, "{words:?} of {url}: {}", refused.all());
    }
}

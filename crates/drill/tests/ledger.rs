//! The join of the ledgers: with honest parts it is clean, and each fault that only
//! the targets' ledgers can show is found.

#![allow(clippy::unwrap_used, reason = "this is a test, in its parts that bear no mark too")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drill::ledger::{LedgerError, Switched, TargetLedger, Timeline, Verdict};
use drill::load::{Endpoint, Load, LoadOptions, Trust, Work};
use drill::target::{Target, TargetOptions};
use support::relay::{Fault, Relay};
use support::until;
use tempfile::TempDir;

const COLORS: [(&str, &str); 2] = [("blue", "v1"), ("green", "v2")];

/// A target in this process, with its ledger in the directory.
async fn target(directory: &TempDir, color: usize) -> SocketAddr {
    let (name, version) = COLORS[color];
    let target = Target::bind(TargetOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        version: version.to_owned(),
        ledger: Some(directory.path().join(name)),
        idle: None,
        link: None,
        unhealthy: None,
        faulty: None,
        broken: None,
    });
    let target = target.await.unwrap();
    let address = target.address();
    tokio::spawn(target.run());
    address
}

fn start_load(address: SocketAddr) -> Load {
    Load::start(LoadOptions {
        endpoints: vec![Endpoint::plain(address)],
        trust: Trust::Machine,
        host: "drill.test".to_owned(),
        work: Work::Mix,
        connections: 16,
        rate: Some(2_000),
        open: false,
        timeout: Duration::from_secs(10),
    })
    .unwrap()
}

fn ledgers(directory: &TempDir) -> Vec<TargetLedger> {
    let read = |(name, version): &(&str, &str)| {
        TargetLedger::read(name, version, &directory.path().join(name)).unwrap()
    };
    COLORS.iter().map(read).collect()
}

/// Load through a relay, with four switches on the way.
async fn run_through(fault: Fault) -> Verdict {
    let directory = tempfile::tempdir().unwrap();
    let targets = [target(&directory, 0).await, target(&directory, 1).await];
    let relay = Relay::new(targets, fault);
    let address = relay.start().await;
    let load = start_load(address);
    let mut timeline = Timeline::new("blue");
    for to in [1, 0, 1, 0] {
        let enough = load.snapshot().sent + 400;
        until("there was load", || load.snapshot().sent >= enough).await;
        let commanded = Instant::now();
        relay.switch(to);
        let (to, answered) = (COLORS[to].0.to_owned(), Instant::now());
        timeline.switched(Switched { to, commanded, answered });
    }
    let enough = load.snapshot().sent + 400;
    until("there was load", || load.snapshot().sent >= enough).await;
    let client = load.finish().await;
    let verdict = Verdict::join(&client, &ledgers(&directory), &timeline);
    let answered: u64 = verdict.answered.values().sum();
    assert_eq!(verdict.sent, answered + verdict.lost + verdict.wrong_echo, "{verdict}");
    assert_eq!(verdict.switches, 4);
    verdict
}

#[tokio::test]
async fn a_target_by_itself_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let address = target(&directory, 0).await;
    let load = start_load(address);
    until("there was load", || load.snapshot().sent >= 3_000).await;
    let client = load.finish().await;
    let verdict = Verdict::join(&client, &ledgers(&directory), &Timeline::new("blue"));
    assert!(verdict.is_lossless(), "{verdict}");
    assert_eq!(verdict.answered["blue"], verdict.sent);
    assert_eq!(verdict.answered["green"], 0);
    assert!(verdict.to_string().contains("with 95 % confidence"));
}

#[tokio::test]
async fn an_honest_relay_is_found_honest_across_switches() {
    let verdict = run_through(Fault::Honest).await;
    assert!(verdict.is_lossless(), "{verdict}");
    assert!(verdict.answered["blue"] > 0 && verdict.answered["green"] > 0);
    assert_eq!(verdict.seen.unwrap().replayed, 0);
}

// L5
#[tokio::test]
async fn requests_that_were_delivered_twice_are_doubled_or_replayed() {
    let verdict = run_through(Fault::Double).await;
    let seen = verdict.seen.clone().unwrap();
    assert!(seen.doubled > 0 && seen.replayed > 0, "{verdict}");
    assert!(seen.replayed > seen.doubled, "most of the mix is idempotent: {verdict}");
    assert_eq!(verdict.lost, 0);
    assert!(!verdict.is_lossless());
}

// L2
#[tokio::test]
async fn requests_on_the_idle_color_are_late() {
    let verdict = run_through(Fault::Misroute).await;
    assert!(verdict.seen.as_ref().unwrap().late > 0, "{verdict}");
    assert_eq!(verdict.lost, 0);
    assert!(!verdict.is_lossless());
}

// L2
#[tokio::test]
async fn a_switch_that_takes_effect_after_its_answer_is_late() {
    let verdict = run_through(Fault::Slack).await;
    assert!(verdict.seen.as_ref().unwrap().late > 0, "{verdict}");
    assert!(!verdict.is_lossless());
}

#[tokio::test]
async fn an_error_answer_of_the_proxy_is_a_loss() {
    let verdict = run_through(Fault::Refuse).await;
    assert!(verdict.lost > 0, "{verdict}");
    assert_eq!(verdict.losses.get(&drill::ledger::Loss::Refused), Some(&verdict.lost));
    assert!(verdict.bound().contains(" lost: 1 in "));
}

#[tokio::test]
async fn the_answer_of_another_request_is_a_wrong_echo() {
    let verdict = run_through(Fault::Stale).await;
    assert!(verdict.wrong_echo > 0, "{verdict}");
    assert!(!verdict.is_lossless());
    assert!(verdict.notes.iter().all(|note| note.loss.is_none()));
}

#[tokio::test]
async fn answers_that_no_ledger_confirms_are_unaccounted_and_foreign_lines_are_not_ours() {
    let directory = tempfile::tempdir().unwrap();
    let load = start_load(target(&directory, 0).await);
    until("there was load", || load.snapshot().sent >= 500).await;
    let client = load.finish().await;
    let mut ledgers = ledgers(&directory);
    let own = ledgers[0].seen[0].clone();
    let run = own.split_once('-').unwrap().0;
    ledgers[0].seen.retain(|id| *id != own);
    ledgers[0].seen.push(format!("{run}-99999999"));
    ledgers[0].seen.push("00000000-1".to_owned());
    let verdict = Verdict::join(&client, &ledgers, &Timeline::new("blue"));
    let seen = verdict.seen.clone().unwrap();
    assert_eq!((seen.unaccounted, seen.unknown, seen.doubled), (1, 1, 0), "{verdict}");
    assert!(!verdict.is_lossless());
}

#[test]
fn a_damaged_ledger_is_refused_and_a_torn_last_line_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        TargetLedger::read("blue", "v1", &path)
    };
    assert_eq!(read("a-1 GET\na-2 PO").unwrap().seen, ["a-1", "a-2"]);
    assert_eq!(read("a-1 GET\na-").unwrap().seen, ["a-1"]);
    let error = read("a-1 GET\nnonsense\na-2 GET\n").unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { line: 2, .. }), "{error}");
    let missing = TargetLedger::read("blue", "v1", &directory.path().join("none")).unwrap();
    assert!(missing.seen.is_empty());
}

#[tokio::test]
async fn the_record_of_a_request_is_there_before_its_answer() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let address = target(&directory, 0).await;
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    // The body never comes, so there is no answer; yet the target has seen the request.
    let head = "POST /upload HTTP/1.1\r\nHost: a\r\nx-drill-id: run-7\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    until("the request is in the ledger", || ledgers(&directory)[0].seen == ["run-7"]).await;

    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "GET / HTTP/1.1\r\nHost: a\r\nx-drill-id: no spaces\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(ledgers(&directory)[0].seen, ["run-7"]);
}

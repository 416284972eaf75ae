//! Each kind of request that is more than one exchange: correct against the drill's
//! own target, and caught against a server that breaks its rules.

#![allow(clippy::unwrap_used, reason = "this is a test, in its parts that bear no mark too")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use drill::ledger::{Loss, TargetLedger, Timeline, Verdict};
use drill::load::{Endpoint, Kind, Load, LoadOptions, Trust, Work};
use drill::target::{Target, TargetOptions};
use support::scripted::{Then, start};
use support::until;
use tokio::io::AsyncReadExt as _;

/// Requests of one kind until `enough` have an outcome.
async fn load(address: SocketAddr, kind: Kind, enough: u64) -> drill::ledger::ClientLedger {
    let load = Load::start(LoadOptions {
        endpoints: vec![Endpoint::plain(address)],
        trust: Trust::Machine,
        host: address.to_string(),
        work: Work::Only(kind),
        connections: 2,
        rate: Some(200),
        open: false,
        timeout: Duration::from_secs(5),
    })
    .unwrap();
    until("there are outcomes", || {
        let snapshot = load.snapshot();
        snapshot.sent - snapshot.in_flight >= enough
    })
    .await;
    load.finish().await
}

#[tokio::test]
async fn every_kind_is_whole_against_the_drills_own_target() {
    let kinds = [
        Kind::Expect,
        Kind::Pipelined,
        Kind::BigUpload,
        Kind::BigDownload,
        Kind::GetClose,
        Kind::Events,
    ];
    for kind in kinds {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        let target = Target::bind(TargetOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            version: "v1".to_owned(),
            ledger: Some(path.clone()),
            idle: None,
            link: None,
            unhealthy: None,
            faulty: None,
            broken: None,
        });
        let target = target.await.unwrap();
        let address = target.address();
        let serving = tokio::spawn(target.run());
        let client = load(address, kind, 12).await;
        let ledger = TargetLedger::read("blue", "v1", &path).unwrap();
        let verdict = Verdict::join(&client, &[ledger], &Timeline::new("blue"));
        assert!(verdict.is_lossless() && verdict.answered["blue"] >= 12, "{kind:?}\n{verdict}");
        assert!(verdict.loss_bound.unwrap() <= 3.0 / 12.0);
        serving.abort();
    }
}

/// An answer as the target would sign it, but of another request.
const FOREIGN: &str = "HTTP/1.1 200 OK\r\nx-drill-version: v1\r\nx-drill-id: 0-0\r\n\
                       Content-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_server_that_does_not_say_go_ahead_is_found() {
    let address = start(FOREIGN, Then::Keep).await;
    let verdict = Verdict::of_client(&load(address, Kind::Expect, 4).await);
    assert_eq!(verdict.wrong_echo + verdict.lost, verdict.sent, "{verdict}");
    let refused = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let verdict =
        Verdict::of_client(&load(start(refused, Then::Close).await, Kind::Expect, 4).await);
    assert_eq!(verdict.losses.get(&Loss::Refused), Some(&verdict.sent), "{verdict}");
}

#[tokio::test]
async fn no_byte_of_a_body_is_sent_before_the_go_ahead() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sending = tokio::spawn(load(address, Kind::Expect, 1));
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(
            stream.read_buf(&mut head).await.unwrap() > 0 && head.len() < 1_000,
            "a head alone"
        );
    }
    let early = tokio::time::timeout(Duration::from_millis(100), stream.read_buf(&mut head)).await;
    assert!(early.is_err(), "a body came unasked: {early:?}");
    drop((stream, listener));
    let verdict = Verdict::of_client(&sending.await.unwrap());
    assert!(verdict.lost == verdict.sent && verdict.sent > 0, "{verdict}");
}

#[tokio::test]
async fn a_server_that_answers_one_of_a_pipeline_and_closes_loses_the_others() {
    let verdict = Verdict::of_client(&load(start("", Then::Close).await, Kind::Pipelined, 8).await);
    assert_eq!(verdict.losses.get(&Loss::Unanswered), Some(&verdict.sent), "{verdict}");
}

#[tokio::test]
async fn the_answer_of_another_request_in_a_pipeline_is_a_wrong_echo() {
    let verdict =
        Verdict::of_client(&load(start(FOREIGN, Then::Keep).await, Kind::Pipelined, 8).await);
    assert!(verdict.wrong_echo > 0, "{verdict}");
    assert_eq!(verdict.wrong_echo + verdict.lost, verdict.sent, "{verdict}");
    assert!(!verdict.is_lossless());
}

#[tokio::test]
async fn a_big_download_that_ends_early_or_is_another_is_found() {
    let short = "HTTP/1.1 200 OK\r\nx-drill-version: v1\r\nContent-Length: 10485760\r\n\r\nshort";
    let client = load(start(short, Then::Close).await, Kind::BigDownload, 4).await;
    let verdict = Verdict::of_client(&client);
    assert_eq!(verdict.losses.get(&Loss::Cut), Some(&verdict.sent), "{verdict}");
    let client = load(start(FOREIGN, Then::Keep).await, Kind::BigDownload, 4).await;
    let verdict = Verdict::of_client(&client);
    assert_eq!(verdict.wrong_echo, verdict.sent, "{verdict}");
}

#[tokio::test]
async fn a_target_closes_connections_that_were_idle_too_long() {
    let target = Target::bind(TargetOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        version: "v1".to_owned(),
        ledger: None,
        idle: Some(Duration::from_millis(50)),
        link: None,
        unhealthy: None,
        faulty: None,
        broken: None,
    });
    let target = target.await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(target.address()).await.unwrap();
    tokio::spawn(target.run());
    let ask = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, ask).await.unwrap();
    let mut all = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all));
    read.await.unwrap().unwrap();
    assert!(all.starts_with(b"HTTP/1.1 200") && all.ends_with(b"v1\n"), "{all:?}");
}

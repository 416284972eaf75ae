//! A minute of everything: full load over HTTP/1.1 and HTTP/2, with TLS and without, a switch every few
//! hundred milliseconds, targets that are stopped, killed, frozen, ailing and quick to close. A program
//! of its own, since it needs the whole machine: cargo runs it after the others, not beside them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this is a test, and its ledger is worth reading"
)]

use std::time::Duration;

use drill::load::Protocol;
use drill::soak::{FaultPlan, SoakOptions};

const SWITCHES: u64 = 200;
const REQUESTS: u64 = 200_000;

#[tokio::test]
async fn a_minute_of_switches_and_faults_loses_doubles_and_delays_nothing() {
    // L1 L2 L4 L5 L8 L9
    let report = drill::soak::run(SoakOptions {
        teal_exe: env!("CARGO_BIN_EXE_teal").into(),
        seed: 1,
        time: Duration::from_secs(60),
        switches: SWITCHES,
        requests: REQUESTS,
        limit: Duration::from_secs(120), // for a machine that is busy with something else
        over: Protocol::ALL.to_vec(),
        connections: 64,
        rate: Some(6_000),
        faults: FaultPlan::Mild,
    })
    .await
    .unwrap();
    println!("{report}");
    let verdict = &report.verdict;
    let seen = verdict.seen.as_ref().unwrap();
    assert_eq!((verdict.lost, verdict.wrong_echo), (0, 0), "{report}");
    assert_eq!((seen.doubled, seen.late, seen.unaccounted, seen.unknown), (0, 0, 0, 0), "{report}");
    assert!(verdict.books.as_ref().unwrap().balance(), "{:?}\n{report}", verdict.books);
    assert!(verdict.switches >= SWITCHES && verdict.sent >= REQUESTS, "{report}");
    assert!(report.faults.len() == 10, "every kind of fault was there\n{report}");
    assert!(report.passed(), "{report}");
}

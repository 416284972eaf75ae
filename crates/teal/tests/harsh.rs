//! Events that cannot be lossless: the active color is killed (-9) and failed over, and Teal itself is
//! killed at random points of switches, within its journal's writes too. Requests in flight then are
//! counted apart, and everything else must be as spotless as ever. A program of its own, so that
//! cargo runs it after the others.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this is a test, and its ledger is worth reading"
)]

use std::time::Duration;

use drill::load::Protocol;
use drill::soak::{FaultPlan, SoakOptions};

#[tokio::test]
async fn kills_of_teal_and_of_the_active_color_cost_only_requests_in_flight() {
    // L2 L5 L6
    let report = drill::soak::run(SoakOptions {
        teal_exe: env!("CARGO_BIN_EXE_teal").into(),
        seed: 1,
        time: Duration::from_secs(12),
        switches: 30,
        requests: 10_000,
        limit: Duration::from_secs(90), // for a machine that is busy with something else
        over: Protocol::ALL.to_vec(),
        connections: 32,
        rate: Some(3_000),
        faults: FaultPlan::Harsh,
    })
    .await
    .unwrap();
    println!("{report}");
    assert!(report.faults.len() == 2, "both kinds of fault were there\n{report}");
    assert!(report.verdict.cut_by_faults > 0, "kills under load cost something\n{report}");
    assert!(report.passed(), "{report}");
}

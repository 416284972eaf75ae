//! Teal is replaced time and again with a switch behind each, under load that is in a ledger: over
//! HTTP/1.1 and HTTP/2, with TLS and without, all at once. `teal drill --upgrades 1000` does it as often
//! as one likes.

use std::time::Duration;

use drill::load::Protocol;
use drill::soak::{FaultPlan, SoakOptions};

use crate::TEAL;

const UPGRADES: u64 = 100;

#[tokio::test]
async fn upgrades_with_switches_between_lose_nothing_over_any_protocol() {
    // L1 L2 L7 L8
    let report = drill::soak::run(SoakOptions {
        teal_exe: TEAL.into(),
        seed: 1,
        time: Duration::ZERO,
        switches: UPGRADES,
        requests: 1_000,
        limit: Duration::from_secs(300), // for a machine that is busy with something else
        over: Protocol::ALL.to_vec(),
        connections: 32,
        rate: Some(1_000),
        faults: FaultPlan::Upgrades,
    })
    .await
    .expect("it can be held");
    let (verdict, upgrades) = (&report.verdict, report.faults.values().sum::<u64>());
    assert!(report.passed() && upgrades >= UPGRADES, "{report}");
    assert!(verdict.switches >= UPGRADES, "{report}");
    assert!(verdict.books.as_ref().expect("the books of all of them").balance(), "{report}");
    let seen = verdict.seen.as_ref().expect("the targets' ledgers");
    assert_eq!((verdict.lost, seen.doubled, seen.late), (0, 0, 0), "{report}");
    for over in Protocol::ALL {
        let tally = verdict.over.get(&over).expect("a tally");
        assert!(tally.answered == tally.sent && tally.sent > 100, "{over}: {report}");
    }
    assert!(verdict.told_to_go > 0, "connections of HTTP/2 were told to go\n{report}");
}

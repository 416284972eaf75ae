//! The results of probes: standing, evidence, and the words for both.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use std::time::Duration;

use rules::{
    Health, Probe, ProbeOutcome, Standing, TargetHealth, TargetName, TargetUrl, Time, gate,
};

const NOW: Time = Time(5_000_000);

fn target() -> TargetUrl {
    TargetUrl::parse("http://127.0.0.1:8081").unwrap()
}

fn settings() -> Health {
    Health { rise: 2, fall: 2, interval: Duration::from_secs(5), ..Health::default() }
}

fn probe(second: u64, outcome: ProbeOutcome) -> Probe {
    let moment = Duration::from_secs(second);
    Probe { at: NOW.plus(moment), moment, latency: Duration::from_millis(1), outcome }
}

fn pass(health: &mut TargetHealth, second: u64) -> Option<Standing> {
    health.record(probe(second, ProbeOutcome::Passed { status: 200 }), &settings())
}

fn fail(health: &mut TargetHealth, second: u64) -> Option<Standing> {
    let reason = "connection refused".into();
    health.record(probe(second, ProbeOutcome::Failed { status: None, reason }), &settings())
}

#[test]
fn a_target_is_unknown_until_proven_by_rise_or_fall_in_a_row() {
    let mut health = TargetHealth::default();
    assert_eq!(health.standing(), Standing::Unknown);
    assert_eq!(pass(&mut health, 1), None);
    assert_eq!(fail(&mut health, 2), None);
    assert_eq!(pass(&mut health, 3), None);
    assert!(!health.is_settled());
    assert_eq!(pass(&mut health, 4), Some(Standing::Up));
    assert!(health.is_settled());
    assert_eq!(fail(&mut health, 5), None, "one failure is not a fall");
    assert!(!health.is_settled() && !health.is_healthy(&settings()));
    assert_eq!(fail(&mut health, 6), Some(Standing::Down));
    assert_eq!(pass(&mut health, 7), None);
    assert_eq!(pass(&mut health, 8), Some(Standing::Up));
}

#[test]
fn evidence_is_the_newest_rise_passes_of_every_target_and_not_older_than_an_interval() {
    // L9
    let (one, other) = (target(), TargetUrl::parse("http://127.0.0.1:8082").unwrap());
    let (mut first, mut second) = (TargetHealth::default(), TargetHealth::default());
    let evidence = |first: &TargetHealth, second: &TargetHealth, now: u64| {
        let name = |url: &TargetUrl| TargetName { url: url.clone(), address: None };
        let both = [(name(&one), first), (name(&other), second)];
        gate::evidence(both, &settings(), Duration::from_secs(now))
    };
    assert_eq!(evidence(&first, &second, 0), Err(gate::ColorUnproven::TooLittle));
    for moment in [1, 2, 3] {
        pass(&mut first, moment);
    }
    pass(&mut second, 3);
    assert_eq!(
        evidence(&first, &second, 3),
        Err(gate::ColorUnproven::TooLittle),
        "one pass is too little"
    );
    pass(&mut second, 4);
    let proofs = evidence(&first, &second, 7).unwrap();
    assert_eq!(proofs.len(), 4, "two of each target");
    assert_eq!(
        evidence(&first, &second, 8),
        Err(gate::ColorUnproven::TooLittle),
        "the first is stale"
    );
    fail(&mut second, 8);
    let failing =
        gate::ColorUnproven::Failing("http://127.0.0.1:8082: connection refused".to_owned());
    assert_eq!(evidence(&first, &second, 8), Err(failing));
    let nobody: [(TargetName, &TargetHealth); 0] = [];
    assert_eq!(
        gate::evidence(nobody, &settings(), Duration::ZERO),
        Err(gate::ColorUnproven::TooLittle)
    );
}

#[test]
fn a_verdict_has_its_status_and_its_reason() {
    let (passed, refused) = (ProbeOutcome::Passed { status: 204 }, "connection refused");
    let silent = ProbeOutcome::Failed { status: None, reason: refused.into() };
    let failed = ProbeOutcome::Failed { status: Some(503), reason: "503".into() };
    assert!(passed.passed() && !silent.passed() && !failed.passed());
    let statuses = [&passed, &silent, &failed].map(ProbeOutcome::status);
    assert_eq!(statuses, [Some(204), None, Some(503)]);
    let reasons = [&passed, &silent, &failed].map(ProbeOutcome::reason);
    assert_eq!(reasons, [None, Some(refused), Some("503")]);
    let words = [Standing::Unknown, Standing::Up, Standing::Down].map(Standing::as_str);
    assert_eq!(words, ["unknown", "up", "down"]);
}

#[test]
fn another_way_of_probing_begins_anew_and_still_shows_the_last_probe() {
    // L9: what was proven in the old way proves nothing in the new one.
    let mut health = TargetHealth::default();
    pass(&mut health, 1);
    pass(&mut health, 2);
    assert_eq!(health.standing(), Standing::Up);
    health.forget();
    assert_eq!(health.standing(), Standing::Unknown);
    assert!(!health.is_healthy(&settings()));
    let last = health.last().unwrap();
    assert_eq!((last.moment, last.outcome.status()), (Duration::from_secs(2), Some(200)));
}

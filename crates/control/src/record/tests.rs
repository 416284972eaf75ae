//! Tests that records are read back unchanged, and that old records stay readable.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rules::{
    Actor, Bake, Baseline, BeginDeploy, Cause, Claim, Color, ColorFigures, Command,
    ConfiguredService, Cut, DeployResult, DeployStep, Direction, DrainEnd, EndRollout, Event,
    Figures, Generation, GroupName, Move, MoveRequest, Network, Notice, OnFail, Proof, ProvenColor,
    Remarks, ReportDeploy, RolloutResult, ServiceName, State, TargetUrl, Tell, Time, Verdict,
    Version, Watched, apply, decide,
};

use super::{Recorded, decode, encode, encode_snapshot};

fn name() -> ServiceName {
    ServiceName::new("web").unwrap()
}

fn proof(latency: u64) -> Proof {
    let target = TargetUrl::parse("http://[::1]:8081").unwrap();
    Proof {
        target: target.into(),
        at: Time(17),
        status: 204,
        latency: Duration::from_micros(latency),
    }
}

fn figures(seed: u64) -> Figures {
    let color = ColorFigures {
        requests: seed,
        errors: seed / 2,
        p50: seed.is_multiple_of(2).then(|| Duration::from_micros(seed)),
        p99: Some(Duration::from_micros(seed * 3)),
    };
    Figures {
        last_on_old: seed.is_multiple_of(3).then_some(Time(seed)),
        first_on_new: Some(Time(seed + 1)),
        parked: seed,
        retries: seed + 2,
        stale_lost: seed % 5,
        colors: [color, ColorFigures::default()],
    }
}

fn remarks(seed: u64) -> Remarks {
    Remarks {
        version: seed.is_multiple_of(2).then(|| Version::new("v42").unwrap()),
        reason: seed.is_multiple_of(3).then(|| "a \"fix\" \u{fc}".to_owned()),
    }
}

fn actor(seed: u64) -> Actor {
    match seed % 3 {
        0 => Actor::Token("ci \"quoted\" \u{fc}".into()),
        1 => Actor::Uid(1000),
        _ => Actor::Teal,
    }
}

fn end(seed: u64) -> DrainEnd {
    match seed % 2 {
        0 => DrainEnd::Drained,
        _ => DrainEnd::Cut(Cut { unanswered: seed, answering: 1, tunnels: u64::MAX }),
    }
}

/// One service, or a group of two; a failover is of one.
fn services(seed: u64) -> Vec<ServiceName> {
    let group = seed.is_multiple_of(7) && seed % 3 != 2;
    let api = group.then(|| ServiceName::new("api").unwrap());
    std::iter::once(name()).chain(api).collect()
}

fn proven(service: &ServiceName, seed: u64) -> [ProvenColor; 2] {
    Color::BOTH.map(|color| ProvenColor {
        service: service.clone(),
        color,
        evidence: vec![proof(seed), proof(seed + 1)],
        unfinished: seed.is_multiple_of(2).then(|| figures(seed)),
    })
}

fn notice(seed: u64) -> Arc<Notice> {
    let network = |text| Network::parse(text).unwrap();
    Arc::new(Notice {
        message: seed.is_multiple_of(2).then(|| "back at \"noon\" \u{fc}".to_owned()),
        page: seed.is_multiple_of(3).then(|| "<p>{{message}}</p>\n".repeat(1000).into()),
        allow: if seed.is_multiple_of(5) {
            vec![network("10.0.0.0/8"), network("::1")]
        } else {
            vec![]
        },
    })
}

fn command(kind: u8, seed: u64, state: &State) -> Command {
    let direction = match seed % 3 {
        0 => Direction::To(Color::Blue),
        1 => Direction::To(Color::Green),
        _ => Direction::AwayFrom(Color::Blue),
    };
    let generation = state.generation();
    match kind {
        0 | 1 => Command::Move(Move {
            request: MoveRequest {
                supersede: seed.is_multiple_of(5),
                ..MoveRequest::new(services(seed), direction)
            },
            actor: actor(seed),
            proven: services(seed).iter().flat_map(|service| proven(service, seed)).collect(),
            remarks: remarks(seed),
            watched: seed.is_multiple_of(2).then(|| watched(seed)),
        }),
        2 | 3 => Command::Published { generation },
        4 => {
            let (end, figures) = (end(seed), figures(seed));
            Command::EndDrain { generation, service: name(), end, figures }
        }
        5 => Command::Hold {
            service: name(),
            actor: actor(seed),
            max_wait: Duration::from_millis(seed),
        },
        6 => Command::Resume { service: name(), actor: actor(seed) },
        7 => Command::Restart,
        9 => begin(seed),
        10 | 11 => report(seed, state),
        12 => Command::BeginMaintenance {
            services: services(seed),
            actor: actor(seed),
            notice: notice(seed),
        },
        13 => Command::EndMaintenance { services: services(seed), actor: actor(seed) },
        14 => Command::Retire {
            service: name(),
            color: if seed.is_multiple_of(2) { Color::Blue } else { Color::Green },
            actor: actor(seed),
        },
        15 | 16 => Command::Tell(Tell {
            service: name(),
            color: if seed.is_multiple_of(2) { Color::Blue } else { Color::Green },
            targets: told(seed),
            deploy: None,
            if_generation: None,
            actor: actor(seed),
        }),
        18 => verdict(seed, state),
        19 => Command::EndRollout(EndRollout {
            id: state.rollouts().last(),
            result: RolloutResult::ALL[usize::try_from(seed % 4).unwrap()],
            detail: "1,240 requests, 3 failed".to_owned(),
        }),
        17 => Command::RevokePreviews { service: name(), actor: actor(seed) },
        _ => {
            let names: &[&str] = if seed.is_multiple_of(4) { &["api"] } else { &["api", "web"] };
            let configured = names.iter().map(|name| ConfiguredService {
                name: ServiceName::new(name).unwrap(),
                initial: Color::Green,
                moved: seed.is_multiple_of(5),
                told: [Vec::new(), told(if seed.is_multiple_of(6) { seed } else { 0 })],
            });
            Command::Reload { configured: configured.collect(), actor: actor(seed) }
        }
    }
}

fn begin(seed: u64) -> Command {
    Command::BeginDeploy(BeginDeploy {
        services: services(seed),
        group: seed.is_multiple_of(7).then(|| GroupName::new("shop").unwrap()),
        version: seed.is_multiple_of(2).then(|| Version::new("v42+a:b").unwrap()),
        actor: actor(seed),
        by: seed.is_multiple_of(3).then(|| "ci@host \u{fc}".to_owned()),
        reason: seed.is_multiple_of(5).then(|| "\"why\"".to_owned()),
        emergency: seed.is_multiple_of(11),
        supersede: seed.is_multiple_of(2),
        sweep: seed.is_multiple_of(3),
        if_generation: None,
    })
}

fn watched(seed: u64) -> Watched {
    let on_fail = if seed.is_multiple_of(3) { OnFail::Rollback } else { OnFail::Notify };
    let bake = Bake { duration: Duration::from_millis(seed), on_fail };
    let baseline = |service| Baseline { service, requests: seed, failed: seed / 3 };
    Watched { bake, baselines: services(seed).into_iter().map(baseline).collect() }
}

/// A verdict on the newest rollout, if it is open.
fn verdict(seed: u64, state: &State) -> Command {
    let id = state.rollouts().last();
    let names = state.rollouts().get(id).map(|rollout| rollout.names().cloned().collect());
    let names: Vec<_> = names.unwrap_or_default();
    let verdict = Verdict { rollout: id, detail: "15 of 20 failed".to_owned() };
    Command::Move(Move {
        actor: Actor::Teal,
        proven: names.iter().flat_map(|service| proven(service, seed)).collect(),
        remarks: remarks(1),
        watched: None,
        request: MoveRequest { verdict: Some(verdict), ..MoveRequest::new(names, Direction::Back) },
    })
}

fn told(seed: u64) -> Vec<TargetUrl> {
    let all = ["http://127.0.0.1:4001", "https://app:4002", "unix:/run/app.sock", "h2c://[::1]:1"];
    let some = all.iter().take(usize::try_from(seed % 5).unwrap());
    some.map(|url| TargetUrl::parse(url).unwrap()).collect()
}

/// A report about the newest deploy.
fn report(seed: u64, state: &State) -> Command {
    let id = state.deploys().last();
    let held = state.deploys().get(id).map_or(1, |deploy| deploy.claim);
    let steps = [DeployStep::Before, DeployStep::Start, DeployStep::Switch, DeployStep::Keep];
    let claim = match seed % 5 {
        0 => Claim::Take {
            actor: actor(seed),
            by: seed.is_multiple_of(2).then(|| "ops".to_owned()),
            silent: Duration::from_secs(60),
        },
        _ => Claim::Held(held),
    };
    let pick = |of: usize| usize::try_from(seed).unwrap() % of;
    Command::ReportDeploy(ReportDeploy {
        id,
        claim,
        step: steps.get(pick(6)).copied(),
        pause: seed.is_multiple_of(13),
        result: DeployResult::ALL.get(pick(9)).copied(),
        detail: seed.is_multiple_of(2).then(|| "reason".to_owned()),
        keep: seed.is_multiple_of(3).then(|| Duration::from_secs(seed)),
    })
}

#[test]
fn a_page_of_several_services_is_in_a_snapshot_once() {
    let mut state = State::default();
    let configured = ["api", "web"].map(|name| ConfiguredService {
        name: ServiceName::new(name).unwrap(),
        initial: Color::Blue,
        moved: false,
        told: [Vec::new(), Vec::new()],
    });
    let services = configured.iter().map(|one| one.name.clone()).collect();
    let (actor, notice) = (Actor::Teal, notice(30));
    let begin = Command::BeginMaintenance { services, actor: Actor::Teal, notice };
    for command in [Command::Reload { configured: configured.to_vec(), actor }, begin] {
        let events = decide(&state, command, Time(1)).unwrap();
        for event in events {
            apply(&mut state, event);
        }
    }
    let snapshot = encode_snapshot(&state);
    assert!(snapshot.len() < 25_000, "{} bytes", snapshot.len());
    match decode(&snapshot).unwrap() {
        Recorded::Snapshot(read) => assert_eq!(read, state),
        Recorded::Event(event) => unreachable!("{event:?}"),
    }
    let missing = String::from_utf8(snapshot).unwrap().replace("\"notices\"", "\"others\"");
    assert!(decode(missing.as_bytes()).unwrap_err().contains("notice of a maintenance is missing"));
}

proptest! {
    #[test]
    fn every_event_and_every_state_is_read_back_as_it_was(
        commands in proptest::collection::vec((0..20u8, 0..1_000_000u64), 1..80)
    ) {
        // L6
        let mut state = State::default();
        for (kind, seed) in std::iter::once((8, 1)).chain(commands) {
            let command = command(kind, seed, &state);
            let Ok(events) = decide(&state, command, Time(1_700_000_000_000 + seed)) else {
                continue;
            };
            for event in events {
                match decode(&encode(&event)) {
                    Ok(Recorded::Event(read)) => prop_assert_eq!(&read, &event),
                    other => prop_assert!(false, "{:?}", other),
                }
                apply(&mut state, event);
            }
            match decode(&encode_snapshot(&state)) {
                Ok(Recorded::Snapshot(read)) => prop_assert_eq!(&read, &state),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn no_payload_panics(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        assert!(decode(&payload).is_err());
    }
}

/// A failure means that existing journals cannot be read any more: add a version instead.
#[test]
fn records_of_the_first_version_are_still_read() {
    // L6
    let written = r#"{"v":1,"event":{"moved":{"service":"web","from":"blue","generation":7,
        "cause":"switch","actor":{"token":"ci"},"at":1700000000000,"evidence":[
        {"target":"http://[::1]:8081","at":17,"status":204,"latency_us":900}]}}}"#;
    let moved = Event::Moved {
        service: name(),
        from: Color::Blue,
        generation: Generation(7),
        cause: Cause::Switch,
        actor: Actor::Token("ci".into()),
        at: Time(1_700_000_000_000),
        evidence: vec![proof(900)],
        remarks: Remarks::default(),
    };
    let Ok(Recorded::Event(read)) = decode(written.as_bytes()) else { panic!("not read") };
    assert_eq!(read, moved);
    let compact: String = written.split_whitespace().collect();
    assert_eq!(String::from_utf8(encode(&moved)).unwrap(), compact);
    // Written before there were groups: the service is that of the only receipt.
    let ended = br#"{"v":1,"event":{"drain_ended":{"generation":7,"at":17,"end":"drained",
        "figures":null}}}"#;
    let Ok(Recorded::Event(read)) = decode(ended) else { panic!("not read") };
    let (generation, at, end) = (Generation(7), Time(17), DrainEnd::Drained);
    assert_eq!(read, Event::DrainEnded { generation, service: None, at, end, figures: None });
}

#[test]
fn a_newer_version_is_named_and_not_guessed() {
    // L6
    let refused = decode(br#"{"v":4,"event":{"vanished":{}}}"#).unwrap_err();
    assert_eq!(refused, "it has version 4, and this Teal reads versions up to 3");
}

#[test]
fn only_records_with_something_new_have_the_version_that_older_programs_refuse_by_name() {
    // L6
    let version = |payload: &[u8]| payload.starts_with(br#"{"v":2,"#);
    let mut state = State::default();
    for kind in [8, 14] {
        assert!(!version(&encode_snapshot(&state)));
        for event in decide(&state, command(kind, 2, &state), Time(1)).unwrap() {
            assert_eq!(version(&encode(&event)), kind == 14);
            apply(&mut state, event);
        }
    }
    assert!(version(&encode_snapshot(&state)), "a retired color");
    let mut state = State::default();
    for kind in [8, 15] {
        for event in decide(&state, command(kind, 2, &state), Time(1)).unwrap() {
            assert_eq!(version(&encode(&event)), kind == 15);
            apply(&mut state, event);
        }
    }
    assert!(version(&encode_snapshot(&state)), "revoked previews");
    let mut state = State::default();
    for kind in [8, 9] {
        for event in decide(&state, command(kind, 1, &state), Time(1)).unwrap() {
            assert_eq!(version(&encode(&event)), kind == 9);
            apply(&mut state, event);
        }
    }
    assert!(version(&encode_snapshot(&state)), "a deploy");
    let mut state = State::default();
    for kind in [8, 15] {
        for event in decide(&state, command(kind, 1, &state), Time(1)).unwrap() {
            assert_eq!(version(&encode(&event)), kind == 15);
            apply(&mut state, event);
        }
    }
    assert!(version(&encode_snapshot(&state)), "told targets");
    let mut state = State::default();
    for kind in [8, 12, 13] {
        for event in decide(&state, command(kind, 1, &state), Time(1)).unwrap() {
            assert_eq!(version(&encode(&event)), kind != 8);
            apply(&mut state, event);
        }
        assert_eq!(version(&encode_snapshot(&state)), kind != 8, "a maintenance");
    }
}

#[test]
fn a_snapshot_that_contradicts_itself_is_refused() {
    // L6
    let state = br#"{"v":1,"snapshot":{"generation":1,"publishing":2,"services":[],"history":[]}}"#;
    let refused = decode(state).unwrap_err();
    assert_eq!(refused, "what is being published is not the newest generation");
}

//! Rollouts: what begins and ends one, and what Teal takes back.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::time::Duration;

use rules::{
    Actor, Bake, Baseline, BeginDeploy, Cause, Claim, Color, Command, ConfiguredService,
    DeployStep, Direction, EndRollout, Event, Move, MoveRequest, OnFail, Proof, ProvenColor,
    Refusal, Remarks, ReportDeploy, RolloutId, RolloutResult, State, TargetUrl, Verdict, Version,
    Watched,
};
use support::{NOW, name, publish, run};

fn configured(names: &[&str]) -> Command {
    let one = |text: &&str| ConfiguredService {
        name: name(text),
        initial: Color::Blue,
        moved: false,
        told: [Vec::new(), Vec::new()],
    };
    Command::Reload { configured: names.iter().map(one).collect(), actor: Actor::Teal }
}

fn started(names: &[&str]) -> State {
    let mut state = State::default();
    run(&mut state, configured(names)).unwrap();
    publish(&mut state);
    state
}

/// A move of services, to be changed by a test.
fn moving(names: &[&str], direction: Direction) -> Move {
    let target = TargetUrl::parse("http://127.0.0.1:8081").unwrap();
    let proof =
        Proof { target: target.into(), at: NOW, status: 200, latency: Duration::from_millis(2) };
    let proven = |text: &&str| {
        Color::BOTH.map(|color| ProvenColor {
            service: name(text),
            color,
            evidence: vec![proof.clone()],
            unfinished: None,
        })
    };
    let services = names.iter().map(|text| name(text)).collect();
    Move {
        request: MoveRequest::new(services, direction),
        actor: Actor::Uid(7),
        proven: names.iter().flat_map(proven).collect(),
        remarks: Remarks::default(),
        watched: None,
    }
}

/// The beginning of a deploy of a version.
fn deploy(version: Option<Version>, supersede: bool) -> Command {
    Command::BeginDeploy(BeginDeploy {
        services: vec![name("web")],
        group: None,
        version,
        actor: Actor::Uid(7),
        by: None,
        reason: None,
        emergency: false,
        supersede,
        sweep: false,
        if_generation: None,
    })
}

fn version(text: &str) -> Option<Version> {
    Version::new(text).ok()
}

/// A watched switch to a version.
fn release(names: &[&str], to: Color, label: Option<&str>) -> Move {
    let mut moving = moving(names, Direction::To(to));
    moving.request.version = label.and_then(version);
    moving.remarks.version = label.and_then(version);
    let baseline = |text: &&str| Baseline { service: name(text), requests: 1000, failed: 2 };
    moving.watched = Some(Watched {
        bake: Bake { duration: Duration::from_secs(600), on_fail: OnFail::Rollback },
        baselines: names.iter().map(baseline).collect(),
    });
    moving
}

fn carry_out(state: &mut State, moving: Move) -> Result<Vec<Event>, Refusal> {
    let events = run(state, Command::Move(moving))?;
    publish(state);
    Ok(events)
}

/// The switch back that follows from a verdict.
fn take_back(state: &mut State, names: &[&str], rollout: u64) -> Result<Vec<Event>, Refusal> {
    let mut back = moving(names, Direction::Back);
    back.actor = Actor::Teal;
    back.request.verdict =
        Some(Verdict { rollout: RolloutId(rollout), detail: "15 of 20 failed".to_owned() });
    carry_out(state, back)
}

fn result(state: &State, id: u64) -> Option<RolloutResult> {
    Some(state.rollouts().get(RolloutId(id))?.ended.as_ref()?.result)
}

#[test]
fn only_a_watched_switch_begins_a_rollout() {
    let mut state = started(&["web"]);
    carry_out(&mut state, moving(&["web"], Direction::To(Color::Green))).unwrap();
    assert!(state.rollouts().is_new());
    carry_out(&mut state, release(&["web"], Color::Blue, Some("v2"))).unwrap();
    let rollout = state.rollouts().open_of(&name("web")).unwrap();
    assert_eq!((rollout.candidate, rollout.version.clone()), (Color::Blue, version("v2")));
    assert_eq!(rollout.generation, state.generation());
    assert_eq!(rollout.until(), NOW.plus(Duration::from_secs(600)));
    let mut back = release(&["web"], Color::Blue, None);
    back.request = MoveRequest::new(vec![name("web")], Direction::Back);
    carry_out(&mut state, back).unwrap();
    assert!(state.rollouts().open().next().is_none(), "nobody watches a rollback");
    assert_eq!(result(&state, 1), Some(RolloutResult::Aborted));
}

#[test]
fn a_failed_candidate_is_taken_back_once_and_by_one_append() {
    // L6 L12
    let mut state = started(&["web"]);
    carry_out(&mut state, release(&["web"], Color::Green, Some("v2"))).unwrap();
    let events = take_back(&mut state, &["web"], 1).unwrap();
    assert!(
        events.iter().any(|event| matches!(event, Event::Moved { cause: Cause::Rollback, .. }))
    );
    assert!(events.iter().any(|event| matches!(event, Event::Rollout(_))), "in the same append");
    assert_eq!(state.active(&name("web")), Some(Color::Blue));
    assert_eq!(result(&state, 1), Some(RolloutResult::RolledBack));
    assert_eq!(take_back(&mut state, &["web"], 1), Ok(Vec::new()), "its verdict is used up");
    assert_eq!(state.active(&name("web")), Some(Color::Blue));
}

#[test]
fn a_verdict_that_comes_after_an_operators_switch_moves_nothing() {
    // L12
    let mut state = started(&["web"]);
    carry_out(&mut state, release(&["web"], Color::Green, Some("v2"))).unwrap();
    carry_out(&mut state, moving(&["web"], Direction::Back)).unwrap();
    carry_out(&mut state, release(&["web"], Color::Green, Some("v3"))).unwrap();
    assert_eq!(take_back(&mut state, &["web"], 1), Ok(Vec::new()));
    assert_eq!(state.active(&name("web")), Some(Color::Green));
    assert_eq!(result(&state, 1), Some(RolloutResult::Aborted));
    assert_eq!(result(&state, 2), None, "the newer rollout goes on");
}

#[test]
fn what_was_taken_back_stays_out_until_another_version_or_a_person_supersedes_it() {
    // L12
    let mut state = started(&["web"]);
    carry_out(&mut state, release(&["web"], Color::Green, Some("v2"))).unwrap();
    take_back(&mut state, &["web"], 1).unwrap();
    let again = carry_out(&mut state, release(&["web"], Color::Green, Some("v2"))).unwrap_err();
    assert_eq!(again.code(), "quarantined");
    let said = again.to_string();
    assert!(said.contains("green v2") && said.contains("--supersede"), "{said}");
    let unlabelled = carry_out(&mut state, moving(&["web"], Direction::To(Color::Green)));
    assert_eq!(unlabelled.unwrap_err().code(), "quarantined", "the known version is the same");
    let back = carry_out(&mut state, moving(&["web"], Direction::Back));
    assert_eq!(
        back.unwrap_err().code(),
        "quarantined",
        "a rollback goes there no more than a switch"
    );
    carry_out(&mut state, release(&["web"], Color::Green, Some("v3"))).unwrap();
    let watched = state.rollouts().open_of(&name("web")).unwrap();
    assert_eq!(watched.bake.on_fail, OnFail::Rollback, "another version may be taken back");
}

#[test]
fn a_version_that_a_person_supersedes_is_watched_and_not_taken_back_again() {
    // L12
    let mut state = started(&["web"]);
    carry_out(&mut state, release(&["web"], Color::Green, Some("v2"))).unwrap();
    take_back(&mut state, &["web"], 1).unwrap();
    let mut again = release(&["web"], Color::Green, Some("v2"));
    again.request.supersede = true;
    carry_out(&mut state, again).unwrap();
    let watched = state.rollouts().open_of(&name("web")).unwrap();
    assert_eq!(watched.bake.on_fail, OnFail::Notify);
    carry_out(&mut state, moving(&["web"], Direction::Back)).unwrap();
    carry_out(&mut state, release(&["web"], Color::Green, Some("v2"))).unwrap();
    let watched = state.rollouts().open_of(&name("web")).unwrap();
    assert_eq!(watched.bake.on_fail, OnFail::Notify, "once superseded, it stays so");
}

#[test]
fn a_failover_goes_to_what_was_taken_back_rather_than_to_a_dead_color() {
    let mut state = started(&["web"]);
    carry_out(&mut state, release(&["web"], Color::Green, None)).unwrap();
    take_back(&mut state, &["web"], 1).unwrap();
    carry_out(&mut state, moving(&["web"], Direction::AwayFrom(Color::Blue))).unwrap();
    assert_eq!(state.active(&name("web")), Some(Color::Green));
}

#[test]
fn a_deploy_of_another_version_begins_after_a_rollback_by_teal() {
    let mut state = started(&["web"]);
    carry_out(&mut state, release(&["web"], Color::Green, Some("v2"))).unwrap();
    take_back(&mut state, &["web"], 1).unwrap();
    let same = run(&mut state, deploy(version("v2"), false));
    assert_eq!(same.unwrap_err().code(), "quarantined");
    let mut superseded = state.clone();
    run(&mut superseded, deploy(version("v2"), true)).unwrap();
    run(&mut state, deploy(version("v3"), false)).unwrap();
}

#[test]
fn a_deploy_replaces_what_was_taken_back_when_it_starts_and_not_before() {
    let mut state = started(&["web"]);
    carry_out(&mut state, release(&["web"], Color::Green, Some("v2"))).unwrap();
    take_back(&mut state, &["web"], 1).unwrap();
    let is_quarantined = |state: &State| {
        let (_, service) = state.services().next().unwrap();
        service.quarantine.is_some()
    };
    run(&mut state, deploy(version("v3"), false)).unwrap();
    assert!(is_quarantined(&state), "v2 still runs in green");
    let starts = ReportDeploy {
        id: state.deploys().last(),
        claim: Claim::Held(1),
        step: Some(DeployStep::Start),
        pause: false,
        result: None,
        detail: None,
        keep: None,
    };
    run(&mut state, Command::ReportDeploy(starts)).unwrap();
    assert!(!is_quarantined(&state), "v2 is stopped");
}

#[test]
fn services_that_were_released_together_go_back_together() {
    // L12
    let mut state = started(&["api", "web"]);
    carry_out(&mut state, release(&["api", "web"], Color::Green, None)).unwrap();
    let one = take_back(&mut state, &["web"], 1).unwrap();
    assert_eq!(one, Vec::new(), "a part of them does not");
    take_back(&mut state, &["api", "web"], 1).unwrap();
    assert!(["api", "web"].iter().all(|text| state.active(&name(text)) == Some(Color::Blue)));
}

#[test]
fn a_rollout_ends_without_a_move_and_traffic_stays() {
    let mut state = started(&["web"]);
    carry_out(&mut state, release(&["web"], Color::Green, None)).unwrap();
    let end = |id, result| {
        Command::EndRollout(EndRollout { id: RolloutId(id), result, detail: String::new() })
    };
    assert_eq!(run(&mut state, end(9, RolloutResult::Done)).unwrap_err().code(), "unknown_rollout");
    assert_eq!(run(&mut state, end(1, RolloutResult::RolledBack)), Ok(Vec::new()));
    let events = run(&mut state, end(1, RolloutResult::Stuck)).unwrap();
    assert!(events.iter().all(Event::is_decision), "it is durable before it is told");
    assert_eq!(run(&mut state, end(1, RolloutResult::Done)), Ok(Vec::new()), "it is over");
    assert_eq!(state.active(&name("web")), Some(Color::Green));
    assert_eq!(result(&state, 1), Some(RolloutResult::Stuck));
}

#[test]
fn a_service_that_is_removed_ends_its_rollout() {
    let mut state = started(&["api", "web"]);
    carry_out(&mut state, release(&["web"], Color::Green, None)).unwrap();
    run(&mut state, configured(&["api"])).unwrap();
    assert_eq!(result(&state, 1), Some(RolloutResult::Aborted));
}

#[test]
fn the_newest_64_ended_rollouts_are_kept_and_a_restart_ends_none() {
    let mut state = started(&["web"]);
    for round in 0..70_u64 {
        let to = if round % 2 == 0 { Color::Green } else { Color::Blue };
        carry_out(&mut state, release(&["web"], to, None)).unwrap();
    }
    run(&mut state, Command::Restart).unwrap();
    let numbers: Vec<_> = state.rollouts().iter().map(|rollout| rollout.id.0).collect();
    assert_eq!(numbers, (6..=70).collect::<Vec<_>>());
    assert!(state.rollouts().open_of(&name("web")).is_some());
}

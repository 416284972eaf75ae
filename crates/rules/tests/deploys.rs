//! The record of a deploy: who may begin, report, take over and end it, and what it leaves behind.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::time::Duration;

use rules::{
    Actor, BeginDeploy, Claim, Color, Command, ConfiguredService, DEPLOYS_KEPT, Deploy, DeployId,
    DeployRefusal, DeployResult, DeployStep, Direction, Event, Generation, HistoryEntry, Move,
    MoveRequest, Proof, ProvenColor, Refusal, ReportDeploy, ServiceName, State, TargetUrl, Version,
};
use support::{NOW, name, publish, run};

const SERVICES: [&str; 2] = ["web", "api"];

fn started() -> State {
    let mut state = State::default();
    let one = |text: &str| ConfiguredService {
        name: name(text),
        initial: Color::Blue,
        moved: false,
        told: [Vec::new(), Vec::new()],
    };
    let configured = SERVICES.map(one).into();
    run(&mut state, Command::Reload { configured, actor: Actor::Teal }).unwrap();
    publish(&mut state);
    state
}

fn go(state: &mut State, services: &[&str], direction: Direction) {
    let target = TargetUrl::parse("http://127.0.0.1:8081").unwrap();
    let proof =
        Proof { target: target.into(), at: NOW, status: 200, latency: Duration::from_millis(2) };
    let services: Vec<ServiceName> = services.iter().map(|text| name(text)).collect();
    let proven = services.iter().flat_map(|service| {
        Color::BOTH.map(|color| ProvenColor {
            service: service.clone(),
            color,
            evidence: vec![proof.clone()],
            unfinished: None,
        })
    });
    let proven = proven.collect();
    let request = MoveRequest::new(services, direction);
    let (actor, remarks) = (Actor::Uid(7), rules::Remarks::default());
    run(state, Command::Move(Move { request, actor, proven, remarks, watched: None })).unwrap();
    publish(state);
}

fn request(services: &[&str]) -> BeginDeploy {
    BeginDeploy {
        services: services.iter().map(|text| name(text)).collect(),
        group: None,
        version: Some(Version::new("v42").unwrap()),
        actor: Actor::Token("ci".into()),
        by: Some("ci@runner-3".to_owned()),
        reason: None,
        emergency: false,
        supersede: false,
        sweep: false,
        if_generation: None,
    }
}

fn try_begin(state: &mut State, request: BeginDeploy) -> Result<DeployId, Refusal> {
    let events = run(state, Command::BeginDeploy(request))?;
    assert!(events.iter().all(Event::is_decision), "each is durable before it is answered");
    Ok(state.deploys().last())
}

fn begin(state: &mut State, services: &[&str]) -> DeployId {
    try_begin(state, request(services)).unwrap()
}

fn report(id: DeployId) -> ReportDeploy {
    ReportDeploy {
        id,
        claim: Claim::Held(1),
        step: None,
        pause: false,
        result: None,
        detail: None,
        keep: None,
    }
}

fn tell(state: &mut State, report: ReportDeploy) -> Result<usize, Refusal> {
    let events = run(state, Command::ReportDeploy(report))?;
    assert!(events.iter().all(Event::is_decision), "each is durable before it is answered");
    Ok(events.len())
}

fn step(state: &mut State, id: DeployId, step: DeployStep) -> Result<usize, Refusal> {
    tell(state, ReportDeploy { step: Some(step), ..report(id) })
}

fn end(state: &mut State, id: DeployId, result: DeployResult) -> Result<usize, Refusal> {
    tell(state, ReportDeploy { result: Some(result), ..report(id) })
}

fn take(id: DeployId, silent: u64) -> ReportDeploy {
    let silent = Duration::from_secs(silent);
    let claim = Claim::Take { actor: Actor::Uid(7), by: Some("ops@desk".to_owned()), silent };
    ReportDeploy { claim, ..report(id) }
}

fn deploy(state: &State, id: DeployId) -> &Deploy {
    state.deploys().get(id).unwrap()
}

fn version(state: &State, service: &str, color: Color) -> Option<String> {
    state.version(&name(service), color).map(|version| version.to_string())
}

fn refused(result: Result<impl std::fmt::Debug, Refusal>) -> (&'static str, String) {
    let refusal = result.unwrap_err();
    (refusal.code(), refusal.to_string())
}

// L6
#[test]
fn the_record_is_the_lock_of_each_of_its_services_until_it_ends() {
    let mut state = started();
    let id = begin(&mut state, &["web"]);
    assert_eq!((id, deploy(&state, id).color), (DeployId(1), Color::Green), "the idle color");
    let (code, text) = refused(try_begin(&mut state, request(&["api", "web"])));
    assert_eq!(code, "deploy_in_progress");
    assert_eq!(
        text,
        "deploy 1 of web is in progress: ci@runner-3 (token ci) began it 0 s ago, step lock\nWait for its end, \
         continue it with: teal deploy --resume 1, or put it back with: teal deploy --abandon 1"
    );
    assert_eq!(begin(&mut state, &["api"]), DeployId(2), "another service is free");
    end(&mut state, id, DeployResult::Failed).unwrap();
    assert_eq!(begin(&mut state, &["web"]), DeployId(3));
}

#[test]
fn a_deploy_of_several_services_needs_one_idle_color_and_the_expected_generation() {
    let mut state = started();
    go(&mut state, &["api"], Direction::To(Color::Green));
    let (code, text) = refused(try_begin(&mut state, request(&["web", "api"])));
    assert_eq!(code, "colors_differ");
    assert!(text.starts_with("web is on blue and api on green"), "{text}");
    let stale = BeginDeploy { if_generation: Some(Generation(0)), ..request(&["api"]) };
    assert_eq!(refused(try_begin(&mut state, stale)).0, "generation_mismatch");
    let fresh = BeginDeploy { if_generation: Some(Generation(1)), ..request(&["api"]) };
    let id = try_begin(&mut state, fresh).unwrap();
    assert_eq!(deploy(&state, id).color, Color::Blue);
    let unknown = try_begin(&mut state, request(&["mail"]));
    assert_eq!(refused(unknown).0, "unknown_service");
}

#[test]
fn a_rollback_refuses_deploys_until_one_supersedes_it_and_never_a_switch() {
    let mut state = started();
    go(&mut state, &["web"], Direction::To(Color::Green));
    go(&mut state, &["web"], Direction::Back);
    let (code, text) = refused(try_begin(&mut state, request(&["web"])));
    assert_eq!(code, "rolled_back");
    assert!(text.contains("generation 2") && text.contains("--supersede"), "{text}");
    go(&mut state, &["web"], Direction::To(Color::Green));
    assert_eq!(refused(try_begin(&mut state, request(&["web"]))).0, "rolled_back");
    let id = try_begin(&mut state, BeginDeploy { supersede: true, ..request(&["web"]) }).unwrap();
    end(&mut state, id, DeployResult::Unknown).unwrap();
    begin(&mut state, &["web"]);
}

#[test]
fn steps_go_forward_only_and_the_same_one_again_changes_nothing() {
    let mut state = started();
    let id = begin(&mut state, &["web"]);
    assert_eq!(step(&mut state, id, DeployStep::Gate), Ok(1));
    assert_eq!(step(&mut state, id, DeployStep::Gate), Ok(0));
    assert_eq!(tell(&mut state, report(id)), Ok(0), "a sign of life");
    let (code, text) = refused(step(&mut state, id, DeployStep::Start));
    assert_eq!(
        (code, &*text),
        ("deploy_step", "deploy 1 is at step gate, and start comes before it")
    );
    let steps: Vec<_> = deploy(&state, id).steps.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [DeployStep::Lock, DeployStep::Gate]);
    let unknown = refused(step(&mut state, DeployId(9), DeployStep::Gate));
    assert_eq!(unknown.0, "unknown_deploy");
}

#[test]
fn a_command_line_that_was_replaced_changes_nothing_any_more() {
    let mut state = started();
    let id = begin(&mut state, &["web"]);
    step(&mut state, id, DeployStep::Start).unwrap();
    let alive = tell(&mut state, take(id, 14));
    assert_eq!(refused(alive).0, "client_alive");
    tell(&mut state, take(id, 15)).unwrap();
    let record = deploy(&state, id);
    assert_eq!((record.claim, record.by().as_str()), (2, "ops@desk"));
    let before = state.clone();
    for replaced in [
        report(id),
        ReportDeploy { step: Some(DeployStep::Gate), ..report(id) },
        ReportDeploy { result: Some(DeployResult::Abandoned), ..report(id) },
        ReportDeploy { pause: true, ..report(id) },
    ] {
        assert_eq!(refused(tell(&mut state, replaced)).0, "deploy_taken_over");
    }
    assert_eq!(state, before);
    let report = ReportDeploy { claim: Claim::Held(2), ..report(id) };
    let done = ReportDeploy { result: Some(DeployResult::Failed), ..report.clone() };
    tell(&mut state, done).unwrap();
    assert_eq!(refused(tell(&mut state, report)).0, "deploy_ended");
    assert_eq!(refused(tell(&mut state, take(id, 99))).0, "deploy_ended");
}

#[test]
fn a_paused_deploy_stays_locked_and_is_taken_at_once() {
    let mut state = started();
    let id = begin(&mut state, &["web"]);
    let pause = ReportDeploy { pause: true, ..report(id) };
    tell(&mut state, ReportDeploy { step: Some(DeployStep::Smoke), ..pause.clone() }).unwrap();
    assert!(deploy(&state, id).paused);
    assert_eq!(refused(try_begin(&mut state, request(&["web"]))).0, "deploy_in_progress");
    tell(&mut state, take(id, 0)).unwrap();
    assert!(!deploy(&state, id).paused);
    let claim = Claim::Held(2);
    let switch =
        ReportDeploy { claim: claim.clone(), step: Some(DeployStep::Switch), ..report(id) };
    tell(&mut state, switch).unwrap();
    let late = tell(&mut state, ReportDeploy { claim, ..pause });
    assert_eq!(refused(late).0, "deploy_step", "a switch cannot be paused");
}

#[test]
fn a_result_must_agree_with_where_traffic_goes() {
    let mut state = started();
    let id = begin(&mut state, &["web", "api"]);
    let (code, text) = refused(end(&mut state, id, DeployResult::Succeeded));
    assert_eq!((code, &*text), ("deploy_step", "deploy 1 is at step lock, before its switch"));
    step(&mut state, id, DeployStep::Switch).unwrap();
    go(&mut state, &["web"], Direction::To(Color::Green));
    for (result, service) in [
        (DeployResult::Succeeded, "api"),
        (DeployResult::Failed, "web"),
        (DeployResult::Reverted, "web"),
    ] {
        let (code, text) = refused(end(&mut state, id, result));
        assert_eq!(code, "deploy_step", "{result}");
        assert!(text.contains(&format!("color of {service}, so deploy 1 has not")), "{text}");
    }
    go(&mut state, &["api"], Direction::To(Color::Green));
    end(&mut state, id, DeployResult::Succeeded).unwrap();
}

#[test]
fn versions_follow_what_a_deploy_starts_and_stops() {
    let mut state = started();
    let id = begin(&mut state, &["web"]);
    assert_eq!(version(&state, "web", Color::Green), None);
    step(&mut state, id, DeployStep::Start).unwrap();
    assert_eq!(version(&state, "web", Color::Green).as_deref(), Some("v42"));
    step(&mut state, id, DeployStep::Switch).unwrap();
    go(&mut state, &["web"], Direction::To(Color::Green));
    assert_eq!(deploy(&state, id).generation, Some(Generation(1)));
    end(&mut state, id, DeployResult::Succeeded).unwrap();
    let receipt = state.history().receipt(Generation(1), &name("web")).unwrap();
    assert_eq!(receipt.version, Version::new("v42").ok());
    assert_eq!(receipt.from_version, None);

    let next = begin(&mut state, &["web"]);
    assert_eq!(deploy(&state, next).from_version, Version::new("v42").ok());
    end(&mut state, next, DeployResult::Failed).unwrap();
    assert_eq!(version(&state, "web", Color::Green).as_deref(), Some("v42"));

    for (result, stays) in [(DeployResult::Unknown, true), (DeployResult::Abandoned, false)] {
        let id = begin(&mut state, &["web"]);
        step(&mut state, id, DeployStep::Start).unwrap();
        end(&mut state, id, result).unwrap();
        let is_there = version(&state, "web", Color::Blue).is_some();
        assert_eq!(is_there, stays, "{result}");
    }
    let unnamed = BeginDeploy { version: None, ..request(&["web"]) };
    let id = try_begin(&mut state, unnamed).unwrap();
    step(&mut state, id, DeployStep::Start).unwrap();
    assert_eq!(version(&state, "web", Color::Blue), None, "what runs there is not known any more");
}

#[test]
fn what_an_abandoned_deploy_did_not_touch_keeps_its_version() {
    let mut state = started();
    let id = begin(&mut state, &["web"]);
    step(&mut state, id, DeployStep::Start).unwrap();
    step(&mut state, id, DeployStep::Switch).unwrap();
    go(&mut state, &["web"], Direction::To(Color::Green));
    end(&mut state, id, DeployResult::Abandoned).unwrap();
    assert_eq!(version(&state, "web", Color::Green).as_deref(), Some("v42"), "it is active");
    go(&mut state, &["web"], Direction::To(Color::Blue));
    let id = begin(&mut state, &["web"]);
    step(&mut state, id, DeployStep::Before).unwrap();
    end(&mut state, id, DeployResult::Failed).unwrap();
    assert_eq!(version(&state, "web", Color::Green).as_deref(), Some("v42"), "it was kept warm");
}

#[test]
fn begins_and_ends_are_in_the_history_and_old_records_are_dropped() {
    let mut state = started();
    for _ in 0..DEPLOYS_KEPT + 10 {
        let id = begin(&mut state, &["web"]);
        end(&mut state, id, DeployResult::Failed).unwrap();
    }
    let open = begin(&mut state, &["api"]);
    assert_eq!(state.deploys().iter().count(), DEPLOYS_KEPT + 1);
    assert_eq!(state.deploys().open_of(&name("api")).map(|deploy| deploy.id), Some(open));
    let newest: Vec<_> = state.history().iter().rev().take(2).collect();
    let [HistoryEntry::Deploy(begun), HistoryEntry::Deploy(ended)] = newest[..] else {
        panic!("{newest:?}")
    };
    assert_eq!((begun.id, begun.result), (open, None));
    assert_eq!(ended.result, Some(DeployResult::Failed));
    let unknown = DeployRefusal::Unknown { id: DeployId(1) };
    assert_eq!(end(&mut state, DeployId(1), DeployResult::Failed), Err(Refusal::Deploy(unknown)));
}

#[test]
fn a_restart_of_teal_changes_no_deploy() {
    let mut state = started();
    let id = begin(&mut state, &["web"]);
    step(&mut state, id, DeployStep::Gate).unwrap();
    let before = state.deploys().clone();
    run(&mut state, Command::Restart).unwrap();
    assert_eq!(*state.deploys(), before);
}

#[test]
fn a_sweep_locks_its_service_and_leaves_a_rollback_and_the_version_as_they_are() {
    let mut state = started();
    let id = begin(&mut state, &["web"]);
    step(&mut state, id, DeployStep::Start).unwrap();
    go(&mut state, &["web"], Direction::To(Color::Green));
    let keep = Some(Duration::from_secs(60));
    let ended = ReportDeploy {
        step: Some(DeployStep::Keep),
        result: Some(DeployResult::Succeeded),
        keep,
        ..report(id)
    };
    tell(&mut state, ended).unwrap();
    let until = deploy(&state, id).ended.as_ref().unwrap().keep_until;
    assert_eq!(until, Some(NOW.plus(Duration::from_secs(60))));
    go(&mut state, &["web"], Direction::Back);
    let length = state.history().iter().count();

    let wanted = BeginDeploy { sweep: true, version: None, ..request(&["web"]) };
    let sweep = try_begin(&mut state, wanted).unwrap();
    assert_eq!(deploy(&state, sweep).color, Color::Green, "what was left");
    assert_eq!(refused(try_begin(&mut state, request(&["web"]))).0, "deploy_in_progress");
    step(&mut state, sweep, DeployStep::Keep).unwrap();
    end(&mut state, sweep, DeployResult::Swept).unwrap();
    assert_eq!(version(&state, "web", Color::Green).as_deref(), Some("v42"));
    assert_eq!(refused(try_begin(&mut state, request(&["web"]))).0, "rolled_back");
    assert_eq!(state.history().iter().count(), length + 1, "only its end");
    let (service, _) = state.serving(&name("web")).unwrap();
    assert_eq!(service.deploys, [1, 0, 0, 0, 0, 1], "one succeeded, one swept");
}

#[test]
fn only_a_sweep_ends_as_one_and_not_while_its_color_has_traffic() {
    let mut state = started();
    let id = begin(&mut state, &["web"]);
    let (code, text) = refused(end(&mut state, id, DeployResult::Swept));
    assert_eq!(code, "deploy_step");
    assert!(text.contains("is not a sweep"), "{text}");
    end(&mut state, id, DeployResult::Failed).unwrap();
    let sweep = BeginDeploy { sweep: true, ..request(&["web"]) };
    let id = try_begin(&mut state, sweep).unwrap();
    go(&mut state, &["web"], Direction::To(Color::Green));
    assert_eq!(refused(end(&mut state, id, DeployResult::Swept)).0, "deploy_step");
    end(&mut state, id, DeployResult::Unknown).unwrap();
}

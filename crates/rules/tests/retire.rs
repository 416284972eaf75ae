//! Retiring a color: when it is allowed, and what ends it.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::time::Duration;

use rules::{
    Actor, BeginDeploy, Claim, Color, Command, ConfiguredService, DeployResult, DeployStep,
    Direction, Event, Move, MoveRequest, Proof, ProvenColor, Refusal, ReportDeploy, State,
    TargetUrl,
};
use support::{NOW, name, publish, run};

fn started() -> State {
    let mut state = State::default();
    let configured = vec![ConfiguredService {
        name: name("web"),
        initial: Color::Blue,
        moved: false,
        told: [Vec::new(), Vec::new()],
    }];
    run(&mut state, Command::Reload { configured, actor: Actor::Teal }).unwrap();
    publish(&mut state);
    state
}

fn retire(state: &mut State, color: Color) -> Result<Vec<Event>, Refusal> {
    let events = run(state, Command::Retire { service: name("web"), color, actor: Actor::Uid(7) })?;
    assert!(events.iter().all(Event::is_decision), "it is durable before it is answered");
    Ok(events)
}

fn switch(state: &mut State, to: Color) {
    moves(state, Direction::To(to), to).unwrap();
    publish(state);
}

/// Decides a move to a color that is proven healthy.
fn moves(state: &mut State, direction: Direction, to: Color) -> Result<Vec<Event>, Refusal> {
    let target = TargetUrl::parse("http://127.0.0.1:8081").unwrap();
    let proof =
        Proof { target: target.into(), at: NOW, status: 200, latency: Duration::from_millis(2) };
    let proven =
        ProvenColor { service: name("web"), color: to, evidence: vec![proof], unfinished: None };
    let request = MoveRequest::new(vec![name("web")], direction);
    let (actor, proven) = (Actor::Uid(7), vec![proven]);
    run(
        state,
        Command::Move(Move {
            request,
            actor,
            proven,
            remarks: rules::Remarks::default(),
            watched: None,
        }),
    )
}

/// Begins a deploy to the idle color.
fn begin(state: &mut State) {
    let begin = BeginDeploy {
        services: vec![name("web")],
        group: None,
        version: None,
        actor: Actor::Uid(7),
        by: None,
        reason: None,
        emergency: false,
        supersede: false,
        sweep: false,
        if_generation: None,
    };
    run(state, Command::BeginDeploy(begin)).unwrap();
}

/// Reports a step or the result of the newest deploy.
fn report(state: &mut State, step: Option<DeployStep>, result: Option<DeployResult>) {
    let id = state.deploys().last();
    let claim = Claim::Held(1);
    let report = ReportDeploy { id, claim, step, pause: false, result, detail: None, keep: None };
    run(state, Command::ReportDeploy(report)).unwrap();
}

#[test]
fn the_idle_color_is_retired_once_and_the_active_one_never() {
    let mut state = started();
    assert_eq!(retire(&mut state, Color::Blue).unwrap_err().code(), "color_active");
    assert_eq!(retire(&mut state, Color::Green).unwrap().len(), 1);
    assert!(state.is_retired(&name("web"), Color::Green));
    assert_eq!(retire(&mut state, Color::Green), Ok(Vec::new()), "nothing follows any more");
}

#[test]
fn a_switch_to_it_ends_the_retirement_and_one_away_from_it_does_not_begin_another() {
    let mut state = started();
    retire(&mut state, Color::Green).unwrap();
    switch(&mut state, Color::Green);
    assert!(!state.is_retired(&name("web"), Color::Green));
    assert!(!state.is_retired(&name("web"), Color::Blue));
    retire(&mut state, Color::Blue).unwrap();
    switch(&mut state, Color::Blue);
    assert!(Color::BOTH.iter().all(|color| !state.is_retired(&name("web"), *color)));
}

#[test]
fn a_deploy_to_it_ends_the_retirement_when_it_starts_the_new_version() {
    let mut state = started();
    retire(&mut state, Color::Green).unwrap();
    begin(&mut state);
    assert!(state.is_retired(&name("web"), Color::Green));
    report(&mut state, Some(DeployStep::Start), None);
    assert!(!state.is_retired(&name("web"), Color::Green));
}

#[test]
fn a_deploy_that_stops_what_it_finds_ends_the_retirement_again_at_its_gate() {
    let mut state = started();
    begin(&mut state);
    report(&mut state, Some(DeployStep::Start), None);
    retire(&mut state, Color::Green).unwrap();
    report(&mut state, Some(DeployStep::Gate), None);
    assert!(!state.is_retired(&name("web"), Color::Green));
}

#[test]
fn no_rollback_and_no_failover_goes_to_a_retired_color() {
    // L4
    let mut state = started();
    switch(&mut state, Color::Green);
    retire(&mut state, Color::Blue).unwrap();
    for direction in [Direction::Back, Direction::AwayFrom(Color::Green)] {
        let refusal = moves(&mut state, direction, Color::Blue).unwrap_err();
        assert_eq!(refusal.code(), "color_retired");
        assert!(refusal.to_string().contains("teal switch blue --service web"), "{refusal}");
    }
    switch(&mut state, Color::Blue);
}

#[test]
fn no_switch_goes_to_a_color_that_a_deploy_may_be_stopping() {
    // L4
    let mut state = started();
    begin(&mut state);
    report(&mut state, Some(DeployStep::Start), None);
    switch(&mut state, Color::Green);
    retire(&mut state, Color::Blue).unwrap();
    let refusal = moves(&mut state, Direction::To(Color::Blue), Color::Blue).unwrap_err();
    assert_eq!(refusal.code(), "color_retired");
    assert!(refusal.to_string().contains("deploy 1 may be stopping it"), "{refusal}");
    report(&mut state, Some(DeployStep::Keep), Some(DeployResult::Succeeded));
    switch(&mut state, Color::Blue);
}

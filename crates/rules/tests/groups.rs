//! Several services that are switched in one generation: all or none.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::time::Duration;

use rules::{
    Actor, Color, Command, ConfiguredService, Direction, DrainEnd, Event, Figures, Generation,
    KEPT, Move, MoveRequest, Progress, Proof, ProvenColor, Refusal, State, TargetUrl, apply, check,
};
use support::{NOW, name, publish, run};

const SHOP: [&str; 2] = ["web", "api"];

fn reload(state: &mut State, names: &[&str], moved: &[&str]) {
    let configured = names.iter().map(|text| ConfiguredService {
        name: name(text),
        initial: Color::Blue,
        moved: moved.contains(text),
        told: [Vec::new(), Vec::new()],
    });
    run(state, Command::Reload { configured: configured.collect(), actor: Actor::Teal }).unwrap();
    publish(state);
}

/// Web, api and mail, all on blue.
fn started() -> State {
    let mut state = State::default();
    reload(&mut state, &["web", "api", "mail"], &[]);
    state
}

fn proven(text: &str, color: Color) -> ProvenColor {
    let target = TargetUrl::parse("http://127.0.0.1:8081").unwrap();
    let proof =
        Proof { target: target.into(), at: NOW, status: 200, latency: Duration::from_millis(2) };
    ProvenColor { service: name(text), color, evidence: vec![proof], unfinished: None }
}

fn requested(names: &[&str], direction: Direction) -> Move {
    let both = names.iter().flat_map(|text| Color::BOTH.map(|color| proven(text, color)));
    let services = names.iter().map(|text| name(text)).collect();
    let request = MoveRequest::new(services, direction);
    let proven = both.collect();
    Move {
        request,
        actor: Actor::Uid(7),
        proven,
        remarks: rules::Remarks::default(),
        watched: None,
    }
}

/// Moves and publishes.
fn go(state: &mut State, names: &[&str], direction: Direction) -> Result<Vec<Event>, Refusal> {
    let events = run(state, Command::Move(requested(names, direction)))?;
    publish(state);
    Ok(events)
}

fn to(color: Color) -> Direction {
    Direction::To(color)
}

fn at(state: &State, text: &str) -> (Color, u64) {
    let (service, _) = state.serving(&name(text)).unwrap();
    (service.split.stable(), service.generation.0)
}

fn end_drain(state: &mut State, text: &str, generation: u64) -> usize {
    let (generation, service) = (Generation(generation), name(text));
    let (end, figures) = (DrainEnd::Drained, Figures::default());
    run(state, Command::EndDrain { generation, service, end, figures }).unwrap().len()
}

#[test]
fn a_group_moves_in_one_generation_with_a_receipt_for_each_service() {
    let mut state = started();
    run(&mut state, Command::Move(requested(&SHOP, to(Color::Green)))).unwrap();
    assert_eq!(state.generation(), Generation(1));
    assert_eq!(state.publishing(), Some(Generation(1)));
    let services: Vec<_> =
        state.history().receipts_of(Generation(1)).map(|one| one.service.to_string()).collect();
    assert_eq!(services, SHOP);
    let open = |one: &rules::Receipt| one.progress == Progress::Publishing;
    assert!(state.history().receipts().all(open), "the second one does not publish the first");
    publish(&mut state);
    assert_eq!((at(&state, "web"), at(&state, "api")), ((Color::Green, 1), (Color::Green, 1)));
    assert_eq!(at(&state, "mail"), (Color::Blue, 0), "it is none of the group's");
}

#[test]
fn the_drain_of_each_service_ends_by_itself() {
    // L4
    let mut state = started();
    go(&mut state, &SHOP, to(Color::Green)).unwrap();
    assert_eq!(end_drain(&mut state, "api", 1), 1);
    let end =
        |state: &State, text| state.history().receipt(Generation(1), &name(text)).unwrap().end();
    assert_eq!(end(&state, "api"), Some(DrainEnd::Drained));
    assert_eq!(end(&state, "web"), None, "requests may still be on its old color");
    assert_eq!(end_drain(&mut state, "api", 1), 0, "an end is final");
    assert_eq!(end_drain(&mut state, "mail", 1), 0, "it has not moved");
    assert_eq!(end_drain(&mut state, "web", 1), 1);
}

#[test]
fn a_service_that_is_there_already_is_left_alone() {
    let mut state = started();
    go(&mut state, &["api"], to(Color::Green)).unwrap();
    let events = go(&mut state, &SHOP, to(Color::Green)).unwrap();
    assert_eq!(events.len(), 1, "only web moves: {events:?}");
    assert_eq!((at(&state, "web"), at(&state, "api")), ((Color::Green, 2), (Color::Green, 1)));
    assert_eq!(go(&mut state, &SHOP, to(Color::Green)), Ok(Vec::new()), "already on green");
}

#[test]
fn one_service_without_evidence_keeps_all_where_they_are() {
    // L9
    let mut state = started();
    let before = state.clone();
    let mut without = requested(&SHOP, to(Color::Green));
    let api = |one: &&mut ProvenColor| one.service == name("api");
    without.proven.iter_mut().filter(api).for_each(|one| one.evidence.clear());
    let Err(Refusal::Unhealthy { service, .. }) = run(&mut state, Command::Move(without)) else {
        panic!("api was not proven");
    };
    assert_eq!(service, name("api"), "the refusal names it");
    let mut forgotten = requested(&SHOP, to(Color::Green));
    forgotten.proven.retain(|one| one.service != name("api"));
    let refused = run(&mut state, Command::Move(forgotten)).unwrap_err();
    assert_eq!(refused, Refusal::SwitchInProgress { generation: None });
    assert_eq!(state, before);
}

#[test]
fn the_expected_generation_is_the_highest_of_the_group() {
    let mut state = started();
    go(&mut state, &["mail"], to(Color::Green)).unwrap();
    go(&mut state, &["api"], to(Color::Green)).unwrap();
    let expecting = |generation| {
        let mut requested = requested(&SHOP, to(Color::Blue));
        requested.request.services.push(name("mail"));
        requested.request.if_generation = Some(Generation(generation));
        requested.proven.push(proven("mail", Color::Blue));
        Command::Move(requested)
    };
    let refused = run(&mut state, expecting(1)).unwrap_err();
    let (expected, actual) = (Generation(1), Generation(2));
    assert_eq!(refused, Refusal::GenerationMismatch { service: name("api"), expected, actual });
    run(&mut state, expecting(2)).unwrap();
    assert_eq!(state.generation(), Generation(3));
}

#[test]
fn a_publish_refuses_every_group_that_shares_a_service_with_it() {
    let mut state = started();
    run(&mut state, Command::Move(requested(&SHOP, to(Color::Green)))).unwrap();
    for names in [&["web"][..], &["mail", "api"], &["mail"]] {
        let refused =
            run(&mut state, Command::Move(requested(names, to(Color::Green)))).unwrap_err();
        let in_progress = Refusal::SwitchInProgress { generation: Some(Generation(1)) };
        assert_eq!(refused, in_progress, "{names:?}");
    }
}

#[test]
fn a_rollback_of_a_group_undoes_its_newest_switch_and_nothing_older() {
    let mut state = started();
    let refused = go(&mut state, &SHOP, Direction::Back).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "web, api were never switched, so there is nothing to roll back to"
    );
    go(&mut state, &SHOP, to(Color::Green)).unwrap();
    go(&mut state, &SHOP, Direction::Back).unwrap();
    assert_eq!((at(&state, "web"), at(&state, "api")), ((Color::Blue, 2), (Color::Blue, 2)));
    go(&mut state, &["api"], to(Color::Green)).unwrap();
    go(&mut state, &SHOP, to(Color::Green)).unwrap();
    go(&mut state, &SHOP, Direction::Back).unwrap();
    assert_eq!(at(&state, "web"), (Color::Blue, 5), "the newest switch has moved web");
    assert_eq!(at(&state, "api"), (Color::Green, 3), "api was there before it");
}

#[test]
fn a_reload_of_one_service_does_not_tear_a_rollback_apart() {
    let mut state = started();
    go(&mut state, &SHOP, to(Color::Green)).unwrap();
    reload(&mut state, &["web", "api", "mail"], &["web"]);
    assert_eq!((at(&state, "web").1, at(&state, "api").1), (2, 1));
    go(&mut state, &SHOP, Direction::Back).unwrap();
    assert_eq!((at(&state, "web"), at(&state, "api")), ((Color::Blue, 3), (Color::Blue, 3)));
}

#[test]
fn every_drain_under_way_is_superseded_by_the_group_that_takes_over() {
    let mut state = started();
    go(&mut state, &["web"], to(Color::Green)).unwrap();
    go(&mut state, &["api"], to(Color::Green)).unwrap();
    let events = go(&mut state, &SHOP, to(Color::Blue)).unwrap();
    let ended = |event: &Event| matches!(event, Event::DrainEnded { .. });
    assert_eq!(events.iter().filter(|event| ended(event)).count(), 2);
    for (text, generation) in [("web", 1), ("api", 2)] {
        let receipt = state.history().receipt(Generation(generation), &name(text)).unwrap();
        assert_eq!(receipt.end(), Some(DrainEnd::Superseded { by: Generation(3) }), "{text}");
    }
}

#[test]
fn a_restart_interrupts_all_receipts_of_a_group() {
    // L6
    let mut state = started();
    run(&mut state, Command::Move(requested(&SHOP, to(Color::Green)))).unwrap();
    run(&mut state, Command::Restart).unwrap();
    let ends = state.history().receipts().map(rules::Receipt::end);
    assert_eq!(ends.collect::<Vec<_>>(), [Some(DrainEnd::Interrupted); 2]);
    assert_eq!((at(&state, "web"), at(&state, "api")), ((Color::Green, 1), (Color::Green, 1)));
}

#[test]
fn an_end_without_a_service_is_that_of_the_only_receipt() {
    // L6: so it stands in journals from before there were groups.
    let mut state = started();
    go(&mut state, &["web"], to(Color::Green)).unwrap();
    let (generation, end) = (Generation(1), DrainEnd::Drained);
    let service = None;
    apply(&mut state, Event::DrainEnded { generation, service, at: NOW, end, figures: None });
    check(&state).unwrap();
    assert_eq!(state.history().receipt(generation, &name("web")).unwrap().end(), Some(end));
}

#[test]
fn receipts_of_one_switch_are_kept_and_go_together() {
    let mut state = started();
    for round in 0..KEPT {
        let direction = if round % 2 == 0 { Color::Green } else { Color::Blue };
        go(&mut state, &["web", "api", "mail"], to(direction)).unwrap();
        let count = |generation| state.history().receipts_of(Generation(generation)).count();
        let kept: Vec<_> = (1..=round as u64 + 1).map(count).filter(|count| *count > 0).collect();
        assert!(kept.iter().all(|count| *count == 3), "{kept:?}");
    }
    assert_eq!(state.history().receipts().count(), KEPT / 3 * 3);
}

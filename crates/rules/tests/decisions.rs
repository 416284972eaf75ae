//! The conditions of each decision, one sentence per test.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::time::Duration;

use rules::{
    Actor, Color, Command, ConfiguredService, Direction, DrainEnd, Figures, Generation, KEPT, Move,
    MoveRequest, Progress, Proof, ProvenColor, Receipt, Refusal, Remarks, ServiceName, State,
    TargetUrl, Version, apply, check, decide, gate,
};
use support::{NOW, name, publish};

fn web() -> ServiceName {
    name("web")
}

fn target() -> TargetUrl {
    TargetUrl::parse("http://127.0.0.1:8081").unwrap()
}

fn configured(name: &str, initial: Color) -> ConfiguredService {
    ConfiguredService {
        name: support::name(name),
        initial,
        moved: false,
        told: [Vec::new(), Vec::new()],
    }
}

/// The number of events that follow.
fn run(state: &mut State, command: Command) -> Result<usize, Refusal> {
    support::run(state, command).map(|events| events.len())
}

fn reload(state: &mut State, services: Vec<ConfiguredService>) {
    run(state, Command::Reload { configured: services, actor: Actor::Teal }).unwrap();
    publish(state);
}

fn started() -> State {
    let mut state = State::default();
    reload(&mut state, vec![configured("web", Color::Blue)]);
    state
}

fn go(direction: Direction, if_generation: Option<u64>) -> Command {
    let target = target();
    let proof =
        Proof { target: target.into(), at: NOW, status: 200, latency: Duration::from_millis(2) };
    let proven = Color::BOTH.map(|color| ProvenColor {
        service: web(),
        color,
        evidence: vec![proof.clone()],
        unfinished: Some(Figures { parked: 3, ..Figures::default() }),
    });
    Command::Move(Move {
        request: MoveRequest {
            if_generation: if_generation.map(Generation),
            ..MoveRequest::new(vec![web()], direction)
        },
        actor: Actor::Uid(7),
        proven: proven.into(),
        remarks: Remarks::default(),
        watched: None,
    })
}

#[test]
fn a_switch_may_say_which_version_it_goes_to_and_why() {
    let mut state = started();
    let version = |text: &str| Version::new(text).ok();
    let said = |color, remarks: Remarks| match to(color) {
        Command::Move(moving) => Command::Move(Move { remarks, ..moving }),
        other => other,
    };
    let reason = Some("the fix for orders".to_owned());
    let remarks = Remarks { version: version("v42"), reason: reason.clone() };
    run(&mut state, said(Color::Green, remarks)).unwrap();
    publish(&mut state);
    let first = receipt(&state, 1);
    assert_eq!((&first.version, &first.from_version), (&version("v42"), &None));
    assert_eq!(first.reason, reason);
    run(&mut state, said(Color::Blue, Remarks::default())).unwrap();
    let second = receipt(&state, 2);
    assert_eq!((&second.version, &second.from_version), (&None, &version("v42")));
    assert_eq!(second.reason, None);
    assert_eq!(state.version(&web(), Color::Green), version("v42"), "it still runs there");
}

fn to(color: Color) -> Command {
    go(Direction::To(color), None)
}

fn receipt(state: &State, generation: u64) -> &Receipt {
    state.history().receipt(Generation(generation), &web()).unwrap()
}

fn active(state: &State) -> (Color, u64) {
    let (service, _) = state.serving(&web()).unwrap();
    (service.split.stable(), service.generation.0)
}

#[test]
fn the_first_configuration_is_generation_zero_and_the_first_switch_generation_one() {
    let mut state = started();
    assert_eq!((active(&state), state.generation().0), ((Color::Blue, 0), 0));
    run(&mut state, to(Color::Green)).unwrap();
    assert_eq!((active(&state), state.generation().0), ((Color::Green, 1), 1));
    assert_eq!(state.publishing(), Some(Generation(1)));
}

#[test]
fn a_second_switch_is_refused_only_between_the_decision_and_the_publish() {
    let mut state = started();
    run(&mut state, to(Color::Green)).unwrap();
    for color in Color::BOTH {
        let refused = run(&mut state, to(color)).unwrap_err();
        assert_eq!(refused, Refusal::SwitchInProgress { generation: Some(Generation(1)) });
    }
    publish(&mut state);
    assert_eq!(run(&mut state, to(Color::Green)), Ok(0), "already on green");
    run(&mut state, to(Color::Blue)).unwrap();
    let end = receipt(&state, 1).end();
    assert_eq!(end, Some(DrainEnd::Superseded { by: Generation(2) }));
    let figures = receipt(&state, 1).figures.clone();
    assert_eq!(figures.unwrap().parked, 3, "what was measured so far is kept");
}

#[test]
fn already_on_the_color_is_not_a_refusal_even_with_a_stale_generation() {
    let mut state = started();
    assert_eq!(run(&mut state, go(Direction::To(Color::Blue), Some(77))), Ok(0));
    let refused = run(&mut state, go(Direction::To(Color::Green), Some(77))).unwrap_err();
    assert_eq!(refused.code(), "generation_mismatch");
    run(&mut state, go(Direction::To(Color::Green), Some(0))).unwrap();
}

#[test]
fn while_a_generation_is_published_a_stale_one_hears_of_that_first() {
    let mut state = State::default();
    reload(&mut state, vec![configured("web", Color::Blue), configured("api", Color::Blue)]);
    let stale_move = |name: &str, color| {
        let Command::Move(mut requested) = go(Direction::To(color), Some(77)) else {
            unreachable!()
        };
        requested.request.services = vec![support::name(name)];
        Command::Move(requested)
    };
    run(&mut state, to(Color::Green)).unwrap();
    for (name, color) in [("web", Color::Blue), ("api", Color::Green)] {
        let refused = run(&mut state, stale_move(name, color)).unwrap_err();
        let in_progress = Refusal::SwitchInProgress { generation: Some(Generation(1)) };
        assert_eq!(refused, in_progress, "{name}");
    }
    publish(&mut state);
    for (name, color) in [("web", Color::Blue), ("api", Color::Green)] {
        let refused = run(&mut state, stale_move(name, color)).unwrap_err();
        assert_eq!(refused.code(), "generation_mismatch", "{name}");
    }
}

#[test]
fn a_color_without_evidence_gets_no_traffic() {
    // L9
    let mut state = started();
    let Command::Move(mut requested) = to(Color::Green) else { unreachable!() };
    requested.proven.iter_mut().for_each(|proven| proven.evidence.clear());
    assert_eq!(run(&mut state, Command::Move(requested)).unwrap_err().code(), "unhealthy");
}

#[test]
fn evidence_for_the_other_color_does_not_count_for_this_one() {
    // L9: between the proof of blue and the decision, a rollback has become one to green.
    let mut state = started();
    let Command::Move(mut requested) = to(Color::Green) else { unreachable!() };
    requested.proven.retain(|proven| proven.color == Color::Blue);
    let refused = run(&mut state, Command::Move(requested)).unwrap_err();
    assert_eq!(refused, Refusal::SwitchInProgress { generation: None });
}

#[test]
fn a_rollback_goes_to_the_color_before_and_is_refused_where_there_is_none() {
    let mut state = started();
    let refused = run(&mut state, go(Direction::Back, None)).unwrap_err();
    assert_eq!(refused, Refusal::NothingToRollBack { services: vec![web()] });
    run(&mut state, to(Color::Green)).unwrap();
    publish(&mut state);
    run(&mut state, go(Direction::Back, None)).unwrap();
    assert_eq!(active(&state), (Color::Blue, 2));
    assert_eq!(receipt(&state, 2).cause.as_str(), "rollback");
}

#[test]
fn a_failover_waits_a_minute_unless_an_operator_has_switched() {
    let mut state = started();
    run(&mut state, go(Direction::AwayFrom(Color::Blue), None)).unwrap();
    publish(&mut state);
    let again = run(&mut state, go(Direction::AwayFrom(Color::Green), None)).unwrap_err();
    assert_eq!(again.code(), "failover_cooling");
    run(&mut state, to(Color::Blue)).unwrap();
    publish(&mut state);
    run(&mut state, go(Direction::AwayFrom(Color::Blue), None)).unwrap();
}

#[test]
fn a_receipt_is_readable_from_the_decision_on_and_complete_at_the_end() {
    let mut state = started();
    run(&mut state, to(Color::Green)).unwrap();
    let progress = |state: &State| receipt(state, 1).progress;
    assert_eq!(progress(&state), Progress::Publishing);
    let early = Command::EndDrain {
        generation: Generation(1),
        service: web(),
        end: DrainEnd::Drained,
        figures: Figures::default(),
    };
    assert_eq!(run(&mut state, early.clone()), Ok(0), "nothing drains before it is published");
    publish(&mut state);
    assert_eq!(progress(&state), Progress::Draining { published: NOW });
    assert_eq!(run(&mut state, early.clone()), Ok(1));
    let end = DrainEnd::Drained;
    assert_eq!(progress(&state), Progress::Ended { published: Some(NOW), at: NOW, end });
    assert_eq!(run(&mut state, early), Ok(0), "an end is final");
}

#[test]
fn a_restart_interrupts_open_drains_and_changes_no_color() {
    // L6
    let mut state = started();
    assert_eq!(run(&mut state, Command::Restart), Ok(0), "nothing was open");
    run(&mut state, to(Color::Green)).unwrap();
    assert_eq!(run(&mut state, Command::Restart), Ok(1));
    assert_eq!(active(&state), (Color::Green, 1));
    let end = receipt(&state, 1).end();
    assert_eq!(end, Some(DrainEnd::Interrupted));
    run(&mut state, to(Color::Blue)).unwrap();
    // Published, and still draining: open as well.
    publish(&mut state);
    assert_eq!(run(&mut state, Command::Restart), Ok(1));
    assert_eq!(run(&mut state, Command::Restart), Ok(0), "it was closed by the one before");
}

#[test]
fn a_publish_whose_note_was_lost_is_known_by_the_decision_after_it() {
    // L6: a journal without the note is one that Teal must come back from.
    let mut live = started();
    let mut replayed = live.clone();
    let services = vec![configured("web", Color::Blue), configured("api", Color::Blue)];
    let actor = Actor::Token("ci".into());
    for command in [to(Color::Green), Command::Reload { configured: services, actor }] {
        for event in decide(&live, command, NOW).unwrap() {
            apply(&mut replayed, event.clone());
            apply(&mut live, event);
        }
        assert_eq!(check(&replayed), Ok(()));
        publish(&mut live); // and nothing of it reached the disk
    }
    let first = receipt(&replayed, 1);
    assert_eq!(first.progress, Progress::Draining { published: NOW });
    run(&mut replayed, Command::Restart).unwrap();
    assert_eq!(active(&replayed), active(&live));
}

#[test]
fn a_service_that_comes_back_is_where_it_was_and_not_held() {
    // L6
    let mut state = started();
    run(&mut state, to(Color::Green)).unwrap();
    publish(&mut state);
    let hold = || Command::Hold { service: web(), actor: Actor::Teal, max_wait: Duration::ZERO };
    run(&mut state, hold()).unwrap();
    assert_eq!(run(&mut state, hold()).unwrap_err().code(), "already_held");
    reload(&mut state, vec![configured("other", Color::Blue)]);
    assert!(state.serving(&web()).is_none());
    assert_eq!(run(&mut state, to(Color::Blue)).unwrap_err().code(), "unknown_service");
    let end = receipt(&state, 1).end();
    assert_eq!(end, Some(DrainEnd::Superseded { by: Generation(2) }));
    reload(&mut state, vec![configured("other", Color::Blue), configured("web", Color::Blue)]);
    assert_eq!(active(&state), (Color::Green, 3));
    let resume = Command::Resume { service: web(), actor: Actor::Teal };
    assert_eq!(run(&mut state, resume).unwrap_err().code(), "not_held");
}

#[test]
fn a_reload_that_leaves_traffic_alone_creates_no_generation() {
    let mut state = started();
    let same = |moved| Command::Reload {
        configured: vec![ConfiguredService { moved, ..configured("web", Color::Green) }],
        actor: Actor::Teal,
    };
    assert_eq!(run(&mut state, same(false)), Ok(0));
    assert_eq!(run(&mut state, same(true)), Ok(1));
    assert_eq!(active(&state), (Color::Blue, 1), "`initial` counts only where no state exists");
}

#[test]
fn the_newest_hundred_receipts_are_kept_and_holds_do_not_push_them_out() {
    let mut state = started();
    for round in 0..KEPT as u64 + 50 {
        let direction = if round % 2 == 0 { Color::Green } else { Color::Blue };
        run(&mut state, to(direction)).unwrap();
        publish(&mut state);
        let actor = Actor::Teal;
        let hold = Command::Hold { service: web(), actor, max_wait: Duration::ZERO };
        run(&mut state, hold).unwrap();
        run(&mut state, Command::Resume { service: web(), actor: Actor::Teal }).unwrap();
    }
    assert_eq!(state.history().receipts().count(), KEPT);
    assert_eq!(state.history().receipts().next().unwrap().generation, Generation(51));
}

#[test]
fn a_service_must_be_named_where_there_are_several() {
    let mut state = started();
    assert_eq!(gate::name_service(&state, None), Ok(web()));
    assert_eq!(gate::name_service(&state, Some(&web())), Ok(web()));
    let unknown = name("wep");
    let refused = gate::name_service(&state, Some(&unknown)).unwrap_err();
    assert_eq!(refused.to_string(), "no service is called wep; there are: web");
    reload(&mut state, vec![configured("web", Color::Blue), configured("api", Color::Blue)]);
    let refused = gate::name_service(&state, None).unwrap_err();
    assert_eq!(refused.to_string(), "there are several services, name one of: api, web");
}

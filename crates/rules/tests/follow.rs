//! Decisions of a newer Teal that an older one knows from the tables that it follows.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::time::Duration;

use rules::{
    Actor, Color, Command, ConfiguredService, Generation, HeldSince, Lifecycle, ServiceName, Shown,
    Split, State, Time, check, follow,
};
use support::{name, publish, run};

const LATER: Time = Time(6_000_000);
const MINUTE: Duration = Duration::from_secs(60);

/// A Teal with these services, all on blue.
fn started(services: &[&str]) -> State {
    let mut state = State::default();
    let configured = services.iter().map(|text| {
        let (name, initial) = (name(text), Color::Blue);
        ConfiguredService { name, initial, moved: false, told: [Vec::new(), Vec::new()] }
    });
    run(&mut state, Command::Reload { configured: configured.collect(), actor: Actor::Teal })
        .unwrap();
    publish(&mut state);
    state
}

fn shown(active: Color, generation: u64, max_wait: Option<Duration>) -> Shown {
    let (split, generation) = (Split::only(active), Generation(generation));
    Shown { split, generation, max_wait, notice: None, told: [None, None], preview_serial: None }
}

/// Follows a table of this generation.
fn see(state: &mut State, generation: u64, services: &[(ServiceName, Shown)]) {
    let services = services.iter().map(|(name, shown)| (name, shown.clone()));
    follow(state, Generation(generation), services, LATER);
    check(state).unwrap();
}

fn held(state: &State) -> Option<HeldSince> {
    state.serving(&name("web")).unwrap().1.held.clone()
}

#[test]
fn a_table_that_shows_what_is_known_changes_nothing() {
    // L6
    let mut state = started(&["web"]);
    let hold = Command::Hold { service: name("web"), actor: Actor::Uid(7), max_wait: MINUTE };
    run(&mut state, hold).unwrap();
    let before = state.clone();
    see(&mut state, 0, &[(name("web"), shown(Color::Blue, 0, Some(MINUTE)))]);
    assert_eq!(state, before, "not even who holds it, and since when");
}

#[test]
fn a_switch_that_a_table_shows_is_known_and_can_be_undone() {
    // L2 L6
    let mut state = started(&["web", "api"]);
    let services =
        [(name("web"), shown(Color::Green, 3, None)), (name("api"), shown(Color::Blue, 0, None))];
    see(&mut state, 3, &services);
    let (web, _) = state.serving(&name("web")).unwrap();
    assert_eq!((web.split.stable(), web.generation), (Color::Green, Generation(3)));
    assert_eq!(web.left_other, Some(Generation(3)), "there is a way back");
    let (api, _) = state.serving(&name("api")).unwrap();
    assert_eq!((api.split.stable(), api.generation), (Color::Blue, Generation(0)));
    assert_eq!((state.generation(), state.publishing()), (Generation(3), None));
    // An older table changes nothing.
    let before = state.clone();
    see(&mut state, 2, &[(name("web"), shown(Color::Blue, 2, None))]);
    assert_eq!(state, before);
}

#[test]
fn a_hold_that_a_table_shows_is_known_and_so_is_its_end() {
    // L6
    let mut state = started(&["web"]);
    see(&mut state, 0, &[(name("web"), shown(Color::Blue, 0, Some(MINUTE)))]);
    let expected = HeldSince { since: LATER, by: Actor::Teal, max_wait: MINUTE };
    assert_eq!(held(&state), Some(expected));
    see(&mut state, 0, &[(name("web"), shown(Color::Blue, 0, None))]);
    assert_eq!(held(&state), None);
    run(&mut state, Command::Resume { service: name("web"), actor: Actor::Teal }).unwrap_err();
}

#[test]
fn a_service_that_only_the_newer_one_has_is_kept_for_when_it_is_added() {
    // L6
    let mut state = started(&["web"]);
    see(&mut state, 2, &[(name("more"), shown(Color::Green, 2, Some(MINUTE)))]);
    let more = name("more");
    let found = state.services().find(|(name, _)| **name == more).unwrap().1;
    assert_eq!((found.split.stable(), &found.lifecycle), (Color::Green, &Lifecycle::Removed));
    let configured = ["web", "more"].map(|text| {
        let (name, initial) = (name(text), Color::Blue);
        ConfiguredService { name, initial, moved: false, told: [Vec::new(), Vec::new()] }
    });
    run(&mut state, Command::Reload { configured: configured.into(), actor: Actor::Teal }).unwrap();
    assert_eq!(state.serving(&more).unwrap().0.split.stable(), Color::Green, "not `initial`");
}

#[test]
fn a_table_that_contradicts_itself_leaves_a_sound_state() {
    let mut state = started(&["web"]);
    see(&mut state, 1, &[(name("web"), shown(Color::Green, 9, None))]);
    assert_eq!(state.generation(), Generation(1));
}

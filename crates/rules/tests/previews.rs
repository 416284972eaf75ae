//! Revoking preview tokens: a decision that is counted, and that nothing takes back.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use rules::{
    Actor, Color, Command, ConfiguredService, Event, Generation, Shown, Split, State, follow,
};
use support::{NOW, name, publish, run};

fn started() -> State {
    let mut state = State::default();
    reload(&mut state, &["web", "api"]);
    state
}

fn reload(state: &mut State, services: &[&str]) {
    let configured = services.iter().map(|text| {
        let (name, initial) = (name(text), Color::Blue);
        ConfiguredService { name, initial, moved: false, told: [Vec::new(), Vec::new()] }
    });
    let configured = configured.collect();
    run(state, Command::Reload { configured, actor: Actor::Teal }).unwrap();
    publish(state);
}

fn revoke(state: &mut State, service: &str) {
    let command = Command::RevokePreviews { service: name(service), actor: Actor::Uid(7) };
    let events = run(state, command).unwrap();
    assert!(events.len() == 1 && events.iter().all(Event::is_decision), "{events:?}");
}

fn serial(state: &State, service: &str) -> u64 {
    state.serving(&name(service)).unwrap().0.preview_serial
}

#[test]
fn each_revocation_is_durable_and_counted_for_its_service_alone() {
    // L6
    let mut state = started();
    assert_eq!((serial(&state, "web"), serial(&state, "api")), (0, 0));
    revoke(&mut state, "web");
    revoke(&mut state, "web");
    assert_eq!((serial(&state, "web"), serial(&state, "api")), (2, 0));
    assert_eq!(state.generation(), Generation(0), "no traffic has moved");
    let unknown = Command::RevokePreviews { service: name("mail"), actor: Actor::Teal };
    assert_eq!(run(&mut state, unknown).unwrap_err().code(), "unknown_service");
}

#[test]
fn a_service_that_comes_back_has_not_forgotten_its_revocations() {
    // L6
    let mut state = started();
    revoke(&mut state, "web");
    reload(&mut state, &["api"]);
    reload(&mut state, &["web", "api"]);
    assert_eq!(serial(&state, "web"), 1);
}

#[test]
fn an_older_teal_knows_revocations_from_the_table_and_takes_none_back() {
    // L6
    let mut state = started();
    let mut see = |preview_serial: Option<u64>| {
        let (split, generation) = (Split::only(Color::Blue), Generation(0));
        let shown = Shown {
            split,
            generation,
            max_wait: None,
            notice: None,
            told: [None, None],
            preview_serial,
        };
        follow(&mut state, Generation(0), [(&name("web"), shown)], NOW);
        serial(&state, "web")
    };
    assert_eq!([see(Some(3)), see(None), see(Some(2)), see(Some(4))], [3, 3, 3, 4]);
}

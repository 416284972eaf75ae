//! Maintenance: begun, changed and ended for one service or for all of a group, and never together with a hold.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use rules::{
    Actor, Color, Command, ConfiguredService, Event, Generation, HistoryEntry, Maintenance,
    Network, Notice, Shown, Split, State, Time, check, follow,
};
use support::{NOW, name, publish, run};

const BY: Actor = Actor::Uid(7);

/// A Teal with the services `web` and `api`.
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

fn notice(message: &str) -> Arc<Notice> {
    Arc::new(Notice { message: Some(message.to_owned()), ..Notice::default() })
}

fn begin(services: &[&str], message: &str) -> Command {
    let services = services.iter().map(|text| name(text)).collect();
    Command::BeginMaintenance { services, actor: BY, notice: notice(message) }
}

fn end(services: &[&str]) -> Command {
    let services = services.iter().map(|text| name(text)).collect();
    Command::EndMaintenance { services, actor: BY }
}

fn hold() -> Command {
    Command::Hold { service: name("web"), actor: BY, max_wait: Duration::from_secs(1) }
}

fn of(state: &State, service: &str) -> Option<Maintenance> {
    state.serving(&name(service)).unwrap().1.maintenance.clone()
}

#[test]
fn a_maintenance_is_a_decision_of_one_event_for_all_of_its_services() {
    // L6
    let mut state = started();
    let events = run(&mut state, begin(&["web", "api"], "soon")).unwrap();
    assert!(events.len() == 1 && events[0].is_decision(), "{events:?}");
    let expected = Maintenance { since: NOW, by: BY, notice: notice("soon") };
    assert_eq!((of(&state, "web"), of(&state, "api")), (Some(expected.clone()), Some(expected)));
    assert_eq!(state.generation(), Generation(0), "no traffic has moved");
    let events = run(&mut state, end(&["web", "api"])).unwrap();
    assert!(events.len() == 1 && events[0].is_decision(), "{events:?}");
    assert_eq!((of(&state, "web"), of(&state, "api")), (None, None));
    let kinds: Vec<_> = state.history().iter().rev().take(2).collect();
    assert!(
        matches!(kinds[0], HistoryEntry::MaintenanceEnded { services, .. } if services.len() == 2)
    );
    let message = Some("soon".to_owned());
    assert!(
        matches!(kinds[1], HistoryEntry::MaintenanceBegan { message: said, .. } if *said == message)
    );
}

#[test]
fn another_notice_does_not_begin_another_maintenance() {
    let mut state = started();
    run(&mut state, begin(&["web"], "soon")).unwrap();
    let later = Time(NOW.0 + 1);
    let events = rules::decide(&state, begin(&["web", "api"], "at noon"), later).unwrap();
    for event in events {
        rules::apply(&mut state, event);
    }
    let (web, api) = (of(&state, "web").unwrap(), of(&state, "api").unwrap());
    assert_eq!((web.since, api.since), (NOW, later));
    assert_eq!((web.notice, api.notice), (notice("at noon"), notice("at noon")));
}

#[test]
fn only_services_in_maintenance_leave_it_and_an_unknown_one_refuses_all() {
    let mut state = started();
    assert_eq!(run(&mut state, end(&["web"])).unwrap_err().code(), "not_in_maintenance");
    assert_eq!(
        run(&mut state, begin(&["web", "mail"], "x")).unwrap_err().code(),
        "unknown_service"
    );
    assert_eq!(of(&state, "web"), None);
    run(&mut state, begin(&["web"], "x")).unwrap();
    let events = run(&mut state, end(&["web", "api"])).unwrap();
    assert!(matches!(&events[..], [Event::Maintained(change)] if change.services == [name("web")]));
}

#[test]
fn a_maintenance_ends_a_hold_and_refuses_one() {
    let mut state = started();
    run(&mut state, hold()).unwrap();
    run(&mut state, begin(&["web"], "x")).unwrap();
    assert_eq!(state.serving(&name("web")).unwrap().1.held, None);
    assert_eq!(run(&mut state, hold()).unwrap_err().code(), "in_maintenance");
    run(&mut state, end(&["web"])).unwrap();
    run(&mut state, hold()).unwrap();
}

#[test]
fn a_restart_keeps_a_maintenance_and_a_service_that_comes_back_is_not_in_it() {
    // L6
    let mut state = started();
    run(&mut state, begin(&["web"], "x")).unwrap();
    run(&mut state, Command::Restart).unwrap();
    reload(&mut state, &["web", "api"]);
    assert!(of(&state, "web").is_some());
    reload(&mut state, &["api"]);
    reload(&mut state, &["web", "api"]);
    assert_eq!(of(&state, "web"), None);
}

#[test]
fn an_older_teal_knows_a_maintenance_from_the_table_that_shows_it() {
    // L6
    let mut state = started();
    let mut see = |notice: Option<Arc<Notice>>| {
        let (split, generation) = (Split::only(Color::Blue), Generation(0));
        let shown = Shown {
            split,
            generation,
            max_wait: None,
            notice,
            told: [None, None],
            preview_serial: None,
        };
        follow(&mut state, Generation(0), [(&name("web"), shown)], NOW);
        check(&state).unwrap();
        of(&state, "web")
    };
    let seen = see(Some(notice("x"))).unwrap();
    assert_eq!(seen, Maintenance { since: NOW, by: Actor::Teal, notice: notice("x") });
    assert_eq!(see(None), None);
}

#[test]
fn a_notice_lets_its_networks_through_and_a_message_is_one_line() {
    let allow = ["10.0.0.0/8", "::1"].map(|text| Network::parse(text).unwrap()).to_vec();
    let notice = Notice { allow, ..Notice::default() };
    for (client, passes) in [("10.1.2.3", true), ("::1", true), ("11.0.0.0", false), ("::2", false)]
    {
        assert_eq!(notice.allows(client.parse().unwrap()), passes, "{client}");
    }
    assert!(Notice::check_message("Zurück um 12:00").is_ok());
    for bad in ["", "two\nlines", &"x".repeat(501)] {
        assert!(Notice::check_message(bad).unwrap_err().contains("one line"), "{bad}");
    }
}

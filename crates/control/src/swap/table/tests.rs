//! Tests of the parts that a new table shares with the previous one.

use std::time::Duration;

use rules::{
    Actor, Command, ConfiguredService, Generation, Health, Probe, ProbeOutcome, ServiceName, Time,
    apply, decide,
};
use tokio::time::Instant;
use traffic::{TargetBooks, TargetId};

use super::*;

/// Services that are served, in another order than that of their names.
fn ground(names: &[&str]) -> (State, Roster) {
    let names = || names.iter().map(|name| ServiceName::new(name).unwrap());
    let url = |port: u32| TargetUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let specs = names().zip(1..).map(|(name, port)| {
        let mut spec = ServiceSpec::new(name.clone(), vec![url(port)], vec![url(port + 100)]);
        spec.hosts = vec![format!("{name}.test")];
        spec
    });
    let (mut state, mut roster) = (State::default(), Roster::new(1));
    roster.adopt(specs.collect());
    let configured = names().map(|name| ConfiguredService {
        name,
        initial: Color::Blue,
        moved: false,
        told: [Vec::new(), Vec::new()],
    });
    changed(&mut state, Command::Reload { configured: configured.collect(), actor: Actor::Teal });
    (state, roster)
}

fn changed(state: &mut State, command: Command) {
    for event in decide(state, command, Time(1)).unwrap() {
        apply(state, event);
    }
}

fn built(state: &State, roster: &Roster) -> Table {
    build(state, roster, Limits::default(), Vec::new())
}

/// The table that shares nothing.
fn anew(state: &State, roster: &mut Roster) -> Table {
    let _all = roster.members.iter_mut().map(|published| &mut **published).count();
    roster.routes.take();
    built(state, roster)
}

/// Which services are shared by two tables; whether the routes are.
fn shared(one: &Table, other: &Table) -> (Vec<bool>, bool) {
    let services = one.services.iter().zip(&other.services);
    let routes = one.routes.is_shared_with(&other.routes);
    (services.map(|(one, other)| Arc::ptr_eq(one, other)).collect(), routes)
}

fn shows(table: &Table) -> String {
    format!("{:?}", table.services)
}

#[test]
fn r71_a_table_shares_unchanged_parts_and_nothing_else() {
    // L2
    let (mut state, mut roster) = ground(&["c", "a", "b"]);
    let mut before = built(&state, &roster);
    assert_eq!(before.services.len(), 3);
    assert_eq!(before.routes.find("a.test", "/"), Ok(1));
    assert_eq!(shared(&built(&state, &roster), &before), (vec![true; 3], true));
    let changes: [fn(&mut Member); 6] = [
        |member| member.colors[0].targets[0].moves += 1,
        |member| member.colors[1].targets[0].addresses.clear(),
        |member| member.colors[0].targets[0].url = TargetUrl::parse("http://127.0.0.1:9").unwrap(),
        |member| member.spec.policy_mut().timeouts.idle *= 2,
        |member| member.spec.policy_mut().drop_headers.push("x".to_owned()),
        |member| drop(member.colors[1].targets.pop()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        change(&mut roster.members[1]);
        let now = built(&state, &roster);
        assert_ne!(shows(&now), shows(&before), "change {number}");
        assert_eq!(shared(&now, &before), (vec![true, false, true], true), "change {number}");
        assert_eq!(shows(&now), shows(&anew(&state, &mut roster)), "change {number}");
        before = built(&state, &roster);
    }
    let (services, notice) = (vec![ServiceName::new("a").unwrap()], Arc::default());
    changed(&mut state, Command::BeginMaintenance { services, actor: Actor::Teal, notice });
    let now = built(&state, &roster);
    assert!(now.services[1].maintenance.is_some());
    assert_eq!(shared(&now, &before), (vec![true, false, true], true));
    let before = now;
    let service = ServiceName::new("c").unwrap();
    let max_wait = Duration::from_secs(1);
    changed(&mut state, Command::Hold { service, actor: Actor::Teal, max_wait });
    let now = built(&state, &roster);
    assert!(now.services[0].held.is_some());
    assert_eq!(shared(&now, &before), (vec![false, true, true], true));
    roster.members[2].keep_tally(Duration::ZERO, None);
    assert_eq!(
        shared(&built(&state, &roster), &now),
        (vec![true; 3], true),
        "sums do not count as a change"
    );
    assert_eq!(now.generation, Generation(0));
}

#[test]
fn r71_another_configuration_has_other_routes_whatever_is_the_same() {
    // L2
    let (mut state, mut roster) = ground(&["c", "a", "b"]);
    let before = built(&state, &roster);
    let specs = roster.members.iter().map(|member| member.spec.clone()).collect();
    roster.adopt(specs);
    let now = built(&state, &roster);
    assert_eq!(shared(&now, &before), (vec![false; 3], false));
    assert_eq!(shows(&now), shows(&before));
    // One is no longer served: those behind it have other places.
    let configured = ["c", "b"].map(|name| ConfiguredService {
        name: ServiceName::new(name).unwrap(),
        initial: Color::Blue,
        moved: false,
        told: [Vec::new(), Vec::new()],
    });
    changed(&mut state, Command::Reload { configured: configured.into(), actor: Actor::Teal });
    let now = built(&state, &roster);
    assert_eq!(now.services.len(), 2);
    assert_eq!(now.routes.find("b.test", "/"), Ok(1));
    assert_eq!(now.routes.find("a.test", "/").ok(), None);
    assert_eq!(shows(&now), shows(&anew(&state, &mut roster)));
}

/// One name with two addresses for each color, the first of which is proven.
fn named() -> (State, Roster) {
    let (state, mut roster) = ground(&["a"]);
    let spec = roster.members[0].spec.clone();
    let url = |color: &str| TargetUrl::parse(&format!("http://{color}.test:80")).unwrap();
    let specs = ServiceSpec::new(spec.name, vec![url("blue")], vec![url("green")]);
    roster.adopt(vec![specs]);
    for color in [0, 1] {
        let name = roster.members[0].colors[color].names[0].id;
        roster.list(name, vec!["127.0.0.1:80".parse().unwrap(), "127.0.0.2:80".parse().unwrap()]);
        roster.settle(name, false).unwrap();
        roster.admit_where(name, |at| at.ip().to_string() == "127.0.0.1");
    }
    (state, roster)
}

fn probe(passed: bool) -> Probe {
    let failed = ProbeOutcome::Failed { status: None, reason: "refused".into() };
    let outcome = if passed { ProbeOutcome::Passed { status: 200 } } else { failed };
    let (moment, latency) = (Duration::from_secs(1), Duration::from_millis(1));
    Probe { at: Time(1), moment, latency, outcome }
}

/// A change that a probe or a lookup makes to a target, and true if workers see it.
type Change = (&'static str, bool, fn(&mut TargetSeat));

const CHANGES: [Change; 16] = [
    ("nothing", false, |_| {}),
    ("a passed probe", false, |seat| {
        seat.health.record(probe(true), &Health::default());
    }),
    ("the first failed probe", false, |seat| {
        seat.health.record(probe(false), &Health::default());
    }),
    ("what traffic met", false, |seat| {
        (seat.suspect, seat.absent, seat.refused) = (true, true, true);
        (seat.malformed, seat.confirming) = (Some("no"), true);
    }),
    ("when and how it is probed", false, |seat| {
        (seat.since, seat.is_probed, seat.hurry) = (Instant::now(), true, Arc::default());
    }),
    ("what its name has", false, |seat| {
        seat.listed = vec!["127.0.0.9:80".parse().unwrap()];
        seat.candidates.clear();
    }),
    ("back and forth", false, |seat| {
        let addresses = std::mem::take(&mut seat.addresses);
        seat.addresses = addresses;
    }),
    ("down", true, |seat| {
        let health = Health { fall: 1, ..Health::default() };
        seat.health.record(probe(false), &health);
    }),
    ("another address in use", true, |seat| {
        seat.addresses = vec!["127.0.0.9:80".parse().unwrap()];
    }),
    ("one more address in use", true, |seat| {
        seat.addresses.push("127.0.0.9:80".parse().unwrap());
    }),
    ("withdrawn", true, TargetSeat::withdraw),
    ("an address left", true, |seat| seat.moves += 1),
    ("another address", true, |seat| seat.address = None),
    ("another URL", true, |seat| seat.url = TargetUrl::parse("http://127.0.0.1:9").unwrap()),
    ("other books", true, |seat| seat.books = Arc::new(TargetBooks::new(1))),
    ("another identity", true, |seat| seat.id = TargetId(4711)),
];

#[test]
fn r71_a_probe_invalidates_the_parts_of_workers_only_where_they_see_a_difference() {
    // L2
    for (what, is_seen, change) in CHANGES {
        for color in [0, 1] {
            let (state, mut roster) = named();
            let before = built(&state, &roster);
            let id = roster.members[0].colors[color].targets[0].id;
            change(&mut roster.target_mut(id).unwrap().2);
            let now = built(&state, &roster);
            assert_eq!(shared(&now, &before).0, vec![!is_seen], "{what}");
            assert_eq!(shows(&now), shows(&anew(&state, &mut roster)), "{what}");
        }
    }
}

#[test]
fn r71_a_target_outside_the_table_changes_it_only_by_entering_it() {
    // L2
    let (state, mut roster) = named();
    let before = built(&state, &roster);
    let id = roster.members[0].colors[0].targets[1].id;
    assert_eq!(before.services[0].colors[0].targets.len(), 1, "it is not proven");
    roster.target_mut(id).unwrap().2.health.record(probe(false), &Health::default());
    roster.target_mut(id).unwrap().2.moves += 1;
    let name = roster.members[0].colors[0].names[0].id;
    roster.name_mut(name).unwrap().looked_up = Some(Duration::from_secs(1));
    let listed = roster.name_mut(name).unwrap().listed.clone();
    roster.list(name, listed);
    roster.settle(name, true).unwrap();
    assert_eq!(shared(&built(&state, &roster), &before).0, vec![true]);
    roster.target_mut(id).unwrap().2.admit();
    let now = built(&state, &roster);
    assert_eq!(now.services[0].colors[0].targets.len(), 2);
    assert_eq!(shows(&now), shows(&anew(&state, &mut roster)));
    // The last one that was in it goes: what is not proven stands in for it.
    for place in [0, 1] {
        let id = roster.members[0].colors[0].targets[place].id;
        roster.target_mut(id).unwrap().2.withdraw();
        let now = built(&state, &roster);
        assert_eq!(now.services[0].colors[0].targets.len(), [1, 2][place]);
        assert_eq!(shows(&now), shows(&anew(&state, &mut roster)));
    }
}

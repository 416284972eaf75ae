//! Tests of the parts that a new table shares with the previous one.

use std::time::Duration;

use rules::{Actor, Command, Generation, ServiceName, Time, Wanted, apply, decide};

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
    let wanted = names().map(|name| Wanted { name, initial: Color::Blue, moved: false });
    changed(&mut state, Command::Reload { wanted: wanted.collect(), actor: Actor::Teal });
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
    let _all = roster.members.iter_mut().map(|told| &mut **told).count();
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
fn r71_a_table_shares_what_is_the_same_and_nothing_else() {
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
    let service = ServiceName::new("c").unwrap();
    let max_wait = Duration::from_secs(1);
    changed(&mut state, Command::Hold { service, actor: Actor::Teal, max_wait });
    let now = built(&state, &roster);
    assert!(now.services[0].held.is_some());
    assert_eq!(shared(&now, &before), (vec![false, true, true], true));
    roster.members[2].keep_tally(Duration::ZERO);
    assert_eq!(shared(&built(&state, &roster), &now), (vec![true; 3], true), "sums are no change");
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
    let wanted = ["c", "b"].map(|name| Wanted {
        name: ServiceName::new(name).unwrap(),
        initial: Color::Blue,
        moved: false,
    });
    changed(&mut state, Command::Reload { wanted: wanted.into(), actor: Actor::Teal });
    let now = built(&state, &roster);
    assert_eq!(now.services.len(), 2);
    assert_eq!(now.routes.find("b.test", "/"), Ok(1));
    assert_eq!(now.routes.find("a.test", "/").ok(), None);
    assert_eq!(shows(&now), shows(&anew(&state, &mut roster)));
}

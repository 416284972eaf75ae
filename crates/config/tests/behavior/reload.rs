//! What a reload would change, and what it refuses.

use crate::spoiled::{FILE, parse};
use config::{Changes, Config, diff};
use rules::Color;

fn config(text: &str) -> Config {
    parse(text).expect(text)
}

fn changes(old: &str, new: &str) -> Changes {
    diff(&config(old), &config(new)).expect("a reload suffices")
}

#[test]
fn a_file_that_means_the_same_changes_nothing() {
    let reordered = "[[service]]\ngreen.targets = [\"http://10.0.0.2:82/\"] # the same\n\
                     blue.targets = [\"http://10.0.0.1:81\"]\nname = \"web\"\ninitial = \"green\"\n\
                     [[listener]]\naddress = \"0.0.0.0:8080\"\n";
    assert!(changes(FILE, reordered).is_empty());
}

#[test]
fn what_is_bound_at_start_is_refused_by_name_all_at_once() {
    let new = format!(
        "state_dir = \"/s\"\nworkers = 77\n{}[admin]\nlisten = \"127.0.0.1:1\"\nsocket_group = \"g\"\n",
        FILE.replace("8080", "8081")
    );
    let refused = diff(&config(FILE), &config(&new)).expect_err("takes an upgrade");
    let keys: Vec<&str> = refused.iter().map(|immovable| immovable.key).collect();
    assert_eq!(keys, ["state_dir", "workers", "admin.listen", "admin.socket_group", "listener"]);
    assert_eq!(
        refused[2].to_string(),
        "admin.listen cannot be changed by a reload (from 127.0.0.1:9900 to 127.0.0.1:1); use `teal \
         upgrade`, which clients do not notice"
    );
}

#[test]
fn the_order_of_listeners_means_nothing() {
    let two = |first: &str, second: &str| {
        format!("{FILE}[[listener]]\naddress = {first:?}\n[[listener]]\naddress = {second:?}\n")
    };
    assert!(changes(&two("[::1]:1", "[::1]:2"), &two("[::1]:2", "[::1]:1")).is_empty());
}

#[test]
fn services_that_come_and_go_are_named() {
    let api = FILE.replace("web", "api");
    let changes = changes(FILE, &api);
    assert_eq!(changes.added.iter().map(ToString::to_string).collect::<Vec<_>>(), ["api"]);
    assert_eq!(changes.removed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["web"]);
    assert!(changes.changed.is_empty() && !changes.admin && !changes.limits);
}

#[test]
fn targets_that_come_and_go_are_named_by_color() {
    let new =
        FILE.replace("\"http://10.0.0.2:82\"", "\"http://10.0.0.3:83\", \"http://10.0.0.2:82\"");
    let there = changes(FILE, &new);
    let [change] = &there.changed[..] else { panic!("{there:?}") };
    assert!(!change.targets_of(Color::Blue).is_any());
    let green = change.targets_of(Color::Green);
    assert_eq!(green.added[0].to_string(), "http://10.0.0.3:83");
    assert_eq!((green.added.len(), green.removed.len()), (1, 0));
    let back = changes(&new, FILE);
    assert_eq!(back.changed[0].targets_of(Color::Green).removed, green.added);
    assert!(!change.routes && !change.health && !change.settings);
}

#[test]
fn what_else_differs_in_a_service_is_told_apart() {
    let change = |line: &str| {
        let changes = changes(FILE, &format!("{FILE}{line}\n"));
        let [change] = &changes.changed[..] else { panic!("{changes:?}") };
        (change.routes, change.health, change.settings)
    };
    assert_eq!(change("path_prefix = \"/x\""), (true, false, false));
    assert_eq!(change("hosts = [\"*.x.y\"]"), (true, false, false));
    assert_eq!(change("hosts = [\"x.y\"]"), (true, true, false), "probes send the host");
    assert_eq!(change("health.rise = 3"), (false, true, false));
    for line in ["drain.timeout = \"1s\"", "timeouts.idle = \"1s\"", "hold.requests = 1"] {
        assert_eq!(change(line), (false, false, true), "{line}");
    }
    assert_eq!(change("failover = \"auto\""), (false, false, true));
}

#[test]
fn limits_and_admin_names_are_told_apart() {
    let limits = changes(FILE, &format!("{FILE}[limits]\nfields = 7\n"));
    assert!(limits.limits && !limits.admin && limits.changed.is_empty());
    let admin = changes(FILE, &format!("{FILE}[admin]\nhosts = [\"x.y\"]\n"));
    assert!(admin.admin && !admin.limits && !admin.is_empty());
}

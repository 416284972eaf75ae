//! Configurations that a reload refuses.

use crate::spoiled::{FILE, parse};
use config::{Config, immovable};

fn config(text: &str) -> Config {
    parse(text).expect(text)
}

#[test]
fn keys_that_are_bound_at_start_are_refused_by_name_all_at_once() {
    let new = format!(
        "state_dir = \"/s\"\nworkers = 77\n{}[admin]\nlisten = \"127.0.0.1:1\"\nsocket_group = \"g\"\n",
        FILE.replace("8080", "8081")
    );
    let refused = immovable(&config(FILE), &config(&new));
    let keys: Vec<_> = refused.iter().filter_map(|said| said.split(' ').next()).collect();
    assert_eq!(keys, ["state_dir", "workers", "admin.listen", "admin.socket_group", "listener"]);
    assert_eq!(
        refused[2],
        "admin.listen cannot be changed by a reload (from 127.0.0.1:9900 to 127.0.0.1:1); use `teal \
         upgrade`, which clients do not notice"
    );
}

#[test]
fn the_order_of_listeners_means_nothing() {
    let two = |first: &str, second: &str| {
        format!("{FILE}[[listener]]\naddress = {first:?}\n[[listener]]\naddress = {second:?}\n")
    };
    let (one, other) = (two("[::1]:1", "[::1]:2"), two("[::1]:2", "[::1]:1"));
    assert_eq!(immovable(&config(&one), &config(&other)), [""; 0]);
}

#[test]
fn changes_that_need_no_upgrade_are_not_refused() {
    let reordered = "[[service]]\ngreen.targets = [\"http://10.0.0.2:82/\"] # the same\n\
                     blue.targets = [\"http://10.0.0.1:81\"]\nname = \"web\"\ninitial = \"green\"\n\
                     [[listener]]\naddress = \"0.0.0.0:8080\"\n";
    let api = FILE.replace("web", "api");
    let admin = format!("{FILE}[limits]\nfields = 7\n[admin]\nhosts = [\"x.y\"]\n");
    for new in [reordered, &api, &admin] {
        assert_eq!(immovable(&config(FILE), &config(new)), [""; 0], "{new}");
    }
}

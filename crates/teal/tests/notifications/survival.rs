//! Decisions are notified after a crash at any moment, and by one Teal only in an upgrade.

use std::collections::BTreeSet;
use std::time::Duration;

use testkit::{Teal, free_port, wait_until};

use crate::{Endpoint, TEAL, service, table};

const WITHIN: Duration = Duration::from_secs(20);

fn pending(teal: &Teal) -> u64 {
    teal.metrics().count("teal_notifications_pending", &[("endpoint", "ops")])
}

#[test]
fn a_switch_is_notified_once_although_teal_is_killed_at_any_moment() {
    let port = free_port();
    let (_blue, _green, settings) = service(&table("ops", port));
    let mut teal = Teal::start_healthy(TEAL, &settings);
    teal.switch_to("green");
    wait_until(WITHIN, "the first switch is in the outbox", || pending(&teal) > 0);
    teal.switch_to("blue");
    teal.kill(); // perhaps before the second one was in the outbox
    let outbox = std::fs::read_to_string(teal.state_dir().join("notifications/outbox"));
    let outbox = outbox.expect("it is there");
    let endpoint = Endpoint::at(port);
    teal.start_again();
    let switches = endpoint.has("switch", 2);
    assert!(outbox.contains(&switches[0].0), "the id is the one from before");
    assert!(switches[0].1.starts_with("web: switched from blue to green"), "{switches:?}");
    assert!(switches[1].1.starts_with("web: switched from green to blue"), "{switches:?}");
    wait_until(WITHIN, "nothing waits", || pending(&teal) == 0);
    teal.wait_healthy("green", true);
    let killed = teal.kill_serving();
    teal.wait_revived(killed);
    teal.switch_to("green");
    let switches = endpoint.has("switch", 3);
    let ids: BTreeSet<_> = switches.iter().map(|(id, _)| id).collect();
    assert_eq!((ids.len(), switches.len()), (3, 3), "{switches:?}");
    assert_eq!(teal.stop(WITHIN), Some(0));
}

#[test]
fn an_upgrade_hands_on_what_waits_and_both_never_send_the_same() {
    let port = free_port();
    let (_blue, _green, settings) = service(&table("ops", port));
    let mut teal = Teal::start_healthy(TEAL, &settings);
    teal.switch_to("green");
    teal.switch_to("blue");
    wait_until(WITHIN, "two wait", || pending(&teal) >= 2);
    teal.upgrade();
    let endpoint = Endpoint::at(port);
    teal.switch_to("green");
    let switches = endpoint.has("switch", 3);
    let to: Vec<_> = switches.iter().map(|(_, text)| text.split(' ').nth(5)).collect();
    assert_eq!(to, [Some("green"), Some("blue"), Some("green")], "{switches:?}");
    let upgrades = endpoint.has("upgrade", 2);
    assert!(upgrades[0].1.contains("has taken over"), "{upgrades:?}");
    assert!(upgrades[1].1.contains("has left"), "{upgrades:?}");
    teal.wait_alone(WITHIN);
    let all: Vec<_> = endpoint.received().into_iter().map(|message| message.id).collect();
    let ids: BTreeSet<_> = all.iter().collect();
    assert_eq!(ids.len(), all.len(), "each once");
    teal.assert_books_balance();
}

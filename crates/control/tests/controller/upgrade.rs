//! The charge, laid down for a newer Teal: nothing is decided meanwhile, and nothing is lost by it.

use std::thread;
use std::time::Duration;

use control::{HoldAsk, ReloadAsk, SwitchAsk};
use rules::{Actor, Color, DrainEnd, Refusal};
use testkit::wait_until;

use crate::world::{Ground, SOON, to};

fn hold() -> HoldAsk {
    HoldAsk { service: None, actor: Actor::Teal, max_wait: None, drain: None }
}

#[test]
fn nothing_is_decided_while_the_charge_is_laid_down_and_all_goes_on_afterwards() {
    // L6
    let ground = Ground::new();
    let world = ground.start_healthy();
    let frozen = world.wait(world.handle.freeze()).unwrap();
    assert_eq!(world.switch(to(Color::Green)).unwrap_err(), Refusal::UpgradeInProgress);
    assert_eq!(world.wait(world.handle.hold(hold())).unwrap_err(), Refusal::UpgradeInProgress);
    ground.spec(|spec| spec.drain.timeout = Duration::from_secs(7));
    let reload = world.handle.reload(ReloadAsk { actor: Actor::Teal });
    assert_eq!(world.wait(reload).unwrap_err(), Refusal::UpgradeInProgress);
    let again = world.wait(world.handle.freeze()).unwrap_err();
    assert_eq!(again, Refusal::UpgradeInProgress);
    assert_eq!(world.active(), (Color::Blue, 0), "and it says how things are");
    drop(frozen);
    assert_eq!(world.switch_fully(Color::Green), DrainEnd::Drained);
    assert_eq!(world.active(), (Color::Green, 1));
}

#[test]
fn what_probes_find_meanwhile_is_published_afterwards() {
    let ground = Ground::new();
    let world = ground.start_healthy();
    let frozen = world.wait(world.handle.freeze()).unwrap();
    ground.blue.stop();
    drop(frozen);
    wait_until(SOON, "probes go on", || !world.color(Color::Blue).healthy);
    let usable = || world.publisher.table().services[0].color(Color::Blue).targets[0].usable;
    wait_until(SOON, "and workers know", || !usable());
}

#[test]
fn a_drain_under_way_ends_first_and_all_goes_on_until_then() {
    // L3 L4 L10
    let ground = Ground::new();
    let world = ground.start_healthy();
    let (lease, color) = world.claim();
    assert_eq!(color, Color::Blue);
    let control::Switched::Published { .. } = world.switch(to(Color::Green)).unwrap() else {
        panic!("not published")
    };
    let handle = world.handle.clone();
    let freezing = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(handle.freeze())
    });
    let dry = SwitchAsk { dry_run: true, ..to(Color::Blue) };
    assert!(world.switch(dry).is_ok(), "the charge is not laid down yet");
    assert!(!freezing.is_finished(), "the drain of blue would be forgotten");
    world.workers[0].release(lease);
    let frozen = freezing.join().unwrap().unwrap();
    assert!(world.color(Color::Blue).drained);
    drop(frozen);
}

#[test]
fn a_drain_that_goes_on_for_long_is_in_the_way() {
    // L10
    let ground = Ground::new();
    ground.spec(|spec| spec.drain.timeout = Duration::from_secs(600));
    let world = ground.start_healthy();
    let (_lease, _) = world.claim();
    world.switch(to(Color::Green)).unwrap();
    let handle = world.handle.clone();
    let freezing = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(handle.freeze()).map(drop)
    });
    wait_until(SOON, "it gives up", || {
        world.skip(Duration::from_secs(20));
        freezing.is_finished()
    });
    assert_eq!(freezing.join().unwrap(), Err(Refusal::DrainUnderWay));
    assert!(world.switch(to(Color::Blue)).is_ok(), "and all goes on");
}

//! Targets that a runner tells: proven, durable and drained like those of a reload.

use control::{
    Answer, BeginDeployRequest, EventRead, LiveEvent, ReloadRequest, Reloaded, Scope,
    TargetsInForce,
};
use rules::{
    Actor, Color, DeployId, DrainEnd, Generation, HistoryEntry, Standing, TargetSettings,
    TargetUrl, Tell,
};
use testkit::{Health, Target, wait_until};

use crate::take_back::removed;
use crate::upgrade::Newer;
use crate::world::{Fixture, SOON, World, name, to, url};

/// A fixture whose colors are both left to a runner.
fn left_to_a_runner() -> Fixture {
    let fixture = Fixture::new();
    fixture.spec(|spec| {
        for color in &mut spec.colors {
            color.targets.clear();
            color.told = Some(TargetSettings::default());
        }
    });
    fixture
}

fn request(color: Color, targets: Vec<TargetUrl>) -> Tell {
    Tell {
        service: name("web"),
        color,
        targets,
        deploy: None,
        if_generation: None,
        actor: Actor::Uid(7),
    }
}

fn tell(world: &World, color: Color, targets: Vec<TargetUrl>) -> Answer<TargetsInForce> {
    world.wait(world.handle.tell_targets(request(color, targets)))
}

fn reload(world: &World) -> Answer<Reloaded> {
    world.wait(world.handle.reload(ReloadRequest { actor: Actor::Teal }))
}

fn targets(world: &World, color: Color) -> Vec<TargetUrl> {
    world.color(color).targets.into_iter().map(|target| target.url).collect()
}

/// Both colors told and proven, green active after a first switch.
fn started(fixture: &Fixture) -> World {
    let world = fixture.start();
    tell(&world, Color::Green, vec![url(&fixture.green)]).unwrap();
    world.switch_fully(Color::Green);
    tell(&world, Color::Blue, vec![url(&fixture.blue)]).unwrap();
    wait_until(SOON, "blue is proven", || world.color(Color::Blue).healthy);
    world
}

#[test]
fn a_service_without_targets_starts_and_its_first_switch_goes_to_the_color_that_was_told() {
    // L9
    let fixture = left_to_a_runner();
    let world = fixture.start();
    wait_until(SOON, "it is ready", || world.wait(world.handle.is_ready()));
    assert_eq!(world.workers[0].claim(), None, "there is no target to choose");
    for color in Color::BOTH {
        let status = world.color(color);
        assert!(status.told && !status.healthy && status.targets.is_empty(), "{status:?}");
        let reason = status.unhealthy_reason.unwrap();
        assert_eq!(reason, "no targets: start it with: teal deploy web");
    }
    let refused = world.switch(to(Color::Green)).unwrap_err();
    assert_eq!(refused.code(), "unhealthy");
    assert!(refused.to_string().contains("teal deploy web"), "{refused}");
    let told = tell(&world, Color::Green, vec![url(&fixture.green)]).unwrap();
    assert_eq!(told.generation, None, "green receives nothing");
    assert_eq!(world.color(Color::Green).targets[0].standing, Standing::Unknown);
    assert_eq!(world.switch_fully(Color::Green), DrainEnd::Drained);
    assert_eq!(world.claim().1, Color::Green);
    assert_eq!(world.active(), (Color::Green, 1));
    let refused = world.switch(to(Color::Blue)).unwrap_err();
    assert_eq!(refused.code(), "unhealthy", "nothing runs there: {refused}");
}

#[test]
fn told_targets_of_an_active_color_pass_the_gate_first() {
    // L9
    let fixture = left_to_a_runner();
    let world = started(&fixture);
    let fresh = Target::stopped("fresh");
    let refused = tell(&world, Color::Green, vec![url(&fresh)]).unwrap_err();
    assert_eq!(refused.code(), "unhealthy");
    assert!(refused.to_string().ends_with("connection refused"), "{refused}");
    assert_eq!(targets(&world, Color::Green), [url(&fixture.green)], "nothing has changed");
    fresh.restart();
    let (lease, _) = world.claim();
    let mut events = world.handle.events(None);
    let told = tell(&world, Color::Green, vec![url(&fresh)]).unwrap();
    assert_eq!(told.generation, Some(Generation(2)));
    let green = world.color(Color::Green);
    assert_eq!(green.targets[0].standing, Standing::Up, "what the gate found out is kept");
    assert_eq!(world.active(), (Color::Green, 2));
    let table = world.publisher.table();
    assert_eq!(table.draining.len(), 1, "the old target drains (L4)");
    world.workers[0].release(lease);
    wait_until(SOON, "it is drained", || world.publisher.table().draining.is_empty());
    let told = world.wait(async {
        loop {
            if let EventRead::Item(item) = events.next().await
                && let LiveEvent::Targets { generation, .. } = item.event
            {
                return generation;
            }
        }
    });
    assert_eq!(told, Some(Generation(2)));
    let refused = tell(&world, Color::Green, Vec::new()).unwrap_err();
    assert_eq!(refused.code(), "unhealthy", "an active color keeps a target: {refused}");
}

#[test]
fn what_was_told_outlives_a_crash_and_a_reload() {
    // L6
    let fixture = left_to_a_runner();
    let world = started(&fixture);
    world.crash();
    let world = fixture.start();
    assert_eq!(targets(&world, Color::Blue), [url(&fixture.blue)]);
    assert_eq!((world.active(), world.claim().1), ((Color::Green, 1), Color::Green));
    assert_eq!(reload(&world).unwrap(), Reloaded { generation: None, changes: Vec::new() });
    fixture.spec(|spec| spec.health.rise = 3);
    assert_eq!(reload(&world).unwrap().generation, None);
    assert_eq!(targets(&world, Color::Green), [url(&fixture.green)]);
    tell(&world, Color::Blue, Vec::new()).unwrap();
    assert_eq!(targets(&world, Color::Blue), []);
    world.crash();
    assert_eq!(targets(&fixture.start(), Color::Blue), []);
}

#[test]
fn a_reload_hands_targets_over_to_a_runner_and_back_without_touching_traffic() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (configured, of_a_runner) = (fixture.config.lock().unwrap().clone(), left_to_a_runner());
    let left = of_a_runner.config.lock().unwrap().clone();
    *fixture.config.lock().unwrap() = left;
    let reloaded = reload(&world).unwrap();
    assert_eq!(reloaded.generation, None, "the same targets go on: {reloaded:?}");
    assert_eq!(targets(&world, Color::Blue), [url(&fixture.blue)]);
    assert_eq!(world.claim().1, Color::Blue);
    world.crash();
    let world = fixture.start();
    assert_eq!(targets(&world, Color::Blue), [url(&fixture.blue)], "they are in the journal (L6)");
    let other = Target::start("other");
    tell(&world, Color::Green, vec![url(&other)]).unwrap();
    *fixture.config.lock().unwrap() = configured;
    assert_eq!(reload(&world).unwrap().generation, None, "green receives nothing");
    assert_eq!(targets(&world, Color::Green), [url(&fixture.green)]);
    let refused = tell(&world, Color::Green, vec![url(&other)]).unwrap_err();
    assert_eq!(refused.code(), "targets_configured");
    assert!(refused.to_string().starts_with("the configuration names the targets of web green"));
}

#[test]
fn a_program_at_the_address_of_an_earlier_one_is_proven_anew() {
    // L9
    let fixture = left_to_a_runner();
    let world = started(&fixture);
    let second = Target::start("second");
    tell(&world, Color::Blue, vec![url(&fixture.blue), url(&second)]).unwrap();
    let both_up = || world.color(Color::Blue).healthy;
    wait_until(SOON, "both are proven", both_up);
    fixture.blue.health(Health::Hang);
    tell(&world, Color::Blue, vec![url(&fixture.blue)]).unwrap();
    let blue = world.color(Color::Blue);
    assert!(!blue.healthy && blue.targets[0].standing != Standing::Up, "{blue:?}");
    assert_eq!(world.switch(to(Color::Blue)).unwrap_err().code(), "unhealthy");
}

#[test]
fn targets_that_cannot_be_used_are_refused_and_change_nothing() {
    let fixture = left_to_a_runner();
    let world = started(&fixture);
    let twice = vec![url(&fixture.blue), url(&fixture.blue)];
    let shared = vec![url(&fixture.green)];
    for (targets, says) in [(twice, "twice"), (shared, "is also a target of green")] {
        let refused = tell(&world, Color::Blue, targets).unwrap_err();
        assert_eq!(refused.code(), "invalid_targets");
        assert!(refused.to_string().contains(says), "{refused}");
    }
    let stale = Tell { if_generation: Some(Generation(7)), ..request(Color::Blue, Vec::new()) };
    let refused = world.wait(world.handle.tell_targets(stale)).unwrap_err();
    assert_eq!(refused.code(), "generation_mismatch");
    let unknown = Tell { service: name("mail"), ..request(Color::Blue, Vec::new()) };
    let refused = world.wait(world.handle.tell_targets(unknown)).unwrap_err();
    assert_eq!(refused.code(), "unknown_service");
    assert_eq!(targets(&world, Color::Blue), [url(&fixture.blue)]);
}

#[test]
fn during_a_deploy_only_its_command_line_tells_targets() {
    let fixture = left_to_a_runner();
    let world = started(&fixture);
    let begin = BeginDeployRequest {
        scope: Scope::Only,
        version: None,
        actor: Actor::Uid(7),
        by: None,
        reason: None,
        emergency: false,
        supersede: false,
        sweep: false,
        if_generation: None,
    };
    world.wait(world.handle.begin_deploy(begin)).unwrap();
    let refused = tell(&world, Color::Blue, Vec::new()).unwrap_err();
    assert_eq!(refused.code(), "deploy_in_progress");
    let claimed =
        |claim| Tell { deploy: Some((DeployId(1), claim)), ..request(Color::Blue, Vec::new()) };
    let refused = world.wait(world.handle.tell_targets(claimed(2))).unwrap_err();
    assert_eq!(refused.code(), "deploy_taken_over");
    world.wait(world.handle.tell_targets(claimed(1))).unwrap();
    assert_eq!(targets(&world, Color::Blue), []);
    let history = world.wait(world.handle.history()).unwrap();
    assert!(matches!(history.last(), Some(HistoryEntry::Told(_))), "{history:?}");
}

#[test]
fn an_older_teal_that_finds_no_journal_knows_from_the_newest_table_what_was_told() {
    // L6
    let fixture = left_to_a_runner();
    let world = started(&fixture);
    let other = Target::start("other");
    tell(&world, Color::Blue, vec![url(&other)]).unwrap();
    let (newer, follower) = Newer::take_over(&fixture, &world);
    // Its table has the first target of blue: it was told again there.
    let version = newer.publish_as(1, Color::Green, None);
    assert!(newer.has(&world, version, SOON));
    drop(newer);
    let opened = removed(&fixture);
    world.wait(async { follower.stop().await.take_back(opened).await }).unwrap();
    assert_eq!(targets(&world, Color::Blue), [url(&fixture.blue)]);
    assert_eq!((world.active(), world.claim().1), ((Color::Green, 1), Color::Green));
}

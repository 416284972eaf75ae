//! Switches: their effect, their records, and their refusals.

use std::time::{Duration, Instant};

use control::{Destination, EventRead, LiveEvent, Switched};
use rules::{Cause, Color, DrainEnd, Generation, Refusal};
use testkit::{Health, wait_until};

use crate::world::{Fixture, SOON, name, only, service, to};

#[test]
fn a_switch_moves_new_leases_and_leaves_a_complete_receipt() {
    // L2 L4 L9
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    assert_eq!(world.active(), (Color::Blue, 0));
    let (lease, color) = world.claim();
    assert_eq!(color, Color::Blue);
    let Switched::Published { from, to: new, cause, generation, mut drain, .. } =
        world.switch(to(Color::Green)).unwrap()
    else {
        panic!("not published")
    };
    assert_eq!((from, new, cause.as_str()), (Color::Blue, Color::Green, "switch"));
    assert_eq!(generation, Generation(1));
    for worker in &world.workers {
        assert_eq!(worker.claim().unwrap().1, Color::Green, "no lease on blue after published");
    }
    assert_eq!(drain.now(), None, "blue has a lease");
    let receipt = world.wait(world.handle.receipts(Some(generation))).map(only).unwrap();
    assert!(receipt.end().is_none() && receipt.published().is_some(), "readable meanwhile");
    world.workers[0].release(lease);
    assert_eq!(world.wait(drain.end()), DrainEnd::Drained);
    let receipt = world.receipt();
    assert_eq!(receipt.end(), Some(DrainEnd::Drained));
    assert_eq!(receipt.evidence.len(), 2, "rise probes of one target");
    let figures = receipt.figures.unwrap();
    assert!(figures.last_on_old.unwrap() <= figures.first_on_new.unwrap());
    assert!(world.color(Color::Blue).drained);
}

#[test]
fn an_unhealthy_color_is_refused_with_the_reason_of_its_last_probe() {
    // L9
    let fixture = Fixture::new();
    fixture.spec(|spec| spec.health.interval = Duration::from_secs(600));
    let world = fixture.start_healthy();
    fixture.green.stop(); // the evidence is fresh, and already wrong
    let refusal = world.switch(to(Color::Green)).unwrap_err();
    let text = refusal.to_string();
    assert_eq!(refusal.code(), "unhealthy");
    assert!(text.starts_with("Target green is not healthy\n"), "{text}");
    assert!(text.ends_with("connection refused"), "{text}");
    assert_eq!(world.active(), (Color::Blue, 0));
    fixture.green.restart();
    world.switch(to(Color::Green)).expect("fresh probes prove it again at once");
}

#[test]
fn a_color_that_was_healthy_a_moment_ago_is_not_trusted_beyond_its_interval() {
    // L9
    let fixture = Fixture::new();
    fixture.spec(|spec| spec.health.interval = Duration::from_millis(30));
    fixture.spec(|spec| spec.health.fast_interval = Duration::from_millis(30));
    let world = fixture.start_healthy();
    fixture.green.health(Health::Hang);
    let stale = Instant::now() + Duration::from_millis(31);
    wait_until(SOON, "the evidence to be stale", || Instant::now() >= stale);
    let refusal = world.switch(to(Color::Green)).unwrap_err();
    assert!(refusal.to_string().contains("timed out after 300ms"), "{refusal}");
}

#[test]
fn too_little_evidence_is_made_up_for_by_probes_back_to_back() {
    // L9
    let fixture = Fixture::new();
    fixture.spec(|spec| {
        spec.health.interval = Duration::from_secs(600);
        spec.health.fast_interval = Duration::from_secs(600);
        spec.health.rise = 3;
    });
    let world = fixture.start();
    world.switch(to(Color::Green)).unwrap();
    let receipt = world.receipt();
    assert_eq!(receipt.evidence.len(), 3);
}

#[test]
fn wait_healthy_goes_on_probing_until_it_passes_or_the_time_is_over() {
    let fixture = Fixture::new();
    fixture.green.stop();
    let world = fixture.start();
    let patient = |millis| {
        let wait_healthy = Some(Duration::from_millis(millis));
        control::SwitchRequest { wait_healthy, ..to(Color::Green) }
    };
    let refusal = world.switch(patient(150)).unwrap_err();
    assert_eq!(refusal.code(), "unhealthy");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until(SOON, "green was probed and found dead", || {
                fixture.blue.seen().probes().len() > 2
            });
            fixture.green.restart();
        });
        world.switch(patient(8000)).unwrap();
    });
    assert_eq!(world.active().0, Color::Green);
}

#[test]
fn already_on_is_an_answer_and_joins_the_drain_under_way() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (lease, _) = world.claim();
    world.switch(to(Color::Green)).unwrap();
    let stale = control::SwitchRequest { if_generation: Some(Generation(77)), ..to(Color::Green) };
    let Switched::AlreadyOn { color, generation, drain, .. } = world.switch(stale).unwrap() else {
        panic!("not already on")
    };
    assert_eq!((color, generation), (Color::Green, Generation(1)));
    world.workers[0].release(lease);
    assert_eq!(world.wait(drain.unwrap().end()), DrainEnd::Drained);
}

#[test]
fn a_stale_generation_is_refused_and_a_dry_run_changes_nothing() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let stale = control::SwitchRequest { if_generation: Some(Generation(3)), ..to(Color::Green) };
    let refusal = world.switch(stale).unwrap_err();
    assert_eq!(refusal.code(), "generation_mismatch");
    let dry = control::SwitchRequest { dry_run: true, ..to(Color::Green) };
    let Switched::DryRun { evidence, generation, .. } = world.switch(dry).unwrap() else {
        panic!("not a dry run")
    };
    assert_eq!((evidence.len(), generation), (2, Generation(0)));
    assert_eq!(world.active(), (Color::Blue, 0));
}

#[test]
fn a_refused_dry_run_leaves_no_trace() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let mut events = world.handle.events(None);
    let (if_generation, dry_run) = (Some(Generation(3)), true);
    let dry = control::SwitchRequest { if_generation, dry_run, ..to(Color::Green) };
    assert_eq!(world.switch(dry).unwrap_err().code(), "generation_mismatch");
    let back = control::SwitchRequest { to: Destination::Previous, ..to(Color::Blue) };
    assert_eq!(world.switch(back).unwrap_err().code(), "nothing_to_roll_back");
    let EventRead::Item(first) = world.wait(events.next()) else { panic!("no event") };
    let LiveEvent::Refused { code, .. } = first.event else { panic!("{first:?}") };
    assert_eq!(code, "nothing_to_roll_back", "the first event is of the call that was made");
}

#[test]
fn a_rollback_goes_back_and_is_refused_before_the_first_switch() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let back = || control::SwitchRequest { to: Destination::Previous, ..to(Color::Blue) };
    assert_eq!(world.switch(back()).unwrap_err().code(), "nothing_to_roll_back");
    world.switch_fully(Color::Green);
    let Switched::Published { cause, to: color, .. } = world.switch(back()).unwrap() else {
        panic!("not published")
    };
    assert_eq!((cause, color), (Cause::Rollback, Color::Blue));
}

#[test]
fn of_concurrent_switches_each_gets_a_true_answer() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let answers = world.wait(async {
        let asks: Vec<_> = (0..8)
            .map(|n| {
                let handle = world.handle.clone();
                let color = if n % 2 == 0 { Color::Green } else { Color::Blue };
                tokio::spawn(async move { handle.switch(to(color)).await.map(only) })
            })
            .collect();
        let mut answers = Vec::new();
        for ask in asks {
            answers.push(ask.await.unwrap());
        }
        answers
    });
    let published = answers.iter().filter(|a| matches!(a, Ok(Switched::Published { .. }))).count();
    for answer in &answers {
        match answer {
            Ok(_) | Err(Refusal::SwitchInProgress { .. } | Refusal::Superseded { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(world.active().1, published as u64, "one generation per published switch");
}

// L10
#[test]
fn r2_a_caller_that_goes_away_before_the_decision_ends_its_call() {
    let fixture = Fixture::new();
    let world = fixture.start();
    world.wait(async {
        let asking = world.handle.switch(to(Color::Green));
        drop(tokio::time::timeout(Duration::from_micros(50), asking).await);
    });
    let calls = || world.wait(world.handle.status()).unwrap().calls;
    wait_until(SOON, "the call has ended", || calls().is_empty());
    assert_eq!(world.active(), (Color::Blue, 0));
}

#[test]
fn a_caller_that_goes_away_after_the_decision_cancels_nothing() {
    let fixture = Fixture::new();
    let world = fixture.start();
    let (lease, _) = world.claim();
    let handle = world.handle.clone();
    let asking = world.wait(async {
        let mut calls = tokio::task::JoinSet::new();
        calls.spawn(async move { handle.switch(to(Color::Green)).await });
        calls
    });
    wait_until(SOON, "it is decided", || world.active() == (Color::Green, 1));
    drop(asking);
    world.workers[0].release(lease);
    wait_until(SOON, "its drain ends", || world.color(Color::Blue).drained);
    let receipt = world.receipt();
    assert_eq!(receipt.end(), Some(DrainEnd::Drained));
}

#[test]
fn a_silent_worker_makes_a_switch_incomplete_but_never_undone() {
    // L2 L10
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    world.workers[1].silence(true);
    let refusal = world.switch(to(Color::Green)).unwrap_err();
    let incomplete = Refusal::PublishIncomplete { generation: Generation(1), workers: vec![1] };
    assert_eq!(refusal, incomplete);
    let next = world.switch(to(Color::Blue)).unwrap_err();
    assert_eq!(next.code(), "switch_in_progress", "no next switch");
    assert!(!world.color(Color::Blue).drained, "nothing is reported as drained");
    let receipt = world.receipt();
    assert!(receipt.published().is_none());
    world.workers[1].silence(false);
    wait_until(SOON, "it completes when the worker acknowledges", || {
        let receipt = world.receipt();
        receipt.end() == Some(DrainEnd::Drained)
    });
    assert_eq!(world.active(), (Color::Green, 1));
    world.switch(to(Color::Blue)).unwrap();
}

#[test]
fn switches_of_several_services_do_not_refuse_each_other() {
    let fixture = Fixture::new();
    let spec = |text: &str, host: &str| {
        let mut spec = service(text, &fixture.blue, &fixture.green);
        spec.hosts = vec![host.to_owned()];
        spec
    };
    let both = vec![spec("web", "web.test"), spec("api", "api.test")];
    *fixture.config.lock().unwrap() = Ok(both);
    let world = fixture.start();
    let refusal = world.switch(to(Color::Green)).unwrap_err();
    assert_eq!(refusal.code(), "service_required");
    let ask = |text| control::SwitchRequest {
        scope: control::Scope::Service(name(text)),
        ..to(Color::Green)
    };
    let (web, api) = world.wait(async {
        tokio::join!(world.handle.switch(ask("web")), world.handle.switch(ask("api")))
    });
    web.unwrap();
    api.unwrap();
    let status = world.wait(world.handle.status()).unwrap();
    assert_eq!(status.generation, Generation(2));
    assert_eq!(world.switch(ask("nope")).unwrap_err().code(), "unknown_service");
}

#[test]
fn events_can_be_followed() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let mut events = world.handle.events(None);
    world.switch_fully(Color::Green);
    let mut seen = Vec::new();
    world.wait(async {
        while seen.last() != Some(&"drained") {
            match events.next().await {
                EventRead::Item(item) if matches!(item.event, LiveEvent::Health { .. }) => {}
                EventRead::Item(item) => seen.push(item.event.name()),
                EventRead::Missed(missed) => panic!("{missed} missed"),
            }
        }
    });
    assert_eq!(seen, ["switch", "published", "drained"]);
}

#[test]
fn a_second_change_of_a_service_is_refused_only_until_the_first_is_published() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    world.workers[1].silence(true);
    let first = world.in_background(to(Color::Green));
    wait_until(SOON, "the first is being published", || {
        world.wait(world.handle.status()).unwrap().publishing == Some(Generation(1))
    });
    for color in Color::BOTH {
        let refusal = world.switch(to(color)).unwrap_err();
        assert_eq!(refusal, Refusal::SwitchInProgress { generation: Some(Generation(1)) });
    }
    world.workers[1].silence(false);
    assert!(matches!(first.join().unwrap(), Ok(Switched::Published { .. })));
    world.switch(to(Color::Blue)).expect("published: the next may come, drained or not");
}

#[test]
fn of_several_reasons_to_refuse_the_first_in_the_order_of_the_contract_is_given() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let stale =
        || control::SwitchRequest { if_generation: Some(Generation(77)), ..to(Color::Blue) };
    let code = |ask| world.switch(ask).unwrap_err().code();
    world.workers[1].silence(true);
    let first = world.in_background(to(Color::Green));
    wait_until(SOON, "the first is being published", || {
        world.wait(world.handle.status()).unwrap().publishing == Some(Generation(1))
    });
    // From here on nothing can be made durable, and the asker's generation is stale.
    fixture.disk.break_down(true);
    let unknown =
        control::SwitchRequest { scope: control::Scope::Service(name("nope")), ..stale() };
    assert_eq!(code(unknown), "unknown_service", "404");
    assert_eq!(code(stale()), "switch_in_progress", "409");
    world.workers[1].silence(false);
    drop(first.join().unwrap()); // on a busy machine it may have been late
    wait_until(SOON, "the first is published", || {
        world.wait(world.handle.status()).unwrap().publishing.is_none()
    });
    assert_eq!(code(stale()), "generation_mismatch", "412");
    fixture.blue.stop();
    assert_eq!(code(to(Color::Blue)), "unhealthy", "412");
    fixture.blue.restart();
    assert_eq!(code(to(Color::Blue)), "journal_unavailable", "503");
}

#[test]
fn a_change_in_hand_other_than_a_switch_also_refuses_a_stale_caller() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    world.workers[1].silence(true); // so that the hold stays in hand for a second
    let (service, max_wait, drain) = (None, None, None);
    let hold = control::HoldRequest {
        service,
        actor: rules::Actor::Teal,
        max_wait,
        drain,
        if_generation: None,
    };
    let handle = world.handle.clone();
    let held = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(handle.hold(hold))
    });
    wait_until(SOON, "the hold is decided", || world.service().held.is_some());
    let stale = control::SwitchRequest { if_generation: Some(Generation(77)), ..to(Color::Green) };
    assert_eq!(world.switch(stale.clone()).unwrap_err().code(), "switch_in_progress");
    assert_eq!(held.join().unwrap().unwrap_err().code(), "publish_incomplete");
    assert_eq!(world.switch(stale).unwrap_err().code(), "generation_mismatch");
}

#[test]
fn a_color_that_dies_while_its_switch_waits_its_turn_is_not_switched_to() {
    // L9
    let fixture = Fixture::new();
    let other = testkit::Target::start("other");
    let spec = |text: &str, host: &str, green| {
        let mut spec = service(text, &fixture.blue, green);
        spec.hosts = vec![host.to_owned()];
        spec.health.interval = Duration::from_millis(50);
        spec
    };
    let both = vec![spec("web", "web.test", &fixture.green), spec("api", "api.test", &other)];
    *fixture.config.lock().unwrap() = Ok(both);
    let world = fixture.start_healthy();
    let ask = |text| control::SwitchRequest {
        scope: control::Scope::Service(name(text)),
        ..to(Color::Green)
    };
    world.workers[1].silence(true);
    let first = world.in_background(ask("web"));
    wait_until(SOON, "web is being published", || {
        world.wait(world.handle.status()).unwrap().publishing.is_some()
    });
    let second = world.in_background(ask("api"));
    other.stop();
    wait_until(SOON, "the other green is known to be down", || {
        let status = world.wait(world.handle.status()).unwrap();
        !status.service(&name("api")).unwrap().color(Color::Green).healthy
    });
    world.workers[1].silence(false);
    first.join().unwrap().unwrap();
    assert_eq!(second.join().unwrap().unwrap_err().code(), "unhealthy");
}

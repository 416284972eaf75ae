//! Warm-ups: what is requested and when, and what a failure means.

use std::thread;
use std::time::{Duration, Instant};

use control::{Destination, Switched, WarmUpResult};
use rules::{Color, WarmUp};
use testkit::{Behavior, Gate, Health, wait_until};

use crate::world::{Fixture, SOON, World, to};

const LOGIN_FAILS: &str = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";

/// Two colors, with a warm-up of ten requests to two paths.
fn fixture(change: impl FnOnce(&mut WarmUp)) -> Fixture {
    let fixture = Fixture::new();
    let mut warm_up = WarmUp {
        paths: vec!["/".to_owned(), "/login?next=/".to_owned()],
        requests: 10,
        connections: 4,
        ..WarmUp::default()
    };
    change(&mut warm_up);
    fixture.spec(|spec| spec.warm_up = Some(warm_up));
    fixture
}

fn switched(world: &World) -> Option<WarmUpResult> {
    match world.switch(to(Color::Green)).unwrap() {
        Switched::Published { warm_up, .. } => warm_up,
        other => unreachable!("not published: {other:?}"),
    }
}

#[test]
fn each_path_is_requested_in_turn_before_any_client_reaches_the_color() {
    let fixture = fixture(|_| {});
    let world = fixture.start_healthy();
    let result = switched(&world).expect("there was a warm-up");
    assert_eq!((result.requests, result.failed, result.reason), (10, 0, None));
    for path in ["/", "/login"] {
        let requests = fixture.green.seen().requests_to(path);
        assert_eq!(requests.len(), 5, "{path}");
        assert!(
            requests.iter().all(|request| request.fields.all("user-agent") == ["teal-warm-up"])
        );
    }
    assert_eq!(fixture.blue.seen().requests_to("/").len(), 0);
}

#[test]
fn a_failure_is_told_and_hinders_nothing_unless_that_is_configured() {
    let fixture = fixture(|_| {});
    fixture.green.behave_at("/login", Behavior::raw(LOGIN_FAILS));
    let world = fixture.start_healthy();
    let result = switched(&world).expect("there was a warm-up");
    assert_eq!((result.requests, result.failed), (10, 5));
    let reason = result.reason.expect("a reason");
    assert!(reason.ends_with(": GET /login?next=/: 500 Internal Server Error"), "{reason}");
    assert_eq!(world.active().0, Color::Green);
}

#[test]
fn a_failure_refuses_where_the_warm_up_is_required() {
    let fixture = fixture(|warm_up| warm_up.required = true);
    fixture.green.behave_at("/login", Behavior::raw(LOGIN_FAILS));
    let world = fixture.start_healthy();
    let refusal = world.switch(to(Color::Green)).unwrap_err();
    assert_eq!(refusal.code(), "warm_up_failed");
    let text = refusal.to_string();
    let head = "the warm-up of web green failed, so nothing was changed\n5 of 10 requests failed, first http://";
    assert!(text.starts_with(head), "{text}");
    assert_eq!(world.active(), (Color::Blue, 0));
    fixture.green.behave_at("/login", Behavior::Echo);
    assert_eq!(switched(&world).map(|result| result.failed), Some(0));
}

#[test]
fn an_answer_of_any_length_and_a_refusal_of_the_client_are_no_failure() {
    let fixture = fixture(|warm_up| warm_up.required = true);
    let pause = Duration::ZERO;
    fixture.green.behave_at("/", Behavior::Download { bytes: 300_000, chunked: true, pause });
    let denied = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    fixture.green.behave_at("/login", Behavior::raw(denied));
    let world = fixture.start_healthy();
    assert_eq!(switched(&world).map(|result| result.failed), Some(0));
}

#[test]
fn a_target_that_never_answers_costs_no_more_than_the_deadline() {
    // L10
    let fixture = fixture(|warm_up| warm_up.timeout = Duration::from_millis(200));
    fixture.green.behave_at("/", Behavior::Hang);
    fixture.green.behave_at("/login", Behavior::Hang);
    let world = fixture.start_healthy();
    let result = switched(&world).expect("there was a warm-up");
    assert_eq!((result.requests, result.failed), (10, 10), "{result:?}");
    assert!(result.took < SOON, "{result:?}");
}

#[test]
fn a_color_that_falls_ill_while_it_is_warmed_up_is_refused() {
    // L9
    let fixture = fixture(|_| {});
    fixture.spec(|spec| spec.health.interval = Duration::from_millis(20));
    let gate = Gate::new();
    fixture.green.behave_at("/", Behavior::Held(gate.clone()));
    let world = fixture.start_healthy();
    let green = &fixture.green;
    let refusal = thread::scope(|scope| {
        scope.spawn(|| {
            wait_until(SOON, "the warm-up", || !green.seen().requests_to("/").is_empty());
            green.health(Health::Status(503));
            let before = green.seen().probes().len();
            wait_until(SOON, "failed probes", || green.seen().probes().len() > before + 3);
            gate.open();
        });
        world.switch(to(Color::Green)).unwrap_err()
    });
    assert_eq!(refusal.code(), "unhealthy", "{refusal}");
    assert_eq!(world.active(), (Color::Blue, 0));
}

#[test]
fn evidence_that_gets_old_in_a_warm_up_is_taken_again() {
    // L9
    let fixture = fixture(|_| {});
    let interval = Duration::from_millis(50);
    fixture.spec(|spec| spec.health.interval = interval);
    let gate = Gate::new();
    fixture.green.behave_at("/", Behavior::Held(gate.clone()));
    let world = fixture.start_healthy();
    let green = &fixture.green;
    let refusal = thread::scope(|scope| {
        scope.spawn(|| {
            wait_until(SOON, "the warm-up", || !green.seen().requests_to("/").is_empty());
            green.health(Health::Hang);
            let old = Instant::now() + interval * 2;
            wait_until(SOON, "the evidence to be old", || Instant::now() >= old);
            gate.open();
        });
        world.switch(to(Color::Green)).unwrap_err()
    });
    assert!(refusal.to_string().contains("timed out after 300ms"), "{refusal}");
    assert_eq!(world.active(), (Color::Blue, 0));
}

#[test]
fn a_rollback_and_a_dry_run_warm_nothing_up() {
    let fixture = fixture(|_| {});
    let world = fixture.start_healthy();
    let mut dry = to(Color::Green);
    dry.dry_run = true;
    world.switch(dry).unwrap();
    assert!(fixture.green.seen().requests_to("/").is_empty());
    switched(&world);
    let mut back = to(Color::Blue);
    back.to = Destination::Previous;
    let Switched::Published { warm_up, .. } = world.switch(back).unwrap() else {
        panic!("not published")
    };
    assert_eq!(warm_up, None);
    assert!(fixture.blue.seen().requests_to("/").is_empty());
}

#[test]
fn a_later_command_ends_a_warm_up_before_anything_is_decided() {
    // L10
    let fixture = fixture(|_| {});
    fixture.green.behave_at("/", Behavior::Hang);
    let world = fixture.start_healthy();
    let waiting = world.in_background(to(Color::Green));
    wait_until(SOON, "the stage of the warm-up", || {
        let calls = world.wait(world.handle.status()).unwrap().calls;
        calls.iter().any(|call| call.stage.as_str() == "warm-up")
    });
    world.switch(to(Color::Blue)).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap_err().code(), "superseded");
    assert_eq!(world.active(), (Color::Blue, 0));
}

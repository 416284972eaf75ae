//! Probe results, their wording, and their consequences.

use std::time::Duration;

use rules::{Color, ProbeOutcome, ServiceSpec, Standing, StatusRange};
use testkit::{Behavior, Health, Step, wait_for_ok, wait_until};
use traffic::ReportKind;

use crate::world::{Fixture, SOON, World, to, url};

fn reason(world: &World, color: Color) -> Option<String> {
    let probe = world.color(color).targets[0].last_probe.clone()?;
    probe.outcome.reason().map(ToOwned::to_owned)
}

fn expect_reason(world: &World, wanted: &str) {
    wait_for_ok(SOON, wanted, || match reason(world, Color::Green) {
        Some(found) if found == wanted => Ok(()),
        found => Err(format!("last was {found:?}")),
    });
}

#[test]
fn each_way_of_failing_has_its_reason_in_words() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let green = &fixture.green;
    green.health(Health::Status(503));
    expect_reason(&world, "503 Service Unavailable: no");
    green.health(Health::Redirect("/login".to_owned()));
    expect_reason(&world, "302 to /login");
    green.health(Health::Hang);
    expect_reason(&world, "timed out after 300ms waiting for the response head");
    green.health(Health::EndlessBody);
    expect_reason(&world, "the response body is over 64 KiB");
    green.stop();
    expect_reason(&world, "connection refused");
    assert_eq!(reason(&world, Color::Blue), None, "blue was never in doubt");
}

#[test]
fn a_target_that_does_not_speak_http_properly_is_reported() {
    let fixture = Fixture::new();
    fixture.spec(|spec| spec.health.path = "/ready".to_owned());
    let world = fixture.start_healthy();
    let green = &fixture.green;
    green.behave_at("/ready", Behavior::raw_then_close("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    expect_reason(&world, "traffic refuses such a response: The target does not answer in HTTP.");
    green.behave_at("/ready", Behavior::close());
    expect_reason(&world, "connection closed before the response head");
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nonly";
    green.behave_at("/ready", Behavior::raw_then_close(short));
    expect_reason(&world, "connection closed inside the response body");
}

#[test]
fn a_target_is_probed_as_traffic_would_reach_it() {
    // L9
    let fixture = Fixture::new();
    fixture.spec(|spec: &mut ServiceSpec| {
        spec.health.host = Some("shop.example".to_owned());
        spec.health.path = "/ready?deep=1".to_owned();
    });
    fixture.green.behave_at("/ready?deep=1", Behavior::raw("HTTP/1.1 204 No Content\r\n\r\n"));
    let world = fixture.start();
    wait_until(SOON, "green is healthy", || world.color(Color::Green).healthy);
    let seen = fixture.green.seen().requests();
    let probe = seen.first().unwrap();
    assert_eq!(probe.target, "/ready?deep=1");
    assert_eq!(probe.fields.all("host"), ["shop.example"]);
}

#[test]
fn without_a_host_of_its_own_a_probe_names_the_authority_of_the_target() {
    // L9
    let fixture = Fixture::new();
    let world = fixture.start();
    for (color, target) in [(Color::Blue, &fixture.blue), (Color::Green, &fixture.green)] {
        wait_until(SOON, "it was probed", || world.color(color).healthy);
        let probes = target.seen().probes();
        let host = format!("\r\nhost: {}\r\n", target.address());
        let received = String::from_utf8_lossy(&probes[0].raw).to_ascii_lowercase();
        assert!(received.contains(&host), "{received}");
        assert_eq!(probes[0].fields.all("host").len(), 1, "{received}");
    }
}

#[test]
fn every_target_of_both_colors_is_probed_at_once_at_the_start_however_long_the_interval() {
    let fixture = Fixture::new();
    let others = Color::BOTH.map(|_| testkit::Target::start("other"));
    fixture.spec(|spec| {
        for (color, other) in spec.colors.iter_mut().zip(&others) {
            color.targets.push(url(other));
        }
        spec.health.interval = Duration::from_secs(600);
        spec.health.fast_interval = Duration::from_secs(600);
    });
    let world = fixture.start();
    for target in [&fixture.blue, &fixture.green, &others[0], &others[1]] {
        wait_until(SOON, "it was probed", || target.seen().probes().len() == 1);
    }
    // One probe proves nothing: the second comes after the interval.
    assert!(!world.color(Color::Blue).healthy && !world.color(Color::Green).healthy);
}

#[test]
fn only_the_statuses_that_are_expected_pass() {
    // L9
    let fixture = Fixture::new();
    fixture.spec(|spec| {
        spec.health.expect = ["204", "3xx"].map(|text| StatusRange::parse(text).unwrap()).to_vec();
    });
    fixture.blue.health(Health::Status(204));
    fixture.green.health(Health::Redirect("/login".to_owned()));
    let world = fixture.start_healthy();
    assert_eq!((reason(&world, Color::Blue), reason(&world, Color::Green)), (None, None));
    fixture.green.health(Health::Healthy);
    expect_reason(&world, "200 OK is not expected: health.expect has 204, 3xx");
    let refusal = world.switch(to(Color::Green)).unwrap_err();
    assert!(refusal.to_string().ends_with("health.expect has 204, 3xx"), "{refusal}");
    fixture.green.health(Health::Status(500));
    expect_reason(&world, "500 Internal Server Error: no");
    assert_eq!(world.active(), (Color::Blue, 0));
}

#[test]
fn a_body_that_drips_fails_by_the_one_deadline_of_the_whole_probe() {
    // L10 A9
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let drip = Behavior::Script(
        [Step::ReadBody, Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".to_vec())]
            .into_iter()
            .chain(
                (0..1000).flat_map(|_| {
                    [Step::Pause(Duration::from_millis(20)), Step::Send(b"x".to_vec())]
                }),
            )
            .collect(),
    );
    fixture.spec(|spec| spec.health.path = "/drips".to_owned());
    fixture.green.behave_at("/drips", drip);
    fixture.blue.behave_at("/drips", Behavior::raw("HTTP/1.1 204 No Content\r\n\r\n"));
    world.wait(world.handle.reload(control::ReloadRequest { actor: rules::Actor::Teal })).unwrap();
    expect_reason(&world, "timed out after 300ms reading the response body");
    let last = world.color(Color::Green).targets[0].last_probe.clone().unwrap();
    let expected = Duration::from_millis(300)..Duration::from_secs(3);
    assert!(expected.contains(&last.latency), "{:?}", last.latency);
    wait_until(SOON, "it is down", || {
        world.color(Color::Green).targets[0].standing == Standing::Down
    });
}

#[test]
fn the_body_of_a_failed_probe_is_read_for_a_moment_and_not_for_its_whole_time() {
    // L10
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let head = b"HTTP/1.1 503 No\r\nContent-Length: 500\r\n\r\ndb: down".to_vec();
    let drip = [Step::Pause(Duration::from_millis(20)), Step::Send(b" x".to_vec())];
    let steps = [Step::ReadBody, Step::Send(head)].into_iter();
    let steps = steps.chain((0..200).flat_map(|_| drip.clone())).collect();
    fixture.spec(|spec| {
        spec.health.path = "/drips".to_owned();
        spec.health.timeout = Duration::from_secs(5);
    });
    fixture.green.behave_at("/drips", Behavior::Script(steps));
    fixture.blue.behave_at("/drips", Behavior::raw("HTTP/1.1 204 No Content\r\n\r\n"));
    world.wait(world.handle.reload(control::ReloadRequest { actor: rules::Actor::Teal })).unwrap();
    let begins = "503 Service Unavailable: db: down";
    wait_until(SOON, "the probe has failed", || {
        reason(&world, Color::Green).is_some_and(|reason| reason.starts_with(begins))
    });
    let last = world.color(Color::Green).targets[0].last_probe.clone().unwrap();
    assert!(last.latency < Duration::from_secs(2), "{:?}", last.latency);
}

#[test]
fn a_target_is_unknown_then_up_then_down_after_fall_and_workers_are_informed() {
    let fixture = Fixture::new();
    fixture.blue.health(Health::Slow(Duration::from_millis(100)));
    let world = fixture.start();
    let standing = || world.color(Color::Blue).targets[0].standing;
    assert_eq!(standing(), Standing::Unknown);
    wait_until(SOON, "blue is up", || standing() == Standing::Up);
    fixture.blue.health(Health::Status(500));
    wait_until(SOON, "blue is down", || standing() == Standing::Down);
    let usable = || {
        let table = world.publisher.table();
        table.services[0].color(Color::Blue).targets[0].usable
    };
    wait_until(SOON, "the table says so", || !usable());
    assert_eq!(world.active(), (Color::Blue, 0), "without failover nothing moves");
    fixture.blue.health(Health::Healthy);
    wait_until(SOON, "and that it is back", usable);
}

#[test]
fn a_connect_that_traffic_saw_refused_is_confirmed_at_once() {
    let fixture = Fixture::new();
    fixture.spec(|spec| {
        spec.health.interval = Duration::from_secs(600);
        spec.health.fall = 3;
    });
    let world = fixture.start_healthy();
    let probes = || fixture.blue.seen().probes().len();
    let before = probes();
    world.workers[0].report(ReportKind::Refused);
    wait_until(SOON, "one probe clears the suspicion", || {
        probes() > before && world.color(Color::Blue).targets[0].standing == Standing::Up
    });
    fixture.blue.stop();
    world.workers[0].report(ReportKind::Refused);
    wait_until(SOON, "blue is down, long before its interval", || {
        world.color(Color::Blue).targets[0].standing == Standing::Down
    });
}

#[test]
fn a_slow_target_delays_the_probes_of_no_other() {
    let fixture = Fixture::new();
    let other = testkit::Target::start("other");
    fixture.spec(|spec| {
        spec.colors[Color::Green.index()].targets.push(url(&other));
        spec.health.timeout = Duration::from_secs(5);
        spec.health.fast_interval = Duration::from_millis(5);
        spec.health.interval = Duration::from_millis(10);
    });
    fixture.green.health(Health::Hang);
    let world = fixture.start();
    wait_until(SOON, "the other target was probed often", || other.seen().probes().len() > 20);
    let targets = world.color(Color::Green).targets;
    assert_eq!(targets[0].standing, Standing::Unknown);
    assert_eq!(targets[1].standing, Standing::Up);
    assert!(matches!(
        targets[1].last_probe.as_ref().unwrap().outcome,
        ProbeOutcome::Passed { status: 200 }
    ));
    assert_eq!(fixture.green.seen().probes().len(), 1, "probes of one target never overlap");
}

//! A warm-up before a switch, as a person, a script and a client see it.

use testkit::{Behavior, Load, LoadOptions};

use crate::setup::Setup;

fn setup(required: bool) -> Setup {
    let warm_up = format!(
        "{{ paths = [\"/\", \"/login\"], requests = 20, connections = 4, required = {required} }}"
    );
    Setup::with(|settings| settings.service("warmup", &warm_up))
}

fn warm_ups(setup: &Setup, color: &str) -> usize {
    let requests = setup.target(color).seen().requests();
    requests.iter().filter(|request| request.fields.all("user-agent") == ["teal-warm-up"]).count()
}

#[test]
fn a_color_is_warmed_up_before_the_first_client_comes() {
    // L2
    let setup = setup(false);
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    load.wait_for_more(50);
    let said = setup.teal.cli(&["switch", "green"]);
    said.assert_code(0);
    assert!(said.stdout.contains("\nWarm-up: 20 requests in "), "{}", said.stdout);
    load.expect_only("green");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    assert_eq!(warm_ups(&setup, "green"), 20);
    let first = setup.green.seen().requests();
    let first = first.iter().take(20).map(|request| request.fields.all("user-agent"));
    assert!(first.into_iter().all(|agent| agent == ["teal-warm-up"]), "clients come after it");
    setup.teal.cli(&["rollback"]).assert_code(0);
    assert_eq!(warm_ups(&setup, "blue"), 0, "a rollback does not wait");
    setup.finish();
}

#[test]
fn a_failed_warm_up_refuses_with_its_reason_where_it_is_required() {
    let setup = setup(true);
    let broken = Behavior::raw("HTTP/1.1 503 Cold\r\nContent-Length: 0\r\n\r\n");
    setup.green.behave_at("/login", broken);
    let said = setup.teal.cli(&["switch", "green"]);
    said.assert_code(3);
    assert!(
        said.stderr.contains("the warm-up of web green failed, so nothing was changed"),
        "{said:?}"
    );
    assert!(said.stderr.contains("10 of 20 requests failed, first http://"), "{said:?}");
    assert!(said.stderr.contains(": GET /login: 503 Service Unavailable"), "{said:?}");
    assert_eq!(setup.teal.active(), "blue");
    setup.green.behave_at("/login", Behavior::Echo);
    setup.teal.cli(&["switch", "green"]).assert_code(0);
    setup.finish();
}

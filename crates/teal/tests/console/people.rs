//! The people before the console: with a token or as a viewer, with a keyboard, a phone or a screen reader.

use testkit::Health;

use crate::{Scenario, Setup, done};

/// A reason of 4 KB that would be markup, were it not text.
const HOSTILE: &str =
    "/<img src=x onerror=globalThis.hacked=1><script>globalThis.hacked=1</script>";

#[test]
fn a_wrong_token_is_refused_and_the_right_one_stays_in_its_tab() {
    // A5
    let setup = Setup::new();
    Scenario::start("sign-in", &setup.teal, &Setup::viewer()).passes(&mut []);
    setup.finish();
}

#[test]
fn the_token_is_in_the_storage_of_its_tab_and_nowhere_else() {
    // A5
    let setup = Setup::new();
    Scenario::start("token", &setup.teal, &Setup::viewer()).passes(&mut []);
    assert!(!setup.teal.log().contains(&setup.teal.token()));
    setup.finish();
}

#[test]
fn a_viewer_sees_everything_and_is_told_why_it_may_not_act() {
    let setup = Setup::new();
    let generation = setup.teal.generation();
    Scenario::start("viewer", &setup.teal, &Setup::viewer()).passes(&mut []);
    assert_eq!(setup.teal.generation(), generation);
    setup.finish();
}

#[test]
fn the_whole_page_is_on_a_phone() {
    let setup = Setup::new();
    Scenario::start("phone", &setup.teal, &Setup::viewer()).passes(&mut []);
    setup.finish();
}

#[test]
fn axe_finds_nothing_in_the_light_and_the_dark_theme() {
    let setup = Setup::new();
    Scenario::start("axe", &setup.teal, &Setup::viewer()).passes(&mut []);
    setup.finish();
}

#[test]
fn markup_in_reasons_of_people_and_probes_is_text() {
    // A8
    let setup = Setup::new();
    let mut fail = || {
        let idle = if setup.teal.active() == "blue" { &setup.green } else { &setup.blue };
        let location = HOSTILE.repeat(4096 / HOSTILE.len());
        idle.health(Health::Redirect(location));
        setup.teal.wait_healthy(setup.idle(), false);
        done()
    };
    let scenario = Scenario::start("markup", &setup.teal, &Setup::viewer());
    scenario.passes(&mut [("markup", &mut fail)]);
    setup.finish();
}

#[test]
fn five_hundred_services_are_found_by_keyboard() {
    let setup = Setup::with_services(500);
    Scenario::start("many", &setup.teal, &Setup::viewer()).passes(&mut []);
    setup.finish();
}

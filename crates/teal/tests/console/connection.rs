//! A page that stays open while Teal goes away, comes back and is replaced.

use std::cell::RefCell;

use testkit::free_port;

use crate::{Scenario, Setup, done};

#[test]
fn a_page_without_its_teal_says_since_when_it_is_stale_and_connects_again() {
    // The same address after the start.
    let admin = format!("\"127.0.0.1:{}\"", free_port());
    let mut setup = Setup::with(|settings| settings.admin("listen", &admin));
    let (viewer, scenario) = (Setup::viewer(), "lost");
    let scenario = Scenario::start(scenario, &setup.teal, &viewer);
    let teal = RefCell::new(&mut setup.teal);
    scenario.passes(&mut [
        ("kill", &mut || {
            teal.borrow_mut().kill();
            done()
        }),
        ("start", &mut || {
            teal.borrow_mut().start_again();
            done()
        }),
    ]);
    setup.finish();
}

#[test]
fn an_open_page_goes_on_with_the_newer_teal() {
    let mut setup = Setup::new();
    let scenario = Scenario::start("upgrade", &setup.teal, &Setup::viewer());
    let teal = RefCell::new(&mut setup.teal);
    scenario.passes(&mut [
        ("upgrade", &mut || teal.borrow_mut().upgrade().to_string()),
        ("switch", &mut || {
            let teal = teal.borrow();
            teal.wait_healthy("green", true);
            teal.switch_to("green");
            "green".to_owned()
        }),
    ]);
    setup.finish();
}

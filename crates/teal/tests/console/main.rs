//! The console in a real browser, on a real Teal under real traffic.

mod browser;
mod setup;

use browser::Scenario;
use setup::Setup;

#[test]
fn a_wrong_token_is_refused_and_the_right_one_stays_in_its_tab() {
    // A5
    let setup = Setup::new();
    Scenario::start("sign-in", &setup.teal, &Setup::viewer()).passes(&mut []);
    setup.finish();
}

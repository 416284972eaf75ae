//! The console in a real browser, on a real Teal under real traffic.

mod browser;
mod connection;
mod people;
mod setup;
mod switches;

use browser::Scenario;
use setup::Setup;

/// The answer to a step of which the scenario only needs to know that it is done.
fn done() -> String {
    "done".to_owned()
}

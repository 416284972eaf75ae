//! The watchdog of systemd: it is fed as long as Teal serves, and no longer.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::{signal_process, wait_until};

use super::shipped::with_shipped_unit;
use crate::upgrade::LEFT;

const INTERVAL: Duration = Duration::from_secs(2);

#[test]
fn r73_the_watchdog_is_fed_by_a_teal_that_serves_and_restarts_one_that_hangs() {
    // L10
    with_shipped_unit(
        concat!(
            module_path!(),
            "::r73_the_watchdog_is_fed_by_a_teal_that_serves_and_restarts_one_that_hangs"
        ),
        |teal| {
            teal.change("watchdog", &format!("[Service]\nWatchdogSec={}\n", INTERVAL.as_secs()));
            teal.restart();
            let main = teal.show("MainPID");
            let healthy = || {
                let until = Instant::now() + INTERVAL * 2;
                wait_until(INTERVAL * 3, "two intervals have passed", || Instant::now() >= until);
                assert_eq!(
                    (teal.show("NRestarts"), teal.show("MainPID")),
                    ("0".into(), main.clone())
                );
            };
            healthy();
            // The newer one feeds it, and then a parent that goes on as its program.
            teal.teal(None, &["upgrade"]).assert_code(0);
            healthy();
            // Nor does a serving Teal that dies and is started again end the service.
            signal_process(teal.serving(), Signal::KILL);
            teal.wait_healthy();
            healthy();

            signal_process(teal.serving(), Signal::STOP);
            wait_until(INTERVAL * 2 + LEFT, "systemd has started it again", || {
                teal.show("NRestarts") == "1" && teal.show("ActiveState") == "active"
            });
            teal.wait_healthy();
            assert_ne!(teal.show("MainPID"), main);
        },
    );
}

//! System calls that a unit forbids: sockets are taken over all the same, what Teal can do without is done
//! without, and what kills it is named.

use std::time::Duration;

use testkit::{Behavior, Load, LoadOptions, wait_until};

use super::boot::systemctl;
use super::shipped::{Shipped, log, with_shipped_unit};
use crate::setup::SOON;

/// Calls that Teal makes and can do without. A filter answers each with EPERM.
const RARE: [&str; 6] =
    ["splice", "pidfd_open", "pidfd_getfd", "memfd_create", "fallocate", "prctl"];

#[test]
fn r63_a_socket_of_systemd_is_taken_over_under_every_filter() {
    // L7
    with_shipped_unit(
        concat!(module_path!(), "::r63_a_socket_of_systemd_is_taken_over_under_every_filter"),
        |teal| {
            // Killed, not just refused, for any call beyond those of a service.
            teal.change("filter", "[Service]\nSystemCallErrorNumber=kill\n");
            systemctl(&["start", "teal.socket"]);
            teal.restart();
            assert!(!log().contains("descriptor 3"), "{}", log());
            let load = Load::start(([127, 0, 0, 1], 8080).into(), LoadOptions::default());
            load.wait_for_more(50);
            teal.restart();
            load.wait_for_more(50);
            load.stop().assert_nothing_lost();
            serves_long_bodies(teal);
            teal.teal(None, &["upgrade"]).assert_code(0);
            teal.teal(None, &["switch", "green"]).assert_code(0);
            assert_eq!(teal.show("NRestarts"), "0");
            assert!(!log().contains("SIGSYS"), "{}", log());
        },
    );
}

/// Passes a body that is long enough for the quick way.
fn serves_long_bodies(teal: &Shipped) {
    const BYTES: usize = 1 << 20;
    for target in [&teal.blue, &teal.green] {
        let download =
            Behavior::Download { bytes: BYTES as u64, chunked: false, pause: Duration::ZERO };
        target.behave_at("/long", download);
    }
    let answer = teal.client().get("/long");
    assert_eq!((answer.status, answer.body.len()), (200, BYTES));
}

#[test]
fn r63_calls_that_a_filter_forbids_are_avoided_or_named() {
    // L2 L4
    with_shipped_unit(
        concat!(module_path!(), "::r63_calls_that_a_filter_forbids_are_avoided_or_named"),
        |teal| {
            let filter = format!("[Service]\nSystemCallFilter=~{}\n", RARE.join(" "));
            teal.change("filter", &filter);
            teal.restart();
            serves_long_bodies(teal);
            assert!(log().contains("splice(2) is not allowed"), "{}", log());
            assert!(log().contains("cannot keep a copy of the configuration"), "{}", log());
            teal.teal(None, &["upgrade"]).assert_code(0);
            teal.teal(None, &["switch", "green"]).assert_code(0);
            serves_long_bodies(teal);

            // One that kills: the parent says what it was and what to write.
            teal.change(
                "filter",
                "[Service]\nSystemCallFilter=~splice\nSystemCallErrorNumber=kill\n",
            );
            teal.restart();
            let mut client = teal.client();
            client.send("GET /long HTTP/1.1\r\nHost: test\r\n\r\n");
            wait_until(SOON, "it is named", || log().contains("was killed by SIGSYS"));
            assert!(log().contains("SystemCallFilter=@system-service"), "{}", log());
            teal.wait_healthy();
        },
    );
}

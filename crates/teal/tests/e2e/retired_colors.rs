//! A color that is retired after a switch: it may be stopped for good, and Teal says so.

use crate::setup::Setup;

#[test]
fn after_a_switch_the_old_color_is_retired_stopped_and_proven_again_before_it_returns() {
    // L4 L9
    let mut setup = Setup::new();
    setup.teal.wait_healthy("green", true);
    let refused = setup.teal.cli(&["retire", "blue"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("active color"), "{}", refused.stderr);
    setup.teal.switch_to("green");
    let retired = setup.teal.cli(&["retire", "blue"]);
    retired.assert_code(0);
    assert!(
        retired.stdout.starts_with("blue is retired: safe to stop for good\n"),
        "{}",
        retired.stdout
    );
    let status = setup.teal.cli(&["status"]).stdout;
    assert!(status.contains("Blue: retired: stopped or about to be\n"), "{status}");
    assert!(status.contains("retired, not probed any more"), "{status}");

    setup.target("blue").stop();
    setup.teal.kill();
    setup.teal.start_again();
    assert_eq!(setup.teal.color("blue")["retired"], true);
    let refused = setup.teal.cli(&["switch", "blue"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("connection refused"), "{}", refused.stderr);
    assert_eq!(setup.who(), "green");

    setup.target("blue").restart();
    setup.teal.cli(&["switch", "blue"]).assert_code(0);
    assert_eq!(setup.who(), "blue");
    assert_eq!(setup.teal.color("blue")["retired"], false);
    let history = setup.teal.cli(&["history"]).stdout;
    assert!(history.contains("blue of web retired, by "), "{history}");
    setup.finish();
}

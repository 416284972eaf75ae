//! A color that is retired after a switch: it may be stopped for good, and Teal says so.

use crate::stage::Stage;

#[test]
fn after_a_switch_the_old_color_is_retired_stopped_and_proven_again_before_it_returns() {
    // L4 L9
    let mut stage = Stage::new();
    stage.teal.wait_healthy("green", true);
    let refused = stage.teal.cli(&["retire", "blue"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("active color"), "{}", refused.stderr);
    stage.teal.switch_to("green");
    let retired = stage.teal.cli(&["retire", "blue"]);
    retired.assert_code(0);
    assert!(
        retired.stdout.starts_with("blue is retired: safe to stop for good\n"),
        "{}",
        retired.stdout
    );
    let status = stage.teal.cli(&["status"]).stdout;
    assert!(status.contains("Blue: retired: stopped or about to be\n"), "{status}");
    assert!(status.contains("retired, not probed any more"), "{status}");

    stage.target("blue").stop();
    stage.teal.kill();
    stage.teal.start_again();
    assert_eq!(stage.teal.color("blue")["retired"], true);
    let refused = stage.teal.cli(&["switch", "blue"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("connection refused"), "{}", refused.stderr);
    assert_eq!(stage.who(), "green");

    stage.target("blue").restart();
    stage.teal.cli(&["switch", "blue"]).assert_code(0);
    assert_eq!(stage.who(), "blue");
    assert_eq!(stage.teal.color("blue")["retired"], false);
    let history = stage.teal.cli(&["history"]).stdout;
    assert!(history.contains("blue of web retired, by "), "{history}");
    stage.finish();
}

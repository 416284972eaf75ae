//! Going back to the previous color.

use crate::stage::Stage;

#[test]
fn a_rollback_returns_to_the_previous_color() {
    let stage = Stage::new();
    let nothing = stage.teal.ask("POST", "/admin/rollback", &[]);
    assert_eq!(nothing.status, 409, "{}", nothing.text());
    stage.teal.cli(&["rollback"]).assert_code(3);

    stage.teal.switch_to("green");
    stage.teal.wait_healthy("blue", true);
    let result = stage.teal.cli(&["rollback"]);
    result.assert_code(0);
    assert!(result.stdout.contains("Switched from green to blue"), "{}", result.all());
    assert_eq!(stage.who(), "blue");
    let history = stage.teal.cli(&["history"]);
    history.assert_code(0);
    assert!(history.stdout.contains("green") && history.stdout.contains("blue"));
    stage.finish();
}

#[test]
fn a_rollback_to_a_dead_color_is_refused_with_the_reason() {
    // L9
    let stage = Stage::new();
    stage.teal.switch_to("green");
    stage.blue.stop();
    stage.teal.wait_healthy("blue", false);
    let result = stage.teal.cli(&["rollback"]);
    result.assert_code(3);
    assert!(result.all().contains("blue is not healthy"), "{}", result.all());
    assert!(result.all().contains("connection refused"), "{}", result.all());
    assert_eq!(stage.who(), "green");
    stage.finish();
}

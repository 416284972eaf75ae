//! Going back to the previous color.

use crate::setup::Setup;

#[test]
fn a_rollback_returns_to_the_previous_color() {
    let setup = Setup::new();
    let nothing = setup.teal.ask("POST", "/admin/rollback", &[]);
    assert_eq!(nothing.status, 409, "{}", nothing.text());
    setup.teal.cli(&["rollback"]).assert_code(3);

    setup.teal.switch_to("green");
    setup.teal.wait_healthy("blue", true);
    let result = setup.teal.cli(&["rollback"]);
    result.assert_code(0);
    assert!(result.stdout.contains("Switched from green to blue"), "{}", result.all());
    assert_eq!(setup.who(), "blue");
    let history = setup.teal.cli(&["history"]);
    history.assert_code(0);
    assert!(history.stdout.contains("green") && history.stdout.contains("blue"));
    setup.finish();
}

#[test]
fn a_rollback_to_a_dead_color_is_refused_with_the_reason() {
    // L9
    let setup = Setup::new();
    setup.teal.switch_to("green");
    setup.blue.stop();
    setup.teal.wait_healthy("blue", false);
    let result = setup.teal.cli(&["rollback"]);
    result.assert_code(3);
    assert!(result.all().contains("blue is not healthy"), "{}", result.all());
    assert!(result.all().contains("connection refused"), "{}", result.all());
    assert_eq!(setup.who(), "green");
    setup.finish();
}

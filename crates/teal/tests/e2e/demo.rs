//! `teal demo --once`: the promise, shown on this machine.

use std::time::Duration;

use crate::TEAL;

#[test]
fn the_demo_ends_with_nothing_lost() {
    // L1 L2 L3 L4 L5 L8
    let result = testkit::run(TEAL.as_ref(), ["demo", "--once"], &[], Duration::from_secs(90));
    result.assert_code(0);
    for word in ["lost", "doubled", "late", "blue", "green"] {
        assert!(result.stdout.contains(word), "{word} is missing in {}", result.all());
    }
    assert!(!result.stdout.contains('\x1b'), "no colors without a terminal");
    // 45 s on a machine that does nothing else; other tests run beside it.
    assert!(result.took < Duration::from_secs(75), "{:?}", result.took);
}

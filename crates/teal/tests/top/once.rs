//! `teal top --once`: the picture as plain text, or the status as JSON.

use crate::Watched;

#[test]
fn once_prints_plain_text_of_80_columns() {
    let watched = Watched::new();
    let once = watched.teal.cli(&["top", "--once"]);
    once.assert_code(0);
    assert!(!once.all().contains('\x1b') && once.stderr.is_empty(), "{:?}", once.all());
    assert!(once.stdout.lines().all(|line| line.chars().count() <= 80), "{}", once.stdout);
    for words in [
        "web  generation",
        "● BLUE: active",
        "yes: drained",
        "history (UTC)",
        ", first start ",
        "first start with web",
    ] {
        assert!(once.stdout.contains(words), "{words:?} is not in\n{}", once.stdout);
    }
    let json = watched.teal.cli(&["top", "--once", "--json", "--service", "web"]);
    json.assert_code(0);
    let status: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON alone");
    assert_eq!(status["services"][0]["active"], "blue");
    let nobody = watched.teal.cli(&["top", "--once", "--service", "nobody"]);
    nobody.assert_code(2);
    watched.finish();
}

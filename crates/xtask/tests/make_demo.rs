//! `make demo` is all that a newcomer types: it checks for the tools, builds the console where it can, builds Teal and plays
//! the demo.

use std::path::Path;
use std::process::Command;

#[test]
fn make_demo_builds_teal_and_plays_the_demo() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new("make")
        .args(["--dry-run", "--no-print-directory", "demo"])
        .current_dir(root)
        // Variables of an outer make would change the behavior of this one.
        .env_remove("MAKEFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .expect("make is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let recipe = String::from_utf8_lossy(&output.stdout);
    let commands = recipe.lines().map(str::trim).collect::<Vec<_>>();
    let [tools, console, build, play] = commands[..] else {
        panic!("four commands are due:\n{recipe}")
    };
    // No browser and nothing else that only the tests need.
    assert_eq!(tools, ".ci/tools");
    assert_eq!(console, ".ci/web --if-possible");
    assert_eq!(build, "cargo build --profile ci --package teal");
    let program = play.strip_suffix(" demo").expect("it plays the demo");
    assert!(program.ends_with("/target/ci/teal"), "what was built is played: {program}");
}

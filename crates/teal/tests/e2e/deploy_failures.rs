//! Deploys that fail: before the switch nothing changes for clients, after it traffic goes back, and nothing is lost.

use crate::deploying::Deploying;

/// Deploys a version that fails before its switch, under load, and returns what was printed.
fn failed(further: &str, version: &str, arguments: &[&str]) -> String {
    let setup = Deploying::new(further);
    let load = setup.load();
    load.expect_only("blue");
    let mut all = vec!["web", "--version", version];
    all.extend(arguments);
    let deployed = setup.deploy_with(&all);
    deployed.assert_code(3);
    assert_eq!(setup.teal.active(), "blue");
    assert!(!setup.runs("green"), "{}", deployed.all());
    let record = setup.newest();
    assert_eq!(record["result"], "failed", "{record}");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    // The lock is free again.
    setup.deploy("v2").assert_code(0);
    setup.finish();
    deployed.all()
}

#[test]
fn a_version_that_never_becomes_healthy_is_put_back_and_told_with_its_log() {
    let said = failed("", "sick", &["--wait-healthy", "2s"]);
    for words in [
        "Target green is not healthy",
        "503",
        "runner: web (green) is running",
        "last lines of web (green):",
        "sick listens on",
        "Nothing has changed: blue stays active; the new environment was stopped.",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
}

#[test]
fn a_crash_loop_ends_the_gate_before_its_time() {
    let begun = std::time::Instant::now();
    let said = failed("", "crash", &["--wait-healthy", "10m"]);
    assert!(said.contains("crash") && said.contains("out of luck"), "{said}");
    assert!(begun.elapsed().as_secs() < 120, "{:?}", begun.elapsed());
}

#[test]
fn a_smoke_check_that_fails_is_put_back() {
    let smoke = "smoke = [{ path = \"/who\" }]";
    let said = failed(smoke, "wrong-inside", &[]);
    assert!(said.contains("smoke check /who of http://127.0.0.1:"), "{said}");
    assert!(said.contains("status 500, expected 2xx"), "{said}");
}

#[test]
fn a_migration_that_fails_starts_nothing() {
    let before = "before = [[\"sh\", \"-c\", \"test $TEAL_VERSION != v9 || { echo no table >&2; exit 4; }\"]]";
    let said = failed(before, "v9", &[]);
    assert!(said.contains("sh ended with exit code 4") && said.contains("no table"), "{said}");
}

#[test]
fn a_check_from_outside_that_fails_switches_back_and_loses_nothing() {
    // L1 L2 L3 L4
    let setup =
        Deploying::new("outside = [{ url = \"http://LISTENER/outside\", within = \"1s\" }]");
    let load = setup.load();
    load.expect_anyone();
    let deployed = setup.deploy("wrong-outside");
    deployed.assert_code(6);
    assert!(
        deployed.stderr.contains("/outside failed: status 500, expected 2xx"),
        "{}",
        deployed.all()
    );
    assert!(deployed.stderr.contains("Switched back: blue is active"), "{}", deployed.all());
    assert_eq!(setup.teal.active(), "blue");
    assert!(!setup.runs("green") && setup.runs("blue"));
    load.expect_only("blue");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    assert_eq!(setup.newest()["result"], "reverted");
    setup.finish();
}

#[test]
fn what_is_wrong_before_anything_begins_is_told_by_its_code() {
    let setup = Deploying::new("");
    let before = setup.newest();
    for (arguments, code, words) in [
        (&["wbe"][..], 2, "no service is called wbe"),
        (&["--group", "shop"], 2, "no group is called shop"),
        (&["web", "--version", "a b"], 2, "is not a version"),
        (&["web", "--emergency"], 2, "--reason"),
        (&["--resume", "999"], 2, "999"),
    ] {
        let refused = setup.deploy_with(arguments);
        refused.assert_code(code);
        assert!(refused.stderr.contains(words), "{words} in {}", refused.all());
    }
    let missing = setup.teal.cli(&["deploy", "web"]);
    missing.assert_code(2);
    assert!(missing.stderr.contains("/etc/teal/teal.toml"), "{}", missing.all());
    assert_eq!(setup.newest(), before);
    setup.finish();
}

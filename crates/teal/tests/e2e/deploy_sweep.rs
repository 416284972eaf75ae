//! Old environments that stay up for a time, are stopped by a sweep, and are started again by a rollback.

use std::time::Duration;

use testkit::{CliResult, wait_until};

use crate::deploying::Deploying;

/// A command with the configuration of a setup.
fn configured(setup: &Deploying, arguments: &[&str]) -> CliResult {
    let config = setup.teal.config().display().to_string();
    let mut all = arguments.to_vec();
    all.extend(["--config", &config]);
    setup.teal.cli(&all)
}

#[test]
fn an_old_environment_is_swept_once_its_time_is_over_and_rolled_back_to_all_the_same() {
    // L1 L2 L3 L4
    let setup = Deploying::new("keep = \"1h\"");
    let load = setup.load();
    load.expect_anyone();
    setup.deploy("v2").assert_code(0);
    load.expect_only("green");
    let kept = configured(&setup, &["sweep"]);
    kept.assert_code(0);
    assert!(kept.stdout.starts_with("web blue: kept until 20"), "{}", kept.all());
    assert!(setup.runs("blue"));

    load.expect_anyone();
    setup.deploy_with(&["web", "--version", "v3", "--keep", "1s"]).assert_code(0);
    load.expect_only("blue");
    wait_until(Duration::from_secs(20), "the time of green is over", || {
        setup.newest()["keep_seconds"] == 0
    });
    let planned = configured(&setup, &["sweep", "--service", "web", "--dry-run"]);
    planned.assert_code(0);
    assert!(planned.stdout.starts_with("web green: would be stopped ("), "{}", planned.all());
    assert!(setup.runs("green"));
    let swept = configured(&setup, &["sweep", "--json"]);
    swept.assert_code(0);
    let object: serde_json::Value = serde_json::from_str(&swept.stdout).expect("one object");
    assert_eq!((&object["outcome"], &object["color"]), (&"stopped".into(), &"green".into()));
    assert!(!setup.runs("green") && setup.runs("blue"));
    assert_eq!(setup.newest()["result"], "swept");
    let status = setup.teal.cli(&["status"]).stdout;
    assert!(status.contains("Green (v2): retired"), "{status}");
    let again = configured(&setup, &["sweep"]);
    again.assert_code(0);
    assert!(
        again.stdout.starts_with("web green: nothing to do (nothing runs there)"),
        "{}",
        again.all()
    );

    let refused = setup.teal.cli(&["rollback"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("green of web is retired"), "{}", refused.all());
    assert!(refused.stderr.contains("--config FILE"), "{}", refused.all());
    let planned = configured(&setup, &["rollback", "--dry-run"]);
    planned.assert_code(0);
    let headline = "roll back web: v3 (blue, active) -> v2 (green)";
    assert!(planned.stdout.starts_with(headline), "{}", planned.all());
    load.expect_anyone();
    let back = configured(&setup, &["rollback"]);
    back.assert_code(0);
    assert!(back.stdout.starts_with(headline), "{}", back.all());
    load.expect_only("green");
    load.wait_for_more(50);
    let record = setup.newest();
    assert_eq!((&record["version"], &record["result"]), (&"v2".into(), &"succeeded".into()));
    assert!(setup.runs("blue"), "the way forward stays open");
    let history = setup.teal.cli(&["history"]).stdout;
    assert!(history.contains("rollback"), "{history}");

    let refused = setup.deploy("v4");
    refused.assert_code(3);
    assert!(refused.stderr.contains("--supersede"), "{}", refused.all());
    load.expect_anyone();
    configured(&setup, &["rollback"]).assert_code(0);
    load.expect_only("blue");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    setup.finish();
}

#[test]
fn a_rollback_to_a_stopped_version_that_does_not_come_back_changes_nothing() {
    let fails = "before = [[\"sh\", \"-c\", \"test ! -e FLAG\"]], keep = \"no\"";
    let folder = tempfile::tempdir().expect("a temporary directory");
    let flag = folder.path().join("flag");
    let setup = Deploying::new(&fails.replace("FLAG", &flag.display().to_string()));
    setup.deploy("v2").assert_code(0);
    assert!(!setup.runs("blue"));
    std::fs::write(&flag, "").expect("it is ours");
    let back = configured(&setup, &["rollback", "--wait-healthy", "5s"]);
    back.assert_code(3);
    assert!(back.stderr.contains("Nothing has changed: green stays active"), "{}", back.all());
    assert!(setup.teal.active() == "green" && !setup.runs("blue"));
    std::fs::remove_file(&flag).expect("it is there");
    configured(&setup, &["rollback"]).assert_code(0);
    assert!(setup.teal.active() == "blue" && setup.runs("green"));
    setup.finish();
}

//! Deploys with programs that Teal supervises, under load: nothing is lost, and the old environment has its fate.

use std::time::Duration;

use testkit::wait_until;

use crate::deploying::Deploying;

const CHECKS: &str = "smoke = [{ path = \"/who\", contains = \"GET /who\" }, { exec = [\"true\"] }], \
                      outside = [{ url = \"http://LISTENER/outside\" }]";

#[test]
fn three_deploys_under_load_lose_nothing() {
    // L1 L2 L3 L4
    let setup = Deploying::new(CHECKS);
    let load = setup.load();
    load.expect_only("blue");
    for (version, color, old) in
        [("v2", "green", "blue"), ("v3", "blue", "green"), ("v4", "green", "blue")]
    {
        load.expect_anyone();
        let deployed = setup.deploy(version);
        deployed.assert_code(0);
        load.expect_only(color);
        load.wait_for_more(50);
        for words in ["start", "gate", "smoke", "switch", "drain", "outside", "keep", "succeeded ("]
        {
            assert!(deployed.stdout.contains(words), "{words} in {}", deployed.stdout);
        }
        assert_eq!(setup.teal.active(), color);
        assert!(setup.runs(color) && setup.runs(old), "the old one stays warm");
        let record = setup.newest();
        assert_eq!((&record["result"], &record["version"]), (&"succeeded".into(), &version.into()));
    }
    load.stop().assert_nothing_lost();
    setup.finish();
}

#[test]
fn an_old_environment_that_is_not_kept_is_stopped_after_its_last_request() {
    // L4
    let setup = Deploying::new("");
    let load = setup.load();
    setup.deploy_with(&["web", "--version", "v2", "--keep", "no"]).assert_code(0);
    assert!(!setup.runs("blue") && setup.runs("green"));
    load.expect_only("green");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    setup.finish();
}

#[test]
fn a_second_deploy_is_refused_by_name_while_the_first_is_under_way() {
    let setup = Deploying::new("smoke = [{ exec = [\"sleep\", \"2\"] }]");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| setup.deploy("v2"));
        wait_until(Duration::from_secs(20), "the first deploy has begun", || {
            setup.newest()["version"] == "v2"
        });
        let second = setup.deploy("v3");
        second.assert_code(3);
        assert!(second.stderr.contains("--resume"), "{}", second.all());
        first.join().expect("it does not panic").assert_code(0);
    });
    assert_eq!(setup.teal.active(), "green");
    setup.finish();
}

#[test]
fn a_deploy_can_pause_before_its_switch() {
    let setup = Deploying::new("");
    setup.deploy_with(&["web", "--version", "v2", "--no-switch"]).assert_code(0);
    assert!(setup.teal.active() == "blue" && setup.runs("green"));
    let id = setup.newest()["id"].to_string();
    setup.deploy_with(&["--resume", &id]).assert_code(0);
    assert_eq!(setup.teal.active(), "green");

    setup.deploy_with(&["web", "--version", "v3", "--no-switch"]).assert_code(0);
    let id = setup.newest()["id"].to_string();
    setup.deploy_with(&["--abandon", &id]).assert_code(0);
    assert!(setup.teal.active() == "green" && !setup.runs("blue"));
    assert_eq!(setup.newest()["result"], "abandoned");
    setup.finish();
}

#[test]
fn a_dry_run_prints_the_plan_and_begins_nothing() {
    let setup = Deploying::new(CHECKS);
    let before = setup.newest();
    let planned = setup.deploy_with(&["web", "--version", "v2", "--dry-run"]);
    planned.assert_code(0);
    for words in ["v2 (green)", "GET /who", "http://", "Dry run: nothing was changed."] {
        assert!(planned.stdout.contains(words), "{words} in {}", planned.stdout);
    }
    assert_eq!(setup.newest(), before);
    assert!(!setup.runs("green"));
    setup.finish();
}

#[test]
fn json_has_one_object_a_line() {
    let setup = Deploying::new("");
    let deployed = setup.deploy_with(&["web", "--version", "v2", "--json"]);
    deployed.assert_code(0);
    let objects: Vec<serde_json::Value> =
        deployed.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let end = objects.last().expect("there is an end");
    assert_eq!((&end["result"], &end["exit"]), (&"succeeded".into(), &0.into()));
    setup.finish();
}

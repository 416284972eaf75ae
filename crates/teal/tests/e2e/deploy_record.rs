//! The record of a deploy, which is its lock: it outlives the command line, a killed Teal and an upgrade.

use serde_json::{Value, json};

use crate::setup::Setup;

/// Begins a deploy; the status and the record.
fn begin(setup: &Setup, body: &Value) -> (u16, Value) {
    setup.teal.tell_json("POST", "/admin/deploys", body)
}

/// Reports about the first deploy.
fn report(setup: &Setup, body: &Value) -> (u16, Value) {
    setup.teal.tell_json("PATCH", "/admin/deploys/1", body)
}

/// A report that is taken.
#[track_caller]
fn reported(setup: &Setup, body: &Value) -> Value {
    let (status, record) = report(setup, body);
    assert_eq!(status, 200, "{record}");
    record
}

/// A report that is refused with this code.
#[track_caller]
fn refused(setup: &Setup, body: &Value, code: &str) {
    let (status, problem) = report(setup, body);
    assert_eq!((status, &problem["code"]), (409, &json!(code)), "{problem}");
}

#[test]
fn a_deploy_outlives_a_killed_teal_and_an_upgrade_and_locks_out_a_second_one() {
    // L6
    let mut setup = Setup::new();
    let version = json!({ "version": "v42", "by": "ci@runner-3" });
    let (status, begun) = begin(&setup, &version);
    assert_eq!(
        (status, &begun["id"], &begun["color"]),
        (200, &json!(1), &json!("green")),
        "{begun}"
    );
    reported(&setup, &json!({ "claim": 1, "step": "start" }));
    reported(&setup, &json!({ "claim": 1, "step": "gate" }));
    setup.teal.kill();
    setup.teal.start_again();

    let (status, problem) = begin(&setup, &version);
    assert_eq!((status, &problem["code"]), (409, &json!("deploy_in_progress")), "{problem}");
    let text = problem.to_string();
    for word in ["ci@runner-3", "step gate", "--resume 1", "--abandon 1"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    refused(&setup, &json!({ "take": true }), "client_alive");
    assert_eq!(setup.teal.color("green")["version"], "v42");
    let shown = setup.teal.cli(&["status"]);
    shown.assert_code(0);
    assert!(
        shown.stdout.contains("Deploy 1 of v42 by ci@runner-3: web to green, step gate"),
        "{}",
        shown.stdout
    );
    assert!(shown.stdout.contains("Green (v42): "), "{}", shown.stdout);

    reported(&setup, &json!({ "claim": 1, "pause": true }));
    setup.teal.upgrade();
    let record = setup.teal.ask_json("GET", "/admin/deploys/1").1;
    assert_eq!((&record["step"], &record["paused"]), (&json!("gate"), &json!(true)), "{record}");
    let taken = reported(&setup, &json!({ "take": true, "by": "ops@desk" }));
    assert_eq!((&taken["claim"], &taken["paused"]), (&json!(2), &json!(false)), "{taken}");
    refused(&setup, &json!({ "claim": 1, "step": "switch" }), "deploy_taken_over");
    refused(&setup, &json!({ "claim": 2, "result": "succeeded" }), "deploy_step");

    reported(&setup, &json!({ "claim": 2, "step": "switch" }));
    setup.teal.wait_healthy("green", true);
    setup.teal.switch_to("green");
    let generation = setup.teal.generation();
    let done = reported(&setup, &json!({ "claim": 2, "step": "keep", "result": "succeeded" }));
    assert_eq!((&done["generation"], &done["result"]), (&json!(generation), &json!("succeeded")));
    assert_eq!(setup.teal.receipt(generation)["version"], "v42");
    refused(&setup, &json!({ "claim": 2 }), "deploy_ended");
    let list = setup.teal.cli(&["deploys"]);
    list.assert_code(0);
    assert!(list.stdout.contains("succeeded  ops@desk"), "{}", list.stdout);
    let history = setup.teal.cli(&["history"]).stdout;
    assert!(
        history.contains("deploy 1 of v42 of web to green, by ops@desk: succeeded"),
        "{history}"
    );
    setup.finish();
}

#[test]
fn after_a_rollback_a_deploy_must_say_that_it_supersedes_it() {
    let setup = Setup::new();
    for color in ["green", "blue"] {
        setup.teal.wait_healthy(color, true);
    }
    setup.teal.switch_to("green");
    setup.teal.cli(&["rollback"]).assert_code(0);
    let (status, problem) = begin(&setup, &json!({}));
    assert_eq!((status, &problem["code"]), (409, &json!("rolled_back")), "{problem}");
    let (status, begun) = begin(&setup, &json!({ "supersede": true }));
    assert_eq!(status, 200, "{begun}");
    setup.finish();
}

//! The record of a deploy, which is its lock: it outlives the command line, a killed Teal and an upgrade.

use serde_json::{Value, json};

use crate::stage::Stage;

/// Begins a deploy; the status and the record.
fn begin(stage: &Stage, body: &Value) -> (u16, Value) {
    stage.teal.tell_json("POST", "/admin/deploys", body)
}

/// Reports about the first deploy.
fn report(stage: &Stage, body: &Value) -> (u16, Value) {
    stage.teal.tell_json("PATCH", "/admin/deploys/1", body)
}

/// A report that is taken.
#[track_caller]
fn reported(stage: &Stage, body: &Value) -> Value {
    let (status, record) = report(stage, body);
    assert_eq!(status, 200, "{record}");
    record
}

/// A report that is refused with this code.
#[track_caller]
fn refused(stage: &Stage, body: &Value, code: &str) {
    let (status, problem) = report(stage, body);
    assert_eq!((status, &problem["code"]), (409, &json!(code)), "{problem}");
}

#[test]
fn a_deploy_outlives_a_killed_teal_and_an_upgrade_and_locks_out_a_second_one() {
    // L6
    let mut stage = Stage::new();
    let version = json!({ "version": "v42", "by": "ci@runner-3" });
    let (status, begun) = begin(&stage, &version);
    assert_eq!(
        (status, &begun["id"], &begun["color"]),
        (200, &json!(1), &json!("green")),
        "{begun}"
    );
    reported(&stage, &json!({ "claim": 1, "step": "start" }));
    reported(&stage, &json!({ "claim": 1, "step": "gate" }));
    stage.teal.kill();
    stage.teal.start_again();

    let (status, problem) = begin(&stage, &version);
    assert_eq!((status, &problem["code"]), (409, &json!("deploy_in_progress")), "{problem}");
    let text = problem.to_string();
    for word in ["ci@runner-3", "step gate", "--resume 1", "--abandon 1"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    refused(&stage, &json!({ "take": true }), "client_alive");
    assert_eq!(stage.teal.color("green")["version"], "v42");
    let shown = stage.teal.cli(&["status"]);
    shown.assert_code(0);
    assert!(
        shown.stdout.contains("Deploy 1 of v42 by ci@runner-3: web to green, step gate"),
        "{}",
        shown.stdout
    );
    assert!(shown.stdout.contains("Green (v42): "), "{}", shown.stdout);

    reported(&stage, &json!({ "claim": 1, "pause": true }));
    stage.teal.upgrade();
    let record = stage.teal.ask_json("GET", "/admin/deploys/1").1;
    assert_eq!((&record["step"], &record["paused"]), (&json!("gate"), &json!(true)), "{record}");
    let taken = reported(&stage, &json!({ "take": true, "by": "ops@desk" }));
    assert_eq!((&taken["claim"], &taken["paused"]), (&json!(2), &json!(false)), "{taken}");
    refused(&stage, &json!({ "claim": 1, "step": "switch" }), "deploy_taken_over");
    refused(&stage, &json!({ "claim": 2, "result": "succeeded" }), "deploy_step");

    reported(&stage, &json!({ "claim": 2, "step": "switch" }));
    stage.teal.wait_healthy("green", true);
    stage.teal.switch_to("green");
    let generation = stage.teal.generation();
    let done = reported(&stage, &json!({ "claim": 2, "step": "keep", "result": "succeeded" }));
    assert_eq!((&done["generation"], &done["result"]), (&json!(generation), &json!("succeeded")));
    assert_eq!(stage.teal.receipt(generation)["version"], "v42");
    refused(&stage, &json!({ "claim": 2 }), "deploy_ended");
    let list = stage.teal.cli(&["deploys"]);
    list.assert_code(0);
    assert!(list.stdout.contains("succeeded  ops@desk"), "{}", list.stdout);
    let history = stage.teal.cli(&["history"]).stdout;
    assert!(
        history.contains("deploy 1 of v42 of web to green, by ops@desk: succeeded"),
        "{history}"
    );
    stage.finish();
}

#[test]
fn after_a_rollback_a_deploy_must_say_that_it_supersedes_it() {
    let stage = Stage::new();
    for color in ["green", "blue"] {
        stage.teal.wait_healthy(color, true);
    }
    stage.teal.switch_to("green");
    stage.teal.cli(&["rollback"]).assert_code(0);
    let (status, problem) = begin(&stage, &json!({}));
    assert_eq!((status, &problem["code"]), (409, &json!("rolled_back")), "{problem}");
    let (status, begun) = begin(&stage, &json!({ "supersede": true }));
    assert_eq!(status, 200, "{begun}");
    stage.finish();
}

//! Stops, and the last lines of a container.

use std::time::Duration;

use runner::{FailureKind, Port, Runner as _, State};
use serde_json::{Value, json};

use crate::green;
use crate::script::{BY_ID, BY_NAME, Engine, LOGS, REMOVE, Reply, STOP, container};

/// An Engine with a container that runs and obeys.
fn with_container() -> Engine {
    let engine = Engine::that_starts();
    engine.on(BY_NAME, [container("running", json!({}))]);
    engine.on(STOP, [Reply::Json(204, Value::Null)]);
    engine.on(BY_ID, [container("exited", json!({}))]);
    engine.on(REMOVE, [Reply::Json(204, Value::Null)]);
    engine
}

#[tokio::test]
async fn a_container_is_stopped_and_removed() {
    let engine = with_container();
    engine.runner().stop(&green(Port::None)).await.expect("it stops");
    assert_eq!(engine.orders(), [STOP, REMOVE]);
    assert_eq!(engine.told(STOP)[0].0, "POST /v1.41/containers/ab12/stop?t=10");
    assert_eq!(engine.told(REMOVE)[0].0, "DELETE /v1.41/containers/ab12", "its volumes stay");
    let engine = Engine::new();
    engine.runner().stop(&green(Port::None)).await.expect("there is none");
    assert!(engine.orders().is_empty());
}

#[tokio::test]
async fn a_container_that_is_stopped_or_gone_already_is_no_failure() {
    for reply in [Reply::Json(304, Value::Null), Reply::error(404, "No such container")] {
        let engine = with_container();
        engine.on(STOP, [reply]);
        engine.runner().stop(&green(Port::None)).await.expect("it is stopped");
    }
    let engine = with_container();
    engine.on(BY_NAME, [container("exited", json!({}))]);
    engine.runner().stop(&green(Port::None)).await.expect("it is stopped");
    assert_eq!(engine.orders(), [REMOVE]);
    engine.on(BY_ID, [Reply::error(404, "No such container")]);
    engine.runner().stop(&green(Port::None)).await.expect("it is gone");
    engine.on(BY_ID, [container("exited", json!({}))]);
    engine.on(REMOVE, [Reply::error(404, "No such container")]);
    engine.runner().stop(&green(Port::None)).await.expect("it is gone");
}

#[tokio::test]
async fn a_removal_that_is_in_progress_is_waited_for() {
    let engine = with_container();
    engine.on(REMOVE, [Reply::error(409, "removal of container ab12 is already in progress")]);
    engine.on(
        BY_ID,
        [
            container("exited", json!({})),
            container("removing", json!({})),
            container("removing", json!({})),
            Reply::error(404, "No such container"),
        ],
    );
    engine.runner().stop(&green(Port::None)).await.expect("it is gone");
    assert_eq!(engine.told(BY_ID).len(), 4);
}

#[tokio::test]
async fn a_stop_whose_answer_is_lost_is_looked_at() {
    let engine = with_container();
    engine.on(STOP, [Reply::Bytes(Vec::new())]);
    engine.on(
        BY_ID,
        [container("running", json!({})), Reply::Bytes(Vec::new()), container("exited", json!({}))],
    );
    engine.runner().stop(&green(Port::None)).await.expect("it stops");
    assert_eq!(engine.told(STOP).len(), 1);
}

#[tokio::test]
async fn a_container_that_docker_cannot_stop_is_told_at_once() {
    let engine = with_container();
    let words = "tried to kill container, but did not receive an exit event";
    engine.on(STOP, [Reply::error(500, words)]);
    engine.on(BY_ID, [container("running", json!({}))]);
    let failure = engine.runner().stop(&green(Port::None)).await.expect_err("it runs");
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Running, exit: None });
    assert!(failure.message.ends_with(words), "{failure}");
}

// L10
#[tokio::test]
async fn a_container_that_does_not_stop_is_told_at_the_deadline() {
    let engine = with_container();
    engine.on(BY_ID, [container("running", json!({}))]);
    let mut runner = engine.runner();
    runner.deadlines.stop = Duration::from_millis(100);
    runner.stop_timeout = Duration::ZERO;
    let failure = runner.stop(&green(Port::None)).await.expect_err("it runs");
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Running, exit: None });
    assert!(failure.message.ends_with("its container is running"), "{failure}");
}

#[tokio::test]
async fn the_last_lines_of_both_streams_are_told() {
    let engine = with_container();
    engine.on(LOGS, [Reply::log(&[(1, "one\n"), (2, "\x1b[31mtwo\n"), (1, "three")])]);
    let runner = engine.runner();
    let lines = runner.logs(&green(Port::None), 2).await.expect("it answers");
    assert_eq!(lines, ["two", "three"]);
    let request = "GET /v1.41/containers/ab12/logs?stdout=1&stderr=1&tail=2";
    assert_eq!(engine.told(LOGS)[0].0, request);

    engine.on(LOGS, [Reply::error(501, "configured logging driver does not support reading")]);
    let failure = runner.logs(&green(Port::None), 2).await.expect_err("no log");
    assert_eq!(failure.kind, FailureKind::InDoubt);
    assert!(failure.message.ends_with("does not support reading"), "{failure}");
    engine.on(LOGS, [Reply::Bytes(vec![crate::script::chunked(b"not in frames")])]);
    let failure = runner.logs(&green(Port::None), 2).await.expect_err("no frames");
    assert!(failure.message.ends_with("is not understood"), "{failure}");
}

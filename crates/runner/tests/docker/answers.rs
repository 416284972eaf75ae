//! Answers that are missing, cut, late, or from another than was expected.

use std::time::Duration;

use runner::{FailureKind, Port, Runner as _, State};
use serde_json::json;

use crate::green;
use crate::script::{BY_ID, BY_NAME, CREATE, Engine, Reply, START, chunked, container};

#[tokio::test]
async fn a_socket_that_nobody_serves_is_told_with_what_to_do() {
    let mut engine = Engine::new();
    engine.ends().await;
    let mut runner = engine.runner();
    let refused = runner.check(&green(Port::None)).await.expect_err("nobody listens");
    assert_eq!(refused.kind, FailureKind::InDoubt, "it may be about to start again");
    assert!(refused.message.contains("nothing listens on "), "{refused}");
    runner.host = Some(format!("unix://{}.no", engine.socket().display()));
    let failure = runner.start(&green(Port::None)).await.expect_err("no socket");
    assert_eq!(failure.kind, FailureKind::NotStarted);
    for failure in [
        runner.check(&green(Port::None)).await.expect_err("no socket"),
        runner.stop(&green(Port::None)).await.expect_err("no socket"),
        runner.status(&green(Port::None)).await.expect_err("no socket"),
        runner.logs(&green(Port::None), 1).await.expect_err("no socket"),
    ] {
        assert_eq!(failure.kind, FailureKind::InDoubt);
        assert!(failure.message.contains("does not exist; start Docker"), "{failure}");
    }
    runner.host = Some("tcp://127.0.0.1:2375".to_owned());
    let failure = runner.check(&green(Port::None)).await.expect_err("no socket");
    assert!(failure.message.contains("deploy on the machine of Docker"), "{failure}");
}

#[tokio::test]
async fn the_version_of_the_api_is_agreed_on_first() {
    let engine = Engine::new();
    let runner = engine.runner();
    let status = runner.status(&green(Port::None)).await.expect("there is no container");
    assert_eq!(status.state, State::Stopped);
    let told = engine.told(BY_NAME);
    assert_eq!(told, [("GET /v1.41/containers/web-green/json".to_owned(), String::new())]);

    let old = json!({"Version": "19.03", "ApiVersion": "1.40", "MinAPIVersion": "1.12"});
    engine.on("GET /version", [Reply::Json(200, old)]);
    let failure = runner.start(&green(Port::None)).await.expect_err("too old");
    assert_eq!(failure.kind, FailureKind::Usage);
    assert!(failure.message.contains("Docker 19.03 at "), "{failure}");
    assert!(failure.message.contains("upgrade Docker to 20.10 or newer"), "{failure}");

    engine.on(
        "GET /version",
        [Reply::Bytes(vec![b"HTTP/1.1 403 Forbidden\r\n\r\nno\x1b[1m".to_vec()])],
    );
    let failure = runner.start(&green(Port::None)).await.expect_err("another server");
    assert_eq!(failure.kind, FailureKind::Usage);
    assert!(
        failure.message.ends_with("does not answer GET /version as Docker does: no"),
        "{failure}"
    );
}

// L10
#[tokio::test]
async fn an_engine_that_hangs_leaves_doubt() {
    let engine = Engine::new();
    let mut runner = engine.runner();
    runner.deadlines.status = Duration::from_millis(100);
    runner.deadlines.start = Duration::from_millis(100);
    for hang in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"] {
        engine.on(BY_NAME, [Reply::Hang(hang.to_vec())]);
        let failure = runner.status(&green(Port::None)).await.expect_err("it hangs");
        assert_eq!(failure.kind, FailureKind::InDoubt);
        let words = "did not finish its answer to GET /containers/web-green/json within 2 s";
        assert!(failure.message.contains(words), "{failure}");
    }
    // Asked before anything was started, there is no doubt about that.
    let failure = runner.start(&green(Port::None)).await.expect_err("it hangs");
    assert_eq!(failure.kind, FailureKind::NotStarted);
    assert!(engine.orders().is_empty(), "{:?}", engine.orders());
}

#[tokio::test]
async fn answers_that_are_errors_or_broken_off_or_not_understood_leave_doubt() {
    let engine = Engine::new();
    let runner = engine.runner();
    let cut = &chunked(b"{\"Id\": \"ab12\"")[..];
    for (reply, words) in [
        (Reply::error(500, "out\nof \x1b[31mspace"), "json with 500: out of space"),
        (Reply::Bytes(vec![cut[..cut.len() - 9].to_vec()]), "json broke off: "),
        (Reply::Bytes(Vec::new()), "json broke off: "),
        (Reply::Bytes(vec![cut.to_vec()]), "json is not understood: EOF"),
        (Reply::Bytes(vec![b"SSH-2.0-OpenSSH\r\n".to_vec()]), "json broke off: "),
    ] {
        engine.on(BY_NAME, [reply]);
        let environment = green(Port::None);
        for failure in [
            runner.status(&environment).await.expect_err(words),
            runner.stop(&environment).await.expect_err(words),
            runner.check(&environment).await.expect_err(words),
        ] {
            assert_eq!(failure.kind, FailureKind::InDoubt, "{failure}");
            assert!(failure.message.contains(words), "{failure}");
        }
        let failure = runner.start(&environment).await.expect_err(words);
        assert_eq!(failure.kind, FailureKind::NotStarted, "{failure}");
        assert!(engine.orders().is_empty(), "{:?}", engine.orders());
    }
}

#[tokio::test]
async fn an_answer_is_read_wherever_it_is_cut() {
    let engine = Engine::new();
    let runner = engine.runner();
    let Reply::Json(_, running) = container("running", json!({})) else { unreachable!() };
    let answer = chunked(running.to_string().as_bytes());
    for size in [1, 2, 3, 7, 64] {
        let pieces = answer.chunks(size).map(<[u8]>::to_vec).collect();
        engine.on(BY_NAME, [Reply::Bytes(pieces)]);
        let status = runner.status(&green(Port::None)).await.expect("it answers");
        assert_eq!(status.state, State::Running, "pieces of {size}");
    }
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_is_looked_at() {
    let engine = Engine::that_starts();
    engine.on(START, [Reply::Bytes(Vec::new())]);
    engine.on(
        BY_ID,
        [
            Reply::Bytes(Vec::new()), // as when Docker is started again
            container("created", json!({})),
            container("running", json!({})),
        ],
    );
    engine.runner().start(&green(Port::None)).await.expect("it runs");
    assert_eq!(engine.told(START).len(), 1, "it is not ordered twice");

    engine.on(CREATE, [Reply::Bytes(Vec::new())]);
    let failure = engine.runner().start(&green(Port::None)).await.expect_err("not even made");
    assert_eq!(failure.kind, FailureKind::NotStarted, "{failure}");
}

// L10
#[tokio::test]
async fn an_engine_that_is_gone_after_the_start_leaves_doubt() {
    let engine = Engine::that_starts();
    engine.on(BY_ID, [Reply::error(503, "shutting down")]);
    let mut runner = engine.runner();
    runner.deadlines.start = Duration::from_millis(500);
    let failure = runner.start(&green(Port::None)).await.expect_err("nobody knows");
    assert_eq!(failure.kind, FailureKind::InDoubt, "{failure}");
    let words = "look at the container web-green before you start or stop anything";
    assert!(failure.message.contains(words), "{failure}");
    assert_eq!(engine.orders(), [CREATE, START], "nothing is stopped in doubt");
}

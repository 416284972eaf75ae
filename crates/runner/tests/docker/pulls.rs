//! Images that are pulled, and those that are not.

use std::time::{Duration, Instant};

use runner::{FailureKind, Port, Pull, Runner as _};
use serde_json::json;

use crate::green;
use crate::script::{CREATE, Engine, IMAGE, Reply, START, chunked};

const PULL: &str = "POST /images/create";

#[tokio::test]
async fn an_image_is_pulled_when_it_should_be() {
    let progress = b"{\"status\":\"Pulling from app\",\"id\":\"v42\"}\r\n{\"status\":\"Done\"}\r\n";
    for (pull, is_there, pulls) in [
        (Pull::Always, true, 1),
        (Pull::Missing, true, 0),
        (Pull::Missing, false, 1),
        (Pull::Never, true, 0),
    ] {
        let engine = Engine::that_starts();
        if !is_there {
            engine.on(IMAGE, [Reply::error(404, "No such image: app:v42")]);
        }
        engine.on(PULL, [Reply::Bytes(chunked(progress).chunks(5).map(<[u8]>::to_vec).collect())]);
        let mut runner = engine.runner();
        runner.pull = pull;
        runner.start(&green(Port::None)).await.expect("it starts");
        let told = engine.told(PULL);
        assert_eq!(told.len(), pulls, "{pull:?}");
        for (request, _) in told {
            assert_eq!(request, "POST /v1.41/images/create?fromImage=app&tag=v42");
        }
    }
    let engine = Engine::new();
    let mut runner = engine.runner();
    runner.pull = Pull::Never;
    for failure in [
        runner.check(&green(Port::None)).await.expect_err("no image"),
        runner.start(&green(Port::None)).await.expect_err("no image"),
    ] {
        assert_eq!(failure.kind, FailureKind::Usage);
        assert!(
            failure.message.contains("is not on this machine: docker pull app:v42"),
            "{failure}"
        );
    }
    assert!(engine.orders().is_empty(), "{:?}", engine.orders());
}

#[tokio::test]
async fn a_pull_that_fails_starts_nothing_and_tells_why() {
    let denied =
        "pull access denied for app, repository does not exist or may require docker login";
    let stream = format!("{{\"status\":\"Pulling\"}}\r\n{}\r\n", json!({"error": denied}));
    let whole = chunked(stream.as_bytes());
    for (reply, words) in [
        (Reply::error(404, denied), denied),
        (Reply::error(500, "Get \"https://registry/v2/\": no such host"), "no such host"),
        (Reply::Bytes(vec![whole.clone()]), denied),
        (Reply::Bytes(vec![whole[..whole.len() - 5].to_vec()]), "broke off"),
    ] {
        let engine = Engine::that_starts();
        engine.on(IMAGE, [Reply::error(404, "No such image: app:v42")]);
        engine.on(PULL, [reply]);
        let failure = engine.runner().start(&green(Port::None)).await.expect_err(words);
        assert_eq!(failure.kind, FailureKind::NotStarted);
        assert!(failure.message.starts_with("the image app:v42 was not pulled: "), "{failure}");
        assert!(failure.message.contains(words), "{failure}");
        assert_eq!(engine.orders(), [PULL], "nothing is made");
    }
}

// L10
#[tokio::test]
async fn a_pull_that_takes_too_long_ends_with_the_start() {
    let engine = Engine::that_starts();
    engine.on(IMAGE, [Reply::error(404, "No such image: app:v42")]);
    let beginning = chunked(b"{\"status\":\"Pulling\"}\r\n");
    engine.on(PULL, [Reply::Hang(beginning[..beginning.len() - 5].to_vec())]);
    let mut runner = engine.runner();
    runner.deadlines.start = Duration::from_millis(100);
    let began = Instant::now();
    let failure = runner.start(&green(Port::None)).await.expect_err("it takes too long");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(failure.kind, FailureKind::NotStarted);
    assert!(
        failure.message.contains("did not finish its answer to POST /images/create"),
        "{failure}"
    );
    for order in [CREATE, START] {
        assert!(engine.told(order).is_empty(), "{:?}", engine.orders());
    }
}

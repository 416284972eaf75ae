//! Starts that end well, and those that are refused or whose program ends.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use runner::{Exit, FailureKind, Port, Runner as _, State};
use serde_json::{Value, json};

use crate::green;
use crate::script::{BY_ID, BY_NAME, CREATE, Engine, REMOVE, Reply, START, container};

#[tokio::test]
async fn a_container_is_made_as_configured() {
    let engine = Engine::that_starts();
    engine.on("GET /networks/app", [Reply::Json(200, json!({}))]);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("green.env"), "PASSWORD=secret\nMODE=file\n").expect("ours");
    let mut runner = engine.runner();
    runner.network = Some("app".to_owned());
    runner.port = Some(3000);
    runner.env_file = Some(folder.path().join("{color}.env"));
    runner.env = BTreeMap::from([("MODE".to_owned(), "{version}".to_owned())]);
    runner.mounts = vec!["/srv/{color}:/data".to_owned(), "cache:/cache:ro".to_owned()];
    runner.labels = BTreeMap::from([("team".to_owned(), "{service}s".to_owned())]);
    runner.command = ["serve", "--port={port}"].map(str::to_owned).to_vec();
    runner.stop_timeout = Duration::from_millis(1500);
    let started = runner.start(&green(Port::Fixed(8082))).await.expect("it starts");
    assert_eq!(started.target, None, "the configuration has it");
    let told = engine.told(CREATE);
    let (request, body) = told.first().expect("one was made");
    assert_eq!(request, "POST /v1.41/containers/create?name=web-green");
    let expected = json!({
        "Image": "app:v42",
        "Cmd": ["serve", "--port=3000"],
        "Env": [
            "MODE=v42", "PASSWORD=secret", "TEAL_COLOR=green", "TEAL_PORT=3000", "TEAL_SERVICE=web",
            "TEAL_VERSION=v42",
        ],
        "Labels": {
            "team": "webs", "teal.service": "web", "teal.color": "green", "teal.version": "v42",
        },
        "StopTimeout": 2,
        "ExposedPorts": {"3000/tcp": {}},
        "HostConfig": {
            "Mounts": [
                {"Type": "bind", "Source": "/srv/green", "Target": "/data", "ReadOnly": false},
                {"Type": "volume", "Source": "cache", "Target": "/cache", "ReadOnly": true},
            ],
            "NetworkMode": "app",
            "PortBindings": {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8082"}]},
            "RestartPolicy": {"Name": "unless-stopped"},
        },
    });
    assert_eq!(serde_json::from_str::<Value>(body).expect("JSON"), expected);
}

#[tokio::test]
async fn settings_that_no_container_can_have_are_refused_before_anything_is_asked() {
    let engine = Engine::new();
    for (number, words) in [
        "is not an image",
        "needs a value for {port}",
        "is not SRC:DST",
        "the label \"teal.color\" is Teal's",
        "is not the name of a container",
        "is not the name of a container",
        "is not a network",
        "gives a container no address",
        "cannot read env_file /no/such.env",
    ]
    .into_iter()
    .enumerate()
    {
        let mut runner = engine.runner();
        let mut port = Port::None;
        match number {
            0 => runner.image = "app :{version}".to_owned(),
            1 => runner.command = vec!["--port={port}".to_owned()],
            2 => runner.mounts = vec!["/data".to_owned()],
            3 => runner.labels = BTreeMap::from([("teal.color".to_owned(), "red".to_owned())]),
            4 => runner.container = "../{service}".to_owned(),
            5 => runner.container = "x".to_owned(),
            6 => runner.network = Some("container:db".to_owned()),
            7 => (runner.network, port) = (Some("host".to_owned()), Port::Fixed(8082)),
            _ => runner.env_file = Some("/no/such.env".into()),
        }
        let checked = runner.check(&green(port)).await.expect_err(words);
        let failure = runner.start(&green(port)).await.expect_err(words);
        assert_eq!((failure.kind, &failure), (FailureKind::Usage, &checked));
        assert!(failure.message.contains(words), "{failure}");
    }
    assert!(engine.asked().is_empty(), "{:?}", engine.asked());
}

#[tokio::test]
async fn a_container_that_runs_is_not_touched_and_one_that_has_ended_is_replaced() {
    let engine = Engine::that_starts();
    for status in ["running", "paused", "restarting", "removing"] {
        engine.on(BY_NAME, [container(status, json!({}))]);
        let failure = engine.runner().start(&green(Port::None)).await.expect_err(status);
        assert_eq!(failure.kind, FailureKind::NotStarted);
        assert!(failure.message.ends_with("; stop it first"), "{failure}");
    }
    assert!(engine.orders().is_empty(), "{:?}", engine.orders());
    engine.on(BY_NAME, [container("exited", json!({"Id": "old"}))]);
    engine.on("GET /containers/old/json", [container("exited", json!({"Id": "old"}))]);
    engine.on("DELETE /containers/old", [Reply::Json(204, Value::Null)]);
    engine.runner().start(&green(Port::None)).await.expect("it starts");
    assert_eq!(engine.orders(), ["DELETE /containers/old", CREATE, START]);
}

#[tokio::test]
async fn nobody_elses_container_is_touched() {
    let engine = Engine::that_starts();
    let labels = json!({"Config": {"Labels": {"teal.service": "shop", "teal.color": "green"}}});
    engine.on(BY_NAME, [container("exited", labels)]);
    let (runner, environment) = (engine.runner(), green(Port::None));
    for failure in [
        runner.check(&environment).await.expect_err("another's"),
        runner.start(&environment).await.expect_err("another's"),
        runner.stop(&environment).await.expect_err("another's"),
        runner.status(&environment).await.expect_err("another's"),
        runner.logs(&environment, 5).await.expect_err("another's"),
    ] {
        assert_eq!(failure.kind, FailureKind::Usage);
        let words =
            "the container web-green is not Teal's: it lacks the labels teal.service=web and";
        assert!(failure.message.starts_with(words), "{failure}");
    }
    // The Engine also finds a container by the beginning of its id.
    engine.on(BY_NAME, [container("running", json!({"Name": "/db"}))]);
    runner.stop(&environment).await.expect("there is none of this name");
    assert!(engine.orders().is_empty(), "{:?}", engine.orders());
}

#[tokio::test]
async fn what_docker_refuses_is_told_in_its_words() {
    let engine = Engine::that_starts();
    let words = "Conflict. The container name \"/web-green\" is already in use";
    engine.on(CREATE, [Reply::error(409, words)]);
    let failure = engine.runner().start(&green(Port::None)).await.expect_err("refused");
    assert_eq!(failure.kind, FailureKind::NotStarted);
    assert!(failure.message.ends_with(words), "{failure}");
    assert_eq!(engine.orders(), [CREATE]);

    let engine = Engine::that_starts();
    let words = "exec: \"serve\": executable file not found in $PATH";
    engine.on(START, [Reply::error(400, words)]);
    let failure = engine.runner().start(&green(Port::None)).await.expect_err("refused");
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Failed, exit: None });
    assert!(failure.message.ends_with(words), "{failure}");

    let mut runner = engine.runner();
    runner.network = Some("app".to_owned());
    let failure = runner.start(&green(Port::None)).await.expect_err("no network");
    assert_eq!(failure.kind, FailureKind::Usage);
    assert!(failure.message.ends_with("does not exist: docker network create app"), "{failure}");
}

#[tokio::test]
async fn a_program_that_ends_is_told_with_its_exit_and_its_last_lines() {
    for (status, state) in [("exited", State::Failed), ("restarting", State::Starting)] {
        let engine = Engine::that_starts();
        engine.on(BY_ID, [container("running", json!({})), container(status, json!({}))]);
        let began = Instant::now();
        let runner = engine.runner();
        let failure = runner.start(&green(Port::None)).await.expect_err("it ends");
        assert!(began.elapsed() < runner.deadlines.start, "{:?}", began.elapsed());
        assert_eq!(failure.kind, FailureKind::Failed { state, exit: Some(Exit::Code(3)) });
        let words = format!("ended before it was up: web-green is {status}, exit code 3");
        assert!(failure.message.ends_with(&words), "{failure}");
        assert_eq!(failure.lines, ["listening", "panicked at main.rs"]);
        assert!(!engine.orders().contains(&REMOVE.to_owned()), "that is for the deploy to decide");
    }
    let engine = Engine::that_starts();
    engine.on(BY_ID, [container("running", json!({"RestartCount": 1}))]);
    let failure = engine.runner().start(&green(Port::None)).await.expect_err("a crash loop");
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Running, exit: None });
    assert!(failure.message.ends_with("web-green is running, 1 restarts"), "{failure}");
    engine.on(BY_ID, [container("running", json!({})), Reply::error(404, "No such container")]);
    let failure = engine.runner().start(&green(Port::None)).await.expect_err("it is gone");
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Stopped, exit: None });
}

// L10
#[tokio::test]
async fn a_container_that_does_not_come_up_is_told_at_the_deadline() {
    let engine = Engine::that_starts();
    engine.on(BY_ID, [container("created", json!({}))]);
    let mut runner = engine.runner();
    runner.deadlines.start = Duration::from_millis(500);
    let failure = runner.start(&green(Port::None)).await.expect_err("it does not come up");
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Stopped, exit: None });
    assert!(failure.message.contains("is not up after 500ms: web-green is created"), "{failure}");
}

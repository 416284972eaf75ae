//! The target that a start tells.

use runner::{FailureKind, Port, Runner as _};
use serde_json::{Value, json};

use crate::green;
use crate::script::{BY_ID, BY_NAME, CREATE, Engine, REMOVE, Reply, START, container};

/// A container that runs in these networks.
fn within(networks: &Value) -> Reply {
    container("running", json!({"NetworkSettings": {"Networks": networks}}))
}

#[tokio::test]
async fn the_address_of_a_container_is_told_if_its_port_is_known() {
    let engine = Engine::that_starts();
    engine.on("GET /networks/app", [Reply::Json(200, json!({}))]);
    let mut runner = engine.runner();
    runner.port = Some(3000);
    engine.on(BY_ID, [within(&json!({"bridge": {"IPAddress": "172.17.0.2"}}))]);
    let target = runner.start(&green(Port::None)).await.expect("it starts").target;
    assert_eq!(target.expect("an address").to_string(), "http://172.17.0.2:3000");
    let body = &engine.told(CREATE)[0].1;
    assert!(body.contains("\"RestartPolicy\":{\"Name\":\"no\"}"), "{body}");

    let two = json!({"app": {"IPAddress": "172.18.0.2"}, "db": {"IPAddress": "172.19.0.2"}});
    engine.on(BY_ID, [within(&two)]);
    let failure = runner.start(&green(Port::None)).await.expect_err("which one?");
    assert!(matches!(failure.kind, FailureKind::Failed { .. }), "{failure:?}");
    let words = "it is in the networks app, db: name the one of its target by network";
    assert!(failure.message.ends_with(words), "{failure}");
    runner.network = Some("app".to_owned());
    let target = runner.start(&green(Port::None)).await.expect("it starts").target;
    assert_eq!(target.expect("an address").to_string(), "http://172.18.0.2:3000");

    engine.on(BY_ID, [within(&json!({"app": {"IPAddress": ""}}))]);
    let failure = runner.start(&green(Port::None)).await.expect_err("no address");
    assert!(failure.message.ends_with("it has no address in its network"), "{failure}");
    (runner.port, runner.address) = (Some(3000), false);
    assert_eq!(runner.start(&green(Port::None)).await.expect("it starts").target, None);
    let (_, body) = engine.told(CREATE).pop().expect("one was made");
    assert!(body.contains("\"RestartPolicy\":{\"Name\":\"unless-stopped\"}"), "{body}");
}

#[tokio::test]
async fn a_chosen_port_that_was_taken_meanwhile_is_chosen_anew() {
    let engine = Engine::that_starts();
    let taken = "driver failed programming external connectivity: Bind for 127.0.0.1:49153 failed: \
                 port is already allocated";
    engine.on(START, [Reply::error(500, taken), Reply::Json(204, Value::Null)]);
    engine.on(REMOVE, [Reply::Json(204, Value::Null)]);
    let runner = engine.runner();
    let target = runner.start(&green(Port::Auto)).await.expect("it starts").target;
    let target = target.expect("a chosen port").to_string();
    assert_eq!(engine.orders(), [CREATE, START, REMOVE, CREATE, START]);
    let port = target.strip_prefix("http://127.0.0.1:").expect("loopback");
    let body = &engine.told(CREATE)[1].1;
    assert!(
        body.contains(&format!("{{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"{port}\"}}")),
        "{body}"
    );
    assert!(body.contains(&format!("\"TEAL_PORT={port}\"")), "{body}");

    let ports = json!({"NetworkSettings": {"Ports": {"80/tcp": [
        {"HostIp": "127.0.0.1", "HostPort": port},
    ]}}});
    engine.on(BY_NAME, [container("running", ports)]);
    let status = runner.status(&green(Port::Auto)).await.expect("it answers");
    assert_eq!(status.port.map(|port| port.to_string()).as_deref(), Some(port));
    assert_eq!(runner.status(&green(Port::None)).await.expect("it answers").port, None);

    // Someone else's fixed port is not for this runner to solve.
    let engine = Engine::that_starts();
    engine.on(START, [Reply::error(500, taken)]);
    let failure = engine.runner().start(&green(Port::Fixed(8082))).await.expect_err("taken");
    assert!(failure.message.ends_with("port is already allocated"), "{failure}");
    assert_eq!(engine.orders(), [CREATE, START]);
    engine.on(REMOVE, [Reply::Json(204, Value::Null)]);
    engine.runner().start(&green(Port::Auto)).await.expect_err("taken again and again");
    assert_eq!(engine.told(START).len(), 1 + 3, "the tries are bounded");
}

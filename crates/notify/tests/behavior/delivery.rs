//! The messages that an endpoint receives, and the consequences of its answers.

use std::time::Duration;

use notify::TestRefused;
use serde_json::json;

use crate::endpoint::{Endpoint, OK};
use crate::setup::{Running, directory, switch, table};

#[tokio::test]
async fn a_message_has_the_fields_of_standard_webhooks_and_goes_to_the_path_of_the_url() {
    let (directory, endpoint) = (directory(), Endpoint::start(|_| Some(OK)).await);
    let running = Running::start(directory.path(), &table("ops", endpoint.port));
    running.tell(switch(7));
    let message = endpoint.has_received(1).await.remove(0);
    assert!(message.head.starts_with("POST /hook/hunter2 HTTP/1.1\r\n"), "{}", message.head);
    let host = format!("127.0.0.1:{}", endpoint.port);
    assert_eq!(message.field("host"), Some(&*host));
    assert_eq!(message.field("content-type"), Some("application/json"));
    assert_eq!(message.field("user-agent"), Some("teal/1.2.3"));
    assert!(message.id().starts_with("msg_") && message.id().len() == 36, "{}", message.id());
    assert!(message.field("webhook-signature").is_some_and(|text| text.starts_with("v1,")));
    let timestamp = message.field("webhook-timestamp").expect("a time").parse::<u64>();
    assert!(timestamp.expect("a number") > 1_600_000_000);
    let body = message.json();
    assert_eq!((&body["type"], &body["machine"]), (&json!("switch"), &json!("web-1")));
    assert_eq!(body["data"], json!({ "generation": 7 }));
}

#[tokio::test]
async fn slack_gets_a_sentence_without_a_signature_and_only_the_events_that_it_wants() {
    let (directory, endpoint) = (directory(), Endpoint::start(|_| Some(OK)).await);
    let port = endpoint.port;
    let table = format!(
        "[[notify]]\nname = \"chat\"\nurl = \"http://127.0.0.1:{port}\"\nformat = \"slack\"\nevents = [\"failover\"]\n"
    );
    let running = Running::start(directory.path(), &table);
    running.tell(switch(1));
    running.tell(notify::Notice { event: rules::NotifiedEvent::Failover, ..switch(2) });
    let message = endpoint.has_received(1).await.remove(0);
    assert_eq!(message.json(), json!({ "text": "web-1: switch 2" }));
    assert_eq!(message.field("webhook-signature"), None);
    running.status_is("chat", |chat| chat.pending == 0).await;
    assert_eq!(endpoint.received().len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_gets_nothing_until_a_reload() {
    let script = |place| match place {
        0 => Some("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"),
        _ => Some(OK),
    };
    let (directory, endpoint) = (directory(), Endpoint::start(script).await);
    let tables = table("ops", endpoint.port);
    let running = Running::start(directory.path(), &tables);
    running.tell(switch(1));
    running.status_is("ops", |ops| ops.disabled).await;
    running.tell(switch(2));
    running.status_is("ops", |ops| ops.pending == 2).await;
    let ops = running.status("ops");
    assert_eq!((ops.next_try, endpoint.received().len()), (None, 1));
    running.reload(&tables);
    let received = endpoint.has_received(3).await;
    assert_eq!(received[1].id(), received[0].id());
    running.status_is("ops", |ops| !ops.disabled && ops.pending == 0).await;
}

#[tokio::test]
async fn an_endpoint_that_asks_for_time_gets_it() {
    let script = |place| match place {
        0 => Some("HTTP/1.1 429 Slow down\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n"),
        _ => Some(OK),
    };
    let (directory, endpoint) = (directory(), Endpoint::start(script).await);
    let running = Running::start(directory.path(), &table("ops", endpoint.port));
    running.tell(switch(1));
    let received = endpoint.has_received(2).await;
    let pause = received[1].at - received[0].at;
    assert!(pause >= Duration::from_millis(2990), "{pause:?}");
}

#[tokio::test]
async fn a_test_is_sent_at_once_and_beside_what_waits() {
    let script = |place| match place {
        0 => Some("HTTP/1.1 503 Later\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n"),
        1 => Some(OK),
        _ => Some("HTTP/1.1 401 Who\r\ncontent-length: 0\r\n\r\n"),
    };
    let (directory, endpoint) = (directory(), Endpoint::start(script).await);
    let running = Running::start(directory.path(), &table("ops", endpoint.port));
    running.tell(switch(1));
    running.status_is("ops", |ops| ops.failures == 1).await;
    let handle = running.handle();
    let tested = handle.test("ops").await.expect("a test");
    assert_eq!((tested.status, tested.problem), (Some(204), None));
    let message = endpoint.received().remove(1);
    assert_eq!(message.json()["type"], "test");
    let tested = handle.test("ops").await.expect("a test");
    let problem = tested.problem.expect("refused");
    assert!(problem.contains("answered 401; check the URL and the secret"), "{problem}");
    let ops = running.status("ops");
    assert_eq!((ops.pending, ops.delivered, ops.failed), (1, 0, 1), "tests are not counted");
    let unknown = handle.test("opps").await.expect_err("there is none");
    assert_eq!(unknown, TestRefused::Unknown(vec!["ops".to_owned()]));
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_sends_nothing_and_is_read_again_at_the_next_try() {
    let (directory, endpoint) = (directory(), Endpoint::start(|_| Some(OK)).await);
    let file = directory.path().join("hook.secret");
    let table = format!(
        "[[notify]]\nname = \"ops\"\nurl = \"http://127.0.0.1:{}\"\nsecret_file = \"{}\"\n",
        endpoint.port,
        file.display()
    );
    let running = Running::start(directory.path(), &table);
    running.tell(switch(1));
    running.status_is("ops", |ops| ops.failures > 0).await;
    let reason = running.status("ops").last_failure.expect("unreadable").reason;
    assert!(reason.starts_with("cannot read ") && reason.contains("hook.secret"), "{reason}");
    assert!(endpoint.received().is_empty());
    std::fs::write(&file, crate::setup::SECRET).expect("written");
    endpoint.has_received(1).await;
}

//! The outbox of a Teal that restarts, reloads, or leaves it to another Teal.

use notify::Notice;
use rules::Time;

use crate::endpoint::{Endpoint, OK, Received};
use crate::setup::{Running, directory, switch, table};

#[tokio::test]
async fn messages_of_a_teal_that_stopped_are_delivered_by_the_next_one() {
    let directory = directory();
    let dead = Endpoint::start(|_| None).await;
    let port = dead.port;
    let running = Running::start(directory.path(), &table("ops", port));
    for generation in 1..=3 {
        running.tell(switch(generation));
    }
    let first = dead.has_received(1).await.remove(0);
    running.finish();
    drop(dead);
    let endpoint = Endpoint::start(|_| Some(OK)).await;
    // As the journal has them all, one of them lost by a crash between the journal and the outbox.
    let journal = (1..=4).map(switch);
    let journal: Vec<_> = journal.collect();
    let running = Running::start_after(directory.path(), &table("ops", endpoint.port), journal);
    let received = endpoint.has_received(4).await;
    assert_eq!(received[0].id(), first.id(), "so that its receiver can drop what comes twice");
    let texts: Vec<_> = received.iter().map(Received::text).collect();
    assert_eq!(texts, ["switch 1", "switch 2", "switch 3", "switch 4"]);
    running.status_is("ops", |ops| ops.pending == 0).await;
    running.finish();
    let again = Running::start_after(directory.path(), &table("ops", endpoint.port), Vec::new());
    again.status_is("ops", |ops| ops.pending == 0).await;
    again.finish();
    assert_eq!(endpoint.received().len(), 4, "each once");
}

#[tokio::test]
async fn decisions_from_before_an_endpoint_was_configured_are_not_told() {
    let (directory, endpoint) = (directory(), Endpoint::start(|_| Some(OK)).await);
    let old = Notice { at: Time(1), ..switch(1) };
    let running = Running::start_after(directory.path(), &table("ops", endpoint.port), vec![old]);
    running.tell(switch(2));
    let received = endpoint.has_received(1).await;
    assert_eq!(received[0].text(), "switch 2");
}

#[tokio::test]
async fn only_the_teal_in_control_sends_and_the_other_one_goes_on_from_there() {
    let directory = directory();
    let (silent, good) = (Endpoint::start(|_| None).await, Endpoint::start(|_| Some(OK)).await);
    let older = Running::start(directory.path(), &table("ops", silent.port));
    older.tell(switch(1));
    older.tell(switch(2));
    let first = silent.has_received(1).await.remove(0);
    let newer = Running::start(directory.path(), &table("ops", good.port));
    newer.tell(switch(3));
    assert!(good.received().is_empty(), "the older one still has the outbox");
    older.tell(switch(4));
    older.in_control.send_replace(false);
    let received = good.has_received(4).await;
    let mut texts: Vec<_> = received.iter().map(Received::text).collect();
    assert_eq!(texts[..2], ["switch 1", "switch 2"]);
    texts.sort();
    assert_eq!(texts, ["switch 1", "switch 2", "switch 3", "switch 4"]);
    assert_eq!(received[0].id(), first.id());
    let refused = older.handle().test("ops").await.expect_err("not in control");
    assert!(format!("{refused:?}").contains("another Teal is taking over"), "{refused:?}");
    newer.finish();
    older.in_control.send_replace(true);
    older.reload(&table("ops", good.port));
    older.tell(switch(5));
    assert_eq!(good.has_received(5).await[4].text(), "switch 5");
}

#[tokio::test]
async fn a_reload_adds_changes_and_removes_endpoints() {
    let directory = directory();
    let (one, other) = (Endpoint::start(|_| Some(OK)).await, Endpoint::start(|_| Some(OK)).await);
    let dead = Endpoint::start(|_| None).await;
    let dead_port = dead.port;
    drop(dead);
    let running = Running::start(directory.path(), "");
    assert!(running.handle().statuses().is_empty());
    assert!(!directory.path().join(notify::DIRECTORY).exists(), "nothing is made for nobody");
    running.reload(&table("ops", dead_port));
    running.status_is("ops", |ops| ops.pending == 0).await;
    running.tell(switch(1));
    running.status_is("ops", |ops| ops.failures > 0).await;
    running.reload(&[table("ops", one.port), table("second", other.port)].concat());
    assert_eq!(one.has_received(1).await[0].text(), "switch 1", "at its new URL");
    running.status_is("second", |second| second.pending == 0).await;
    running.tell(switch(2));
    assert_eq!(other.has_received(1).await[0].text(), "switch 2");
    one.has_received(2).await;
    running.reload(&table("second", other.port));
    crate::setup::until("one endpoint", || running.handle().statuses().len() == 1).await;
    running.tell(switch(3));
    other.has_received(2).await;
    assert_eq!(one.received().len(), 2);
}

#[tokio::test]
async fn nothing_that_is_shown_or_kept_has_a_secret_or_the_path_of_a_url() {
    let directory = directory();
    let script = |_| Some("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n");
    let endpoint = Endpoint::start(script).await;
    let running = Running::start(directory.path(), &table("ops", endpoint.port));
    running.tell(switch(1));
    running.status_is("ops", |ops| ops.failures > 0).await;
    let shown = format!("{:?}", running.status("ops"));
    let tested = format!("{:?}", running.handle().test("ops").await);
    running.finish();
    let outbox = directory.path().join(notify::DIRECTORY).join("outbox");
    let kept = std::fs::read_to_string(outbox).expect("it is there");
    for text in [shown, tested, kept] {
        assert!(!text.contains("hunter2") && !text.contains("MfKQ"), "{text}");
    }
}

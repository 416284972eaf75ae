//! Messages keep their order for an endpoint, and no endpoint delays another.

use std::time::Duration;

use crate::endpoint::{Endpoint, OK, Received};
use crate::setup::{Running, directory, switch, table};

#[tokio::test]
async fn messages_keep_their_order_and_their_id_through_failures() {
    let script = |place| match place {
        0 => Some("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"),
        2 => Some("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"),
        _ => Some(OK),
    };
    let (directory, endpoint) = (directory(), Endpoint::start(script).await);
    let running = Running::start(directory.path(), &table("ops", endpoint.port));
    for generation in 1..=3 {
        running.tell(switch(generation));
    }
    let received = endpoint.has_received(5).await;
    let texts: Vec<_> = received.iter().map(Received::text).collect();
    assert_eq!(texts, ["switch 1", "switch 1", "switch 2", "switch 2", "switch 3"]);
    assert_eq!(received[0].id(), received[1].id(), "a try again is the same message");
    assert_ne!(received[1].id(), received[2].id());
    let pause = received[1].at - received[0].at;
    assert!(pause >= Duration::from_millis(490), "{pause:?}");
    running.status_is("ops", |ops| ops.pending == 0 && ops.delivered == 3).await;
    let ops = running.status("ops");
    assert_eq!((ops.failed, ops.failures, ops.oldest, ops.next_try), (2, 0, None, None));
    let reason = ops.last_failure.expect("the second one").reason;
    assert!(reason.contains("answered 302; redirects are not followed"), "{reason}");
    assert_eq!(ops.last_success.expect("the last one").status, 204);
}

// L10
#[tokio::test]
async fn an_endpoint_that_is_dead_and_one_that_never_answers_delay_no_other() {
    let (directory, silent) = (directory(), Endpoint::start(|_| None).await);
    let good = Endpoint::start(|_| Some(OK)).await;
    let dead = Endpoint::start(|_| None).await;
    let dead_port = dead.port;
    drop(dead);
    let tables = [table("silent", silent.port), table("dead", dead_port), table("good", good.port)];
    let running = Running::start(directory.path(), &tables.concat());
    let begin = tokio::time::Instant::now();
    for generation in 1..=20 {
        running.tell(switch(generation));
    }
    good.has_received(20).await;
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    running.status_is("dead", |dead| dead.failures > 0).await;
    let reason = running.status("dead").last_failure.expect("refused").reason;
    assert_eq!(reason, "connection refused");
    assert_eq!((running.status("dead").pending, running.status("silent").pending), (20, 20));
    // The one that never answers gets no second message meanwhile, and its try ends at its deadline.
    assert_eq!(silent.received().len(), 1);
    running.status_is("silent", |silent| silent.failures == 1).await;
    let reason = running.status("silent").last_failure.expect("timed out").reason;
    assert_eq!(reason, "no answer within 10s");
}

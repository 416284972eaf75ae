//! Row U6: `Expect: 100-continue` is the target's to answer.

use std::time::{Duration, Instant};

use testkit::{Behavior, Step};

use super::{canary, get, post, refused};
use crate::setup::{SOON, Setup};

const ASKS: &str =
    "POST /e HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";

#[test]
fn u6_the_targets_100_is_relayed_and_only_that() {
    let setup = Setup::new();
    setup.blue.behave_at("/e", Behavior::continues());
    let mut client = setup.client();
    client.send(ASKS);
    assert_eq!(client.read_any_head().expect("a head").status, 100);
    client.send("hello");
    assert_eq!(client.answer().status, 200);
    let request = &setup.blue.seen().requests_to("/e")[0];
    assert_eq!(
        (request.fields.get("expect"), &*request.body),
        (Some("100-continue"), &b"hello"[..])
    );
    // A client that does not wait is as good.
    client.send(format!("{ASKS}hello"));
    assert_eq!(client.answer().status, 200);
    canary(&setup, "U6");
    setup.finish();
}

#[test]
fn u6_a_final_answer_before_the_body_spoils_nothing() {
    let setup = Setup::new();
    for status in [200, 401, 417] {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        let steps = vec![Step::Send(answer.into_bytes()), Step::Hang];
        setup.blue.behave_at("/e", Behavior::Script(steps));
        let mut client = setup.client();
        client.send(ASKS);
        let answer = client.answer();
        assert_eq!(answer.status, status);
        if answer.closes() {
            assert!(client.ending(SOON).ended());
        } else {
            // The body still comes, as its length says; the next request is the next request.
            client.send("hello");
            assert!(client.get("/next").text().contains(" /next "));
        }
        canary(&setup, "U6");
    }
    setup.finish();
}

#[test]
fn u6_a_body_that_never_comes_is_waited_for_only_so_long() {
    // L10
    let setup = Setup::with(|settings| settings.timeouts("body_progress = \"300ms\""));
    setup.blue.behave_at("/e", Behavior::continues());
    let mut client = setup.client();
    client.send(ASKS);
    assert_eq!(client.read_any_head().expect("a head").status, 100);
    assert!(client.ending(SOON).ended());
    testkit::wait_until(SOON, "nothing is in flight", || {
        setup.teal.color("blue")["in_flight"] == 0
    });
    canary(&setup, "U6");
    setup.finish();
}

#[test]
fn u6_no_100_comes_from_teal_and_a_silent_target_is_waited_for_only_so_long() {
    // L10
    let setup = Setup::with(|settings| settings.timeouts("body_progress = \"400ms\""));
    setup.blue.behave_at("/e", Behavior::Script(vec![Step::Hang]));
    let mut client = setup.client();
    client.send(ASKS);
    let begun = Instant::now();
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (408, true));
    assert!(answer.informational.is_empty(), "{:?}", answer.informational);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(300) && waited < SOON, "{waited:?}");
    assert!(client.ending(SOON).ended());
    canary(&setup, "U6");
    setup.finish();
}

#[test]
fn u6_an_unknown_expectation_is_417() {
    let setup = Setup::new();
    refused(&setup, &[417], &[get("U6", "Expect: x"), get("U6", "Expect: 100-continue, x")]);
    let body = [
        "Expect: 100-contin\tue\r\nContent-Length: 2",
        "Expect: y=100-continue\r\nContent-Length: 2",
    ];
    refused(&setup, &[400, 417], &body.map(|lines| post("U6", lines, "hi")));
    // On a request without a body there is nothing to wait for.
    let mut client = setup.client();
    client.send(get("U6", "Expect: 100-continue").1);
    assert_eq!(client.answer().status, 200);
    let both = "Transfer-Encoding: chunked\r\nExpect: 100-Continue\r\nExpect: 100-continue";
    client.send(post("U6", both, "2\r\nhi\r\n0\r\n\r\n").1);
    assert!(matches!(client.answer().status, 200 | 400 | 417));
    canary(&setup, "U6");
    setup.finish();
}

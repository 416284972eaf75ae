//! Rows F15, F16, F18, F19: many requests on one connection, and answers that come early.

use testkit::{Behavior, Step};

use super::canary;
use crate::setup::{SOON, Setup};

#[test]
fn f15_the_body_of_a_request_answered_by_us_is_never_a_request() {
    let setup = Setup::with(|settings| settings.service("hosts", "[\"test\"]"));
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
    let chunked = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    for (lines, body) in [
        (format!("Content-Length: {}", smuggled.len()), smuggled.to_owned()),
        ("Transfer-Encoding: chunked".to_owned(), chunked),
    ] {
        for down in [false, true] {
            let host = if down { "test" } else { "else.test" };
            if down {
                setup.blue.stop();
            }
            let mut client = setup.client();
            client.send(format!("POST / HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n\r\n{body}"));
            let answer = client.answer();
            assert_eq!(answer.status, if down { 502 } else { 404 });
            setup.blue.restart();
            if answer.closes() {
                assert!(client.ending(SOON).ended());
            } else {
                assert_eq!(client.get("/next").status, 200);
            }
            assert!(setup.blue.seen().requests_to("/smuggled").is_empty());
            canary(&setup, "F15");
        }
    }
    setup.finish();
}

/// Sends a POST with these first lines whose body looks like a request, in both framings, and
/// expects this answer; then nothing of the body may have become a request.
#[track_caller]
fn never_a_request(setup: &Setup, lines: &str, status: u16) {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
    let length = smuggled.len();
    for rest in [
        format!("Content-Length: {length}\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{smuggled}\r\n0\r\n\r\n"),
    ] {
        let mut client = setup.client();
        client.send(format!("{lines}\r\nHost: test\r\n{rest}"));
        let answer = client.answer();
        assert_eq!(answer.status, status, "{lines:?} {rest:?}");
        if answer.closes() {
            let ending = client.ending(SOON);
            assert!(ending.ended() && ending.bytes().is_empty(), "{lines:?}: {ending:?}");
        } else {
            client.send("GET /next HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
            let _whoever = client.answer();
            assert_eq!(client.ending(SOON).bytes(), b"", "{lines:?}");
        }
        let seen = setup.blue.seen();
        assert!(seen.requests_to("/smuggled").is_empty(), "{lines:?} {rest:?}");
    }
}

#[test]
fn f15_the_body_of_a_request_refused_by_its_head_is_never_a_request() {
    let setup = Setup::new();
    never_a_request(&setup, "TRACE / HTTP/1.1", 405);
    never_a_request(&setup, "POST / HTTP/1.1\r\nExpect: something", 417);
    let mut client = setup.client();
    client.send("GET /via HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    let via = setup.blue.seen().requests_to("/via")[0].clone();
    let via = via.fields.get("via").expect("Via is set");
    never_a_request(&setup, &format!("POST / HTTP/1.1\r\nVia: {via}"), 508);
    canary(&setup, "F15");
    setup.finish();
}

#[test]
fn f15_a_body_beyond_the_limit_is_never_a_request() {
    let setup = Setup::with(|settings| settings.limits("body_bytes", "20"));
    never_a_request(&setup, "POST / HTTP/1.1", 413);
    canary(&setup, "F15");
    setup.finish();
}

#[test]
fn f15_the_body_of_a_request_that_is_not_held_is_never_a_request() {
    let setup = Setup::with(|settings| {
        settings.top("workers", "1").service("hold", "{ requests = 1, release_per_second = 1000 }")
    });
    setup.teal.cli(&["hold", "--max-wait", "20s"]).assert_code(0);
    let mut waiting = setup.client();
    waiting.send("GET /waits HTTP/1.1\r\nHost: test\r\n\r\n");
    testkit::wait_until(SOON, "it waits", || setup.teal.service()["held"]["waiting"] == 1);
    never_a_request(&setup, "POST / HTTP/1.1", 503);
    setup.teal.cli(&["resume"]).assert_code(0);
    assert_eq!(waiting.answer().status, 200);
    canary(&setup, "F15");
    setup.finish();
}

#[test]
fn f16_bytes_after_a_head_or_an_expectation_in_the_same_segment_are_the_next_request() {
    let setup = Setup::new();
    setup.blue.behave_at("/e", Behavior::continues());
    let mut client = setup.client();
    client.send(
        "HEAD /h HTTP/1.1\r\nHost: test\r\n\r\n\
         POST /e HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello\
         GET /last HTTP/1.1\r\nHost: test\r\n\r\n",
    );
    let head = client.read_answer(true).expect("a whole answer");
    assert_eq!((head.status, head.body.len()), (200, 0));
    let expected = client.answer();
    assert!(expected.text().contains(" POST /e 5 "), "{}", expected.text());
    assert!(client.answer().text().contains(" GET /last 0 "));
    let targets = setup.blue.seen().requests();
    let targets = targets.iter().map(|request| &*request.target).collect::<Vec<_>>();
    assert_eq!(targets, ["/h", "/e", "/last"]);
    canary(&setup, "F16");
    setup.finish();
}

#[test]
fn f16_pipelined_requests_are_answered_in_order() {
    let setup = Setup::new();
    let mut client = setup.client();
    let requests = (0..100).map(|number| {
        if number % 3 == 1 {
            format!("POST /p{number} HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc")
        } else if number % 3 == 2 {
            format!(
                "POST /p{number} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n\
                 3\r\nabc\r\n0\r\n\r\n"
            )
        } else {
            format!("GET /p{number} HTTP/1.1\r\nHost: test\r\n\r\n")
        }
    });
    client.send(requests.collect::<String>());
    for number in 0..100 {
        let answer = client.answer();
        assert!(answer.text().contains(&format!(" /p{number} ")), "{number}: {}", answer.text());
    }
    assert_eq!(setup.blue.seen().count(), 100);
    canary(&setup, "F16");
    setup.finish();
}

#[test]
fn f16_nothing_is_answered_after_a_refusal_in_a_pipeline() {
    let setup = Setup::new();
    for bad in ["GET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "BAD\r\n\r\n"] {
        setup.blue.seen().forget();
        let mut client = setup.client();
        let good = "GET /good HTTP/1.1\r\nHost: test\r\n\r\n";
        client.send(format!("{good}{bad}{good}"));
        assert_eq!(client.answer().status, 200);
        assert_eq!(client.answer().status, 400);
        assert_eq!(client.ending(SOON).bytes(), b"");
        assert_eq!(setup.blue.seen().count(), 1);
        canary(&setup, "F16");
    }
    let mut client = setup.client();
    let close = "GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    client.send(format!("{close}GET /beyond HTTP/1.1\r\nHost: test\r\n\r\n"));
    assert_eq!(client.answer().status, 200);
    assert_eq!(client.ending(SOON).bytes(), b"");
    assert!(setup.blue.seen().requests_to("/beyond").is_empty());
    setup.finish();
}

#[test]
fn f18_an_early_answer_reaches_the_client_and_its_connection_is_not_used_again() {
    let setup = Setup::new();
    let early = "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n";
    let steps = vec![Step::Send(early.into()), Step::Hang];
    setup.blue.behave_at("/early", Behavior::Script(steps));
    for length in [100_000, 50_000_000_u64] {
        setup.blue.seen().forget();
        let mut client = setup.client();
        client.send(format!(
            "POST /early HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n"
        ));
        client.send("x".repeat(5_000));
        let answer = client.answer();
        assert_eq!((answer.status, answer.text().as_str()), (403, "no\n"));
        let used = setup.blue.seen().requests_to("/early")[0].connection;
        canary(&setup, "F18");
        let later = setup.blue.seen().requests();
        assert!(later.iter().skip(1).all(|request| request.connection != used));
        testkit::wait_until(SOON, "nothing is in flight", || {
            setup.teal.color("blue")["in_flight"] == 0
        });
    }
    setup.finish();
}

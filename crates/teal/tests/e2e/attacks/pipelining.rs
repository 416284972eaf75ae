//! Rows F15, F16, F18, F19: many requests on one connection, and answers that come early.

use testkit::{Behavior, Step};

use super::canary;
use crate::stage::{SOON, Stage};

#[test]
fn f15_the_body_of_a_request_answered_by_us_is_never_a_request() {
    let stage = Stage::with(|settings| settings.service("hosts", "[\"test\"]"));
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
    let chunked = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    for (lines, body) in [
        (format!("Content-Length: {}", smuggled.len()), smuggled.to_owned()),
        ("Transfer-Encoding: chunked".to_owned(), chunked),
    ] {
        for down in [false, true] {
            let host = if down { "test" } else { "else.test" };
            if down {
                stage.blue.stop();
            }
            let mut client = stage.client();
            client.send(format!("POST / HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n\r\n{body}"));
            let answer = client.answer();
            assert_eq!(answer.status, if down { 502 } else { 404 });
            stage.blue.restart();
            if answer.closes() {
                assert!(client.ending(SOON).ended());
            } else {
                assert_eq!(client.get("/next").status, 200);
            }
            assert!(stage.blue.seen().requests_to("/smuggled").is_empty());
            canary(&stage, "F15");
        }
    }
    stage.finish();
}

#[test]
fn f16_pipelined_requests_are_answered_in_order() {
    let stage = Stage::new();
    let mut client = stage.client();
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
    assert_eq!(stage.blue.seen().count(), 100);
    canary(&stage, "F16");
    stage.finish();
}

#[test]
fn f16_nothing_is_answered_after_a_refusal_in_a_pipeline() {
    let stage = Stage::new();
    for bad in ["GET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "BAD\r\n\r\n"] {
        stage.blue.seen().forget();
        let mut client = stage.client();
        let good = "GET /good HTTP/1.1\r\nHost: test\r\n\r\n";
        client.send(format!("{good}{bad}{good}"));
        assert_eq!(client.answer().status, 200);
        assert_eq!(client.answer().status, 400);
        assert_eq!(client.ending(SOON).bytes(), b"");
        assert_eq!(stage.blue.seen().count(), 1);
        canary(&stage, "F16");
    }
    let mut client = stage.client();
    let close = "GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    client.send(format!("{close}GET /beyond HTTP/1.1\r\nHost: test\r\n\r\n"));
    assert_eq!(client.answer().status, 200);
    assert_eq!(client.ending(SOON).bytes(), b"");
    assert!(stage.blue.seen().requests_to("/beyond").is_empty());
    stage.finish();
}

#[test]
fn f18_an_early_answer_reaches_the_client_and_its_connection_is_not_used_again() {
    let stage = Stage::new();
    let early = "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n";
    let steps = vec![Step::Send(early.into()), Step::Hang];
    stage.blue.behave_at("/early", Behavior::Script(steps));
    for length in [100_000, 50_000_000_u64] {
        stage.blue.seen().forget();
        let mut client = stage.client();
        client.send(format!(
            "POST /early HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n"
        ));
        client.send("x".repeat(5_000));
        let answer = client.answer();
        assert_eq!((answer.status, answer.text().as_str()), (403, "no\n"));
        let used = stage.blue.seen().requests_to("/early")[0].connection;
        canary(&stage, "F18");
        let later = stage.blue.seen().requests();
        assert!(later.iter().skip(1).all(|request| request.connection != used));
        testkit::wait_until(SOON, "nothing is in flight", || {
            stage.teal.color("blue")["in_flight"] == 0
        });
    }
    stage.finish();
}

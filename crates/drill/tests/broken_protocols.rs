//! Over HTTP/2 and TLS, too, each way of losing an answer is found, and anything else is not called
//! a loss.

#![allow(clippy::unwrap_used, reason = "this is a test, in its parts that bear no mark too")]

mod support;

use std::time::Duration;

use drill::ledger::{Loss, Verdict};
use drill::load::{DrillOptions, Endpoint, Protocol, Trust};
use h2::Reason;
use support::http2::Behavior;
use support::secure::Then;
use support::{http2, page, scripted, secure};

/// The same over one way, whose own columns add up too.
async fn load(endpoint: Endpoint, trust: Trust, enough: u64) -> Verdict {
    let verdict = page(endpoint, trust, secure::HOST, enough).await;
    let tally = &verdict.over[&endpoint.over];
    let sum = tally.answered + tally.lost + tally.wrong_echo + tally.in_flight;
    assert_eq!((verdict.sent, tally.sent), (sum, sum), "{verdict}");
    verdict
}

async fn over_http2(behavior: Behavior) -> Verdict {
    let endpoint = Endpoint { over: Protocol::H2c, address: http2::start(behavior).await };
    load(endpoint, Trust::Machine, 6).await
}

async fn over_tls(bytes: &'static str, then: Then) -> Verdict {
    let (address, trust, _directory) = secure::start(bytes, then).await;
    load(Endpoint { over: Protocol::Tls, address }, trust, 6).await
}

#[tokio::test]
async fn every_broken_answer_over_http2_is_a_loss_with_its_reason() {
    for (behavior, expected) in [
        (Behavior::Reset(Reason::INTERNAL_ERROR), &[Loss::Unanswered][..]),
        (Behavior::Reset(Reason::NO_ERROR), &[Loss::Unanswered]),
        (Behavior::Reset(Reason::REFUSED_STREAM), &[Loss::Refused]), // for ever
        (Behavior::Cut(Reason::CANCEL), &[Loss::Cut]),
        (Behavior::Cut(Reason::NO_ERROR), &[Loss::Cut]),
        // It says not processed, but had begun to answer: that cannot be believed.
        (Behavior::Cut(Reason::REFUSED_STREAM), &[Loss::Cut]),
        // The other loop's request was on the same connection.
        (Behavior::HangUp, &[Loss::Unanswered, Loss::Cut]),
        (Behavior::Short, &[Loss::Malformed]),
        (Behavior::Status(502), &[Loss::Refused]),
        (Behavior::Hang, &[Loss::TimedOut]),
    ] {
        let verdict = over_http2(behavior).await;
        assert!(!verdict.is_lossless(), "{behavior:?}");
        let found: Vec<_> = verdict.losses.keys().copied().collect();
        assert_eq!(found, expected, "{behavior:?}\n{verdict}");
        assert_eq!(verdict.lost, verdict.sent, "{behavior:?}\n{verdict}");
    }
}

#[tokio::test]
async fn whole_answers_over_http2_are_not_losses_and_requests_not_processed_are_sent_again() {
    for (behavior, moves, goes) in [
        (Behavior::Answer, false, false),
        (Behavior::Status(404), false, false),
        (Behavior::RefuseEverySecond, true, false),
        (Behavior::AnswerAndGo, false, true),
        (Behavior::GoAtOnce, true, true),
    ] {
        let verdict = over_http2(behavior).await;
        assert!(verdict.is_lossless(), "{behavior:?}\n{verdict}");
        assert_eq!(verdict.answered.values().sum::<u64>(), verdict.sent, "{behavior:?}\n{verdict}");
        assert_eq!(verdict.over[&Protocol::H2c].moved, verdict.moved);
        assert_eq!(verdict.moved > 0, moves, "{behavior:?}\n{verdict}");
        assert_eq!(verdict.told_to_go > 0, goes, "{behavior:?}\n{verdict}");
    }
}

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\nhello";

#[tokio::test]
async fn over_tls_a_body_that_ends_without_a_farewell_was_cut() {
    for (bytes, then, expected) in [
        (UNTIL_CLOSE, Then::HangUp, Loss::Cut),
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", Then::Close, Loss::Cut),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello", Then::Keep, Loss::Stray),
        ("", Then::Close, Loss::Unanswered),
    ] {
        let verdict = over_tls(bytes, then).await;
        assert_eq!(verdict.losses.get(&expected), Some(&verdict.sent), "{bytes:?}\n{verdict}");
    }
}

#[tokio::test]
async fn over_tls_neither_tickets_nor_a_farewell_are_stray_bytes() {
    for (bytes, then, closed) in [
        (WHOLE, Then::Keep, false),
        (WHOLE, Then::Close, true),
        (WHOLE, Then::HangUp, true),
        (UNTIL_CLOSE, Then::Close, false),
    ] {
        let verdict = over_tls(bytes, then).await;
        assert!(verdict.is_lossless(), "{bytes:?} {then:?}\n{verdict}");
        assert_eq!(verdict.idle_closed > 0, closed, "{bytes:?} {then:?}\n{verdict}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_another_protocol_or_is_not_to_be_trusted_is_not_drilled() {
    let options = |url: String, over: Protocol, trust: Trust| DrillOptions {
        url,
        over: vec![over],
        trust,
        duration: Duration::from_millis(100),
        connections: 1,
        rate: Some(10),
        open: false,
        timeout: Duration::from_secs(1),
    };
    let plain = scripted::start(WHOLE, scripted::Then::Keep).await;
    let error =
        drill::load::drill(options(format!("http://{plain}"), Protocol::H2c, Trust::Machine));
    let error = error.await.unwrap_err().to_string();
    assert!(error.contains("h2c") && error.contains("does it speak that"), "{error}");
    let (address, trust, _directory) = secure::start(WHOLE, Then::Keep).await;
    let url = format!("https://localhost:{}", address.port());
    for (over, trust, words) in
        [(Protocol::Http2, trust.clone(), "http2"), (Protocol::Tls, trust, "certificate")]
    {
        let error = drill::load::drill(options(url.clone(), over, trust)).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

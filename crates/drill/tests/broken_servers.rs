//! Each way in which a server can lose an answer is found and named correctly;
//! anything else is not called a loss.

#![allow(clippy::unwrap_used, reason = "this is a test, in its parts that bear no mark too")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use drill::ledger::{Loss, Verdict};
use drill::load::{Endpoint, Trust};
use support::page;
use support::scripted::{Then, start};

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// The same over HTTP/1.1 in plain text.
async fn load(address: SocketAddr, enough: u64) -> Verdict {
    let endpoint = Endpoint::plain(address);
    let verdict = page(endpoint, Trust::Machine, &address.to_string(), enough).await;
    balance(&verdict);
    verdict
}

/// The columns add up to what was sent.
fn balance(verdict: &Verdict) {
    let answered: u64 = verdict.answered.values().sum();
    let sum = answered + verdict.lost + verdict.wrong_echo + verdict.in_flight;
    assert_eq!(verdict.sent, sum, "{verdict}");
}

#[tokio::test]
async fn every_broken_answer_is_a_loss_with_its_reason() {
    let cases = [
        ("", Then::Close, Loss::Unanswered),
        ("", Then::Reset, Loss::Unanswered),
        ("", Then::Hang, Loss::TimedOut),
        ("HTTP/1.1 200 OK\r\nContent-Le", Then::Close, Loss::Cut),
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", Then::Close, Loss::Cut),
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", Then::Reset, Loss::Cut),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            Then::Close,
            Loss::Cut,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            Then::Close,
            Loss::Cut,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
            Then::Keep,
            Loss::Malformed,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n",
            Then::Keep,
            Loss::Malformed,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
            Then::Keep,
            Loss::Malformed,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
            Then::Keep,
            Loss::Malformed,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            Then::Keep,
            Loss::Malformed,
        ),
        ("HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello", Then::Keep, Loss::Malformed),
        ("SMTP ready\r\n\r\n", Then::Keep, Loss::Malformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello", Then::Keep, Loss::Stray),
        (WHOLE, Then::Again, Loss::Stray),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", Then::Keep, Loss::Refused),
        (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
            Then::Keep,
            Loss::Refused,
        ),
    ];
    for (bytes, then, expected) in cases {
        is_lost(bytes, then, expected).await;
    }
}

/// Checks that every such answer is a loss, for this reason alone.
async fn is_lost(bytes: &'static str, then: Then, expected: Loss) {
    let verdict = load(start(bytes, then).await, 4).await;
    assert!(!verdict.is_lossless(), "{bytes:?} {then:?}");
    let found: Vec<_> = verdict.losses.keys().copied().collect();
    assert_eq!(found, [expected], "{bytes:?} {then:?}\n{verdict}");
    assert!(verdict.notes.iter().all(|note| note.loss == Some(expected) && !note.why.is_empty()));
}

#[tokio::test]
async fn lines_that_are_not_exactly_framed_are_a_loss() {
    for bytes in [
        "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello",
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nEtag z\r\n\r\n",
    ] {
        is_lost(bytes, Then::Keep, Loss::Malformed).await;
    }
}

#[tokio::test]
async fn an_answer_sent_twice_in_one_go_is_found() {
    let twice = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
                 HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let verdict = load(start(twice, Then::Keep).await, 4).await;
    assert_eq!(verdict.lost, verdict.sent);
    assert_eq!(verdict.losses.get(&Loss::Stray), Some(&verdict.sent));
}

#[tokio::test]
async fn a_server_that_is_not_there_loses_every_request() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let verdict = load(address, 4).await;
    assert_eq!(verdict.losses.get(&Loss::Connect), Some(&verdict.sent));
}

#[tokio::test]
async fn whole_answers_in_every_framing_are_not_losses() {
    for (bytes, then) in [
        (WHOLE, Then::Keep),
        ("HTTP/1.1 204 No Content\r\n\r\n", Then::Keep),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", Then::Keep),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", Then::Keep),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Then::Keep),
        (
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            Then::Keep,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nEtag: z\r\n\r\n",
            Then::Keep,
        ),
        ("HTTP/1.0 200 OK\r\n\r\nhello", Then::Close),
    ] {
        let verdict = load(start(bytes, then).await, 6).await;
        assert!(verdict.is_lossless(), "{bytes:?}\n{verdict}");
        assert_eq!(verdict.answered.values().sum::<u64>(), verdict.sent);
    }
}

#[tokio::test]
async fn an_announced_close_is_not_a_loss() {
    let bytes = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    let verdict = load(start(bytes, Then::Close).await, 6).await;
    assert!(verdict.is_lossless(), "{verdict}");
    assert_eq!(verdict.idle_closed, 0);
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_in_order_is_not_a_loss() {
    let verdict = load(start(WHOLE, Then::Close).await, 6).await;
    assert!(verdict.is_lossless(), "{verdict}");
    assert!(verdict.idle_closed > 0);
}

#[tokio::test]
async fn a_url_is_drilled_from_its_text_alone() {
    let address = start(WHOLE, Then::Keep).await;
    let options = |url: String| drill::load::DrillOptions {
        url,
        over: Vec::new(),
        trust: Trust::Machine,
        duration: Duration::from_millis(300),
        connections: 2,
        rate: None,
        open: false,
        timeout: Duration::from_secs(5),
    };
    let verdict = drill::load::drill(options(format!("http://{address}/page"))).await.unwrap();
    assert!(verdict.is_lossless() && verdict.sent > 100, "{verdict}");
    assert!(verdict.seen.is_none());
    let json = serde_json::to_value(&verdict).unwrap();
    assert_eq!(json["lost"], 0);
    assert_eq!(json["answered"]["the server"], verdict.sent);

    let nobody = drill::load::drill(options("http://127.0.0.1:1/".to_owned())).await.unwrap_err();
    assert!(nobody.to_string().contains("127.0.0.1:1"), "{nobody}");
}

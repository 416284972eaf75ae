//! Slow and many callers: others are served, and each has a deadline.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::fixture::Fixture;

/// Reads until the other side closes; how long that took.
async fn until_closed(mut stream: TcpStream) -> Duration {
    let begin = Instant::now();
    let mut rest = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(120), stream.read_to_end(&mut rest));
    let _closed_or_reset = reading.await.expect("it is closed in time");
    begin.elapsed()
}

// L10
#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_has_a_deadline() {
    let fixture = Fixture::new().await;
    for begun in ["", "GET /admin/st", "GET /admin/status HTTP/1.1\r\nHost: localhost\r\nX-"] {
        let mut stream = TcpStream::connect(fixture.address).await.expect("connected");
        stream.write_all(begun.as_bytes()).await.expect("sent");
        let waited = until_closed(stream).await;
        assert!(waited <= Duration::from_secs(6), "{begun:?}: {waited:?}");
    }
    fixture.stop().await;
}

// L10
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_has_a_deadline() {
    let fixture = Fixture::new().await;
    let mut stream = TcpStream::connect(fixture.address).await.expect("connected");
    let head = "GET /admin/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let waited = until_closed(stream).await;
    assert!(waited <= Duration::from_secs(12), "{waited:?}");
    fixture.stop().await;
}

// L10
#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_long_is_refused() {
    let fixture = Fixture::new().await;
    let long = "x".repeat(64 << 10);
    let reply = fixture.bare("GET", "/admin/status", &[("X-Long", &long)]).await;
    assert_eq!(reply.status, 431);
    fixture.stop().await;
}

// L10
#[tokio::test(start_paused = true)]
async fn a_controller_that_does_not_answer_is_reported() {
    let fixture = Fixture::new().await;
    fixture.script(|script| script.silent = true);
    for path in [
        "/admin/status",
        "/admin/history",
        "/admin/receipts/1",
        "/metrics",
        "/readyz",
        "/",
        "/plain",
    ] {
        let begin = Instant::now();
        let (status, problem) = fixture.json("GET", path).await;
        assert_eq!((status, &problem["code"]), (503, &"no_answer".into()), "{path}");
        assert!(begin.elapsed() < Duration::from_secs(6), "{path}");
    }
    assert_eq!(fixture.bare("GET", "/livez", &[]).await.status, 200);
    fixture.stop().await;
}

// L10 A5
#[tokio::test(start_paused = true)]
async fn a_client_that_fills_the_tcp_listener_is_refused_and_leaves_the_socket_free() {
    let fixture = Fixture::new().await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(fixture.address).await.expect("connected"));
    }
    assert_eq!(fixture.on_socket("POST", "/admin/switch?to=green").await.status, 200);
    // Those who wait behind the silent ones are served once these are sent away.
    assert_eq!(fixture.bare("GET", "/livez", &[]).await.status, 200);
    fixture.stop().await;
}

#[tokio::test]
async fn a_call_under_way_is_answered_when_teal_stops() {
    let fixture = Fixture::new().await;
    let (reporter, drain) = control::DrainWatch::pair();
    let (asked, was_asked) = tokio::sync::oneshot::channel();
    let mut asked = Some(asked);
    fixture.script(|script| {
        script.on_switch = Box::new(move |_| {
            asked.take().map(|asked| asked.send(()));
            Ok(vec![control::Switched::Published {
                service: crate::sample::web(),
                from: rules::Color::Blue,
                to: rules::Color::Green,
                cause: rules::Cause::Switch,
                generation: rules::Generation(8),
                drain: drain.clone(),
                warm_up: None,
            }])
        });
    });
    let mut stream = TcpStream::connect(fixture.address).await.expect("connected");
    let text = format!(
        "POST /admin/switch?to=green HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        crate::fixture::OPERATOR
    );
    stream.write_all(text.as_bytes()).await.expect("sent");
    was_asked.await.expect("it was asked");
    let address = fixture.address;
    let stopping = tokio::spawn(fixture.stop());
    // New callers are not let in any more, the old one hears the end of its drain.
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.expect("the port is closed");
    reporter.report_end(rules::DrainEnd::Interrupted);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.contains("blue was interrupted: do not stop blue"), "{answer}");
    stopping.await.expect("stopped");
}

//! Whatever is sent: an answer that is no 5xx or a closed connection, nothing asked of the
//! controller without an operator, and the next caller is served.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::Fixture;

/// Sends; the first line of the answer, empty if the connection was closed without one.
async fn first_line(fixture: &Fixture, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(fixture.address).await.expect("connected");
    let _may_be_refused_midway = stream.write_all(bytes).await;
    let _may_be_closed = stream.shutdown().await;
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer));
    let _may_be_reset = reading.await.expect("an end in time");
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

fn runner() -> TestRunner {
    TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() })
}

/// Runs every case against one API, on a runtime of its own.
fn against_the_api(check: &impl AsyncFn(&Fixture, &mut TestRunner)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let fixture = Fixture::new().await;
        check(&fixture, &mut runner()).await;
        assert_eq!(fixture.asked(), [""; 0], "nobody here is an operator");
        assert_eq!(fixture.bare("GET", "/livez", &[]).await.status, 200);
        fixture.stop().await;
    });
}

/// Draws the cases here, since the strategy's own runner can't wait for a socket.
fn drawn<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> Vec<S::Value> {
    let cases = runner.config().cases;
    let draw = |_| strategy.new_tree(runner).expect("a case").current();
    (0..cases).map(draw).collect()
}

#[test]
fn any_query_is_answered() {
    let word =
        prop_oneof!["to|service|wait|drain|dry_run|x", "[ -~]{0,12}", "(%[0-9a-fA-F]{2}){0,6}"];
    let pair = (word.clone(), prop_oneof![word, Just("green".to_owned()), "\\PC{0,8}"]);
    let query = prop::collection::vec(pair, 0..6).prop_map(|pairs| {
        let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join("&").replace([' ', '\r', '\n', '#'], "+")
    });
    against_the_api(&async |fixture, runner| {
        for query in drawn(runner, &query) {
            for (method, path) in [("POST", "/admin/switch"), ("GET", "/admin/status")] {
                let text = format!("{method} {path}?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                let line = first_line(fixture, text.as_bytes()).await;
                assert!(
                    line.starts_with("HTTP/1.1 ") && !line.starts_with("HTTP/1.1 5"),
                    "{query:?}: {line}"
                );
            }
        }
    });
}

#[test]
fn any_field_is_answered() {
    let name = prop_oneof![
        "Host|Origin|Authorization|Accept|If-Match|Last-Event-ID|Sec-Fetch-Site|Content-Length",
        "[A-Za-z-]{1,16}"
    ];
    let value = prop_oneof![
        "[ -~]{0,32}".prop_map(String::into_bytes),
        prop::collection::vec(prop_oneof![Just(9u8), 32..=126u8, 128..=255u8], 0..32)
    ];
    let fields = prop::collection::vec((name, value), 0..6);
    against_the_api(&async |fixture, runner| {
        for fields in drawn(runner, &fields) {
            for (method, path) in [("POST", "/admin/switch?to=green"), ("GET", "/admin/history")] {
                let mut bytes =
                    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
                for (name, value) in &fields {
                    bytes.extend_from_slice(name.as_bytes());
                    bytes.extend_from_slice(b": ");
                    bytes.extend_from_slice(value);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"\r\n");
                let line = first_line(fixture, &bytes).await;
                assert!(!line.starts_with("HTTP/1.1 5"), "{fields:?}: {line}");
            }
        }
    });
}

#[test]
fn any_bytes_are_harmless() {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        "(GET|POST|OPTIONS|CONNECT|X) [!-~]{1,40} HTTP/(1.1|1.0|2.0|0.9)\r\n([!-~]{0,20}: ?[!-~]{0,20}\r\n){0,4}\r\n"
            .prop_map(String::into_bytes),
    ];
    against_the_api(&async |fixture, runner| {
        for bytes in drawn(runner, &bytes) {
            let line = first_line(fixture, &bytes).await;
            assert!(!line.starts_with("HTTP/1.1 5"), "{bytes:?}: {line}");
        }
    });
}

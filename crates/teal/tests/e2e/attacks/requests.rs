//! Rows F9-F13, T1-T4, T6, H1: heads of requests, their targets, Host and Connection; and the
//! limits.

use super::{canary, get, passed, refused};
use crate::setup::Setup;

fn line(row: &'static str, text: &str) -> (&'static str, String) {
    (row, format!("{text}\r\nHost: test\r\n\r\n"))
}

#[test]
fn f9_to_f12_a_head_is_lines_that_end_in_crlf() {
    let setup = Setup::new();
    let heads = [
        ("F9", "GET / HTTP/1.1\nHost: test\r\n\r\n"),
        ("F9", "GET / HTTP/1.1\r\nHost: test\n\r\n"),
        ("F9", "GET / HTTP/1.1\r\nHost: test\r\nX: a\nY: b\r\n\r\n"),
        ("F9", "GET / HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n"),
        ("F9", "GET /\r HTTP/1.1\r\nHost: test\r\n\r\n"),
        ("F9", "GET / HTTP/1.1\r\nHost: test\n\n"),
    ];
    refused(&setup, &[400], &heads.map(|(row, head)| (row, head.to_owned())));
    let lines = [
        ("F10", "X: a\x00b"),
        ("F10", "X\x00: a"),
        ("F10", "X: a\x1bb"),
        ("F10", "X: a\x7fb"),
        ("F10", "X\u{e9}: a"),
        ("F10", "X(: a"),
        ("F11", "X : a"),
        ("F11", "X\t: a"),
        ("F11", "no colon"),
        ("F11", ": empty name"),
        ("F12", "X: a\r\n folded"),
        ("F12", "X: a\r\n\tTransfer-Encoding: chunked"),
    ];
    refused(&setup, &[400], &lines.map(|(row, line)| get(row, line)));
    let first = ("F11", "GET / HTTP/1.1\r\n X: a\r\nHost: test\r\n\r\n".to_owned());
    refused(&setup, &[400], &[first]);
    // Bytes beyond ASCII are fine in values, and arrive unchanged.
    passed(&setup, &[get("F10", "X: a\u{e9}\u{ff}b")]);
    let raw = setup.blue.seen().requests();
    let raw = raw.iter().find(|request| request.target == "/attack").expect("it has passed");
    let value = raw.raw.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"X: "));
    assert_eq!(value, Some(&b"a\xe9\xffb\r"[..]), "{:?}", raw.fields);
    setup.finish();
}

#[test]
fn f13_a_request_line_is_three_words() {
    let setup = Setup::new();
    let lines = [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET /",
        "GET / HTTP/1.2",
        "GET / HTTP/1.10",
        "GET / HTTP/01.1",
        "GET / http/1.1",
        "GET / HTTP/1,1",
        "GET / HTTPS/1.1",
        "GE(T / HTTP/1.1",
        "GET / x HTTP/1.1",
        "get / HTTP/1.1",
        "Get / HTTP/1.1",
    ];
    refused(&setup, &[400], &lines.map(|text| line("F13", text)));
    let majors = ["GET / HTTP/0.9", "GET / HTTP/2.0", "GET / HTTP/3.0"];
    refused(&setup, &[505], &majors.map(|text| line("F13", text)));
    let preface = ("F13", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned());
    refused(&setup, &[505], &[preface]);
    setup.finish();
}

#[test]
fn t1_there_is_exactly_one_host_and_it_is_one() {
    let setup = Setup::new();
    let hosts = [
        "",
        "Host:\r\nHost: test",
        "Host: test\r\nHost: test",
        "Host: test\r\nHost: other",
        "Host: a,b",
        "Host: user@test",
        "Host: te st",
        "Host: test/path",
        "Host: test?x",
        "Host: test:port",
        "Host: test:99999",
        "Host: test:80:80",
        "Host: [::1",
        "Host: te\x00st",
        "Host: test#x",
    ];
    let rows = hosts.map(|host| {
        let lines = if host.is_empty() { "X: y" } else { host };
        ("T1", format!("GET / HTTP/1.1\r\n{lines}\r\n\r\n"))
    });
    refused(&setup, &[400], &rows);
    let fine = ["TEST", "test:8080", "[::1]:80", "127.0.0.1", "xn--bcher-kva.test"];
    passed(&setup, &fine.map(|host| ("T1", format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"))));
    setup.finish();
}

#[test]
fn t2_an_absolute_target_agrees_with_host() {
    let setup = Setup::new();
    let lines = [
        "GET http://other/ HTTP/1.1",
        "GET http://test:81/ HTTP/1.1",
        "GET http://user@test/ HTTP/1.1",
        "GET ftp://test/ HTTP/1.1",
        "GET http:/// HTTP/1.1",
    ];
    refused(&setup, &[400], &lines.map(|text| line("T2", text)));
    passed(&setup, &[line("T2", "GET http://TEST/a?b HTTP/1.1")]);
    let mut client = setup.client();
    setup.blue.seen().forget();
    client.send(line("T2", "GET http://test/a?b HTTP/1.1").1);
    assert_eq!(client.answer().status, 200);
    assert_eq!(setup.blue.seen().requests()[0].target, "/a?b");
    setup.finish();
}

#[test]
fn t3_methods_and_targets_that_a_gateway_does_not_serve() {
    let setup = Setup::new();
    refused(&setup, &[405, 501], &[line("T3", "CONNECT test:443 HTTP/1.1")]);
    refused(&setup, &[405], &[line("T3", "TRACE / HTTP/1.1")]);
    refused(&setup, &[400], &[line("T3", "GET * HTTP/1.1"), line("T3", "GET test:443 HTTP/1.1")]);
    passed(&setup, &[line("T3", "OPTIONS * HTTP/1.1"), line("T3", "OPTIONS / HTTP/1.1")]);
    setup.finish();
}

#[test]
fn t4_a_target_has_no_fragment_no_space_and_no_control_character() {
    let setup = Setup::new();
    let targets = ["/a#b", "/a\tb", "/a\x00b", "/a\x7fb", "/\u{e9}", "a", "\\a", "?a"];
    refused(&setup, &[400], &targets.map(|target| line("T4", &format!("GET {target} HTTP/1.1"))));
    setup.finish();
}

#[test]
fn t6_max_forwards_is_counted_down_and_answered_at_0() {
    let setup = Setup::new();
    let mut client = setup.client();
    client.send("OPTIONS / HTTP/1.1\r\nHost: test\r\nMax-Forwards: 0\r\n\r\n");
    let answer = client.answer();
    assert!(matches!(answer.status, 200 | 204), "{}", answer.status);
    assert_eq!(setup.blue.seen().count(), 0);
    client.send("OPTIONS / HTTP/1.1\r\nHost: test\r\nMax-Forwards: 5\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    assert_eq!(setup.blue.seen().requests()[0].fields.get("max-forwards"), Some("4"));
    canary(&setup, "T6");
    setup.finish();
}

#[test]
fn h1_connection_may_not_name_fields_that_frame_route_or_authenticate() {
    let setup = Setup::new();
    let names = [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "close, host",
        "HOST",
        "keep-alive ,\tContent-Length",
    ];
    refused(&setup, &[400], &names.map(|name| get("H1", &format!("Connection: {name}"))));
    for name in
        ["X-Forwarded-For", "X-Forwarded-Proto", "Authorization", "Cookie", "X-Request-Id", "Via"]
    {
        setup.blue.seen().forget();
        let mut client = setup.client();
        client.send(get("H1", &format!("Connection: {name}\r\nAuthorization: a\r\nCookie: c=d")).1);
        // Refused, or ours and the credentials arrive all the same: never stripped.
        if client.answer().status == 200 {
            let request = setup.blue.seen().requests()[0].clone();
            for kept in ["x-forwarded-for", "x-forwarded-proto", "via", "x-request-id"] {
                assert_eq!(request.fields.all(kept).len(), 1, "{name}: {kept}");
            }
            assert_eq!(request.fields.get("authorization"), Some("a"), "{name}");
            assert_eq!(request.fields.get("cookie"), Some("c=d"), "{name}");
        }
        canary(&setup, "H1");
    }
    setup.finish();
}

#[test]
fn requests_that_are_too_large_are_refused_with_their_status() {
    let setup = Setup::with(|settings| {
        settings
            .limits("head_bytes", "4096")
            .limits("fields", "20")
            .limits("uri_bytes", "1000")
            .limits("body_bytes", "10000")
    });
    refused(&setup, &[431], &[get("limits", &format!("X: {}", "x".repeat(5000)))]);
    refused(&setup, &[431], &[get("limits", "X: y\r\n".repeat(21).trim_end())]);
    let long = format!("GET /{} HTTP/1.1", "x".repeat(1000));
    refused(&setup, &[414], &[line("limits", &long)]);
    let large = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10001\r\n\r\n".to_owned();
    refused(&setup, &[413], &[("limits", large)]);
    passed(&setup, &[get("limits", "X: y\r\n".repeat(10).trim_end())]);
    // Last, since its target may see the begin of it at any later time, or nothing of it.
    let mut client = setup.client();
    client.send("POST /c HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    // The answer may come before all is sent.
    let _sent = (0..4).map(|_| client.try_send(&chunk)).collect::<Vec<_>>();
    assert_eq!(client.read_answer(false).map(|answer| answer.status), Ok(413));
    assert!(setup.blue.seen().requests_to("/c").iter().all(|request| !request.complete));
    setup.finish();
}

//! The head that a client gets for a valid response: framing by version, fields, 1xx, and Teal's own answers.

use super::{DATE, answered, with_response};
use http1::{
    BodyLength, RequestContext, ToClient, Version, reason_phrase, write_informational, write_own,
    write_response,
};
use std::time::Duration;

const GET: RequestContext<'_> = RequestContext { head: false, upgrade: None };
const HEAD: RequestContext<'_> = RequestContext { head: true, upgrade: None };
const TAIL: &str =
    "via: 1.1 teal-test\r\nx-request-id: made-1\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";

#[test]
fn bodies_are_framed_anew_for_the_clients_version() {
    let until_close = ("connection: close\r\n", BodyLength::UntilClose);
    let chunked = ("transfer-encoding: chunked\r\n", BodyLength::Chunked);
    for (lines, to_11, to_10) in [
        (
            "Content-Length: 0007\r\n",
            ("content-length: 7\r\n", BodyLength::Length(7)),
            ("content-length: 7\r\nconnection: keep-alive\r\n", BodyLength::Length(7)),
        ),
        ("Transfer-Encoding: Chunked\r\n", chunked, until_close),
        ("", chunked, until_close),
    ] {
        let raw = format!("HTTP/1.1 200 Fine\r\n{lines}\r\n");
        for (version, (framing, body)) in [(Version::Http11, to_11), (Version::Http10, to_10)] {
            let expected = format!("HTTP/1.1 200 Fine\r\n{framing}{TAIL}");
            assert_eq!(answered(raw.as_bytes(), &GET, version), Ok((expected, body)));
        }
    }
}

#[test]
fn head_204_and_304_have_no_body_whatever_they_say() {
    for (status, asked, lines, framing) in [
        (200, &HEAD, "Content-Length: 7\r\n", "content-length: 7\r\n"),
        (200, &HEAD, "Transfer-Encoding: chunked\r\n", ""),
        (200, &HEAD, "", ""),
        (304, &GET, "Content-Length: 7\r\n", "content-length: 7\r\n"),
        (304, &GET, "", ""),
        (304, &GET, "Transfer-Encoding: chunked\r\n", ""), // r12
        (304, &HEAD, "Transfer-Encoding: Chunked\r\n", ""),
        (204, &GET, "Transfer-Encoding: chunked\r\n", ""),
        (204, &HEAD, "Transfer-Encoding: chunked\r\n", ""),
        (404, &HEAD, "Transfer-Encoding: chunked\r\n", ""),
        (206, &HEAD, "Transfer-Encoding: chunked\r\n", ""),
        (204, &GET, "", ""),
        (204, &HEAD, "Content-Length: 7\r\n", ""),
    ] {
        let raw = format!("HTTP/1.1 {status} X\r\n{lines}\r\n");
        let expected = format!("HTTP/1.1 {status} X\r\n{framing}{TAIL}");
        let seen = answered(raw.as_bytes(), asked, Version::Http11);
        assert_eq!(seen, Ok((expected.clone(), BodyLength::None)), "{status} {lines:?}");
        let seen = answered(raw.as_bytes(), asked, Version::Http10);
        let expected = expected.replace("via:", "connection: keep-alive\r\nvia:");
        assert_eq!(seen, Ok((expected, BodyLength::None)), "{status} {lines:?}");
    }
}

#[test]
fn a_head_request_never_gets_a_body_even_if_the_target_was_asked_otherwise() {
    let raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let to = ToClient {
        version: Version::Http11,
        close: false,
        via: "teal-test",
        head: true,
        request_id: b"made-1",
        hsts: None,
        added: b"",
        uncached: false,
        date: DATE,
    };
    let mut out = Vec::new();
    let body = with_response(raw, &GET, |response| write_response(&mut out, response, &to));
    assert_eq!(body, Ok(BodyLength::None));
    assert_eq!(String::from_utf8_lossy(&out), format!("HTTP/1.1 200 OK\r\n{TAIL}"));
}

#[test]
fn fields_of_the_target_pass_but_for_those_of_its_connection() {
    let raw =
        b"HTTP/1.1 200 OK\r\nServer: x\r\nDATE: now\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\
        Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nProxy-Connection: close\r\n\
        Proxy-Status: x; error=y\r\nTrailer: X-Sum\r\nTE: x\r\nUpgrade: foo\r\nSet-Cookie: a\r\n\
        Set-Cookie: b\r\nX_Under: kept\r\nVia: 1.1 inner\r\nX-Request-Id: theirs\r\n\
        Content-Type: text/plain\r\nX-Bytes: \xe9\xff\r\nContent-Length: 1\r\n\r\n";
    let mut out = Vec::new();
    let to = ToClient {
        version: Version::Http11,
        close: false,
        via: "teal-test",
        head: false,
        request_id: b"made-1",
        hsts: None,
        added: b"",
        uncached: false,
        date: DATE,
    };
    with_response(raw, &GET, |response| write_response(&mut out, response, &to)).unwrap();
    let expected = [
        &b"HTTP/1.1 200 OK\r\nServer: x\r\nDATE: now\r\nProxy-Status: x; error=y\r\nSet-Cookie: a\r\n\
        Set-Cookie: b\r\nX_Under: kept\r\nVia: 1.1 inner\r\nContent-Type: text/plain\r\n\
        X-Bytes: \xe9\xff\r\ncontent-length: 1\r\n"[..],
        b"via: 1.1 teal-test\r\nx-request-id: made-1\r\n\r\n", // r25: a date it has
    ]
    .concat();
    assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected));
    assert_eq!(out, expected);
}

#[test]
fn connection_cannot_take_the_targets_framing_out() {
    let raw = b"HTTP/1.1 200 OK\r\nConnection: Content-Length, Transfer-Encoding, close;x\r\nContent-Length: 3\r\n\r\n";
    let (head, body) = answered(raw, &GET, Version::Http11).unwrap();
    assert_eq!(body, BodyLength::Length(3));
    assert_eq!(head, format!("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n{TAIL}"));
    assert_eq!(with_response(raw, &GET, |response| response.persistent), Ok(false), "unclear");
}

#[test]
fn trailers_are_announced_where_they_can_follow() {
    let raw =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Content-Length\r\n\r\n";
    let (head, _) = answered(raw, &GET, Version::Http11).unwrap();
    assert!(head.contains("\r\ntransfer-encoding: chunked\r\ntrailer: X-Sum\r\n"), "{head:?}");
    let (head, _) = answered(raw, &GET, Version::Http10).unwrap();
    assert!(!head.contains("trailer"), "{head:?}");
}

#[test]
fn a_target_connection_is_used_again_only_when_it_says_so() {
    for (raw, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: Close\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n", true),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", false),
    ] {
        let seen = with_response(raw.as_bytes(), &GET, |response| response.persistent);
        assert_eq!(seen, Ok(expected), "{raw:?}");
    }
}

#[test]
fn idle_time_and_event_streams_are_recognized() {
    let timeout = |value: &str| {
        let raw = format!("HTTP/1.1 200 OK\r\nKeep-Alive: {value}\r\n\r\n");
        with_response(raw.as_bytes(), &GET, |response| response.keep_alive_timeout).unwrap()
    };
    assert_eq!(timeout("timeout=5"), Some(Duration::from_secs(5)));
    assert_eq!(timeout("max=100, Timeout=75"), Some(Duration::from_secs(75)));
    for value in ["", "timeout", "timeout=", "timeout=x", "5", "xtimeout=5"] {
        assert_eq!(timeout(value), None, "{value:?}");
    }
    let stream = |value: &str| {
        let raw = format!("HTTP/1.1 200 OK\r\nContent-Type: {value}\r\n\r\n");
        with_response(raw.as_bytes(), &GET, |response| response.event_stream).unwrap()
    };
    for value in ["text/event-stream", "Text/Event-Stream ; charset=utf-8"] {
        assert!(stream(value), "{value:?}");
    }
    for value in ["text/plain", "", "text/event-streamx", "x;text/event-stream"] {
        assert!(!stream(value), "{value:?}");
    }
}

#[test]
fn the_targets_phrase_passes_or_is_the_registered_one() {
    for (line, expected) in [
        ("HTTP/1.1 200 All is well", "HTTP/1.1 200 All is well"),
        ("HTTP/1.1 200 ", "HTTP/1.1 200 OK"),
        ("HTTP/1.1 200", "HTTP/1.1 200 OK"),
        ("HTTP/1.1 418 ", "HTTP/1.1 418 Unknown"),
        ("HTTP/1.0 404 Gefunden\u{e4}", "HTTP/1.1 404 Not Found"),
    ] {
        let raw = format!("{line}\r\nContent-Length: 0\r\n\r\n");
        let (head, _) = answered(raw.as_bytes(), &GET, Version::Http11).unwrap();
        assert_eq!(head.split("\r\n").next(), Some(expected));
    }
    let (head, _) = answered(b"HTTP/1.0 200 OK\r\n\r\n", &GET, Version::Http11).unwrap();
    assert!(head.contains("\r\nvia: 1.0 teal-test\r\n"), "{head:?}");
}

#[test]
fn the_client_learns_that_its_connection_ends() {
    let raw = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for (version, close, line) in [
        (Version::Http11, true, "connection: close\r\n"),
        (Version::Http11, false, ""),
        (Version::Http10, true, "connection: close\r\n"),
        (Version::Http10, false, "connection: keep-alive\r\n"),
    ] {
        let to = ToClient {
            version,
            close,
            via: "teal-test",
            head: false,
            request_id: b"made-1",
            hsts: None,
            added: b"",
            uncached: false,
            date: DATE,
        };
        let mut out = Vec::new();
        with_response(raw, &GET, |response| write_response(&mut out, response, &to)).unwrap();
        let expected = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{line}{TAIL}");
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}

#[test]
fn u7_interim_responses_pass_to_http_1_1_clients_only() {
    let raw = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X\r\nX: 1\r\nContent-Length: 0\r\n\r\n";
    for (version, expected) in [
        (Version::Http11, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nvia: 1.1 teal-test\r\n\r\n"),
        (Version::Http10, ""),
    ] {
        let to = ToClient {
            version,
            close: true,
            via: "teal-test",
            head: false,
            request_id: b"made-1",
            hsts: None,
            added: b"",
            uncached: false,
            date: DATE,
        };
        let mut out = Vec::new();
        with_response(raw, &GET, |response| write_informational(&mut out, response, &to)).unwrap();
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}

#[test]
fn own_answers_are_whole() {
    let own = |status, close, head| {
        let mut out = Vec::new();
        write_own(&mut out, status, &[("content-type", "text/plain")], b"no\n", close, head);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        own(502, true, false),
        "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\
         connection: close\r\n\r\nno\n"
    );
    assert_eq!(
        own(404, false, true),
        "HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\n"
    );
    assert_eq!(
        own(204, false, false),
        "HTTP/1.1 204 No Content\r\ncontent-type: text/plain\r\n\r\n"
    );
}

#[test]
fn own_fields_cannot_begin_another_line() {
    let fields = [
        ("x-split", "a\r\nset-cookie: b"),
        ("x-lf", "a\nb"),
        ("x-nul", "a\0b"),
        ("x: y\r\nz", "a"),
        ("", "a"),
        ("x-fine", "a\tb \u{e9}"),
    ];
    let mut out = Vec::new();
    write_own(&mut out, 503, &fields, b"", true, false);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "HTTP/1.1 503 Service Unavailable\r\nx-fine: a\tb \u{e9}\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n"
    );
}

#[test]
fn every_status_that_teal_answers_with_has_its_phrase() {
    for status in [400, 404, 405, 408, 413, 414, 417, 421, 431, 500, 501, 502, 503, 504, 505, 508] {
        assert_ne!(reason_phrase(status), "Unknown", "{status}");
    }
}

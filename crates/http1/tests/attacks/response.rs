//! F17, U4: responses that must not be believed.

use super::{answered, with_response};
use http1::{BodyLength, FieldSlots, HeadScan, Limits, RequestContext, Response, Version};

const GET: RequestContext<'_> = RequestContext { head: false, upgrade: None };
const HEAD: RequestContext<'_> = RequestContext { head: true, upgrade: None };
const WEBSOCKET: RequestContext<'_> =
    RequestContext { head: false, upgrade: Some("foo, WebSocket") };

fn is_bad(raw: &str, asked: &RequestContext<'_>) -> bool {
    answered(raw.as_bytes(), asked, Version::Http11).is_err()
}

#[test]
fn f17_contradicting_or_repeated_framing_is_bad() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5, 05\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length:\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ] {
        for (status, asked) in
            [(200, &GET), (200, &HEAD), (204, &GET), (304, &GET), (304, &HEAD), (103, &GET)]
        {
            let raw = format!("HTTP/1.1 {status} X\r\n{lines}\r\n");
            assert!(is_bad(&raw, asked), "{status} {lines:?}");
        }
    }
}

#[test]
fn r1_one_length_given_twice_is_one_length() {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5,5\r\n",
    ] {
        let raw = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
        let passed = answered(raw.as_bytes(), &GET, Version::Http11).expect("it has one meaning");
        let head = passed.0.to_ascii_lowercase();
        assert_eq!(head.matches("content-length: 5\r\n").count(), 1, "{head}");
    }
}

#[test]
fn f17_transfer_encoding_is_bad_where_it_cannot_be() {
    for status in [200, 204, 304] {
        let raw = format!("HTTP/1.0 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(is_bad(&raw, &GET) && is_bad(&raw, &HEAD), "{status}");
    }
    for status in [100, 101, 102, 103, 199] {
        let raw = format!("HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(is_bad(&raw, &WEBSOCKET), "{status}");
    }
    assert!(is_bad("HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\n", &GET));
}

#[test]
fn f17_malformed_heads_are_bad() {
    for raw in [
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\x7fb\r\n\r\n",
        "HTTP/1.1 200 OK\nX: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 20x OK\r\n\r\n",
        "HTTP/1.1 -20 OK\r\n\r\n",
        "HTTP/1.1 000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1 999 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1\t200 OK\r\n\r\n",
        "HTTP/1.1 200\tOK\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "200 OK\r\n\r\n",
        "<html>\r\n\r\n",
        "220 smtp.test ESMTP\r\n\r\n",
    ] {
        assert!(is_bad(raw, &GET), "{raw:?}");
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(101));
    assert!(is_bad(&many, &GET));
    let named = format!("HTTP/1.1 200 OK\r\nConnection: {}\r\n\r\n", vec!["x"; 33].join(","));
    assert!(is_bad(&named, &GET));
}

#[test]
fn f17_a_response_head_is_bounded() {
    let limits = Limits { head_bytes: 64, ..Limits::default() };
    let mut scan = HeadScan::new();
    assert!(scan.scan_response(&[b'H'; 63], &limits).is_ok());
    assert!(scan.scan_response(&[b'H'; 64], &limits).is_err());
}

#[test]
fn f17_the_parser_is_as_strict_without_the_scan() {
    let limits = Limits { head_bytes: 64, ..Limits::default() };
    let parse = |raw: &str| {
        let mut slots = FieldSlots::new();
        Response::parse(raw.as_bytes(), &mut slots, &GET, &limits).map(|response| response.status)
    };
    assert_eq!(parse("HTTP/1.1 200 OK\r\nX: y\r\n\r\n"), Ok(200));
    for raw in [
        "\r\nHTTP/1.1 200 OK\r\nX: y\r\n\r\n",
        "\nHTTP/1.1 200 OK\r\nX: y\r\n\r\n",
        "HTTP/1.1 200 OK\nX: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n\r\nmore",
        "",
        &format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(64)),
    ] {
        assert!(parse(raw).is_err(), "{raw:?}");
    }
}

#[test]
fn u4_a_101_must_match_the_requested_protocol() {
    let raw = |lines: &str| format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n");
    let right = raw("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: k\r\n");
    assert!(is_bad(&right, &GET), "not asked for");
    for lines in [
        "",
        "Connection: upgrade\r\n",
        "Upgrade: websocket\r\n",
        "Connection: upgrade\r\nUpgrade: bar\r\n",
        "Connection: upgrade\r\nUpgrade: foo, websocket\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n",
        "Connection: upgrade\r\nUpgrade:\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: k\r\nContent-Length: 5\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\n",
        "Connection: upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept:\r\n",
    ] {
        assert!(is_bad(&raw(lines), &WEBSOCKET), "{lines:?}");
    }
    let old = right.replace("HTTP/1.1", "HTTP/1.0");
    assert!(is_bad(&old, &WEBSOCKET));
    with_response(right.as_bytes(), &WEBSOCKET, |response| {
        assert_eq!(response.upgrade, Some("websocket"));
        assert_eq!(response.body, BodyLength::None);
        assert!(!response.persistent, "what follows is not HTTP");
    })
    .unwrap();
    let (head, _) = answered(right.as_bytes(), &WEBSOCKET, Version::Http11).unwrap();
    assert_eq!(
        head,
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: k\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nvia: 1.1 teal-test\r\nx-request-id: made-1\r\n\r\n"
    );
}

#[test]
fn u4_a_refused_upgrade_is_an_ordinary_response() {
    for (status, lines) in [
        ("200 OK", "connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 2\r\n"),
        ("200 OK", "upgrade: h2\r\nupgrade: h2c\r\ncontent-length: 2\r\n"),
        ("400 Bad Request", "content-length: 2\r\n"),
    ] {
        let raw = format!("HTTP/1.1 {status}\r\n{lines}\r\n");
        with_response(raw.as_bytes(), &WEBSOCKET, |response| {
            assert_eq!((response.upgrade, response.body), (None, BodyLength::Length(2)));
            assert!(response.persistent);
        })
        .unwrap();
        let (head, _) = answered(raw.as_bytes(), &WEBSOCKET, Version::Http11).unwrap();
        assert!(!head.contains("upgrade"), "{head:?}");
    }
    let raw = b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: foo/2\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n";
    let (head, _) = answered(raw, &GET, Version::Http11).unwrap();
    assert!(head.contains("\r\nconnection: upgrade\r\nupgrade: foo/2\r\n"), "{head:?}");
    assert_eq!(with_response(raw, &GET, |response| response.upgrade.is_some()), Ok(false));
}

#[test]
fn f17_a_204_that_announces_content_is_not_followed_by_another_response() {
    for (lines, persistent) in [
        ("", true),
        ("Content-Length: 0\r\n", true),
        ("Content-Length: 5\r\n", false),
        ("Transfer-Encoding: chunked\r\n", false), // r12
    ] {
        let raw = format!("HTTP/1.1 204 No Content\r\n{lines}\r\n");
        with_response(raw.as_bytes(), &GET, |response| {
            assert_eq!(response.body, BodyLength::None);
            assert_eq!(response.persistent, persistent, "{lines:?}");
        })
        .unwrap();
        let (head, _) = answered(raw.as_bytes(), &GET, Version::Http11).unwrap();
        assert!(!head.contains("content-length"), "{head:?}");
    }
}

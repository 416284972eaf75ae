//! Hostile and odd messages, one module per part of the protocol; test names begin with the row of
//! the attack catalog that they decide (f1 to f17 framing, t1 to t6 target, h1 to h7 trust, u1 to u7
//! upgrade and expectations). What is accepted is asserted on the bytes that the other side gets.

mod body;
mod fields;
mod framing;
mod lines;
mod response;
mod response_head;
mod target;
mod upgrade;

use std::net::IpAddr;

use http1::{
    BadResponse, BodyLength, FieldSlots, Forwarding, HeadScan, Limits, Reject, Request,
    RequestContext, Response, ToClient, Version, write_request, write_response,
};

/// Returns the head that a target receives for the request at the start of `raw`, or the refusal.
fn forwarded(raw: &[u8], trusted: bool) -> Result<String, Reject> {
    with_request(raw, |request| {
        let mut out = Vec::new();
        let forwarding = Forwarding {
            client: IpAddr::from([192, 0, 2, 1]),
            proto: "http",
            request_id: request.request_id.unwrap_or("made-1").as_bytes(),
            via: "teal-test",
            trusted,
            underscores: false,
            strip: "",
            certificate: b"",
            drop: &[],
            own: "",
            trace: None,
        };
        write_request(&mut out, request, &forwarding);
        String::from_utf8_lossy(&out).into_owned()
    })
}

/// Returns the same, with names with an underscore kept.
fn forwarded_with_underscores(lines: &str) -> String {
    let seen = with_request(&get(lines), |request| {
        let mut out = Vec::new();
        let forwarding = Forwarding {
            client: IpAddr::from([192, 0, 2, 1]),
            proto: "http",
            request_id: b"made-1",
            via: "teal-test",
            trusted: false,
            underscores: true,
            strip: "",
            certificate: b"",
            drop: &[],
            own: "",
            trace: None,
        };
        write_request(&mut out, request, &forwarding);
        String::from_utf8_lossy(&out).into_owned()
    });
    seen.expect("a good request")
}

/// Scans and parses the request at the start of `raw` and looks at it.
fn with_request<T>(raw: &[u8], look: impl FnOnce(&Request<'_>) -> T) -> Result<T, Reject> {
    let limits = Limits::default();
    let end = HeadScan::new().scan(raw, &limits)?.expect("the test's head is complete");
    let mut slots = FieldSlots::new();
    Request::parse(&raw[..end], &mut slots, &limits).map(|request| look(&request))
}

/// A GET with the given further lines, each of which ends in CRLF.
fn get(lines: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n").into_bytes()
}

/// A POST with the given further lines.
fn post(lines: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n").into_bytes()
}

/// Returns the status with which the request is refused.
fn status_of(raw: &[u8]) -> u16 {
    let result = forwarded(raw, false);
    assert!(result.is_err(), "{:?} was forwarded as {result:?}", String::from_utf8_lossy(raw));
    result.expect_err("just checked").status
}

/// Returns the lines that a target receives besides those that Teal adds to every request.
fn own_lines(raw: &[u8]) -> Vec<String> {
    let result = forwarded(raw, false);
    assert!(result.is_ok(), "{:?} was refused: {result:?}", String::from_utf8_lossy(raw));
    let head = result.expect("just checked");
    let added = [
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: a.test",
        "via: 1.1 teal-test",
        "x-request-id: made-1",
        "",
    ];
    let lines: Vec<&str> = head.split("\r\n").collect();
    let (own, ours) = lines.split_at(lines.len() - added.len() - 1);
    assert_eq!(ours[..added.len()], added, "in {head:?}");
    assert_eq!(ours[added.len()], "", "nothing follows the head");
    own.iter().map(|line| (*line).to_owned()).collect()
}

/// The time by Teal's clock.
const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";

/// Returns what a client gets for a target's response head, and the framing towards it.
fn answered(
    raw: &[u8],
    asked: &RequestContext<'_>,
    version: Version,
) -> Result<(String, BodyLength), BadResponse> {
    with_response(raw, asked, |response| {
        let mut out = Vec::new();
        let to = ToClient {
            version,
            close: false,
            via: "teal-test",
            head: asked.head,
            request_id: b"made-1",
            hsts: None,
            added: b"",
            uncached: false,
            date: DATE,
        };
        let body = write_response(&mut out, response, &to);
        (String::from_utf8_lossy(&out).into_owned(), body)
    })
}

/// Scans and parses a response head and looks at it.
fn with_response<T>(
    raw: &[u8],
    asked: &RequestContext<'_>,
    look: impl FnOnce(&Response<'_>) -> T,
) -> Result<T, BadResponse> {
    let limits = Limits::default();
    let end = HeadScan::new().scan_response(raw, &limits)?.expect("the test's head is complete");
    let mut slots = FieldSlots::new();
    Response::parse(&raw[..end], &mut slots, asked, &limits).map(|response| look(&response))
}

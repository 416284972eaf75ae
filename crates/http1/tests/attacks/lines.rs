//! F9 to F13, F16 and the limits: lines, bytes and the end of a head.

use super::{forwarded, get, own_lines, status_of, with_request};
use http1::{FieldSlots, HeadScan, Limits, MAX_FIELDS, Method, Reject, Request};

#[test]
fn f9_bare_lf_and_bare_cr_are_refused_as_soon_as_they_are_seen() {
    for head in [
        "GET / HTTP/1.1\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: y\n\n",
        "GET / HTTP/1.1\nHost: a.test\n\n",
        "\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\rb\r\nHost: a.test\r\n\r\n",
        "GET /\rx HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n\rX",
        "\r\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ] {
        let scanned = HeadScan::new().scan(head.as_bytes(), &Limits::default());
        assert_eq!(scanned.map_err(|reject| reject.status), Err(400), "{head:?}");
    }
    let cut = HeadScan::new().scan(b"GET / HTTP/1.1\nH", &Limits::default());
    assert_eq!(cut.map_err(|reject| reject.status), Err(400), "not waited for");
}

#[test]
fn f9_the_parser_refuses_bare_lf_without_the_scan_too() {
    for head in [
        "GET / HTTP/1.1\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX:\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "\r\n\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n\r\nGET",
        "",
    ] {
        let mut slots = FieldSlots::new();
        let parsed = Request::parse(head.as_bytes(), &mut slots, &Limits::default());
        assert_eq!(parsed.map(|_| ()).map_err(|r| r.status), Err(400), "{head:?}");
    }
}

#[test]
fn f10_control_characters_are_refused_in_names_and_values() {
    for byte in (0..=0x1fu8).chain([0x7f]) {
        if byte == b'\t' {
            continue;
        }
        for lines in [&b"X: a?b\r\n"[..], b"X: ?b\r\n", b"X: b?\r\n", b"X?: b\r\n", b"?X: b\r\n"] {
            let lines: Vec<u8> = lines.iter().map(|&b| if b == b'?' { byte } else { b }).collect();
            let raw = [&b"GET / HTTP/1.1\r\nHost: a.test\r\n"[..], &lines, b"\r\n"].concat();
            assert_eq!(status_of(&raw), 400, "{raw:?}");
        }
    }
}

#[test]
fn f10_high_bytes_are_refused_in_names_and_forwarded_unchanged_in_values() {
    for byte in 0x80..=0xffu8 {
        let name = [&b"GET / HTTP/1.1\r\nHost: a.test\r\nX"[..], &[byte], b": y\r\n\r\n"].concat();
        assert_eq!(status_of(&name), 400);
    }
    let every: Vec<u8> = (0x80..=0xffu8).collect();
    let raw = [&b"GET / HTTP/1.1\r\nHost: a.test\r\nX: "[..], &every, b"\r\n\r\n"].concat();
    let mut slots = FieldSlots::new();
    let request = Request::parse(&raw, &mut slots, &Limits::default()).unwrap();
    assert_eq!(request.field("x"), Some(&every[..]));
}

#[test]
fn f11_lines_that_are_not_a_name_directly_followed_by_a_colon_are_refused() {
    for line in [
        "Host : a",
        "X\t: y",
        "X y: z",
        " X: y",
        "\tX: y",
        "no colon here",
        ": empty name",
        ":",
        "X",
        "\"X\": y",
        "X(comment): y",
        "X@: y",
        "X/: y",
        "{X}: y",
    ] {
        assert_eq!(status_of(&get(&format!("{line}\r\n"))), 400, "{line:?}");
        let first = format!("GET / HTTP/1.1\r\n{line}\r\nHost: a.test\r\n\r\n");
        assert_eq!(status_of(first.as_bytes()), 400, "{line:?} as the first line");
    }
}

#[test]
fn f12_folded_lines_are_refused() {
    for lines in
        ["X: a\r\n b\r\n", "X: a\r\n\tb\r\n", "X:\r\n b\r\n", "X: a\r\n \r\n", "X: a\r\n\t\r\n"]
    {
        assert_eq!(status_of(&get(lines)), 400, "{lines:?}");
    }
    let folded_host = b"GET / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n";
    assert_eq!(status_of(folded_host), 400);
}

#[test]
fn f13_malformed_request_lines_are_refused() {
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /",
        "GET / ",
        "GET",
        "GET HTTP/1.1",
        "/ HTTP/1.1",
        "GET / HTTP/1.2",
        "GET / HTTP/1.10",
        "GET / HTTP/1",
        "GET / HTTP/01.1",
        "GET / HTTP/1.1x",
        "GET / http/1.1",
        "GET / Http/1.1",
        "GET / HTTPS/1.1",
        "GET / HTTP 1.1",
        "GET / HTTP/2",
        "GET / HTTP/11.1",
        "GET / XXXX/1.1",
        "get / HTTP/1.1",
        "Get / HTTP/1.1",
        "connect a.test:443 HTTP/1.1",
        "GE(T / HTTP/1.1",
        "G\u{c9}T / HTTP/1.1",
        "GET / HTTP/1.1 HTTP/1.1",
    ] {
        let raw = format!("{line}\r\nHost: a.test\r\n\r\n");
        assert_eq!(status_of(raw.as_bytes()), 400, "{line:?}");
    }
}

#[test]
fn f13_other_major_versions_are_not_supported() {
    for line in
        ["GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/3.0", "GET / HTTP/9.9", "PRI * HTTP/2.0"]
    {
        let raw = format!("{line}\r\n\r\nSM\r\n\r\n");
        assert_eq!(status_of(raw.as_bytes()), 505, "{line:?}");
    }
}

#[test]
fn f13_tls_on_a_plain_port_is_detected_at_its_first_byte() {
    let reject = HeadScan::new().scan(&[0x16], &Limits::default()).unwrap_err();
    assert_eq!(reject.status, 400);
    assert!(reject.reason.contains("TLS"), "{reject}");
    for byte in [0, b' ', b':', b'(', 0x80, 0xff] {
        let scanned = HeadScan::new().scan(&[byte], &Limits::default());
        assert_eq!(scanned.map_err(|reject| reject.status), Err(400), "{byte}");
    }
}

#[test]
fn one_empty_line_before_the_request_line_is_tolerated_and_no_more() {
    let raw = b"\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(own_lines(raw), ["GET / HTTP/1.1", "host: a.test"]);
    for raw in ["\r\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "\r\n\x16"] {
        let scanned = HeadScan::new().scan(raw.as_bytes(), &Limits::default());
        assert_eq!(scanned.map_err(|reject| reject.status), Err(400), "{raw:?}");
    }
}

#[test]
fn f16_pipelined_requests_are_found_one_by_one() {
    let mut stream = Vec::new();
    for index in 0..100 {
        stream.extend_from_slice(
            format!("GET /{index} HTTP/1.1\r\nHost: a.test\r\nX: {index}\r\n\r\n").as_bytes(),
        );
    }
    let mut scan = HeadScan::new();
    let mut rest = &stream[..];
    for index in 0..100 {
        let end = scan.scan(rest, &Limits::default()).unwrap().expect("a whole head is there");
        assert_eq!(own_lines(&rest[..end])[0], format!("GET /{index} HTTP/1.1"));
        rest = &rest[end..];
        scan.reset();
    }
    assert_eq!(rest, b"");
}

/// All the results of scanning growing prefixes, up to the first that is not `None`.
fn drip(raw: &[u8], step: usize, limits: &Limits) -> Result<Option<usize>, Reject> {
    let mut scan = HeadScan::new();
    let mut end = 0;
    while end < raw.len() {
        end = (end + step).min(raw.len());
        match scan.scan(&raw[..end], limits) {
            Ok(None) => {}
            other => return other,
        }
    }
    Ok(None)
}

#[test]
fn a_head_is_found_the_same_however_it_arrives() {
    let small = Limits { head_bytes: 120, fields: 10, uri_bytes: 40 };
    for (raw, limits) in [
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n", Limits::default()),
        ("\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n\r\n", Limits::default()),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX: y", Limits::default()),
        ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", Limits::default()),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", Limits::default()),
        ("\r\n\r\n", Limits::default()),
        ("\r\n\x16", Limits::default()),
        (&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(90)), small),
        (&format!("GET /{}", "x".repeat(90)), small),
        (&format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(95)), small),
        (&format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(97)), small),
        (&format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(98)), small),
    ] {
        let at_once = HeadScan::new().scan(raw.as_bytes(), &limits);
        for step in 1..=raw.len() {
            assert_eq!(drip(raw.as_bytes(), step, &limits), at_once, "{raw:?} by {step}");
        }
    }
}

#[test]
fn a_head_may_be_as_large_as_the_limit_and_no_larger() {
    let limits = Limits { head_bytes: 200, ..Limits::default() };
    let head = |size: usize| {
        let frame = "GET / HTTP/1.1\r\nHost: a.test\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}\r\n\r\n", "y".repeat(size - frame))
    };
    let scan = |raw: &str| HeadScan::new().scan(raw.as_bytes(), &limits).map_err(|r| r.status);
    assert_eq!(scan(&head(200)), Ok(Some(200)));
    assert_eq!(scan(&(head(200) + "more")), Ok(Some(200)), "what follows does not count");
    assert_eq!(scan(&head(201)), Err(431));
    assert_eq!(scan(&head(201)[..199]), Ok(None));
    assert_eq!(scan(&head(201)[..200]), Err(431), "it cannot end in time any more");
    for (size, expected) in [(200, Ok(())), (201, Err(431))] {
        let raw = head(size);
        let mut slots = FieldSlots::new();
        let parsed = Request::parse(raw.as_bytes(), &mut slots, &limits);
        assert_eq!(
            parsed.map(|_| ()).map_err(|reject| reject.status),
            expected,
            "without the scan"
        );
    }
}

#[test]
fn the_number_of_fields_is_limited() {
    let lines = |count: usize| "X: y\r\n".repeat(count);
    assert!(forwarded(&get(&lines(99)), false).is_ok());
    assert_eq!(status_of(&get(&lines(100))), 431);
    let raw = get(&lines(MAX_FIELDS));
    let mut slots = FieldSlots::new();
    let limits = Limits { fields: 10_000, ..Limits::default() };
    assert_eq!(
        Request::parse(&raw, &mut slots, &limits).map(|_| ()).map_err(|r| r.status),
        Err(431),
        "never more than there are slots",
    );
}

#[test]
fn a_target_may_be_as_long_as_the_limit_and_no_longer() {
    let limit = Limits::default().uri_bytes;
    let raw = |length: usize| {
        format!("GET /{} HTTP/1.1\r\nHost: a.test\r\n\r\n", "x".repeat(length - 1)).into_bytes()
    };
    assert_eq!(with_request(&raw(limit), |request| request.target.len()), Ok(limit));
    assert_eq!(status_of(&raw(limit + 1)), 414);
    let endless = vec![b'x'; limit + 100];
    let scanned = HeadScan::new().scan(&endless, &Limits::default());
    assert_eq!(scanned.map_err(|reject| reject.status), Err(414), "not waited for");
}

// L5
#[test]
fn methods_are_case_sensitive_tokens_of_bounded_length() {
    for (token, idempotent, safe) in [
        ("GET", true, true),
        ("HEAD", true, true),
        ("OPTIONS", true, true),
        ("PUT", true, false),
        ("DELETE", true, false),
        ("POST", false, false),
        ("PATCH", false, false),
        ("PROPFIND", false, false),
        ("M-SEARCH", false, false),
    ] {
        let raw = format!("{token} / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let seen = with_request(raw.as_bytes(), |request| {
            assert_eq!(request.method.as_str(), token);
            (request.method.is_idempotent(), request.method.is_safe())
        });
        assert_eq!(seen, Ok((idempotent, safe)), "{token}");
    }
    assert!(Method::Trace.is_safe() && Method::Trace.is_idempotent());
    assert!(!Method::Connect.is_idempotent());
    let long = format!("{} / HTTP/1.1\r\nHost: a.test\r\n\r\n", "M".repeat(33));
    assert_eq!(status_of(long.as_bytes()), 501);
}

#[test]
fn a_request_line_is_refused_as_soon_as_no_method_could_make_it_fit() {
    let limits = Limits { uri_bytes: 100, ..Limits::default() };
    // The longest method, two spaces, and the version.
    let longest = 32 + 1 + 100 + 1 + "HTTP/1.1".len();
    for (length, status) in [(longest, None), (longest + 1, Some(414))] {
        for end in ["", "\r\n"] {
            let line = "a".repeat(length) + end;
            let found = HeadScan::new().scan(line.as_bytes(), &limits);
            assert_eq!(found.err().map(|reject| reject.status), status, "{length} {end:?}");
        }
    }
}

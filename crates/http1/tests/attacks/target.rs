//! T1 to T4, T6: host, target and loops.

use super::{forwarded, own_lines, status_of, with_request};

fn with_host(value: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n").into_bytes()
}

fn with_target(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n").into_bytes()
}

#[test]
fn t1_a_missing_or_second_host_is_refused() {
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: y\r\nhOST: b.test\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a.test\r\nHost: b.test\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\n\r\n",
    ] {
        assert_eq!(status_of(head.as_bytes()), 400, "{head:?}");
    }
}

#[test]
fn t1_hosts_that_are_not_one_name_or_address_are_refused() {
    for host in [
        "",
        " ",
        "a.test, b.test",
        "a.test,b.test",
        "user@a.test",
        "user:pw@a.test",
        "a.test/path",
        "a.test?x",
        "a.test#x",
        "a.test b.test",
        "a.test\tb.test",
        "http://a.test",
        "a.test::",
        ":",
        "a.test:x",
        "a.test:80x",
        "a.test:-1",
        "a.test:+80",
        "a.test:65536",
        "a.test:123456",
        "a.test:00080000",
        "a.test:80:80",
        ":80",
        ".a.test",
        "a..test",
        "..",
        ".",
        "a%2etest",
        "a.test%00",
        "a\\test",
        "*.test",
        "caf\u{e9}.test",
        "[::1",
        "::1",
        "[::1]x",
        "[::1]::",
        "[fe80::1%eth0]",
        "[::1]a:80",
        "a.test;b",
        "a.test!",
        "~a.test",
        "[::1]:99999",
        "[::1%25eth0]",
        "[1.2.3.4]",
        "[v1.x]",
        "[]",
        "[::1]]",
        "\"a.test\"",
    ] {
        assert_eq!(status_of(&with_host(host)), 400, "{host:?}");
    }
    assert_eq!(status_of(&with_host(&"x".repeat(255))), 400);
}

#[test]
fn t1_the_host_goes_upstream_as_the_client_wrote_it() {
    for host in [
        "a.test",
        "A.Test",
        "a.test.",
        "a.test:8080",
        "a.test:", // r28
        "a.test.:",
        "[::1]:",
        "127.0.0.1:",
        "-a_b-.test",
        "a.test:00080",
        "a.test:0",
        "a.test:65535",
        "my_app:3000",
        "xn--caf-dma.test",
        "localhost",
        "127.0.0.1:8080",
        "[::1]",
        "[2001:DB8::1]:8443",
        "[::ffff:1.2.3.4]",
    ] {
        let head = forwarded(&with_host(host), false).unwrap();
        assert!(head.starts_with(&format!("GET / HTTP/1.1\r\nhost: {host}\r\n")), "{head:?}");
        assert!(head.contains(&format!("x-forwarded-host: {host}\r\n")), "{head:?}");
        assert_eq!(head.matches("\r\nhost: ").count(), 1);
    }
}

#[test]
fn t1_http_1_0_may_leave_the_host_out() {
    let head = forwarded(b"GET / HTTP/1.0\r\n\r\n", false).unwrap();
    assert_eq!(
        head,
        "GET / HTTP/1.1\r\nhost: \r\nx-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: http\r\n\
         via: 1.0 teal-test\r\nx-request-id: made-1\r\n\r\n"
    );
    let absolute = b"GET http://a.test/x HTTP/1.0\r\n\r\n";
    assert_eq!(with_request(absolute, |request| request.host.to_owned()), Ok("a.test".to_owned()));
}

#[test]
fn t2_absolute_form_is_reduced_and_its_host_must_be_the_one_of_the_field() {
    for (target, reduced) in [
        ("http://a.test/x?y=1", "/x?y=1"),
        ("https://a.test/x", "/x"),
        ("HTTP://A.TEST/x", "/x"),
        ("http://a.test", "/"),
        ("http://a.test:/", "/"),
        ("http://a.test:80/", "/"),
        ("https://a.test:443/", "/"),
        ("http://a.test/", "/"),
        ("http://a.test//b", "//b"),
        ("http://a.test/http://b.test/", "/http://b.test/"),
    ] {
        assert_eq!(own_lines(&with_target(target))[0], format!("GET {reduced} HTTP/1.1"));
    }
    for target in [
        "http://b.test/",
        "http://a.test:443/",
        "https://a.test:80/",
        "http://a.test:8080/",
        "http://user@a.test/",
        "http://a.test@b.test/",
        "http:///x",
        "http:/a.test/",
        "http:a.test",
        "http://a.test?x",
        "ftp://a.test/",
        "ws://a.test/",
        "httpx://a.test/",
        "://a.test/",
        "http://a.test#x",
    ] {
        assert_eq!(status_of(&with_target(target)), 400, "{target:?}");
    }
}

#[test]
fn t3_connect_trace_and_stray_forms_are_refused() {
    for (line, status) in [
        ("CONNECT a.test:443", 501),
        ("CONNECT /", 501),
        ("TRACE /", 405),
        ("GET a.test:443", 400),
        ("GET a.test", 400),
        ("GET *", 400),
        ("OPTIONS **", 400),
        ("GET x/y", 400),
        ("GET ?x", 400),
    ] {
        let raw = format!("{line} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_eq!(status_of(raw.as_bytes()), status, "{line:?}");
    }
    for target in ["*", "http://a.test"] {
        let raw = format!("OPTIONS {target} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_eq!(own_lines(raw.as_bytes())[0], "OPTIONS * HTTP/1.1");
    }
}

#[test]
fn t4_paths_go_upstream_byte_for_byte() {
    for target in [
        "//admin",
        "/./x",
        "/a/../b",
        "/%2e%2e/x",
        "/a%2fb",
        "/a%5cb",
        "/a\\b",
        "/a%00b",
        "/a;x=1/b;y",
        "/%c0%ae%c0%ae/",
        "/admin%2fswitch",
        "/a?b?c=/d/../e",
        "/%zz%",
        "/{x}|[y]^`\"<>",
        "/http://b.test/",
        "/?",
        "/~!$&'()*+,=:@",
    ] {
        assert_eq!(own_lines(&with_target(target))[0], format!("GET {target} HTTP/1.1"));
        let path = target.split('?').next().unwrap();
        let seen = with_request(&with_target(target), |request| request.path.to_owned());
        assert_eq!(seen.as_deref(), Ok(path));
    }
}

#[test]
fn t4_fragments_spaces_and_bytes_outside_ascii_are_refused_in_a_target() {
    for target in
        ["/#x", "/a#", "#", "/a b", "/caf\u{e9}", "/\u{7f}", "/a\tb", "/a\u{0}b", "/a\u{b}b"]
    {
        assert_eq!(status_of(&with_target(target)), 400, "{target:?}");
    }
    for byte in (0..=0x20u8).chain(0x7f..=0xff) {
        let raw = [&b"GET /a"[..], &[byte], b"b HTTP/1.1\r\nHost: a.test\r\n\r\n"].concat();
        assert_eq!(status_of(&raw), 400, "{byte:#x}");
    }
}

#[test]
fn t6_our_own_via_is_recognized_and_others_are_kept_before_ours() {
    for (lines, ours) in [
        ("Via: 1.1 teal-test\r\n", true),
        ("Via: 1.0 fred, 1.1 teal-test (Teal)\r\n", true),
        ("Via: 1.0 fred\r\nVia: HTTP/1.1   teal-test\r\n", true),
        ("Via: 1.1 teal-test2\r\n", false),
        ("Via: 1.1 fred (teal-test)\r\n", false),
        ("Via: teal-test\r\n", false),
        ("X-Via: 1.1 teal-test\r\n", false),
        ("Via:\r\n", false),
    ] {
        let raw = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n");
        let seen = with_request(raw.as_bytes(), |request| request.via_contains("teal-test"));
        assert_eq!(seen, Ok(ours), "{lines:?}");
    }
    let raw = b"GET / HTTP/1.1\r\nHost: a.test\r\nVia: 1.0 fred, 1.1 nowhere.test\r\n\r\n";
    assert_eq!(own_lines(raw)[2], "Via: 1.0 fred, 1.1 nowhere.test");
}

#[test]
fn t6_max_forwards_counts_down_for_options_and_is_left_alone_elsewhere() {
    let raw = |method: &str, lines: &str| {
        format!("{method} / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n").into_bytes()
    };
    assert_eq!(own_lines(&raw("OPTIONS", "Max-Forwards: 5\r\n"))[2], "max-forwards: 4");
    assert_eq!(own_lines(&raw("GET", "Max-Forwards: 5\r\n"))[2], "Max-Forwards: 5");
    let hops = |lines: &str| {
        with_request(&raw("OPTIONS", lines), |request| request.max_forwards).map_err(|r| r.status)
    };
    assert_eq!(hops(""), Ok(None));
    assert_eq!(hops("Max-Forwards: 0\r\n"), Ok(Some(0)));
    assert_eq!(hops("Max-Forwards: 99999999999\r\n"), Ok(Some(u32::MAX)));
    for lines in ["Max-Forwards: x\r\n", "Max-Forwards: -1\r\n", "Max-Forwards:\r\n"] {
        assert_eq!(hops(lines), Err(400), "{lines:?}");
    }
    assert_eq!(hops("Max-Forwards: 1\r\nMax-Forwards: 1\r\n"), Err(400));
}

//! U1 to U3, U6 and persistence: upgrades, expectations and what happens to the connection.

use super::{get, own_lines, post, status_of, with_request};

fn wish(raw: &[u8]) -> Option<String> {
    with_request(raw, |request| request.upgrade.map(str::to_owned)).expect("a sound request")
}

#[test]
fn u1_a_well_formed_upgrade_is_asked_of_the_target_anew() {
    let raw = get("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    assert_eq!(
        own_lines(&raw)[2..],
        [
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "connection: upgrade",
            "upgrade: websocket",
        ]
    );
    for list in ["WebSocket", "foo/1.0", "foo, bar/2", "x"] {
        let raw = get(&format!("Connection: upgrade\r\nUpgrade: {list}\r\n"));
        assert_eq!(wish(&raw).as_deref(), Some(list));
    }
}

#[test]
fn u1_an_upgrade_without_its_conditions_is_ignored_and_not_forwarded() {
    for raw in [
        get("Upgrade: websocket\r\n"),
        get("Connection: upgrade\r\n"),
        get("Connection: upgrade\r\nUpgrade:\r\n"),
        get("Connection: upgrade\r\nUpgrade: a b\r\n"),
        get("Connection: upgrade\r\nUpgrade: websocket,\r\n"),
        get("Connection: upgrade\r\nUpgrade: web/socket/1\r\n"),
        get("Connection: upgrade\r\nUpgrade: /1\r\n"),
        get("Connection: upgrade\r\nUpgrade: \"websocket\"\r\n"),
        get("Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n"),
        get("Connection: upgrade\r\nUpgrade: a,b,c,d,e,f,g,h,i\r\n"),
        post("Connection: upgrade\r\nUpgrade: websocket\r\n"),
        b"GET / HTTP/1.0\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
            .to_vec(),
    ] {
        assert_eq!(wish(&raw), None, "{:?}", String::from_utf8_lossy(&raw));
        let sent = super::forwarded(&raw, false).unwrap().to_lowercase();
        assert!(!sent.contains("upgrade"), "{sent:?}");
    }
}

#[test]
fn r19_an_upgrade_passes_with_any_method_and_any_body() {
    let wish_of = |method: &str, framing: &str| {
        let line = format!("{method} / HTTP/1.1\r\nHost: a.test\r\n");
        let raw = format!("{line}Connection: Upgrade\r\nUpgrade: tcp\r\n{framing}\r\n");
        assert_eq!(wish(raw.as_bytes()).as_deref(), Some("tcp"), "{method} {framing:?}");
        own_lines(raw.as_bytes())[2..].to_vec()
    };
    let asked = ["connection: upgrade", "upgrade: tcp"];
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "X"] {
        assert_eq!(wish_of(method, ""), asked);
        for framing in ["content-length: 5", "content-length: 0", "transfer-encoding: chunked"] {
            let lines = [&[framing][..], &asked].concat();
            assert_eq!(wish_of(method, &format!("{framing}\r\n")), lines);
        }
    }
    let empty = get("Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n");
    assert_eq!(wish(&empty).as_deref(), Some("websocket"));
}

#[test]
fn u2_a_web_socket_with_a_body_is_an_ordinary_request() {
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let raw = get(&format!("Connection: upgrade\r\nUpgrade: websocket\r\n{framing}\r\n"));
        assert_eq!(wish(&raw), None, "{framing:?}");
        assert_eq!(own_lines(&raw)[2..], [framing.to_lowercase()]);
    }
}

#[test]
fn u3_the_http_connection_itself_is_never_upgraded() {
    for list in [
        "h2c",
        "H2C",
        "h2c, websocket",
        "websocket, h2c",
        "h2",
        "HTTP/2.0",
        "TLS/1.2",
        "TLS/1.0, HTTP/1.1",
    ] {
        let raw = get(&format!(
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {list}\r\nHTTP2-Settings: AAMAAABk\r\n"
        ));
        assert_eq!(wish(&raw), None, "{list:?}");
        assert_eq!(own_lines(&raw).len(), 2, "{list:?}");
    }
}

#[test]
fn u6_an_expectation_is_passed_on_when_there_is_a_body_to_wait_for() {
    for framing in ["content-length: 5", "transfer-encoding: chunked"] {
        for value in ["100-continue", "100-Continue", " 100-CONTINUE "] {
            let raw = post(&format!("Expect:{value}\r\n{framing}\r\n"));
            assert_eq!(with_request(&raw, |request| request.expect_continue), Ok(true));
            assert_eq!(own_lines(&raw)[2..], [framing, "expect: 100-continue"]);
        }
    }
    for raw in [
        get("Expect: 100-continue\r\n"),
        post("Expect: 100-continue\r\nContent-Length: 0\r\n"),
        b"POST / HTTP/1.0\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
            .to_vec(),
    ] {
        assert_eq!(with_request(&raw, |request| request.expect_continue), Ok(false));
        let sent = super::forwarded(&raw, false).unwrap().to_lowercase();
        assert!(!sent.contains("expect"), "{sent:?}");
    }
}

#[test]
fn u6_other_and_repeated_expectations_fail() {
    for lines in [
        "Expect: x\r\n",
        "Expect:\r\n",
        "Expect: 100-continue, 100-continue\r\n",
        "Expect: 100-continue;q=1\r\n",
        "Expect: \"100-continue\"\r\n",
        "Expect: y 100-continue\r\n",
        "Expect: 100_continue\r\n",
        "Expect: 100-continue\r\nExpect: 100-continue\r\n",
        "Expect: 100-continue\r\nExpect: x\r\n",
        "Expect: x\r\nExpect: 100-continue\r\n",
    ] {
        assert_eq!(status_of(&post(&format!("{lines}Content-Length: 5\r\n"))), 417, "{lines:?}");
        assert_eq!(status_of(&get(lines)), 417, "{lines:?} on GET");
    }
}

#[test]
fn a_connection_stays_open_by_version_and_connection_field() {
    let persistent = |version: &str, lines: &str| {
        let raw = format!("GET / HTTP/{version}\r\nHost: a.test\r\n{lines}\r\n");
        with_request(raw.as_bytes(), |request| request.persistent).unwrap()
    };
    for (version, lines, expected) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: CLOSE\r\n", false),
        ("1.1", "Connection: keep-alive, close\r\n", false),
        ("1.1", "Connection: x\r\nConnection: close\r\n", false),
        ("1.1", "Proxy-Connection: close\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: Keep-Alive\r\nConnection: close\r\n", false),
        ("1.0", "Proxy-Connection: keep-alive\r\n", false),
    ] {
        assert_eq!(persistent(version, lines), expected, "HTTP/{version} {lines:?}");
    }
}

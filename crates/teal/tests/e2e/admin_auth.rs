//! Permissions of callers: the guards of the admin API, from outside.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use testkit::{Behavior, Client, Response};

use crate::setup::{SOON, Setup};

const SWITCH: &str = "/admin/switch?to=green";

/// One request with exactly these fields.
fn ask(setup: &Setup, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in fields {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    let mut client = Client::connect(setup.teal.admin());
    client.send(head + "Content-Length: 0\r\nConnection: close\r\n\r\n");
    client.answer()
}

/// The status of a switch with a good token and these further fields.
fn switch_with(setup: &Setup, host: Option<&str>, fields: &[(&str, &str)]) -> u16 {
    let own = setup.teal.admin().to_string();
    let token = format!("Bearer {}", setup.teal.token());
    let mut all = vec![("Host", host.unwrap_or(&own)), ("Authorization", &token)];
    all.extend_from_slice(fields);
    ask(setup, "POST", SWITCH, &all).status
}

#[test]
fn a_web_page_cannot_switch() {
    // A1
    let setup = Setup::new();
    for fields in [
        [("Origin", "http://evil.example")],
        [("Origin", "null")],
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Sec-Fetch-Site", "none")],
    ] {
        assert_eq!(switch_with(&setup, None, &fields), 403, "{fields:?}");
    }
    assert_eq!(setup.teal.active(), "blue");
    let read = [("Origin", "http://evil.example"), ("Host", &*setup.teal.admin().to_string())];
    assert_eq!(ask(&setup, "GET", "/admin/status", &read).status, 403);
    let own = format!("http://{}", setup.teal.admin());
    let own = [("Origin", &*own), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(switch_with(&setup, None, &own), 200);
    setup.finish();
}

#[test]
fn a_name_that_is_not_ours_is_refused_before_anything_else() {
    // A2
    let setup = Setup::with(|settings| settings.admin("hosts", "[\"deploy.example\"]"));
    for host in ["evil.example", "127.0.0.1.evil.example", "deploy.example.evil", "10.0.0.1:9900"] {
        assert_eq!(switch_with(&setup, Some(host), &[]), 403, "{host}");
        let read = ask(&setup, "GET", "/admin/status", &[("Host", host)]);
        assert_eq!(read.status, 403, "{host}");
        // Also before the method and the token are looked at.
        assert_eq!(ask(&setup, "DELETE", SWITCH, &[("Host", host)]).status, 403, "{host}");
    }
    let port = setup.teal.admin().port();
    for host in ["localhost", "127.0.0.1", "deploy.example", &format!("[::1]:{port}")] {
        assert_eq!(switch_with(&setup, Some(host), &[]), 200, "{host}");
    }
    setup.finish();
}

#[test]
fn a_change_needs_a_token_that_is_known_and_may_operate() {
    // A5
    let viewer = "3".repeat(43);
    let sha256 = sha256_of(&viewer);
    let tokens = format!(
        "[{{ name = \"eyes\", role = \"viewer\", sha256 = \"{sha256}\" }}, {{ name = \"ci\", role \
         = \"operator\", sha256 = \"{}\" }}]",
        sha256_of("an operator's token of good length, 43 chars")
    );
    let setup = Setup::with(|settings| settings.admin("tokens", &tokens));
    let host = setup.teal.admin().to_string();
    let none = ask(&setup, "POST", SWITCH, &[("Host", &host)]);
    assert_eq!(none.status, 401);
    assert!(none.fields.get("www-authenticate").is_some_and(|value| value.contains("Bearer")));
    for wrong in ["Bearer", "Bearer wrong", "Basic YTpi", "bearer  ", "Bearer \u{e9}"] {
        let answer = ask(&setup, "POST", SWITCH, &[("Host", &host), ("Authorization", wrong)]);
        assert_eq!(answer.status, 401, "{wrong:?}");
    }
    let eyes = format!("Bearer {viewer}");
    let answer = ask(&setup, "POST", SWITCH, &[("Host", &host), ("Authorization", &eyes)]);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(setup.teal.active(), "blue");
    let ci = "Bearer an operator's token of good length, 43 chars";
    let answer = ask(&setup, "POST", SWITCH, &[("Host", &host), ("Authorization", ci)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let receipt = setup.teal.receipt(setup.teal.generation()).to_string();
    assert!(receipt.contains("\"ci\""), "who switched is in the receipt: {receipt}");
    setup.finish();
}

#[test]
fn a_token_in_the_url_does_not_count_and_no_token_is_logged() {
    // A5
    let setup = Setup::new();
    let (host, token) = (setup.teal.admin().to_string(), setup.teal.token());
    let path = format!("{SWITCH}&token={token}&access_token={token}");
    assert!(matches!(ask(&setup, "POST", &path, &[("Host", &host)]).status, 400 | 401));
    assert_eq!(setup.teal.active(), "blue");
    setup.teal.switch_to("green");
    // Nor where a request that carries one fails: wrong, refused, or no request at all.
    let wrong = "f".repeat(64);
    for (token, path, status) in [
        (&wrong, SWITCH, 401),
        (&token, "/admin/switch?to=purple", 400),
        (&token, "/admin/switch?to=green&service=nobody", 404),
    ] {
        let known = [("Host", &*host), ("Authorization", &*format!("Bearer {token}"))];
        assert_eq!(ask(&setup, "POST", path, &known).status, status, "{path}");
    }
    setup.green.stop();
    for line in [format!("X\x00: {token}"), format!("Authorization: Bearer {token}")] {
        let mut client = setup.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: test\r\n{line}\r\n\r\n"));
        assert!(matches!(client.answer().status, 400 | 502));
    }
    setup.teal.wait_healthy("green", false);
    let log = setup.teal.log();
    assert!(!log.contains(&token) && !log.contains(&wrong), "{log}");
    setup.finish();
}

#[test]
fn checks_come_in_the_promised_order() {
    let setup = Setup::new();
    let host = setup.teal.admin().to_string();
    let token = format!("Bearer {}", setup.teal.token());
    // 405 before 401, 401 before 400, 400 before 412.
    let method = ask(&setup, "GET", "/admin/switch?to=purple", &[("Host", &host)]);
    assert_eq!((method.status, method.fields.get("allow")), (405, Some("POST")));
    let purple = "/admin/switch?to=purple";
    assert_eq!(ask(&setup, "POST", purple, &[("Host", &host)]).status, 401);
    let stale = ("If-Match", "\"99999\"");
    let known = [("Host", &*host), ("Authorization", &*token), stale];
    assert_eq!(ask(&setup, "POST", purple, &known).status, 400);
    assert_eq!(ask(&setup, "POST", SWITCH, &known).status, 412);
    let unknown = "/admin/switch?to=green&service=nobody";
    assert_eq!(ask(&setup, "POST", unknown, &known).status, 404);
    setup.finish();
}

#[test]
fn paths_are_matched_exactly_and_bodies_are_bounded() {
    // A3
    let setup = Setup::new();
    let host = setup.teal.admin().to_string();
    let token = format!("Bearer {}", setup.teal.token());
    let known = [("Host", &*host), ("Authorization", &*token)];
    for path in [
        "/admin/switchx?to=green",
        "/admin/switch/?to=green",
        "/admin/./switch?to=green",
        "/admin/status/../switch?to=green",
        "//admin/switch?to=green",
        "/admin%2fswitch?to=green",
        "/ADMIN/SWITCH?to=green",
    ] {
        assert_eq!(ask(&setup, "POST", path, &known).status, 404, "{path}");
    }
    assert_eq!(setup.teal.active(), "blue");
    let mut client = Client::connect(setup.teal.admin());
    let length = 65 * 1024;
    client.send(format!(
        "POST {SWITCH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\nContent-Length: \
         {length}\r\n\r\n"
    ));
    // It may be refused before it is all there.
    let sent = client.try_send(vec![b'x'; length]);
    let answer = client.read_answer(false);
    assert!(answer.as_ref().is_ok_and(|answer| answer.status == 413), "{answer:?} {sent:?}");
    assert_eq!(setup.teal.active(), "blue");
    setup.finish();
}

#[test]
fn no_trick_reaches_the_admin_api_through_the_public_listener() {
    // A4 T4
    let setup = Setup::new();
    let (admin, token) = (setup.teal.admin(), setup.teal.token());
    for target in [
        "/admin/switch?to=green".to_owned(),
        "//admin/switch?to=green".to_owned(),
        "/x/../admin/switch?to=green".to_owned(),
        "/admin%2fswitch?to=green".to_owned(),
        format!("http://{admin}/admin/switch?to=green"),
    ] {
        let mut client = setup.client();
        client.send(format!(
            "POST {target} HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: 0\r\n\r\n"
        ));
        let answer = client.answer();
        assert_eq!(answer.fields.get("x-target"), Some("blue"), "{target}: {}", answer.text());
    }
    assert_eq!(setup.teal.active(), "blue");
    setup.finish();
}

#[test]
fn neither_a_tunnel_nor_an_old_protocol_reaches_the_admin_api_through_the_public_listener() {
    // A4
    let setup = Setup::new();
    let (admin, token) = (setup.teal.admin(), setup.teal.token());
    let known = format!("Host: {admin}\r\nAuthorization: Bearer {token}\r\n");
    let switch = format!("POST {SWITCH} HTTP/1.1\r\n{known}Content-Length: 0\r\n\r\n");
    // A tunnel leads to the active color, and what is sent in it is not looked at.
    setup.blue.behave_at("/admin/switch", Behavior::Tunnel);
    for token in ["foo", "h2c", "TLS/1.0", "HTTP/1.1"] {
        let mut client = setup.client();
        client.send(format!(
            "GET {SWITCH} HTTP/1.1\r\n{known}Connection: upgrade\r\nUpgrade: {token}\r\n\r\n"
        ));
        if token == "foo" {
            assert_eq!(client.read_any_head().expect("a head").status, 101);
            client.send(&switch);
            assert_eq!(client.read_bytes(switch.len()), switch.as_bytes());
        } else {
            // It is a request without an upgrade, and this target only knows to answer it so.
            assert_eq!(client.answer().status, 502, "{token}");
        }
    }
    setup.blue.behave_at("/admin/switch", Behavior::Echo);
    for (head, status) in [
        (format!("GET {SWITCH}\r\n\r\n"), 400),
        (format!("POST {SWITCH}\r\n{known}\r\n"), 400),
        (format!("POST {SWITCH} HTTP/0.9\r\n{known}\r\n"), 505),
        (format!("CONNECT {admin} HTTP/1.1\r\n{known}\r\n{switch}"), 501),
    ] {
        let mut client = setup.client();
        client.send(&head);
        assert_eq!(client.answer().status, status, "{head:?}");
        assert_eq!(client.ending(SOON).bytes(), b"", "{head:?}");
    }
    assert_eq!(setup.teal.active(), "blue");
    assert_eq!(setup.teal.generation(), 0);
    setup.finish();
}

#[test]
fn a_request_is_not_reflected_raw() {
    // A8
    let setup = Setup::new();
    let host = setup.teal.admin().to_string();
    let token = format!("Bearer {}", setup.teal.token());
    let known = [("Host", &*host), ("Authorization", &*token), ("Accept", "text/html")];
    for path in [
        "/admin/switch?to=%3Cscript%3Ealert(1)%3C/script%3E",
        "/admin/switch?to=green&service=%3Cscript%3E",
        "/admin/receipts/%3Cscript%3E",
        "/admin/switch?to=green&service=a%0d%0aSet-Cookie:%20x=1",
    ] {
        let method = if path.contains("receipts") { "GET" } else { "POST" };
        let answer = ask(&setup, method, path, &known);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        let html = answer.fields.get("content-type").is_some_and(|value| value.contains("html"));
        assert!(!(html && answer.text().contains("<script>")), "{path}: {}", answer.text());
        assert_eq!(answer.fields.get("set-cookie"), None);
    }
    assert!(!setup.teal.log().contains("<script>"), "{}", setup.teal.log());
    setup.finish();
}

#[test]
fn the_socket_lets_its_owner_operate_without_a_token() {
    let setup = Setup::new();
    let path = setup.teal.state_dir().join("admin.sock");
    let mut socket = UnixStream::connect(&path).expect("the admin socket accepts");
    socket.set_read_timeout(Some(SOON)).expect("a deadline");
    let request = format!(
        "POST {SWITCH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: 0\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("Switched from blue"),
        "{answer}"
    );
    assert_eq!(mode_of(&path), 0o600);
    assert_eq!(mode_of(&setup.teal.state_dir().join("admin.token")), 0o600);
    let address = format!("unix:{}", path.display());
    let result = setup.teal.cli_bare(&["rollback", "--admin", &address], &[]);
    result.assert_code(0);
    setup.finish();
}

fn mode_of(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn sha256_of(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        for nibble in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(u32::from(nibble), 16));
        }
        hex
    })
}

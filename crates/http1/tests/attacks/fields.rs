//! H1 to H4, H7: which fields a target may believe.

use super::{forwarded, forwarded_with_underscores, get, own_lines, post, status_of, with_request};

/// Returns the further lines that a target gets for a GET with these, beyond start line and host.
fn passed(lines: &str) -> Vec<String> {
    own_lines(&get(lines)).split_off(2)
}

#[test]
fn h1_fields_named_by_connection_do_not_travel_on() {
    for lines in [
        "Connection: X-Hop\r\nX-Hop: 1\r\nX-Kept: 2\r\n",
        "X-Hop: 1\r\nX-Kept: 2\r\nConnection: close, x-hop\r\n",
        "x-HOP: 1\r\nX-Hop: again\r\nX-Kept: 2\r\nConnection: , X-Hop ,\r\n",
        "X-Kept: 2\r\nConnection: keep-alive\r\nConnection: X-Hop\r\nX-Hop: 1\r\n",
    ] {
        assert_eq!(passed(lines), ["X-Kept: 2"], "{lines:?}");
    }
}

#[test]
fn h1_connection_cannot_take_out_framing_host_authentication_or_forwarding() {
    for name in [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "transfer-encoding",
        "Authorization",
        "Cookie",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "Forwarded",
        "X-Real-IP",
    ] {
        for lines in [format!("Connection: {name}\r\n"), format!("Connection: close,{name}\r\n")] {
            assert_eq!(
                status_of(&post(&format!("Content-Length: 0\r\n{lines}"))),
                400,
                "{lines:?}"
            );
        }
    }
}

#[test]
fn h1_fields_that_teal_adds_cannot_be_removed() {
    let head = forwarded(
        &get(
            "Connection: Via, X-Request-Id, X-Forwarded\r\nVia: 1.1 fred\r\nX-Request-Id: mine\r\n",
        ),
        false,
    )
    .unwrap();
    for line in [
        "\r\nx-forwarded-for: 192.0.2.1\r\n",
        "\r\nVia: 1.1 fred\r\n",
        "\r\nvia: 1.1 teal-test\r\n",
        "\r\nx-request-id: mine\r\n",
    ] {
        assert!(head.contains(line), "{line:?} in {head:?}");
    }
}

#[test]
fn h1_a_connection_field_that_is_not_a_list_of_names_is_refused() {
    for value in ["a b", "\"close\"", "close;x", "cl\u{e9}ose", "(x)", "a/b"] {
        assert_eq!(status_of(&get(&format!("Connection: {value}\r\n"))), 400, "{value:?}");
    }
    let many = vec!["x"; 33].join(",");
    assert_eq!(status_of(&get(&format!("Connection: {many}\r\n"))), 400);
    let options = |count| vec!["x"; count].join(",");
    assert_eq!(status_of(&get(&format!("Connection: {}\r\n", options(33)))), 400);
    assert_eq!(passed(&format!("X-Kept: 2\r\nConnection: {}\r\n", options(32))), ["X-Kept: 2"]);
}

#[test]
fn h2_names_with_an_underscore_do_not_reach_the_target() {
    let lines = "X_Forwarded_For: 1\r\nx-forwarded_proto: https\r\nRemote_User: root\r\n\
                 Content_Length: 9\r\nTransfer_Encoding: chunked\r\n_: x\r\nX-Kept: 1\r\n";
    assert_eq!(passed(lines), ["X-Kept: 1"]);
}

#[test]
fn r17_h2_kept_underscores_never_make_a_name_that_means_something_to_a_proxy() {
    let kept = "user_id: 1\r\nX_Tenant-Id: 2\r\n_: 3\r\nRemote_User: 4\r\n";
    let seen = forwarded_with_underscores(kept);
    for line in kept.split_terminator("\r\n") {
        assert!(seen.contains(&format!("\r\n{line}\r\n")), "{line} in {seen}");
    }
    let lookalikes = [
        "X_Forwarded_For",
        "x-forwarded_proto",
        "X_FORWARDED-HOST",
        "x_forwarded_anything",
        "X_Real_IP",
        "X_Client_Ip",
        "True_Client_IP",
        "X_Original_URL",
        "X_Rewrite_URL",
        "Content_Length",
        "Transfer_Encoding",
        "Keep_Alive",
        "Max_Forwards",
        "X_Request_Id",
        "Proxy_Authorization",
        "Proxy_Connection",
        "HTTP2_Settings",
        "Set_Cookie",
        "WWW_Authenticate",
        "Content_Type",
    ];
    for name in lookalikes {
        let seen = forwarded_with_underscores(&format!("{name}: evil\r\n"));
        assert!(!seen.contains("evil"), "{name}: {seen}");
    }
    for (long, kept) in [("x_{}", true), ("x_forwarded_{}", false), ("proxy_{}", false)] {
        let line = format!("{}: 1\r\n", long.replace("{}", &"y".repeat(80)));
        assert_eq!(forwarded_with_underscores(&line).contains(&line), kept, "{line}");
    }
}

#[test]
fn h3_fields_of_an_untrusted_client_about_its_origin_are_replaced() {
    let lines = "X-Forwarded-For: 10.0.0.1\r\nX-FORWARDED-PROTO: https\r\n\
                 X-Forwarded-Host: evil.test\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /a\r\n\
                 X-Forwarded-Server: s\r\nX-Forwarded-Method: PUT\r\nX-Forwarded-Uri: /b\r\n\
                 X-Forwarded-Anything: z\r\nForwarded: for=10.0.0.1\r\nX-Real-IP: 10.0.0.1\r\n\
                 X-Client-IP: 10.0.0.1\r\nX-Cluster-Client-IP: 10.0.0.1\r\n\
                 True-Client-IP: 10.0.0.1\r\nX-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\n\
                 X-Original-Host: evil.test\r\nX-Kept: 1\r\n";
    assert_eq!(passed(lines), ["X-Kept: 1"]);
}

#[test]
fn h3_fields_of_a_trusted_proxy_are_kept_and_extended() {
    let head = forwarded(
        &get("X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\nX-Forwarded-For: 10.0.0.3\r\n\
             X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.test\r\nX-Forwarded-Port: 443\r\n\
             Forwarded: for=10.0.0.1\r\nX_Forwarded_For: 1\r\n"),
        true,
    )
    .unwrap();
    assert_eq!(
        head,
        "GET / HTTP/1.1\r\nhost: a.test\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: shop.test\r\nX-Forwarded-Port: 443\r\nForwarded: for=10.0.0.1\r\n\
         x-forwarded-for: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.1\r\nvia: 1.1 teal-test\r\n\
         x-request-id: made-1\r\n\r\n"
    );
    let plain = forwarded(&get(""), true).unwrap();
    assert_eq!(plain, forwarded(&get(""), false).unwrap(), "nothing to keep");
}

#[test]
fn h4_hop_by_hop_fields_are_removed() {
    let lines = "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n\
                 Proxy-Authorization: Basic x\r\nProxy-Authenticate: Basic\r\nProxy-Foo: 1\r\n\
                 Proxy: http://evil.test\r\nTE: gzip\r\nTrailer: X-Sum\r\nUpgrade: foo\r\n\
                 HTTP2-Settings: AAMAAABk\r\nAuthorization: Bearer x\r\nCookie: a=b\r\n";
    assert_eq!(passed(lines), ["Authorization: Bearer x", "Cookie: a=b"]);
}

#[test]
fn h4_te_trailers_is_sent_anew_and_nothing_else_of_te() {
    for value in ["trailers", "Trailers", "gzip, trailers", "deflate;q=0.5, trailers"] {
        let lines = format!("TE: {value}\r\nConnection: TE\r\n");
        assert_eq!(passed(&lines), ["connection: te", "te: trailers"], "{value:?}");
    }
    for value in ["gzip", "", "trailersx", "chunked"] {
        assert_eq!(passed(&format!("TE: {value}\r\n")), [""; 0], "{value:?}");
    }
}

#[test]
fn h4_announced_trailers_are_announced_anew_without_those_that_are_dropped() {
    let raw = post(
        "Transfer-Encoding: chunked\r\n\
         Trailer: X-Sum, Content-Length, Host\r\nTrailer: authorization,, X-Time, a b\r\n",
    );
    let lines = own_lines(&raw);
    assert_eq!(lines[2..], ["transfer-encoding: chunked", "trailer: X-Sum, X-Time"]);
    let raw = post("Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n");
    assert_eq!(own_lines(&raw)[2..], ["transfer-encoding: chunked"]);
}

#[test]
fn h7_a_valid_request_id_is_kept_and_any_other_is_not() {
    let id = |lines: &str| {
        with_request(&get(lines), |request| request.request_id.map(str::to_owned)).unwrap()
    };
    let longest = "a".repeat(128);
    for valid in ["1", "0aZ._-", &longest] {
        assert_eq!(id(&format!("X-Request-Id: {valid}\r\n")).as_deref(), Some(valid));
    }
    for invalid in ["", "a b", "a,b", "a/b", "<x>", "\u{e9}", &"a".repeat(129)] {
        assert_eq!(id(&format!("X-Request-Id: {invalid}\r\n")), None, "{invalid:?}");
    }
    assert_eq!(id("X-Request-Id: a\r\nX-Request-Id: a\r\n"), None, "two are none");
    assert_eq!(id("X-Request-Id: a\r\nX-Request-Id: b\r\nX-Request-Id: c\r\n"), None);
    let head = forwarded(&get("X-Request-Id: mine\r\nX-Kept: 1\r\n"), false).unwrap();
    assert_eq!(head.to_lowercase().matches("x-request-id").count(), 1);
    assert!(head.ends_with("\r\nx-request-id: mine\r\n\r\n"), "{head:?}");
}

#[test]
fn fields_of_the_client_keep_their_order_their_case_and_their_bytes() {
    let lines = "ACCEPT:  text/html ,  x/y\t \r\nx-b:\r\nX-A: 1\r\nX-a: 2\r\n";
    assert_eq!(passed(lines), ["ACCEPT: text/html ,  x/y", "x-b: ", "X-A: 1", "X-a: 2"]);
}

#[test]
fn the_clients_address_is_written_plainly() {
    use http1::{FieldSlots, Forwarding, Limits, Request, write_request};
    for (address, text) in [
        ("0.0.0.0", "0.0.0.0"),
        ("255.10.0.199", "255.10.0.199"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
    ] {
        let raw = get("");
        let mut slots = FieldSlots::new();
        let request = Request::parse(&raw, &mut slots, &Limits::default()).unwrap();
        let mut out = b"before".to_vec();
        let client = address.parse().unwrap();
        let forwarding = Forwarding {
            client,
            proto: "https",
            request_id: b"1",
            via: "teal-test",
            trusted: false,
            underscores: false,
            strip: "",
            certificate: b"",
            drop: &[],
            own: "",
            trace: None,
        };
        write_request(&mut out, &request, &forwarding);
        let head = String::from_utf8(out).unwrap();
        assert!(head.starts_with("beforeGET / HTTP/1.1\r\n"), "{head:?}");
        assert!(head.contains(&format!("\r\nx-forwarded-for: {text}\r\n")), "{head:?}");
        assert!(head.contains("\r\nx-forwarded-proto: https\r\n"), "{head:?}");
    }
}

/// Returns the trace fields that the target gets for these fields of a client, with this part of ours.
fn traced(fields: &str, trace: Option<http1::Trace<'_>>) -> String {
    use http1::{FieldSlots, Forwarding, Limits, Request, write_request};
    let raw = get(fields);
    let mut slots = FieldSlots::new();
    let request = Request::parse(&raw, &mut slots, &Limits::default()).expect("a request");
    let mut out = Vec::new();
    let forwarding = Forwarding {
        client: [192, 0, 2, 1].into(),
        proto: "http",
        request_id: b"1",
        via: "teal-test",
        trusted: false,
        underscores: false,
        strip: "",
        certificate: b"",
        drop: &[],
        own: "",
        trace,
    };
    write_request(&mut out, &request, &forwarding);
    let head = String::from_utf8(out).expect("text");
    let lines = head.lines().filter(|line| line.to_ascii_lowercase().starts_with("trace"));
    lines.collect::<Vec<_>>().join("|")
}

#[test]
fn a_trace_is_passed_on_or_taken_part_in() {
    use http1::Trace;
    let both = "Traceparent: theirs\r\nTracestate: a=1\r\n";
    assert_eq!(traced(both, None), "Traceparent: theirs|Tracestate: a=1");
    let part = |goes_on| Some(Trace { parent: "ours", goes_on });
    assert_eq!(traced(both, part(true)), "Tracestate: a=1|traceparent: ours");
    assert_eq!(traced(both, part(false)), "traceparent: ours");
    assert_eq!(traced(&format!("{both}{both}"), part(false)), "traceparent: ours");
    assert_eq!(traced("", part(false)), "traceparent: ours");
    assert_eq!(traced(&format!("Connection: traceparent\r\n{both}"), None), "Tracestate: a=1");
}

/// Fields by which proxies pass a client's certificate to applications.
const CERTIFICATES: [&str; 40] = [
    "Client-Cert",
    "Client-Cert-Chain",
    "CERT-CHAIN-0",
    "Cf-Cert-Verified",
    "Cf-Client-Cert-Sha256",
    "SSL-Client-Cert",
    "Ssl-Client-Verify",
    "ssl-client-subject-dn",
    "SSL-Client-S-DN",
    "SSLClientCertStatus",
    "Tls-Client-Subject",
    "WL-Proxy-Client-Cert",
    "WL-Proxy-SSL",
    "Proxy-Client-Cert",
    "X-Amzn-Mtls-Clientcert-Subject",
    "X-ARR-ClientCert",
    "X-ARR-SSL",
    "X-Client-Cert",
    "X-Client-Certificate",
    "X-Client-Cert-Chain-Verified",
    "X-Client-DN",
    "X-Client-S-DN",
    "X-Client-I-DN",
    "X-Client-Serial",
    "X-Client-Fingerprint",
    "X-Client-Verify",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert",
    "X-Forwarded-Tls-Client-Cert-Info",
    "X-mTLS-Subject",
    "X-SSL",
    "X-SSL-Cert",
    "X-SSL-Issuer",
    "X-SSL-Subject",
    "X-SSL-Client-Verify",
    "X-SSL-Client-CN",
    "X-SSL-Client-SHA1",
    "X-TLS-Client-Cert",
    "$WSCC",
    "$WSRA",
];

#[test]
fn r52_only_a_trusted_proxy_may_report_a_client_certificate() {
    for name in CERTIFICATES {
        for name in [name.to_owned(), name.to_uppercase(), name.replace('-', "_")] {
            let line = format!("{name}: forged\r\n");
            assert_eq!(passed(&line), [""; 0], "{name}");
            assert!(!forwarded_with_underscores(&line).contains("forged"), "{name}");
            let named = forwarded(&get(&format!("{line}Connection: {name}\r\n")), true);
            assert!(!named.is_ok_and(|head| head.contains("forged")), "{name}");
        }
        let seen = forwarded(&get(&format!("{name}: kept\r\n")), true).expect("a good request");
        assert_eq!(seen.contains("kept"), !name.starts_with("Proxy-"), "{name}");
    }
    let others = [
        "X-Client-Data: 1",
        "X-SS: 2",
        "SSE-Id: 3",
        "Client-Id: 4",
        "Certificate: 5",
        "Cf-Ray: 6",
        "X-Amzn-Trace-Id: 7",
        "CF-Connecting-IP: 8",
        "X-CSRF-Token: 9",
        "Ssl: 10",
        "X-Api-Key: 11",
        "Remote-User: 12",
        "X-Forward: 13",
    ];
    assert_eq!(passed(&(others.join("\r\n") + "\r\n")), others);
}

#[test]
fn r52_further_names_are_dropped_unless_the_peer_is_trusted() {
    let raw = get("Remote-User: a\r\nREMOTE_USER: b\r\nX-Auth-Role: c\r\nX-Kept: d\r\n");
    let seen = |trusted| {
        let mut slots = http1::FieldSlots::new();
        let limits = http1::Limits::default();
        let request = http1::Request::parse(&raw, &mut slots, &limits).expect("a good request");
        let mut out = Vec::new();
        let drop = ["remote-user".to_owned(), "x-auth-*".to_owned()];
        let forwarding = http1::Forwarding {
            client: [192, 0, 2, 1].into(),
            proto: "https",
            request_id: b"1",
            via: "teal-test",
            trusted,
            underscores: true,
            strip: "",
            certificate: b"client-cert: :AA==:\r\n",
            drop: &drop,
            own: "",
            trace: None,
        };
        http1::write_request(&mut out, &request, &forwarding);
        let head = String::from_utf8(out).expect("text");
        assert!(head.contains("\r\nclient-cert: :AA==:\r\n"), "{head}");
        ["a", "b", "c", "d"].map(|value| head.contains(&format!(": {value}\r\n")))
    };
    assert_eq!((seen(false), seen(true)), ([false, false, false, true], [true; 4]));
}

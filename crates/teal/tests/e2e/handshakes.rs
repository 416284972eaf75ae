//! Failed handshakes, and clients that do not even try: their answers, and the log. And the
//! handshakes that Teal accepts, as documented in the guide.

use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::http2::PREFACE;
use testkit::rustls::crypto::aws_lc_rs::default_provider;
use testkit::{Client, Pki, wait_until};

use crate::setup::{SOON, Setup};

const GUIDE: &str = include_str!("../../../../docs/guide/tls.md");

fn secure(keys: &[(&str, &str)]) -> (Setup, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let [ec, rsa] = [pki.issue("ec", &["a.test"]), pki.issue_rsa("rsa", &["a.test"])];
    let table = |pair: &testkit::Pair| {
        format!(
            "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
            pair.cert.display(),
            pair.key.display()
        )
    };
    let tables = table(&ec) + &table(&rsa);
    let setup = Setup::with(|settings| {
        let settings = settings.listener_key("tls", "true").extra(&tables);
        keys.iter().fold(settings, |settings, (key, value)| settings.listener_key(key, value))
    });
    (setup, directory)
}

/// The output of `openssl s_client` with these arguments.
fn s_client(setup: &Setup, arguments: &[&str]) -> String {
    let connect = format!("127.0.0.1:{}", setup.teal.listener().port());
    let common = ["s_client", "-servername", "a.test", "-connect", &connect];
    let output = Command::new("openssl").args(common).args(arguments).stdin(Stdio::null()).output();
    let output = output.expect("openssl is installed");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn r57_plain_http_at_a_tls_port_is_answered_in_plain_http() {
    let (setup, _directory) = secure(&[]);
    let before = setup.teal.metrics().count("teal_requests_total", &[]);
    for (request, head) in [
        ("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned(), false),
        ("HEAD / HTTP/1.0\r\n\r\n".to_owned(), true),
        ("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned(), false),
        (
            format!(
                "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 60000\r\n\r\n{:60000}",
                ""
            ),
            false,
        ),
    ] {
        let mut client = Client::connect(setup.teal.listener());
        client.send(&request);
        let answer = client.read_answer(head).expect("an answer");
        assert_eq!(answer.status, 400);
        assert_eq!(answer.fields.get("connection"), Some("close"));
        assert_eq!(answer.text().contains("use https://"), !head, "{}", answer.text());
        assert!(matches!(client.ending(SOON), testkit::Ending::Fin(rest) if rest.is_empty()));
    }
    let mut client = Client::connect(setup.teal.listener());
    client.send(PREFACE);
    let testkit::Ending::Fin(said) = client.ending(SOON) else { panic!("it closes") };
    assert_eq!(said[..9], [0, 0, 0, 4, 0, 0, 0, 0, 0], "SETTINGS");
    assert_eq!((said[12], said[25]), (7, 12), "GOAWAY, INADEQUATE_SECURITY: {said:?}");
    assert!(said.ends_with(b"use https:// in the address.\n"));
    // Bytes of any other protocol get a TLS alert.
    let mut client = Client::connect(setup.teal.listener());
    client.send("SSH-2.0-OpenSSH_9.2\r\n");
    let testkit::Ending::Fin(said) = client.ending(SOON) else { panic!("it closes") };
    assert_eq!((said.len(), said[0]), (7, 21), "an alert");
    setup.teal.log_has(&["a TLS handshake failed", "spoke plain HTTP to a TLS port"]);
    // And whose it was, and where.
    let listener = format!("listener={}", setup.teal.listener());
    setup.teal.log_has(&["a TLS handshake failed", "client=127.0.0.1:", &listener]);
    assert_eq!(setup.teal.metrics().count("teal_requests_total", &[]), before, "none is a request");
    assert_eq!(setup.blue.seen().requests_to("/x").len(), 0);
    setup.finish();
}

#[test]
fn r57_the_port_of_the_scheme_may_be_written_or_left_out() {
    let setup = Setup::new();
    for (target, host, status) in [
        ("http://a.test:80/who", "a.test", 200),
        ("http://a.test/who", "A.TEST:80", 200),
        ("HTTP://A.test:80/who", "a.test", 200),
        ("http://a.test:/who", "a.test:80", 200),
        ("https://a.test:443/who", "a.test", 200),
        ("https://a.test/who", "a.test:443", 200),
        ("http://a.test:81/who", "a.test", 400),
        ("http://a.test:443/who", "a.test", 400),
        ("http://b.test:80/who", "a.test", 400),
    ] {
        let mut client = setup.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(client.answer().status, status, "{target} {host}");
    }
    setup.finish();
}

/// Arguments of `openssl s_client`, keys of the listener, and words of the log.
type Case<'c> = (&'c [&'c str], &'c [(&'c str, &'c str)], [&'c str; 3]);

#[test]
fn r57_the_log_names_the_offer_of_a_client_that_shares_nothing_with_teal() {
    let cases: [Case<'_>; 5] = [
        (
            &["-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384"],
            &[],
            [
                "no cipher suite in common",
                "TLS_RSA_WITH_AES_128_CBC_SHA",
                "takes TLS13_AES_128_GCM_SHA256",
            ],
        ),
        (
            &["-tls1_3", "-groups", "P-521"],
            &[],
            ["no key exchange group in common", "secp521r1", "takes X25519"],
        ),
        (
            &["-alpn", "smtp,x\u{7f}y"],
            &[],
            ["no protocol (ALPN) in common", "offers smtp x\\x7fy", "takes h2 http/1.1"],
        ),
        (
            &["-tls1_2"],
            &[("min_tls", "\"1.3\"")],
            ["no version of TLS that this listener takes", "min_tls = \"1.3\"", "TLS_ECDHE_"],
        ),
        (
            &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
            &[],
            ["no version of TLS that this listener takes", "1.2 and 1.3", "TLS 1.1 and older"],
        ),
    ];
    for (arguments, keys, words) in cases {
        let (setup, _directory) = secure(keys);
        let said = s_client(&setup, arguments);
        wait_until(SOON, "the log says why", || {
            setup.teal.log().contains("a TLS handshake failed")
        });
        let log = setup.teal.log();
        for word in words {
            assert!(log.contains(word), "{arguments:?}: {word} is not in\n{log}\n{said}");
        }
        setup.finish();
    }
}

/// The second column of the guide's table, in the row that begins so.
fn documented(row: &str) -> Vec<String> {
    let line = GUIDE.lines().find(|line| line.starts_with(&format!("| {row} |")));
    let line = line.expect("the guide has this row");
    let cells: Vec<&str> = line.split('|').collect();
    cells[2].split(',').map(|name| name.trim().trim_matches('`').to_owned()).collect()
}

#[test]
fn r57_the_guide_names_the_accepted_algorithms_and_no_others() {
    let (setup, _directory) = secure(&[]);
    let agrees = |arguments: &[&str]| {
        let said = s_client(&setup, arguments);
        said.lines().any(|line| line.starts_with("New, TLS") && !line.contains("(NONE)"))
    };
    let listed = |arguments: &[&str]| {
        let output =
            Command::new("openssl").args(arguments).output().expect("openssl is installed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.trim().split(':').map(str::to_owned).collect::<Vec<_>>()
    };
    let mut taken: Vec<String> = Vec::new();
    for suite in [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
    ] {
        if agrees(&["-tls1_3", "-ciphersuites", suite]) {
            taken.push(suite.to_owned());
        }
    }
    let mut wanted = documented("Cipher suites of TLS 1.3");
    wanted.sort();
    taken.sort();
    assert_eq!(taken, wanted);
    let all = listed(&["ciphers", "-tls1_2", "-s", "ALL:!PSK:!SRP:!aNULL:!ARIA:!CAMELLIA:!AESCCM"]);
    assert!(all.len() > 12, "{all:?}");
    let mut taken: Vec<String> = all
        .into_iter()
        .filter(|suite| !suite.starts_with("TLS_"))
        .filter(|suite| agrees(&["-tls1_2", "-cipher", &format!("{suite}:@SECLEVEL=0")]))
        .collect();
    let mut wanted = documented("Cipher suites of TLS 1.2");
    wanted.sort();
    taken.sort();
    assert_eq!(taken, wanted);

    let provider = default_provider();
    let groups: Vec<_> =
        provider.kx_groups.iter().map(|group| format!("{:?}", group.name())).collect();
    assert_eq!(documented("Groups of key exchange"), groups);
    for (group, taken) in [("X25519", true), ("P-256", true), ("P-384", true), ("P-521", false)] {
        assert_eq!(agrees(&["-tls1_3", "-groups", group]), taken, "{group}");
    }
    let schemes = provider.signature_verification_algorithms.supported_schemes();
    let schemes: Vec<_> = schemes.iter().map(|scheme| format!("{scheme:?}")).collect();
    assert_eq!(documented("Signatures of client certificates"), schemes);
    wait_until(Duration::from_secs(10), "all are over", || {
        setup.teal.metrics().sum("teal_connections_open", &[]) < 1.0
    });
    setup.finish();
}

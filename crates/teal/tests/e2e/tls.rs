//! TLS at the listeners: certificates by name, renewal while serving, redirection, and switches over
//! TLS that lose nothing.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::{
    Behavior, Client, Load, LoadOptions, Pair, Pki, Settings, Trust, checksum, wait_until,
};

use crate::TEAL;
use crate::setup::{SOON, Setup, switch_ten_times};

/// A CA with a directory of its own.
struct Fixture {
    directory: tempfile::TempDir,
    pki: Pki,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let pki = Pki::new(directory.path());
        Self { directory, pki }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// A setup whose listener serves TLS with this certificate.
fn setup(pair: &Pair, adjust: impl FnOnce(Settings) -> Settings) -> Setup {
    Setup::with(|settings| adjust(secure(settings, pair)))
}

/// TLS with this certificate.
fn secure(settings: Settings, pair: &Pair) -> Settings {
    settings.listener_key("tls", "true").extra(&certificate(pair))
}

fn certificate(pair: &Pair) -> String {
    format!("[[certificate]]\ncert = '{}'\nkey = '{}'\n", pair.cert.display(), pair.key.display())
}

fn client(setup: &Setup, trust: &Trust) -> Client {
    Client::try_connect_tls(setup.teal.listener(), trust).expect("a handshake")
}

/// A request whose Host is the server name.
fn get(client: &mut Client, host: &str, path: &str) -> testkit::Response {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    client.answer()
}

/// The end of the certificate that a client of this name is shown.
fn shown(setup: &Setup, trust: &Trust) -> Vec<u8> {
    let session = trust.connect(setup.teal.listener()).expect("a handshake");
    session.conn.peer_certificates().expect("a certificate")[0].to_vec()
}

#[test]
fn requests_come_in_over_tls_and_the_target_hears_of_it() {
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["a.test", "*.b.test"]);
    let setup = setup(&pair, |settings| settings.listener_key("hsts", "31536000"));
    for name in ["a.test", "x.b.test"] {
        let mut client = client(&setup, &fixture.pki.trust(Some(name)));
        for _ in 0..2 {
            let answer = get(&mut client, name, "/who");
            assert_eq!(answer.status, 200, "{}", answer.text());
            let hsts = answer.fields.get("strict-transport-security");
            assert_eq!(hsts, Some("max-age=31536000"));
        }
    }
    let requests = setup.blue.seen().requests_to("/who");
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|seen| seen.fields.get("x-forwarded-proto") == Some("https")));
    setup.finish();
}

#[test]
fn curl_takes_tls_1_2_and_1_3_and_min_tls_refuses_the_older() {
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["a.test"]);
    let curl = |setup: &Setup, version: &str| {
        let port = setup.teal.listener().port();
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "10", "--cacert"])
            .arg(fixture.pki.ca())
            .args(["--resolve", &format!("a.test:{port}:127.0.0.1"), "-w", "%{http_code}"])
            .args([&format!("--tlsv{version}"), "--tls-max", version, "-o", "/dev/null"])
            .arg(format!("https://a.test:{port}/who"))
            .output()
            .expect("curl is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let both = setup(&pair, |settings| settings);
    assert_eq!((curl(&both, "1.2"), curl(&both, "1.3")), ("200".to_owned(), "200".to_owned()));
    let newest = setup(&pair, |settings| settings.listener_key("min_tls", "\"1.3\""));
    assert_eq!((curl(&newest, "1.2"), curl(&newest, "1.3")), ("000".to_owned(), "200".to_owned()));
    both.finish();
    newest.finish();
}

#[test]
fn the_quick_cipher_is_taken_unless_the_client_has_only_another_or_prefers_chacha() {
    let fixture = Fixture::new();
    let setup = setup(&fixture.pki.issue("site", &["localhost"]), |settings| settings);
    let agreed = |version: &str, offered: [String; 2]| {
        let url = format!("https://localhost:{}/", setup.teal.listener().port());
        let [tls12, tls13] = offered;
        let output = Command::new("curl")
            .args(["-sv", "--noproxy", "*", "--max-time", "5", "--tls-max", version])
            .args(["--ciphers", &tls12, "--tls13-ciphers", &tls13, "--cacert"])
            .arg(fixture.pki.ca())
            .arg(url)
            .output()
            .expect("curl is installed");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said.lines().find(|line| line.contains("SSL connection using")).unwrap_or(&said);
        line.rsplit(' ').next().unwrap_or_default().to_owned()
    };
    let [quick, strong, chacha] =
        ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
    for (offered, taken) in [
        ([strong, chacha, quick], quick),
        ([strong, chacha, chacha], strong),
        ([chacha, quick, strong], chacha),
    ] {
        let offered = ["DEFAULT".to_owned(), offered.join(":")];
        assert_eq!(agreed("1.3", offered.clone()), taken, "{offered:?}");
    }
    let offered = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256".to_owned();
    assert_eq!(agreed("1.2", [offered, quick.to_owned()]), "ECDHE-ECDSA-AES128-GCM-SHA256");
    setup.finish();
}

#[test]
fn bodies_of_any_size_pass_whole_both_ways() {
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["test"]);
    let setup = setup(&pair, |settings| settings);
    let trust = fixture.pki.trust(Some("test"));
    let big = Behavior::Download { bytes: 10_000_000, chunked: false, pause: Duration::ZERO };
    setup.blue.behave_at("/big", big);
    let chunked = Behavior::Download { bytes: 3_000_000, chunked: true, pause: Duration::ZERO };
    setup.blue.behave_at("/chunked", chunked);
    let mut client = client(&setup, &trust);
    for (path, bytes) in [("/big", 10_000_000), ("/chunked", 3_000_000), ("/who", 0)] {
        let answer = client.get(path);
        assert_eq!(answer.status, 200);
        assert!(bytes == 0 || answer.body.len() == bytes, "{path}: {}", answer.body.len());
    }
    let body: Vec<u8> = (0..5_000_000u32).map(|n| (n % 251) as u8).collect();
    let answer = client.post("/upload", &body);
    let expected = format!("blue POST /upload {} {:016x}\n", body.len(), checksum(0, &body));
    assert_eq!(answer.text(), expected);
    setup.finish();
}

#[test]
fn switches_over_tls_lose_nothing() {
    // L1 L2 L4
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["load.test"]);
    let setup = setup(&pair, |settings| settings);
    let trust = fixture.pki.trust(Some("load.test"));
    let load = Load::start_tls(setup.teal.listener(), trust, LoadOptions::default());
    switch_ten_times(&setup.teal, &load);
    load.stop().assert_nothing_lost();
    setup.finish();
}

#[test]
fn a_stop_under_tls_answers_every_client() {
    // L7
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["load.test"]);
    let mut setup = setup(&pair, |settings| settings);
    let trust = fixture.pki.trust(Some("load.test"));
    let load = Load::start_tls(setup.teal.listener(), trust, LoadOptions::default());
    load.wait_for_more(200);
    load.expect_end();
    assert_eq!(setup.teal.stop(Duration::from_secs(20)), Some(0));
    load.stop().assert_nothing_lost();
}

#[test]
fn a_host_that_is_not_the_name_of_the_handshake_is_421() {
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["a.test", "b.test"]);
    let setup = setup(&pair, |settings| settings);
    let mut client = client(&setup, &fixture.pki.trust(Some("a.test")));
    for (host, status) in [("a.test", 200), ("b.test", 421), ("A.Test:443", 200), ("x", 421)] {
        assert_eq!(get(&mut client, host, "/who").status, status, "{host}");
    }
    assert_eq!(setup.blue.seen().requests_to("/who").len(), 2, "none went on");
    setup.finish();
}

#[test]
fn the_name_chooses_the_certificate_and_an_unknown_one_is_refused() {
    let fixture = Fixture::new();
    let first = fixture.pki.issue("a", &["localhost"]);
    let second = fixture.pki.issue("b", &["b.test"]);
    let setup = setup(&first, |settings| settings.extra(&certificate(&second)));
    let trust = |name| fixture.pki.trust(name);
    let (unnamed, b) = (shown(&setup, &trust(None)), shown(&setup, &trust(Some("b.test"))));
    assert_ne!(unnamed, b);
    assert_eq!(unnamed, shown(&setup, &trust(Some("localhost"))), "the first one");
    let refused = trust(Some("c.test")).connect(setup.teal.listener());
    assert!(refused.is_err(), "no certificate has this name");
    setup.teal.log_has(&["no certificate has the server name (SNI) that the client asked for"]);
    setup.finish();
}

#[test]
fn renewed_files_are_used_without_a_word_and_bad_ones_leave_the_old_in_use() {
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["a.test"]);
    let setup = setup(&pair, |settings| settings);
    let trust = fixture.pki.trust(Some("a.test"));
    let mut open = client(&setup, &trust);
    assert_eq!(get(&mut open, "a.test", "/who").status, 200);
    let before = shown(&setup, &trust);

    fs::write(&pair.cert, "rubbish").expect("a file");
    let problem = "holds no certificate in PEM";
    wait_until(SOON * 2, "the problem is in the status", || {
        setup.teal.status()["certificate_problem"]
            .as_str()
            .is_some_and(|said| said.contains(problem))
    });
    assert_eq!(shown(&setup, &trust), before, "the old one is in use");
    let refused = setup.teal.cli(&["reload"]);
    assert!(refused.code != Some(0) && refused.stderr.contains(problem), "{refused:?}");
    assert!(setup.teal.cli(&["status"]).stdout.contains("the previous files stay in use"));

    fixture.pki.issue("a", &["a.test"]);
    wait_until(SOON * 2, "the new one is in use", || shown(&setup, &trust) != before);
    wait_until(SOON, "the problem is gone", || {
        setup.teal.status()["certificate_problem"].is_null()
    });
    assert_eq!(get(&mut open, "a.test", "/who").status, 200, "connections are not touched");

    let renewed = shown(&setup, &trust);
    fixture.pki.issue("a", &["a.test"]);
    assert_eq!(setup.teal.cli(&["reload"]).code, Some(0), "a reload reads them at once");
    assert_ne!(shown(&setup, &trust), renewed);

    let current = shown(&setup, &trust);
    fixture.pki.issue_until("a", &["a.test"], 2001);
    let refused = setup.teal.cli(&["reload"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("has expired"), "{refused:?}");
    assert_eq!(shown(&setup, &trust), current);
    setup.finish();
}

#[test]
fn sessions_are_resumed_after_a_reload_but_not_where_clients_show_certificates() {
    use testkit::rustls::HandshakeKind::{Full, Resumed};
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["a.test"]);
    let known = fixture.pki.issue("client", &["client.test"]);
    let kind = |setup: &Setup, trust: &Trust| {
        let mut session = trust.connect(setup.teal.listener()).expect("a handshake");
        session.write_all(b"GET /who HTTP/1.1\r\nHost: a.test\r\n\r\n").expect("sent");
        assert!(session.read(&mut [0; 512]).expect("an answer, and tickets before it") > 0);
        session.conn.handshake_kind()
    };
    let open = setup(&pair, |settings| settings);
    let trust = fixture.pki.trust(Some("a.test"));
    assert_eq!(kind(&open, &trust), Some(Full));
    fixture.pki.issue("a", &["a.test"]);
    assert_eq!(open.teal.cli(&["reload"]).code, Some(0));
    assert_eq!(kind(&open, &trust), Some(Resumed));
    open.finish();
    let auth = format!("{{ ca = '{}' }}", fixture.pki.ca().display());
    let closed = setup(&pair, |settings| settings.listener_key("client_auth", &auth));
    let trust = fixture.pki.trust_showing("a.test", &known);
    assert_eq!((kind(&closed, &trust), kind(&closed, &trust)), (Some(Full), Some(Full)));
    closed.finish();
}

#[test]
fn the_end_of_a_certificate_is_in_status_and_metrics() {
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["a.test", "*.a.test"]);
    let setup = setup(&pair, |settings| settings);
    let status = setup.teal.status();
    let certificate = &status["certificates"][0];
    assert_eq!(certificate["not_after"], "2100-01-01T00:00:00.000Z");
    assert_eq!(certificate["names"], serde_json::json!(["a.test", "*.a.test"]));
    let text = setup.teal.cli(&["status"]).stdout;
    assert!(text.contains("Certificate: a.test *.a.test, expires in "), "{text}");
    let metrics = setup.teal.metrics();
    assert_eq!(metrics.count("teal_certificate_expiry_timestamp_seconds", &[]), 4_102_444_800);
    setup.finish();
}

#[test]
fn a_plain_listener_sends_everything_to_https() {
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["a.test"]);
    let more =
        format!("[[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\n{}", certificate(&pair));
    let setup =
        Setup::with(|settings| settings.listener_key("redirect_https", "true").extra(&more));
    let secure: SocketAddr = setup.teal.status()["listeners"][1]
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("two");
    let mut plain = setup.client();
    plain.send("POST /x?y=1 HTTP/1.1\r\nHost: a.test:80\r\nContent-Length: 0\r\n\r\n");
    let answer = plain.answer();
    assert_eq!(answer.status, 308);
    let address = format!("https://a.test:{}/x?y=1", secure.port());
    assert_eq!(answer.fields.get("location"), Some(address.as_str()));
    let mut client =
        Client::try_connect_tls(secure, &fixture.pki.trust(Some("a.test"))).expect("a handshake");
    assert_eq!(get(&mut client, "a.test", "/x?y=1").status, 200);
    assert_eq!(setup.blue.seen().requests().len(), 1, "what was redirected went nowhere else");
    setup.finish();
}

#[test]
fn clients_show_certificates_where_they_have_to() {
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["a.test"]);
    let known = fixture.pki.issue("client", &["client.test"]);
    let elsewhere = tempfile::tempdir().expect("a directory");
    let stranger = Pki::new(elsewhere.path()).issue("client", &["client.test"]);
    let auth = |mode: &str| format!("{{ ca = '{}', mode = {mode:?} }}", fixture.pki.ca().display());
    let asks = |setup: &Setup, trust: &Trust| {
        let mut client = Client::try_connect_tls(setup.teal.listener(), trust).ok()?;
        client.try_send("GET /who HTTP/1.1\r\nHost: a.test\r\n\r\n").ok()?;
        client.read_answer(false).ok().map(|answer| answer.status)
    };
    let showing = |pair: &Pair| fixture.pki.trust_showing("a.test", pair);
    for (mode, of_nobody) in [("require", None), ("request", Some(200))] {
        let setup = setup(&pair, |settings| settings.listener_key("client_auth", &auth(mode)));
        assert_eq!(asks(&setup, &fixture.pki.trust(Some("a.test"))), of_nobody, "{mode}");
        assert_eq!(asks(&setup, &showing(&known)), Some(200), "{mode}");
        assert_eq!(asks(&setup, &showing(&stranger)), None, "{mode}");
        setup.finish();
    }
}

#[test]
fn a_stalled_handshake_is_closed_at_tls_hello() {
    // L10
    let fixture = Fixture::new();
    let pair = fixture.pki.issue("a", &["a.test"]);
    let setup = setup(&pair, |settings| settings.timeouts("tls_hello = \"300ms\""));
    for first in [&b""[..], &[22, 3, 1]] {
        let mut socket = TcpStream::connect(setup.teal.listener()).expect("a connection");
        socket.set_read_timeout(Some(SOON)).expect("a timeout");
        socket.write_all(first).expect("sent");
        let mut rest = Vec::new();
        // A reset is an end, too; a timeout is none.
        let end = socket.read_to_end(&mut rest);
        let open = end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!open, "still open after {first:?}");
    }
    let mut honest = client(&setup, &fixture.pki.trust(Some("a.test")));
    assert_eq!(get(&mut honest, "a.test", "/who").status, 200);
    setup.finish();
}

#[test]
fn certificates_that_cannot_be_used_are_named_and_nothing_starts() {
    let fixture = Fixture::new();
    let good = fixture.pki.issue("a", &["a.test"]);
    let other = fixture.pki.issue("b", &["b.test"]);
    let file = |name: &str, text: &str| {
        let path = fixture.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let bad = |cert: &Path, key: &Path| Pair { cert: cert.to_owned(), key: key.to_owned() };
    let rubbish = file("rubbish.pem", "nothing\n");
    let locked = file(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let config = fixture.path().join("teal.toml");
    let config = config.display().to_string();
    for (pair, said) in [
        (bad(&fixture.path().join("none.pem"), &good.key), "none.pem: does not exist"),
        (bad(&rubbish, &good.key), "rubbish.pem: holds no certificate in PEM"),
        (bad(&good.cert, &rubbish), "rubbish.pem: holds no private key in PEM"),
        (bad(&good.cert, &locked), "locked.key: the key is encrypted"),
        (bad(&good.cert, &other.key), "b.key: this key does not belong to the certificate"),
    ] {
        let settings = Settings::of_urls(&["http://127.0.0.1:1"], &["http://127.0.0.1:2"]);
        let text = secure(settings, &pair).to_toml(&fixture.path().join("state"));
        fs::write(&config, text).expect("a file");
        for verb in ["check", "run"] {
            let arguments = [verb, "--config", config.as_str()];
            let ended = testkit::run(TEAL.as_ref(), arguments, &[], Duration::from_secs(20));
            assert_eq!(ended.code, Some(2), "{verb} {said}: {ended:?}");
            assert!(ended.stderr.contains(said), "{verb} {said}: {ended:?}");
        }
        assert!(!fixture.path().join("state/journal").exists(), "{said}: something was started");
    }
}

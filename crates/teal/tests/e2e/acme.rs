//! Certificates from a real CA, Pebble: ordered, kept, renewed, refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::{
    Behavior, Pebble, PebbleOptions, PebblePlace, SecureTarget, Target, Teal, Trust, wait_for,
    wait_until,
};

use crate::setup::{SOON, Setup};

/// The patience for everything that involves the CA.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The files of a CA that is not started yet, and their directory.
pub(crate) struct Fixture {
    pub(crate) place: PebblePlace,
    directory: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { place: PebblePlace::new(&directory.path().join("pebble")), directory }
    }

    /// A setup with a listener for TLS and no certificate, for these names.
    pub(crate) fn setup(&self, names: &[&str], further: &str) -> Setup {
        let acme = self.acme(&self.place.url(), further);
        Setup::with(|settings| {
            let settings = settings.listener_key("tls", "true");
            settings.service("hosts", &format!("{names:?}")).extra(&acme)
        })
    }

    pub(crate) fn acme(&self, url: &str, further: &str) -> String {
        let ca = self.place.pki().ca();
        format!(
            "[acme]\nemail = \"ops@example.com\"\ndirectory = \"{url}\"\nca = '{}'\n{further}\n",
            ca.display()
        )
    }

    /// Starts the CA, which validates at these ports.
    pub(crate) fn start(
        self,
        http: u16,
        tls: u16,
        validity: Duration,
        refused: &[&str],
    ) -> Authority {
        let options = PebbleOptions { http, tls, validity, refused, external: None };
        self.start_with(&options)
    }

    pub(crate) fn start_with(self, options: &PebbleOptions<'_>) -> Authority {
        let pebble = self.place.start(options);
        Authority { pebble, _directory: self.directory }
    }
}

/// A running CA, and the directory of its files.
pub(crate) struct Authority {
    pub(crate) pebble: Pebble,
    _directory: tempfile::TempDir,
}

/// The orders for a name as `teal status --json` has them.
pub(crate) fn order(teal: &Teal, name: &str) -> serde_json::Value {
    let status = teal.status();
    let orders = status["acme"].as_array().cloned().unwrap_or_default();
    orders.into_iter().find(|order| order["name"] == name).unwrap_or_default()
}

/// The status that curl gets under `https` from a service, with its own look at the certificate.
pub(crate) fn curl(root: &Path, name: &str, port: u16) -> Result<String, String> {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "10", "--cacert"])
        .arg(root)
        .args(["--resolve", &format!("{name}:{port}:127.0.0.1"), "-w", "%{http_code}", "-o"])
        .args(["/dev/null", &format!("https://{name}:{port}/who")])
        .output()
        .expect("curl is installed");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
}

/// The certificate that a client which trusts this root is shown for a name.
pub(crate) fn shown(root: &Path, port: u16, name: &str) -> Option<Vec<u8>> {
    let session = Trust::of_file(root, name).connect(([127, 0, 0, 1], port).into()).ok()?;
    Some(session.conn.peer_certificates()?.first()?.to_vec())
}

pub(crate) fn kept(teal: &Teal) -> PathBuf {
    let mut places = fs::read_dir(teal.state_dir().join("acme")).expect("something was kept");
    places.next().expect("a CA").expect("readable").path()
}

#[test]
fn a_name_is_validated_in_a_handshake_and_its_certificate_outlives_the_ca_and_teal() {
    let fixture = Fixture::new();
    let mut setup = fixture.setup(&["a.test", "b.test", "*.wild.test"], "");
    let port = setup.teal.listener().port();
    // The CA does not run yet: that is reported, and nothing is served under a name without a certificate.
    wait_until(SOON, "the failed order is shown", || !order(&setup.teal, "a.test").is_null());
    let problem = wait_for(SOON, "a reason", || {
        order(&setup.teal, "a.test")["problem"].as_str().map(str::to_owned)
    });
    assert!(problem.contains("connection refused"), "{problem}");
    let text = setup.teal.cli(&["status"]).all();
    assert!(text.contains("Certificate of a.test: the order failed: localhost:"), "{text}");
    setup.teal.log_has(&["no certificate was issued", "connection refused", "teal reload"]);
    assert_eq!(shown(&fixture.place.pki().ca(), port, "a.test"), None);

    let ca = fixture.start(1, port, YEAR, &[]);
    setup.teal.cli(&["reload"]).assert_code(0);
    let root = ca.pebble.root();
    for name in ["a.test", "b.test"] {
        wait_until(PATIENCE, "it is served", || curl(&root, name, port).as_deref() == Ok("200"));
    }
    assert_eq!(ca.pebble.issued(), 2, "{}", ca.pebble.log());
    assert!(order(&setup.teal, "a.test")["problem"].is_null());
    assert!(order(&setup.teal, "*.wild.test").is_null(), "no CA issues one by this challenge");
    let names = setup.teal.status()["certificates"].to_string();
    assert!(names.contains("a.test") && names.contains("b.test"), "{names}");

    let kept = kept(&setup.teal);
    for entry in fs::read_dir(&kept).expect("readable") {
        let entry = entry.expect("readable");
        let mode = entry.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&kept), mode(kept.parent().expect("one"))), (0o700, 0o700));

    // Neither the CA nor another order is needed to serve it again.
    let before = shown(&root, port, "a.test");
    drop(ca.pebble);
    setup.teal.kill();
    setup.teal.start_again();
    let port = setup.teal.listener().port();
    assert_eq!(shown(&root, port, "a.test"), before, "after a crash");
    setup.teal.upgrade();
    setup.teal.wait_alone(PATIENCE);
    assert_eq!(shown(&root, port, "a.test"), before, "by the newer Teal");
    setup.finish();
}

#[test]
fn a_name_is_proven_by_a_request_and_other_requests_of_the_kind_go_where_they_went() {
    let fixture = Fixture::new();
    let plain = "[[listener]]\naddress = \"127.0.0.1:0\"\nhttp2 = true\n";
    let setup = fixture.setup(&["a.test"], &format!("challenge = \"http-01\"\n{plain}"));
    let listeners = setup.teal.status()["listeners"].clone();
    let port = |at: usize| {
        let address = listeners[at].as_str().and_then(|address| address.rsplit(':').next());
        address.and_then(|port| port.parse::<u16>().ok()).expect("an address")
    };
    let ca = fixture.start(port(1), 1, YEAR, &[]);
    setup.teal.cli(&["reload"]).assert_code(0);
    let root = ca.pebble.root();
    wait_until(PATIENCE, "it is served", || curl(&root, "a.test", port(0)).as_deref() == Ok("200"));
    let proofs =
        setup.teal.metrics().count("teal_requests_answered_total", &[("reason", "acme_challenge")]);
    assert!(proofs > 0, "the books know of it");
    let path = "/.well-known/acme-challenge/another";
    let mut client = testkit::Client::connect(([127, 0, 0, 1], port(1)).into());
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    assert_eq!(client.answer().status, 200);
    assert_eq!(setup.blue.seen().requests_to(path).len(), 1, "a target may use its own CA");
    setup.finish();
}

#[test]
fn certificates_are_renewed_before_they_end_and_no_request_notices() {
    // L8
    let fixture = Fixture::new();
    let setup = fixture.setup(&["a.test"], "");
    let port = setup.teal.listener().port();
    let ca = fixture.start(1, port, Duration::from_secs(9), &[]);
    setup.teal.cli(&["reload"]).assert_code(0);
    let root = ca.pebble.root();
    let first = wait_for(PATIENCE, "a certificate", || shown(&root, port, "a.test"));
    let mut asked = 0;
    wait_until(PATIENCE, "it is renewed, twice", || {
        assert_eq!(curl(&root, "a.test", port).as_deref(), Ok("200"), "after {asked}");
        asked += 1;
        ca.pebble.issued() >= 3 && shown(&root, port, "a.test").is_some_and(|now| now != first)
    });
    setup.finish();
}

#[test]
fn the_ca_may_ask_for_a_renewal_and_learns_which_certificate_is_replaced() {
    let fixture = Fixture::new();
    let stub = Target::start("stub");
    let pair = fixture.place.pki().issue("stub", &["localhost"]);
    let front = SecureTarget::start(&stub, &pair, None);
    let acme = fixture.acme(&format!("{}/dir", front.url()), "");
    let mut setup = Setup::with(|settings| {
        settings.listener_key("tls", "true").service("hosts", "[\"a.test\"]").extra(&acme)
    });
    let port = setup.teal.listener().port();
    let api = fixture.place.url().trim_end_matches("dir").to_owned();
    let ca = fixture.start(1, port, YEAR, &[]);
    // Pebble's own resources, and one that it does not have.
    let mut directory = serde_json::json!({
        "newNonce": format!("{api}nonce-plz"),
        "newAccount": format!("{api}sign-me-up"),
        "newOrder": format!("{api}order-plz"),
        "renewalInfo": format!("{}/renewal", front.url()),
        "meta": {},
    });
    let answer = |body: &str| {
        let length = body.len();
        Behavior::raw(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRetry-After: 21600\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ))
    };
    let window = |from: &str, to: &str| {
        answer(&format!("{{\"suggestedWindow\":{{\"start\":\"{from}\",\"end\":\"{to}\"}}}}"))
    };
    stub.behave_at("/dir", answer(&directory.to_string()));
    stub.behave(window("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"));
    setup.teal.cli(&["reload"]).assert_code(0);
    let root = ca.pebble.root();
    let first = wait_for(PATIENCE, "a certificate", || shown(&root, port, "a.test"));
    // It is asked by the next Teal, and says that the time has come. Pebble itself knows nothing of
    // what is replaced, so that the order is placed once more without.
    setup.teal.upgrade();
    wait_until(PATIENCE, "it is renewed", || {
        shown(&root, port, "a.test").is_some_and(|now| now != first)
    });
    assert!(order(&setup.teal, "a.test")["problem"].is_null());
    assert_eq!(ca.pebble.issued(), 2, "{}", ca.pebble.log());
    setup.teal.wait_alone(PATIENCE);
    // The contents of the request, and a CA that refuses it.
    directory["newOrder"] = format!("{}/order", front.url()).into();
    stub.behave_at("/dir", answer(&directory.to_string()));
    stub.behave_at(
        "/order",
        Behavior::raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"),
    );
    setup.teal.upgrade();
    wait_until(PATIENCE, "it is ordered with and without", || {
        stub.seen().requests_to("/order").len() >= 2
    });
    let orders = stub.seen().requests_to("/order");
    let said = |at: usize| String::from_utf8_lossy(&payload(&orders[at].body)).into_owned();
    assert!(said(0).contains("\"replaces\":\""), "{}", said(0));
    assert!(!said(1).contains("replaces") && said(1).contains("a.test"), "{}", said(1));
    wait_until(PATIENCE, "the refusal is reported", || {
        !order(&setup.teal, "a.test")["problem"].is_null()
    });
    setup.teal.wait_alone(PATIENCE);
    order_once_where_orders_are_limited(&setup, &stub);
    setup.finish();
}

/// Orders the name from a CA that limits orders: an order is not placed again without what it
/// replaces, since that would count, too.
fn order_once_where_orders_are_limited(setup: &Setup, stub: &Target) {
    let before = stub.seen().requests_to("/order").len();
    let limited = r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many"}"#;
    let length = limited.len();
    let answer =
        format!("HTTP/1.1 429 Too Many Requests\r\nContent-Length: {length}\r\n\r\n{limited}");
    stub.behave_at("/order", Behavior::raw(answer));
    setup.teal.cli(&["reload"]).assert_code(0);
    wait_until(PATIENCE, "it is limited", || {
        let problem = order(&setup.teal, "a.test")["problem"].to_string();
        problem.contains("rateLimited")
    });
    let orders = stub.seen().requests_to("/order");
    assert_eq!(orders.len(), before + 1);
    let last = String::from_utf8_lossy(&payload(&orders[before].body)).into_owned();
    assert!(last.contains("\"replaces\":\""), "{last}");
}

/// The payload of a signed request (RFC 7515 section 7.2.2), out of base64 without padding.
pub(crate) fn payload(body: &[u8]) -> Vec<u8> {
    let signed: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let text = signed["payload"].as_str().expect("a payload").as_bytes();
    let decoded = text.chunks(4).flat_map(|four| {
        let bits = four.iter().fold(0_u32, |bits, c| bits << 6 | u32::from(digit(*c)));
        let bits = bits << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    });
    decoded.collect()
}

#[test]
fn a_name_that_the_ca_refuses_keeps_no_other_waiting_and_a_damaged_certificate_is_ordered_anew() {
    let fixture = Fixture::new();
    let mut setup = fixture.setup(&["bad.test", "good.test"], "");
    let port = setup.teal.listener().port();
    let ca = fixture.start(1, port, YEAR, &["bad.test"]);
    setup.teal.cli(&["reload"]).assert_code(0);
    let root = ca.pebble.root();
    wait_until(PATIENCE, "the other one is served", || {
        curl(&root, "good.test", port).as_deref() == Ok("200")
    });
    let problem = wait_for(PATIENCE, "a reason", || {
        let problem = order(&setup.teal, "bad.test")["problem"].as_str().map(str::to_owned);
        problem.filter(|problem| !problem.contains("refused"))
    });
    assert!(problem.contains("rejectedIdentifier"), "{problem}");
    assert!(curl(&root, "bad.test", port).is_err());

    // Half a file and an account that is none: ordered anew, and no reason not to start.
    let kept = kept(&setup.teal);
    let file = kept.join("good.test.pem");
    let text = fs::read_to_string(&file).expect("kept");
    setup.teal.kill();
    fs::write(&file, &text[..text.len() / 2]).expect("written");
    fs::write(kept.join("account.json"), "{").expect("written");
    setup.teal.start_again();
    setup.teal.log_has(&["cannot use the stored certificate", "good.test"]);
    setup.teal.log_has(&["ordering a certificate", "good.test"]);
    setup.teal.log_has(&["cannot read the stored account"]);
    setup.finish();
}

#[test]
fn an_untrusted_or_missing_ca_is_reported_in_words() {
    let fixture = Fixture::new();
    let stub = Target::start("stub");
    let other = tempfile::tempdir().expect("a directory");
    let pair = testkit::Pki::new(other.path()).issue("stub", &["localhost"]);
    let front = SecureTarget::start(&stub, &pair, None);
    let acme = fixture.acme(&format!("{}/dir", front.url()), "");
    let setup = Setup::with(|settings| {
        settings.listener_key("tls", "true").service("hosts", "[\"a.test\"]").extra(&acme)
    });
    let problem = wait_for(SOON, "a reason", || {
        order(&setup.teal, "a.test")["problem"].as_str().map(str::to_owned)
    });
    assert!(problem.contains("see acme.ca"), "{problem}");
    setup.finish();
}

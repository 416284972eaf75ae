//! Targets behind TLS: verified by traffic and by probes alike, proven anew when what is asked of them
//! changes, switched and drained like any other.

use std::fs;
use std::path::Path;

use testkit::{
    Behavior, Load, LoadOptions, Pair, Pki, SecureTarget, Settings, Target, Teal, checksum,
    tungstenite, wait_until, websocket,
};

use crate::TEAL;
use crate::setup::{SOON, switch_ten_times};

struct Secured {
    teal: Teal,
    blue: (Target, SecureTarget),
    green: (Target, SecureTarget),
    pki: Pki,
    directory: tempfile::TempDir, // gone last
}

/// `[service.COLOR]` with this target and further TLS.
fn color(url: &str, ca: &Path, further: &str) -> String {
    format!("{{ targets = [\"{url}\"], tls = {{ ca = '{}'{further} }} }}", ca.display())
}

impl Secured {
    /// Certificates for `localhost`, which both targets are reached by.
    fn start(clients: bool, further: impl Fn(&Pki) -> String) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let pki = Pki::new(directory.path());
        let pair = pki.issue("target", &["localhost"]);
        let ca = pki.ca();
        let secure = |name: &str| {
            let target = Target::start(name);
            let front = SecureTarget::start(&target, &pair, clients.then_some(&*ca));
            (target, front)
        };
        let (blue, green) = (secure("blue"), secure("green"));
        let further = further(&pki);
        let settings = Self::settings(&blue.1, &green.1, &ca, &further);
        let teal = Teal::start_healthy(TEAL, &settings);
        Self { teal, blue, green, pki, directory }
    }

    fn settings(blue: &SecureTarget, green: &SecureTarget, ca: &Path, further: &str) -> Settings {
        Settings::of_urls(&[&blue.url()], &[&green.url()])
            .service("blue", &color(&blue.url(), ca, further))
            .service("green", &color(&green.url(), ca, further))
    }

    fn other(&self, further: &str) -> Settings {
        Self::settings(&self.blue.1, &self.green.1, &self.pki.ca(), further)
    }

    fn finish(self) {
        self.teal.assert_books_balance();
        self.blue.0.assert_well_formed();
        self.green.0.assert_well_formed();
    }
}

fn plain(_: &Pki) -> String {
    String::new()
}

#[test]
fn switches_between_secure_targets_lose_nothing_and_connections_are_kept() {
    // L1 L2 L4 L5
    let setup = Secured::start(false, plain);
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    switch_ten_times(&setup.teal, &load);
    let report = load.stop();
    report.assert_nothing_lost();
    let handshakes = setup.blue.1.handshakes() + setup.green.1.handshakes();
    assert!((handshakes as u64) < report.sent, "{handshakes} for {} requests", report.sent);
    setup.finish();
}

#[test]
fn long_bodies_and_tunnels_pass_through_tls_whole() {
    let setup = Secured::start(false, plain);
    setup.blue.0.behave_at("/ws", Behavior::WebSocket);
    let body: Vec<u8> = (0..3_000_000_u32).map(|byte| (byte % 251) as u8).collect();
    let mut client = testkit::Client::connect(setup.teal.listener());
    let answer = client.post("/upload", &body);
    assert_eq!(
        answer.text(),
        format!("blue POST /upload {} {:016x}\n", body.len(), checksum(0, &body))
    );
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let large = Behavior::raw([head.as_bytes(), &body].concat());
    setup.blue.0.behave_at("/large", large);
    assert_eq!(client.get("/large").body, body);
    let mut socket = websocket(setup.teal.listener(), "/ws");
    for text in ["one", "two"] {
        socket.send(tungstenite::Message::text(text)).expect("the tunnel is open");
        assert_eq!(socket.read().expect("an echo").to_text().ok(), Some(text));
    }
    drop(socket);
    setup.finish();
}

#[test]
fn a_target_is_asked_for_its_name_and_shown_a_certificate() {
    let shown = |pki: &Pki| {
        let Pair { cert, key } = pki.issue("teal", &["teal.test"]);
        format!(", cert = '{}', key = '{}'", cert.display(), key.display())
    };
    let setup = Secured::start(true, shown);
    let answer = testkit::Client::connect(setup.teal.listener()).get("/");
    assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("blue")));
    setup.finish();
}

#[test]
fn r57_a_target_that_wants_a_certificate_is_reported_alike_by_probes_and_traffic() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let (pair, ca) = (pki.issue("target", &["localhost"]), pki.ca());
    let target = Target::start("blue");
    for protocols in [&[][..], &["h2"]] {
        let serve = || SecureTarget::start_offering(target.address(), &pair, Some(&ca), protocols);
        let fronts = [serve(), serve()];
        let settings = Settings::of_urls(&["http://127.0.0.1:1"], &["http://127.0.0.1:2"])
            .service("blue", &color(&fronts[0].url(), &ca, ""))
            .service("green", &color(&fronts[1].url(), &ca, ""));
        let teal = Teal::start(TEAL, &settings);
        // A reset that overtakes the alert takes it away, so that not every attempt shows it.
        let words = "TLS: it refused the handshake (CertificateRequired)";
        wait_until(2 * SOON, "a probe says so", || teal.switch("green", "").text().contains(words));
        let told = format!("target {words}");
        wait_until(2 * SOON, "traffic says so", || {
            assert_eq!(testkit::Client::connect(teal.listener()).get("/").status, 502);
            teal.log().contains(&told)
        });
        teal.assert_books_balance();
    }
}

#[test]
fn the_fault_of_a_certificate_is_reported_and_no_traffic_goes_there() {
    // L9
    let setup = Secured::start(false, plain);
    let refused = |what: &str| {
        setup.teal.wait_healthy("green", false);
        let answer = setup.teal.switch("green", "");
        assert_eq!(answer.status, 412, "{}", answer.text());
        assert!(answer.text().contains(what), "{what} is missing in {}", answer.text());
    };
    // Probes meet what traffic would meet.
    setup.green.1.show(&setup.pki.issue("other", &["other.test"]));
    refused("TLS: its certificate is for other.test, not for localhost");
    setup.green.1.show(&setup.pki.issue_until("old", &["localhost"], 2001));
    refused("TLS: its certificate has expired on 2001-01-01");
    let directory = tempfile::tempdir().expect("a directory");
    setup.green.1.show(&Pki::new(directory.path()).issue("foreign", &["localhost"]));
    refused("TLS: its certificate is not signed by a trusted CA");
    setup.green.1.show(&setup.pki.issue("right", &["localhost"]));
    setup.teal.wait_healthy("green", true);
    setup.teal.switch_to("green");
    // And traffic verifies, too: kept connections apart, each is a handshake.
    setup.green.1.show(&setup.pki.issue("other", &["other.test"]));
    wait_until(SOON, "no new connection is trusted", || {
        testkit::Client::connect(setup.teal.listener()).get("/").status == 502
    });
    setup.finish();
}

#[test]
fn other_tls_makes_another_target_which_is_proven_first() {
    // L9
    let setup = Secured::start(false, plain);
    setup.teal.write_settings(&setup.other(", server_name = \"other.test\""));
    let answer = setup.teal.ask("POST", "/admin/reload", &[]);
    assert_eq!(answer.status, 412, "{}", answer.text());
    assert!(answer.text().contains("for localhost, not for other.test"), "{}", answer.text());
    let pair = setup.pki.issue("both", &["localhost", "other.test"]);
    setup.blue.1.show(&pair);
    setup.green.1.show(&pair);
    let answer = setup.teal.ask("POST", "/admin/reload", &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    // It is reported as one changed target, not as one removed and one added.
    let changed = format!("blue target {} changed", setup.blue.1.url());
    assert!(answer.text().contains(&changed), "{}", answer.text());
    assert!(!answer.text().contains("removed"), "{}", answer.text());
    assert_eq!(testkit::Client::connect(setup.teal.listener()).get("/").status, 200);
    // The contents of a file can change and become unusable.
    let ca = setup.pki.ca();
    fs::write(&ca, "no certificate").expect("a file");
    let answer = setup.teal.ask("POST", "/admin/reload", &[]);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("ca.pem: holds no certificate"), "{}", answer.text());
    assert_eq!(testkit::Client::connect(setup.teal.listener()).get("/").status, 200);
    let checked = setup
        .teal
        .cli_bare(&["check", "--config", &setup.teal.config().display().to_string()], &[]);
    checked.assert_code(2);
    assert!(checked.all().contains("ca.pem: holds no certificate"), "{}", checked.all());
    assert!(setup.directory.path().exists());
    setup.finish();
}

#[test]
fn other_cas_in_the_same_file_are_proven_before_they_are_in_force() {
    // L9
    let setup = Secured::start(false, plain);
    let reload = || setup.teal.ask("POST", "/admin/reload", &[]);
    let get = || testkit::Client::connect(setup.teal.listener()).get("/").status;
    let (ca, ours) = (setup.pki.ca(), fs::read(setup.pki.ca()).expect("a file"));
    let elsewhere = tempfile::tempdir().expect("a directory");
    let foreign = Pki::new(elsewhere.path());
    fs::copy(foreign.ca(), &ca).expect("a file");
    let answer = reload();
    assert_eq!(answer.status, 412, "{}", answer.text());
    assert!(answer.text().contains("not signed by a trusted CA"), "{}", answer.text());
    assert_eq!(get(), 200);
    // With the old one beside it, it proves what is there. What was known of the idle color was
    // found out otherwise, and counts no longer.
    fs::write(&ca, [ours, fs::read(foreign.ca()).expect("a file")].concat()).expect("a file");
    let answer = reload();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("TLS to targets changed"), "{}", answer.text());
    assert_eq!(get(), 200);
    // Active by what is proven anew, idle by what is not: refused by the first look.
    fs::copy(foreign.ca(), &ca).expect("a file");
    setup.blue.1.show(&foreign.issue("target", &["localhost"]));
    let answer = reload();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(get(), 200);
    let answer = setup.teal.switch("green", "");
    assert_eq!(answer.status, 412, "{}", answer.text());
    setup.finish();
}

#[test]
fn a_name_that_no_certificate_can_be_for_is_reported_before_the_start() {
    let setup = Secured::start(false, plain);
    for name in ["app-", "[::1]"] {
        setup.teal.write_settings(&setup.other(&format!(", server_name = \"{name}\"")));
        let checked = setup
            .teal
            .cli_bare(&["check", "--config", &setup.teal.config().display().to_string()], &[]);
        checked.assert_code(2);
        let said = checked.all();
        assert!(said.contains(name) && said.contains("no certificate can match it"), "{said}");
    }
    setup.finish();
}

#[test]
fn a_handshake_that_never_ends_is_reported_as_one_and_nothing_is_sent_again() {
    // L5 L9 L10
    let setup = Secured::start(false, plain);
    // The kernel takes connections in, and nobody reads.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = deaf.local_addr().expect("bound").port();
    let url = format!("https://localhost:{port}");
    let settings = setup.other("").service("green", &color(&url, &setup.pki.ca(), ""));
    setup.teal.write_settings(&settings);
    assert_eq!(setup.teal.ask("POST", "/admin/reload", &[]).status, 200);
    let answer = setup.teal.switch("green", "");
    assert_eq!(answer.status, 412, "{}", answer.text());
    assert!(answer.text().contains("in the TLS handshake"), "{}", answer.text());
    setup.finish();
}

#[test]
fn an_upgrade_keeps_verifying() {
    // L2 L7
    let mut setup = Secured::start(false, plain);
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    setup.teal.upgrade();
    load.expect_anyone();
    assert_eq!(setup.teal.switch("green", "&wait_healthy=10s").status, 200);
    load.expect_only("green");
    load.wait_for_more(100);
    load.stop().assert_nothing_lost();
    setup.finish();
}

#[test]
fn a_probe_of_the_wrong_protocol_names_the_correction() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let (pair, target) = (pki.issue("target", &["localhost"]), Target::start("blue"));
    let front = SecureTarget::start(&target, &pair, None);
    let over = |scheme: &str, at: &str| format!("{scheme}://{at}");
    let (plain, secure) = (target.address().to_string(), front.url().replace("https://", ""));
    for (url, words) in [
        (over("h2c", &plain), "does it speak HTTP/1.1? then write http://HOST:PORT"),
        (over("http", &secure), "the target answered with TLS; write https://HOST:PORT"),
    ] {
        let teal = Teal::start(TEAL, &Settings::of_urls(&["http://127.0.0.1:1"], &[&url]));
        wait_until(SOON, words, || teal.switch("green", "").text().contains(words));
    }
}

//! Proven targets are proven again when they may have changed: a certificate ends, a file
//! of CAs is replaced, another Teal takes over.

use std::fs;
use std::time::{Duration, SystemTime};

use testkit::{
    Behavior, Client, Load, LoadOptions, Pair, Pki, SecureTarget, Settings, Target, Teal, wait_for,
    wait_until,
};

use crate::TEAL;
use crate::setup::SOON;

/// An answer after which the target closes the connection.
const LAST: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Two targets behind TLS, and a Teal that finds both healthy.
struct Secured {
    teal: Teal,
    targets: [Target; 2],
    fronts: [SecureTarget; 2],
    pki: Pki,
    _directory: tempfile::TempDir, // gone last
}

impl Secured {
    fn start(front: impl Fn(&Target, &Pair) -> SecureTarget, valid: Duration) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let pki = Pki::new(directory.path());
        let pair = pki.issue_for("target", &["localhost"], valid);
        let targets = ["blue", "green"].map(Target::start);
        for target in &targets {
            target.behave_at("/last", Behavior::raw_then_close(LAST));
        }
        let fronts = targets.each_ref().map(|target| front(target, &pair));
        let [blue, green] = fronts.each_ref().map(SecureTarget::url);
        let ca = pki.ca();
        let color =
            |url: &str| format!("{{ targets = [\"{url}\"], tls = {{ ca = '{}' }} }}", ca.display());
        let settings = Settings::of_urls(&[&blue], &[&green])
            .service("blue", &color(&blue))
            .service("green", &color(&green));
        let teal = Teal::start_healthy(TEAL, &settings);
        Self { teal, targets, fronts, pki, _directory: directory }
    }

    /// The status of an answer over a connection to the target that no other request uses.
    fn ask_anew(&self) -> u16 {
        Client::connect(self.teal.listener()).get("/last").status
    }

    fn resumptions(&self) -> usize {
        self.fronts[0].resumptions()
    }

    fn finish(self) {
        self.teal.assert_books_balance();
        self.targets.iter().for_each(Target::assert_well_formed);
    }
}

fn plain(target: &Target, pair: &Pair) -> SecureTarget {
    SecureTarget::start(target, pair, None)
}

/// A certificate ends while sessions that it has proven are resumed.
fn ends(front: impl Fn(&Target, &Pair) -> SecureTarget) {
    const VALID: Duration = Duration::from_secs(20);
    let begin = SystemTime::now();
    let setup = Secured::start(front, VALID);
    wait_until(SOON, "sessions are resumed", || {
        assert_eq!(setup.ask_anew(), 200);
        setup.resumptions() > 2
    });
    let reason = wait_for(SOON + VALID, "the end is noticed by a probe", || {
        let _ = setup.ask_anew();
        let seen = setup.teal.color("blue");
        seen["targets"][0]["last_probe"]["reason"].as_str().map(str::to_owned)
    });
    // The end of a certificate is given in whole seconds.
    assert!(SystemTime::now() > begin + VALID - Duration::from_secs(2), "too early: {reason}");
    assert!(reason.contains("TLS: its certificate has expired on "), "{reason}");
    // Traffic and the gate say the same: nothing is resumed any more.
    let before = setup.resumptions();
    for _ in 0..10 {
        assert_eq!(setup.ask_anew(), 502);
    }
    let answer = setup.teal.switch("green", "");
    assert_eq!(answer.status, 412, "{}", answer.text());
    assert!(answer.text().contains("its certificate has expired on "), "{}", answer.text());
    assert_eq!(setup.resumptions(), before);
    // A new certificate is all that it takes.
    let pair = setup.pki.issue("target", &["localhost"]);
    setup.fronts.iter().for_each(|front| front.show(&pair));
    setup.teal.wait_healthy("blue", true);
    assert_eq!(setup.ask_anew(), 200);
    setup.finish();
}

#[test]
fn r47_a_target_certificate_that_ends_is_noticed_though_sessions_are_resumed() {
    // L9
    ends(plain);
}

#[test]
fn r47_a_target_certificate_that_ends_is_noticed_over_tls_1_2() {
    // L9
    ends(SecureTarget::start_tls12);
}

#[test]
fn r47_probes_make_full_handshakes() {
    // L9
    let setup = Secured::start(plain, Duration::from_secs(86_400));
    wait_until(SOON, "some probes", || setup.fronts[0].handshakes() > 6);
    assert_eq!(setup.resumptions(), 0);
    setup.finish();
}

#[test]
fn r47_certificates_of_targets_are_in_status_and_metrics() {
    let setup = Secured::start(plain, Duration::from_secs(3 * 86_400 + 3600));
    let status = setup.teal.status();
    let shown = status["certificates"].as_array().expect("certificates");
    assert_eq!(shown.len(), 2, "{shown:?}");
    let url = setup.fronts[0].url();
    let target = &shown[0]["target"];
    assert_eq!(
        (target["service"].as_str(), target["color"].as_str(), target["url"].as_str()),
        (Some("web"), Some("blue"), Some(&*url))
    );
    assert_eq!(shown[0]["names"], serde_json::json!(["localhost"]));
    let left = shown[0]["left_seconds"].as_f64().expect("seconds");
    assert!((3.0..3.1).contains(&(left / 86_400.0)), "{left}");
    let labels = [("service", "web"), ("color", "blue"), ("target", &*url)];
    let name = "teal_target_certificate_expiry_timestamp_seconds";
    assert!(setup.teal.metrics().count(name, &labels) > 1_700_000_000);
    let text = setup.teal.cli(&["status"]).all();
    assert!(text.contains(&format!("Certificate of web blue {url} at 127.0.0.1:")), "{text}");
    setup.teal.log_has(&["WARN", "the target's certificate expires in 3 days"]);
    setup.finish();
}

#[test]
fn r47_connections_not_verified_by_a_replaced_file_of_cas_are_not_used_after_a_reload() {
    // L9
    let setup = Secured::start(plain, Duration::from_secs(86_400));
    let mut client = Client::connect(setup.teal.listener());
    assert_eq!(client.get("/").status, 200);
    // The new file has the old CA and another one: the target passes, by a new handshake.
    let elsewhere = tempfile::tempdir().expect("a directory");
    let both = [setup.pki.ca(), Pki::new(elsewhere.path()).ca()];
    let both = both.map(|file| fs::read(file).expect("a file")).concat();
    fs::write(setup.pki.ca(), both).expect("a file");
    let answer = setup.teal.ask("POST", "/admin/reload", &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (before, resumed) = (setup.fronts[0].handshakes(), setup.resumptions());
    assert_eq!(client.get("/").status, 200);
    assert!(setup.fronts[0].handshakes() > before, "a connection of before is used");
    assert_eq!(setup.resumptions(), resumed, "a session of before is resumed");
    setup.finish();
}

#[test]
fn r47_targets_that_an_upgrade_puts_on_the_active_color_must_be_up() {
    // L9
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
    // Nobody listens there.
    teal.write_settings(&Settings::of_urls(&["http://127.0.0.1:1"], &[&green.url()]));
    let answer = teal.try_upgrade();
    assert_eq!(answer.status, 500, "{}", answer.text());
    let said = answer.text();
    assert!(said.contains("blue of web, http://127.0.0.1:1: connection refused"), "{said}");
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    // On the idle color it is found out by the gate.
    teal.write_settings(&Settings::of_urls(&[&blue.url()], &["http://127.0.0.1:1"]));
    teal.upgrade();
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    assert_eq!(teal.switch("green", "").status, 412);
    teal.assert_books_balance();
}

#[test]
fn r47_a_color_that_goes_down_just_now_does_not_keep_an_upgrade_back() {
    // L7 L9
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let health = "{ interval = \"2s\", fast_interval = \"50ms\" }";
    let settings = Settings::new(&blue, &green).service("health", health);
    let mut teal = Teal::start_healthy(TEAL, &settings);
    drop(green); // the older one has not found out
    teal.upgrade();
    teal.log_has(&["a color went down just now", "green of web", "connection refused"]);
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    teal.assert_books_balance();
}

#[test]
fn r47_an_upgrade_that_finds_a_color_down_goes_back_and_says_which() {
    // L7 L9
    let mut setup = Secured::start(plain, Duration::from_secs(86_400));
    let ours = fs::read(setup.pki.ca()).expect("a file");
    let elsewhere = tempfile::tempdir().expect("a directory");
    fs::copy(Pki::new(elsewhere.path()).ca(), setup.pki.ca()).expect("a file");
    let (pid, load) =
        (setup.teal.pid(), Load::start(setup.teal.listener(), LoadOptions::default()));
    let answer = setup.teal.try_upgrade();
    assert_eq!(answer.status, 500, "{}", answer.text());
    let said = answer.text();
    assert!(said.contains("finds down what this one finds up: blue of web, https://"), "{said}");
    assert!(said.contains("; green of web, https://"), "{said}");
    assert!(said.contains("not signed by a trusted CA"), "{said}");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    assert_eq!((setup.teal.pid(), setup.teal.processes()), (pid, 1));
    setup.teal.switch_to("green");
    // With the right file it goes through, and a color that was down before does not count.
    fs::write(setup.pki.ca(), ours).expect("a file");
    setup.fronts[0].show(&setup.pki.issue_until("old", &["localhost"], 2001));
    setup.teal.wait_healthy("blue", false);
    setup.teal.upgrade();
    assert_eq!(Client::connect(setup.teal.listener()).get("/").status, 200);
    setup.finish();
}

//! The admin API behind TLS: reached by name with a certificate that is verified, renewed without a
//! restart, and beyond loopback only so.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use testkit::{Client, Pair, Pki, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::setup::SOON;

fn secure(settings: Settings, pair: &Pair) -> Settings {
    let (cert, key) = (pair.cert.display(), pair.key.display());
    settings.admin("tls", &format!("{{ cert = '{cert}', key = '{key}' }}"))
}

/// A Teal whose admin API speaks TLS; it is asked over its socket until then.
struct Secured {
    teal: Teal,
    pki: Pki,
    admin: SocketAddr,
    _targets: (Target, Target),
    directory: tempfile::TempDir, // gone last
}

fn start() -> Secured {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("admin", &["localhost"]);
    let targets = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &secure(Settings::new(&targets.0, &targets.1), &pair));
    teal.spawn(&[]);
    wait_until(SOON, "it says where it listens", || teal.log().contains("admin on "));
    let log = teal.log();
    let admin = log.split("admin on ").nth(1).and_then(|rest| rest.split(' ').next());
    let admin = admin.and_then(|text| text.parse().ok()).expect("an address");
    Secured { teal, pki, admin, _targets: targets, directory }
}

impl Secured {
    /// Runs a verb against `https`, trusting this CA.
    fn cli(&self, arguments: &[&str], ca: &Path) -> testkit::CliResult {
        let admin = format!("https://localhost:{}", self.admin.port());
        let (ca, token) = (ca.display().to_string(), self.teal.state_dir().join("admin.token"));
        let token = token.display().to_string();
        let further = ["--admin", &admin, "--ca", &ca, "--token-file", &token];
        self.teal.cli_bare(&[arguments, &further].concat(), &[])
    }
}

#[test]
fn the_command_line_reaches_it_and_trusts_no_other() {
    let setup = start();
    let ca = setup.pki.ca();
    let done = setup.cli(&["switch", "green", "--wait-healthy", "10s"], &ca);
    done.assert_code(0);
    assert!(done.stdout.contains("Switched from blue to green"), "{}", done.all());
    let other = tempfile::tempdir().expect("a directory");
    let foreign = Pki::new(other.path()).ca();
    let refused = setup.cli(&["status"], &foreign);
    refused.assert_code(4);
    assert!(refused.all().contains("not signed by a trusted CA"), "{}", refused.all());
    // Without TLS nobody is served there, and the socket needs none.
    let mut plain = Client::connect(setup.admin);
    plain.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let said = plain.ending(SOON);
    assert!(said.ended() && !said.bytes().starts_with(b"HTTP"), "{said:?}");
    let socket = format!("unix:{}", setup.teal.state_dir().join("admin.sock").display());
    setup.teal.cli_bare(&["status", "--admin", &socket], &[]).assert_code(0);
}

#[test]
fn a_page_of_its_own_origin_may_use_it_and_no_other() {
    let setup = start();
    let token = fs::read_to_string(setup.teal.state_dir().join("admin.token")).expect("a token");
    let port = setup.admin.port();
    for (origin, status) in [
        (format!("https://localhost:{port}"), 200),
        (format!("http://localhost:{port}"), 403),
        ("https://elsewhere.test".to_owned(), 403),
    ] {
        let trust = setup.pki.trust(Some("localhost"));
        let mut client = Client::try_connect_tls(setup.admin, &trust).expect("a handshake");
        client.send(format!(
            "POST /admin/switch?to=blue HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin}\r\n\
             Authorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
            token.trim()
        ));
        assert_eq!(client.answer().status, status, "{origin}");
    }
}

#[test]
fn its_certificate_is_renewed_and_a_bad_one_leaves_the_old_in_use() {
    let setup = start();
    let ca = setup.pki.ca();
    setup.cli(&["status"], &ca).assert_code(0);
    let log = |words: &[&str]| setup.teal.log_has(words);
    setup.pki.issue("admin", &["localhost", "new.test"]);
    setup.cli(&["reload"], &ca).assert_code(0);
    let trust = setup.pki.trust(Some("new.test"));
    wait_until(SOON, "the new one is shown", || {
        Client::try_connect_tls(setup.admin, &trust).is_ok()
    });
    fs::write(setup.directory.path().join("admin.key"), "no key").expect("a file");
    log(&["ERROR", "changed files are not used", "admin.key", "holds no private key"]);
    setup.cli(&["status"], &ca).assert_code(0);
}

#[test]
fn beyond_loopback_it_takes_tls_and_every_call_a_token() {
    let directory = tempfile::tempdir().expect("a directory");
    let pair = Pki::new(directory.path()).issue("admin", &["localhost"]);
    let (blue, green) = (Target::stopped("blue"), Target::stopped("green"));
    let open = Settings::new(&blue, &green).admin("listen", "\"0.0.0.0:9900\"");
    let teal = Teal::prepare(TEAL, &open);
    let check = || teal.cli_bare(&["check", "--config", &teal.config().display().to_string()], &[]);
    let refused = check();
    refused.assert_code(2);
    assert!(refused.all().contains("needs TLS; write admin.tls"), "{}", refused.all());
    teal.write_settings(&secure(open, &pair));
    check().assert_code(0);
}

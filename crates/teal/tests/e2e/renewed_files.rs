//! Files that the configuration names and that change while Teal runs: what they hold now is in force, for
//! new clients and for those that were let in before, here and in an older Teal that is leaving.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::http2::{Frame, PREFACE, kind};
use testkit::{
    Behavior, Client, Gate, Pki, SecureTarget, Settings, Target, Teal, Trust, wait_until,
};

use crate::TEAL;
use crate::acme::{Fixture, PATIENCE, YEAR, order};
use crate::setup::{SOON, Setup};

/// Two looks at the files, and time to spare.
const SEEN: Duration = Duration::from_secs(15);

/// A listener that asks for certificates of one CA, and another CA beside it.
struct Guarded {
    setup: Setup,
    site: Pki,
    other: Pki,
    clients: PathBuf,
    directories: (tempfile::TempDir, tempfile::TempDir), // gone last
}

impl Guarded {
    fn start(mode: &str) -> Self {
        let directories = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let (site, other) = (Pki::new(directories.0.path()), Pki::new(directories.1.path()));
        let pair = site.issue("site", &["a.test"]);
        let clients = directories.0.path().join("clients.pem");
        fs::copy(site.ca(), &clients).expect("a file");
        let auth = format!("{{ ca = '{}', mode = '{mode}' }}", clients.display());
        let (cert, key) = (pair.cert.display(), pair.key.display());
        let certificate = format!("[[certificate]]\ncert = '{cert}'\nkey = '{key}'\n");
        let setup = Setup::with(|settings| {
            let settings = settings.listener_key("tls", "true").listener_key("client_auth", &auth);
            settings.extra(&certificate)
        });
        Self { setup, site, other, clients, directories }
    }

    /// A client that trusts the site and shows a certificate of this CA.
    fn known_to(&self, ca: &Pki) -> Trust {
        let pair = ca.issue("client", &["client.test"]);
        self.site.trust_showing("a.test", &pair)
    }

    fn connect(&self, trust: &Trust) -> Client {
        Client::try_connect_tls(self.setup.teal.listener(), trust).expect("a handshake")
    }

    /// Returns true if a client gets an answer: in TLS 1.3 it learns of a refusal only then.
    fn is_let_in(&self, trust: &Trust) -> bool {
        let client = Client::try_connect_tls(self.setup.teal.listener(), trust);
        client.is_ok_and(|mut client| {
            client.send("GET /who HTTP/1.1\r\nHost: a.test\r\n\r\n");
            client.read_answer(false).is_ok_and(|answer| answer.status == 200)
        })
    }

    fn reload(&self) -> String {
        let done = self.setup.teal.cli(&["reload"]);
        done.assert_code(0);
        done.stdout
    }
}

fn get(client: &mut Client, path: &str) -> testkit::Response {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    client.answer()
}

#[test]
fn r51_clients_of_a_removed_ca_are_refused_and_their_connections_end() {
    let guarded = Guarded::start("require");
    let teal = &guarded.setup.teal;
    let (one, two) = (guarded.known_to(&guarded.site), guarded.known_to(&guarded.other));
    assert!(guarded.is_let_in(&one) && !guarded.is_let_in(&two));
    let gate = Gate::new();
    guarded.setup.blue.behave_at("/held", Behavior::Held(gate.clone()));
    let (mut idle, mut busy) = (guarded.connect(&one), guarded.connect(&one));
    assert_eq!(get(&mut idle, "/who").status, 200);
    busy.send("GET /held HTTP/1.1\r\nHost: a.test\r\n\r\n");
    teal.wait_in_flight("blue", 1);
    assert!(guarded.reload().contains("othing"), "nothing has changed yet");

    fs::copy(guarded.other.ca(), &guarded.clients).expect("a file");
    assert!(guarded.reload().contains("CAs of client_auth changed"));
    assert!(guarded.is_let_in(&two) && !guarded.is_let_in(&one), "today's CA decides");
    assert!(idle.ending(SOON).ended(), "an idle connection ends");
    gate.open();
    let answer = busy.answer();
    assert_eq!(answer.status, 200, "what was let in is answered");
    assert_eq!(answer.fields.get("connection"), Some("close"));
    assert!(guarded.reload().contains("othing"), "nothing has changed since");
    guarded.setup.finish();
}

#[test]
fn r51_a_request_on_a_connection_that_is_not_trusted_any_more_reaches_no_target() {
    let guarded = Guarded::start("request");
    let known = guarded.known_to(&guarded.site);
    let (mut client, mut unknown) =
        (guarded.connect(&known), guarded.connect(&guarded.site.trust(Some("a.test"))));
    assert_eq!((get(&mut client, "/who").status, get(&mut unknown, "/who").status), (200, 200));
    let gate = Gate::new();
    guarded.setup.blue.behave_at("/held", Behavior::Held(gate.clone()));
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n");
    client.send(request("/held") + &request("/secret"));
    guarded.setup.teal.wait_in_flight("blue", 1);
    fs::copy(guarded.other.ca(), &guarded.clients).expect("a file");
    guarded.reload();
    gate.open();
    assert_eq!(client.answer().status, 200, "it was let in");
    let answer = client.answer();
    assert_eq!(answer.status, 421, "{}", answer.text());
    assert_eq!(answer.fields.get("connection"), Some("close"));
    let status = answer.fields.get("proxy-status").unwrap_or_default();
    assert!(status.contains("client_distrusted"), "{status}");
    assert!(client.ending(SOON).ended());
    assert_eq!(guarded.setup.blue.seen().requests_to("/secret").len(), 0);
    assert_eq!(
        get(&mut unknown, "/who").status,
        200,
        "a client without a certificate stays connected"
    );
    guarded.setup.finish();
}

#[test]
fn r51_http_2_connections_of_a_removed_ca_get_a_goaway() {
    let guarded = Guarded::start("require");
    let trust = guarded.known_to(&guarded.site).offering(&["h2"]);
    let mut session = trust.connect(guarded.setup.teal.listener()).expect("a handshake");
    session.sock.set_read_timeout(Some(SOON)).expect("a socket");
    let settings = Frame::new(kind::SETTINGS, 0, 0, []).bytes();
    session.write_all(&[PREFACE, &settings].concat()).expect("sent");
    let mut said = vec![0; 9];
    session.read_exact(&mut said).expect("its settings");
    fs::copy(guarded.other.ca(), &guarded.clients).expect("a file");
    guarded.reload();
    session.read_to_end(&mut said).expect("it closes");
    assert!(kinds(&said).contains(&GOAWAY), "{:?}", kinds(&said));
    guarded.setup.finish();
}

#[test]
fn r51_the_file_is_watched_and_an_unusable_one_leaves_the_old_one_in_use() {
    let guarded = Guarded::start("require");
    let teal = &guarded.setup.teal;
    let (one, two) = (guarded.known_to(&guarded.site), guarded.known_to(&guarded.other));
    let mut open = guarded.connect(&one);
    assert_eq!(get(&mut open, "/who").status, 200);
    assert_eq!(teal.metrics().count("teal_certificate_problem", &[]), 0);

    fs::write(&guarded.clients, "").expect("a file");
    wait_until(SEEN, "the problem is in the status", || {
        teal.status()["certificate_problem"]
            .as_str()
            .is_some_and(|said| said.contains("clients.pem") && said.contains("is empty"))
    });
    assert_eq!(teal.metrics().count("teal_certificate_problem", &[]), 1);
    teal.log_has(&["ERROR", "changed files are not used", "clients.pem"]);
    assert!(guarded.is_let_in(&one) && !guarded.is_let_in(&two), "what was in use stays in use");

    let both = [guarded.site.ca(), guarded.other.ca()].map(|path| fs::read(path).expect("a file"));
    fs::write(&guarded.clients, both.concat()).expect("a file");
    wait_until(SEEN, "the other CA is in force", || guarded.is_let_in(&two));
    wait_until(SOON, "the problem is gone", || teal.status()["certificate_problem"].is_null());
    assert_eq!(get(&mut open, "/who").status, 200, "it is trusted as before");
    fs::copy(guarded.other.ca(), &guarded.clients).expect("a file");
    assert!(open.ending(SEEN).ended());
    assert!(!guarded.is_let_in(&one));
    guarded.setup.finish();
}

#[test]
fn r51_a_removed_ca_ends_connections_in_an_older_teal_too() {
    let mut guarded = Guarded::start("require");
    let one = guarded.known_to(&guarded.site);
    let mut idle = guarded.connect(&one);
    assert_eq!(get(&mut idle, "/who").status, 200);
    let gate = Gate::new();
    guarded.setup.blue.behave_at("/held", Behavior::Held(gate.clone()));
    let mut busy = guarded.connect(&one); // keeps the older Teal
    busy.send("GET /held HTTP/1.1\r\nHost: a.test\r\n\r\n");
    guarded.setup.teal.wait_in_flight("blue", 1);
    guarded.setup.teal.upgrade();
    assert!(idle.is_quiet(), "an upgrade alone leaves it open");
    fs::copy(guarded.other.ca(), &guarded.clients).expect("a file");
    guarded.reload();
    assert!(idle.ending(SEEN).ended());
    assert!(!guarded.is_let_in(&one));
    gate.open();
    assert_eq!(busy.answer().status, 200);
    let Guarded { setup, directories, .. } = guarded;
    setup.finish();
    drop(directories);
}

const GOAWAY: u8 = 7;

/// The kinds of the frames in these bytes.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [a, b, c, kind, ..] = *bytes {
        kinds.push(kind);
        let length = 9 + (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c));
        bytes = bytes.get(length..).unwrap_or_default();
    }
    kinds
}

/// Two targets behind TLS, verified by a file of CAs.
struct Targets {
    teal: Teal,
    ca: PathBuf,
    pki: Pki,
    blue: (Target, SecureTarget),
    _green: (Target, SecureTarget),
    directory: tempfile::TempDir, // gone last
}

impl Targets {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let pki = Pki::new(directory.path());
        let pair = pki.issue("target", &["localhost"]);
        let start = |name| {
            let target = Target::start(name);
            let front = SecureTarget::start(&target, &pair, None);
            (target, front)
        };
        let (blue, green) = (start("blue"), start("green"));
        let ca = directory.path().join("targets.pem");
        fs::copy(pki.ca(), &ca).expect("a file");
        let color =
            |url: &str| format!("{{ targets = [\"{url}\"], tls = {{ ca = '{}' }} }}", ca.display());
        let (first, second) = (blue.1.url(), green.1.url());
        let settings = Settings::of_urls(&[&first], &[&second])
            .service("blue", &color(&first))
            .service("green", &color(&second));
        let teal = Teal::start_healthy(TEAL, &settings);
        Self { teal, ca, pki, blue, _green: green, directory }
    }

    fn problem(&self) -> String {
        self.teal.status()["certificate_problem"].as_str().unwrap_or_default().to_owned()
    }
}

fn append(path: &Path, further: &Path) {
    let both = [path, further].map(|path| fs::read(path).expect("a file"));
    fs::write(path, both.concat()).expect("a file");
}

#[test]
fn r51_files_of_targets_are_watched_and_pass_the_gate_before_they_are_used() {
    // L9
    let targets = Targets::start();
    let other = tempfile::tempdir().expect("a directory");
    let foreign = Pki::new(other.path());
    fs::copy(foreign.ca(), &targets.ca).expect("a file");
    wait_until(SEEN, "the gate has refused it", || targets.problem().contains("signed"));
    assert!(targets.problem().contains("TLS to targets"), "{}", targets.problem());
    let ask = || Client::connect(targets.teal.listener()).get("/who").status;
    assert_eq!(ask(), 200, "what was in use stays in use");
    assert_eq!(targets.teal.metrics().count("teal_certificate_problem", &[]), 1);

    fs::write(&targets.ca, "rubbish").expect("a file");
    wait_until(SEEN, "the file is named", || targets.problem().contains("holds no certificate"));
    assert_eq!(ask(), 200);

    fs::copy(targets.pki.ca(), &targets.ca).expect("a file");
    append(&targets.ca, &foreign.ca());
    wait_until(SEEN, "both CAs are in force", || targets.problem().is_empty());
    targets.blue.1.show(&foreign.issue("target", &["localhost"]));
    wait_until(SEEN, "the target is up with a certificate of the other CA", || {
        targets.teal.log().contains("TLS to targets changed") && ask() == 200
    });
    targets.teal.assert_books_balance();
    drop(targets.directory);
}

#[test]
fn r51_a_reload_reports_files_that_changed_on_the_disk() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("admin", &["localhost"]);
    let tls = format!("{{ cert = '{}', key = '{}' }}", pair.cert.display(), pair.key.display());
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green).admin("tls", &tls));
    teal.spawn(&[]);
    wait_until(SOON, "it says where it listens", || teal.log().contains("admin on "));
    let reload = || {
        let socket = format!("unix:{}", teal.state_dir().join("admin.sock").display());
        let done = teal.cli_bare(&["reload", "--admin", &socket], &[]);
        done.assert_code(0);
        done.stdout
    };
    assert!(reload().contains("othing"));
    pki.issue("admin", &["localhost"]);
    assert!(reload().contains("the certificate of the admin API changed"));
    assert!(reload().contains("othing"));
    teal.write_settings(
        &Settings::new(&blue, &green).admin("tls", &tls).service("underscores", "\"keep\""),
    );
    assert!(reload().contains("underscores changed"));
}

#[test]
fn r51_an_acme_server_is_verified_by_the_current_contents_of_its_file() {
    let fixture = Fixture::new();
    let (file, acme) = (fixture.place.pki().ca(), fixture.acme(&fixture.place.url(), ""));
    let trusted = fs::read(&file).expect("a file");
    let setup = fixture.setup(&["a.test"], "");
    let ca = fixture.start(1, setup.teal.listener().port(), YEAR, &[]);
    let reload = |names: &[&str]| {
        let settings = setup.settings().listener_key("tls", "true").extra(&acme);
        setup.teal.write_settings(&settings.service("hosts", &format!("{names:?}")));
        setup.teal.cli(&["reload"]).assert_code(0);
    };
    reload(&["a.test"]);
    wait_until(PATIENCE, "the first is given", || ca.pebble.issued() == 1);
    let other = tempfile::tempdir().expect("a directory");
    fs::copy(Pki::new(other.path()).ca(), &file).expect("a file");
    reload(&["a.test", "b.test"]);
    wait_until(PATIENCE, "the server is not trusted any more", || {
        let problem = order(&setup.teal, "b.test")["problem"].to_string();
        problem.contains("signed") && problem.contains("acme.ca")
    });
    assert_eq!(ca.pebble.issued(), 1);
    fs::write(&file, &trusted).expect("a file");
    reload(&["a.test", "b.test"]);
    wait_until(PATIENCE, "the second is given", || ca.pebble.issued() == 2);
    setup.finish();
}

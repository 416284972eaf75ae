//! Accounts at a real ACME CA (Pebble): bound to an external one, lost, and held back by it. And orders
//! that keep no other waiting.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use testkit::{
    Behavior, PebbleOptions, SecureTarget, Settings, Target, Teal, wait_for, wait_until,
};

use crate::TEAL;
use crate::acme::{Fixture, PATIENCE, YEAR, curl, kept, order, payload};
use crate::setup::{SOON, Setup};

const KEY_ID: &str = "kid-1";
const KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

fn settings(setup: &Setup, names: &[&str], acme: &str) -> Settings {
    let settings = setup.settings().listener_key("tls", "true");
    settings.service("hosts", &format!("{names:?}")).extra(acme)
}

fn problem(teal: &Teal, name: &str) -> Option<String> {
    order(teal, name)["problem"].as_str().map(str::to_owned)
}

fn problem_with(teal: &Teal, name: &str, word: &str) -> String {
    wait_for(PATIENCE, word, || problem(teal, name).filter(|problem| problem.contains(word)))
}

#[test]
fn r56_an_account_is_bound_to_an_external_one_where_the_ca_requires_it() {
    let fixture = Fixture::new();
    let setup = fixture.setup(&["a.test"], "");
    let file = setup.teal.state_dir().join("eab.key");
    let eab = format!("eab = {{ key_id = '{KEY_ID}', hmac_key_file = '{}' }}", file.display());
    let acme = fixture.acme(&fixture.place.url(), &eab);
    let port = setup.teal.listener().port();
    let ca = fixture.start_with(&PebbleOptions {
        http: 1,
        tls: port,
        validity: YEAR,
        refused: &[],
        external: Some((KEY_ID, KEY)),
    });
    setup.teal.cli(&["reload"]).assert_code(0);
    let said = problem_with(&setup.teal, "a.test", "externalAccountRequired");
    assert!(said.contains("write eab = { key_id"), "{said}");

    // Without the file it is not taken over. With another key the CA refuses, and the reason is reported.
    setup.teal.write_settings(&settings(&setup, &["a.test"], &acme));
    let refused = setup.teal.cli(&["reload"]);
    assert!(refused.all().contains("acme.eab.hmac_key_file: cannot read"), "{}", refused.all());
    fs::write(&file, KEY.replace('z', "y")).expect("written");
    setup.teal.cli(&["reload"]).assert_code(0);
    let said = problem_with(&setup.teal, "a.test", "acme.eab.key_id");
    assert!(said.contains("eab.key") && !said.contains(&KEY[1..]), "{said}");

    fs::write(&file, format!("{KEY}\n")).expect("written");
    setup.teal.cli(&["reload"]).assert_code(0);
    let root = ca.pebble.root();
    wait_until(PATIENCE, "it is served", || curl(&root, "a.test", port).as_deref() == Ok("200"));
    assert!(problem(&setup.teal, "a.test").is_none());
    let account = fs::read_to_string(kept(&setup.teal).join("account.json")).expect("kept");
    assert!(account.contains(KEY_ID) && !account.contains(KEY), "{account}");
    assert!(!setup.teal.log().contains(&KEY[1..]));
    setup.finish();
}

#[test]
fn r56_an_account_that_the_ca_does_not_know_any_more_is_made_anew_at_once() {
    let fixture = Fixture::new();
    let setup = fixture.setup(&["a.test"], "");
    let acme = fixture.acme(&fixture.place.url(), "");
    let port = setup.teal.listener().port();
    let mut ca = fixture.start(1, port, YEAR, &[]);
    setup.teal.cli(&["reload"]).assert_code(0);
    let root = ca.pebble.root();
    wait_until(PATIENCE, "it is served", || curl(&root, "a.test", port).as_deref() == Ok("200"));
    let before = fs::read(kept(&setup.teal).join("account.json")).expect("kept");

    ca.pebble.restart();
    setup.teal.write_settings(&settings(&setup, &["a.test", "b.test", "c.test"], &acme));
    setup.teal.cli(&["reload"]).assert_code(0);
    let root = ca.pebble.root();
    for name in ["b.test", "c.test"] {
        // The pause after a failed order is a minute.
        wait_until(PATIENCE / 2, name, || curl(&root, name, port).as_deref() == Ok("200"));
        assert!(problem(&setup.teal, name).is_none());
    }
    setup.teal.log_has(&["no longer knows the account", "creating another"]);
    assert_ne!(fs::read(kept(&setup.teal).join("account.json")).expect("kept"), before);
    assert_eq!(setup.teal.log().matches("no longer knows the account").count(), 1);
    setup.finish();
}

#[test]
fn r56_a_name_that_waits_keeps_no_other_waiting() {
    let fixture = Fixture::new();
    let setup = fixture.setup(&["a-waits.test", "b.test", "c.test"], "");
    let port = setup.teal.listener().port();
    // A server that accepts connections and never answers.
    let silent = Ipv4Addr::new(127, 0, 0, 99);
    let _silent = TcpListener::bind((silent, port)).expect("another address has that port");
    let ca = fixture.start(1, port, YEAR, &[]);
    ca.pebble.point("a-waits.test", silent);
    setup.teal.cli(&["reload"]).assert_code(0);
    let root = ca.pebble.root();
    for name in ["b.test", "c.test"] {
        wait_until(PATIENCE, name, || curl(&root, name, port).as_deref() == Ok("200"));
    }
    let said = wait_for(PATIENCE, "it is refused in the end", || {
        let said = problem(&setup.teal, "a-waits.test");
        said.filter(|said| !said.contains("connection refused"))
    });
    // Both were ordered before anything was heard of the first.
    let refused = wait_for(PATIENCE, "it is in the log", || setup.teal.log().find(&said));
    let log = setup.teal.log();
    for name in ["b.test", "c.test"] {
        let ordered = format!("ordering a certificate name=\"{name}\"");
        let ordered = log.rfind(&ordered).expect("it was ordered");
        assert!(ordered < refused, "{name}: {log}");
    }
    setup.finish();
}

#[test]
fn r56_a_ca_that_says_when_to_come_back_is_not_asked_before() {
    let fixture = Fixture::new();
    let stub = Target::start("stub");
    let pair = fixture.place.pki().issue("stub", &["localhost"]);
    let front = SecureTarget::start(&stub, &pair, None);
    let acme = fixture.acme(&format!("{}/dir", front.url()), "");
    let setup = Setup::with(|settings| {
        settings.listener_key("tls", "true").service("hosts", "[\"a.test\"]").extra(&acme)
    });
    let api = fixture.place.url().trim_end_matches("dir").to_owned();
    let _ca = fixture.start(1, setup.teal.listener().port(), YEAR, &[]);
    let answer = |status: &str, body: &str| {
        let length = body.len();
        Behavior::raw(format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nRetry-After: 7200\r\n\
             Replay-Nonce: abc\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    };
    let directory = serde_json::json!({
        "newNonce": format!("{api}nonce-plz"),
        "newAccount": format!("{api}sign-me-up"),
        "newOrder": format!("{}/order", front.url()),
        "meta": {},
    });
    stub.behave_at("/dir", answer("200 OK", &directory.to_string()));
    let limited =
        r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many of them"}"#;
    stub.behave_at("/order", answer("429 Too Many Requests", limited));
    setup.teal.cli(&["reload"]).assert_code(0);
    let said = problem_with(&setup.teal, "a.test", "rateLimited");
    assert!(said.contains("too many of them"), "{said}");
    setup.teal.log_has(&["too many of them", "not before then: the CA asked to wait"]);

    // A reload asks for the other name, and not for this one again.
    setup.teal.write_settings(&settings(&setup, &["a.test", "b.test"], &acme));
    setup.teal.cli(&["reload"]).assert_code(0);
    problem_with(&setup.teal, "b.test", "rateLimited");
    let orders = stub.seen().requests_to("/order");
    let of = |name: &str| {
        let names = orders.iter().map(|order| payload(&order.body));
        names.filter(|order| String::from_utf8_lossy(order).contains(name)).count()
    };
    assert_eq!((of("a.test"), of("b.test")), (1, 1));
    let next = order(&setup.teal, "a.test")["next"].as_str().expect("a time").to_owned();
    assert!(next > in_an_hour(), "{next}");
    setup.finish();
}

/// A CA in which each answer is a stub's.
struct StubCa {
    fixture: Fixture,
    stub: Target,
    front: SecureTarget,
}

const REFUSED: &str = "403 Forbidden";
const LIMITED: &str = "429 Too Many Requests\r\nRetry-After: 7200";

impl StubCa {
    fn new() -> Self {
        let (fixture, stub) = (Fixture::new(), Target::start("stub"));
        let pair = fixture.place.pki().issue("stub", &["localhost"]);
        let front = SecureTarget::start(&stub, &pair, None);
        let ca = Self { fixture, stub, front };
        let url = |path| format!("{}{path}", ca.front.url());
        let directory = serde_json::json!({
            "newNonce": url("/nonce"), "newAccount": url("/accounts"), "newOrder": url("/orders"),
            "meta": {},
        });
        ca.answers("/dir", "200 OK", &directory.to_string());
        ca.answers("/nonce", "200 OK", "");
        ca
    }

    fn answers(&self, path: &str, status: &str, body: &str) {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nReplay-Nonce: abc\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.stub.behave_at(path, Behavior::raw(answer));
    }

    fn refuses(&self, path: &str, status: &str, kind: &str, detail: &str) {
        let kind = format!("urn:ietf:params:acme:error:{kind}");
        let problem = serde_json::json!({ "type": kind, "detail": detail });
        self.answers(path, status, &problem.to_string());
    }

    /// Gives this account to those that ask for one, in this state.
    fn has_account(&self, path: &str, state: &str) {
        let status = format!("201 Created\r\nLocation: {}{path}", self.front.url());
        let body = format!("{{\"status\":\"{state}\"}}");
        self.answers("/accounts", &status, &body);
        self.answers(path, "200 OK", &body);
    }

    fn asked(&self, path: &str) -> usize {
        self.stub.seen().requests_to(path).len()
    }

    fn setup(&self, names: &[&str]) -> Setup {
        let acme = self.acme();
        Setup::with(|settings| {
            let settings = settings.listener_key("tls", "true");
            settings.service("hosts", &format!("{names:?}")).extra(&acme)
        })
    }

    fn acme(&self) -> String {
        self.fixture.acme(&format!("{}/dir", self.front.url()), "")
    }
}

#[test]
fn r56_an_account_stays_where_a_ca_refuses_one_name_and_until_there_is_another() {
    let ca = StubCa::new();
    ca.has_account("/account/1", "valid");
    ca.refuses("/orders", REFUSED, "unauthorized", "not in your contract");
    let setup = ca.setup(&["a.test"]);
    let file = || fs::read_to_string(kept(&setup.teal).join("account.json")).expect("kept");
    let said = problem_with(&setup.teal, "a.test", "unauthorized");
    assert!(said.contains("not in your contract"), "{said}");
    let first = file();
    assert!(first.contains("/account/1"), "{first}");
    let again = || {
        let failures = || setup.teal.log().matches("no certificate was issued").count();
        let before = failures();
        setup.teal.cli(&["reload"]).assert_code(0);
        wait_until(PATIENCE, "it is tried again", || failures() > before);
    };
    again();
    again();
    assert_eq!((ca.asked("/accounts"), file()), (1, first.clone()));

    // Lost in truth, with an external key that may be used once: what is kept stays.
    ca.refuses("/account/1", "401 Unauthorized", "unauthorized", "deactivated");
    ca.refuses("/accounts", REFUSED, "unauthorized", "that key was used");
    again();
    problem_with(&setup.teal, "a.test", "that key was used");
    assert_eq!(file(), first);

    // The CA has it again: it needs no other.
    ca.has_account("/account/1", "valid");
    let before = ca.asked("/accounts");
    again();
    problem_with(&setup.teal, "a.test", "not in your contract");
    assert_eq!((ca.asked("/accounts"), file()), (before, first));

    // A state instead of a refusal says it as well.
    ca.has_account("/account/2", "valid");
    ca.answers("/account/1", "200 OK", "{\"status\":\"revoked\"}");
    setup.teal.cli(&["reload"]).assert_code(0);
    wait_until(PATIENCE, "the other one is kept", || file().contains("/account/2"));
    setup.finish();
}

#[test]
fn r56_a_ca_that_limits_accounts_is_asked_before_its_time_by_no_name() {
    let ca = StubCa::new();
    ca.refuses("/accounts", LIMITED, "rateLimited", "too many accounts");
    let setup = ca.setup(&["a.test", "b.test", "c.test"]);
    let waits = |name: &str| {
        problem_with(&setup.teal, name, "too many accounts");
        let next = order(&setup.teal, name)["next"].as_str().expect("a time").to_owned();
        assert!(next > in_an_hour(), "{name}: {next}");
    };
    for name in ["a.test", "b.test", "c.test"] {
        waits(name);
    }
    // Nor by a name that comes later.
    let names = ["a.test", "b.test", "c.test", "d.test"];
    setup.teal.write_settings(&settings(&setup, &names, &ca.acme()));
    setup.teal.cli(&["reload"]).assert_code(0);
    waits("d.test");
    assert_eq!(ca.asked("/accounts"), 1);
    setup.finish();
}

/// The time in an hour as `teal status` says it, to the second.
fn in_an_hour() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let output = std::process::Command::new("date")
        .args(["-u", "-d", &format!("@{}", now + 3600), "+%Y-%m-%dT%H:%M:%S"])
        .output()
        .expect("date is installed");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn check(directory: &Path, names: &str, acme: &str) -> testkit::CliResult {
    let file = directory.join("teal.toml");
    let text = format!(
        "state_dir = \"{0}\"\n[[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\n\
         [[service]]\nname = \"web\"\nhosts = {names}\n\
         blue = {{ targets = [\"http://127.0.0.1:1\"] }}\n\
         green = {{ targets = [\"http://127.0.0.1:2\"] }}\n[acme]\n{acme}\n",
        directory.display()
    );
    fs::write(&file, text).expect("written");
    let arguments = vec!["check".to_owned(), "--config".to_owned(), file.display().to_string()];
    testkit::run(Path::new(TEAL), arguments, &[], SOON)
}

#[test]
fn r57_check_names_the_hosts_that_no_ca_gives_a_certificate_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path();
    let all = "[\"example.com\", \"app.internal\", \"printer.local\", \"intranet\", \
               \"my_app.example.com\", \"10.0.0.1\", \"*.example.com\"]";
    let said = check(at, all, "");
    said.assert_code(0);
    for (host, why) in [
        ("app.internal", "not in the public DNS"),
        ("printer.local", "not in the public DNS"),
        ("intranet", "without a dot"),
        ("my_app.example.com", "underscore"),
        ("10.0.0.1", "IP addresses"),
        ("*.example.com", "dns-01"),
    ] {
        let line = format!("no certificate will be ordered for {host}: ");
        let all = said.all();
        let line = all.lines().find(|said| said.contains(&line));
        assert!(line.is_some_and(|line| line.contains(why)), "{host}: {all}");
    }
    assert!(!said.all().contains("ordered for example.com"), "{}", said.all());
    // None is left: that is not a valid configuration.
    let said = check(at, "[\"app.internal\"]", "");
    said.assert_code(2);
    assert!(said.all().contains("acme has no name to order a certificate for"), "{}", said.all());
    // A CA of one's own gives what it likes.
    let own = "directory = \"https://ca.internal/acme/directory\"";
    let said = check(at, "[\"app.internal\", \"intranet\"]", own);
    said.assert_code(0);
    assert!(!said.all().contains("no certificate will be ordered"), "{}", said.all());
    // The key of an external account.
    let key = at.join("eab.key");
    let eab = format!("eab = {{ key_id = \"k\", hmac_key_file = \"{}\" }}", key.display());
    fs::write(&key, "not a key!").expect("written");
    let said = check(at, "[\"example.com\"]", &eab);
    said.assert_code(2);
    assert!(said.all().contains("eab.key is not base64url"), "{}", said.all());
    let said = check(at, "[\"example.com\"]", "eab = { key_id = \"k\" }");
    said.assert_code(2);
    assert!(said.all().contains("acme.eab needs both"), "{}", said.all());
    fs::write(&key, KEY).expect("written");
    let said = check(at, "[\"example.com\"]", &eab);
    said.assert_code(0);
    assert!(said.all().contains("others may use the private key"), "{}", said.all());
}

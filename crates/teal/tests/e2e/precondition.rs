//! Unusable things that a configuration names: `teal check` and `teal run` refuse them alike, all at once,
//! with the place of each key, and neither waits for what never comes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::{CliResult, Client, Pair, Pki};

use crate::TEAL;
use crate::setup::Setup;

struct Fixture {
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
        path
    }

    /// A configuration with these lines before its service.
    fn write(&self, state: &str, lines: &str) -> PathBuf {
        let path = self.path("teal.toml");
        let text = format!(
            "state_dir = \"{state}\"\n{lines}\n[[service]]\nname = \"web\"\nblue = {{ targets = \
             [\"http://127.0.0.1:1\"] }}\ngreen = {{ targets = [\"http://127.0.0.1:2\"] }}\n"
        );
        fs::write(&path, text).expect("written");
        path
    }
}

fn teal(verb: &str, file: &Path, more: &[&str]) -> CliResult {
    let file = file.display().to_string();
    let arguments = [&[verb, "--config", &file][..], more].concat();
    testkit::run(TEAL.as_ref(), &arguments, &[], Duration::from_secs(10))
}

/// Panics unless both refuse it, with these words.
#[track_caller]
fn refused(file: &Path, words: &[&str]) {
    for verb in ["check", "run"] {
        let result = teal(verb, file, &[]);
        result.assert_code(2);
        for word in words {
            assert!(
                result.stderr.contains(word),
                "{verb}: {word:?} is missing in {}",
                result.all()
            );
        }
    }
    let json = teal("check", file, &["--json"]);
    json.assert_code(2);
    assert!(json.all().contains("\"line\""), "{}", json.all());
}

const ADMIN: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n";

#[test]
fn r36_check_refuses_the_same_files_as_run() {
    let fixture = Fixture::new();
    fs::write(fixture.path("file"), "").expect("written");
    refused(&fixture.write("file", ADMIN), &["teal.toml:1:13: state_dir:", "is not a directory"]);
    refused(
        &fixture.write("file/below", ADMIN),
        &["teal.toml:1:13: state_dir:", "not a directory"],
    );
    let long = "d".repeat(100);
    refused(&fixture.write(&long, ADMIN), &["teal.toml:1:13: state_dir:", "107", "shorter"]);
    let group = ADMIN.replace("[admin]", "[admin]\nsocket_group = \"nobody-knows\"");
    refused(
        &fixture.write("state", &group),
        &["teal.toml:3:16: admin.socket_group: there is no group \"nobody-knows\""],
    );
    let with = |lines: &str| fixture.write("state", &format!("{ADMIN}{lines}"));
    refused(
        &with("[access_log]\npath = \".\""),
        &["teal.toml:7:8: access_log.path:", "is a directory"],
    );
    refused(
        &with("[access_log]\npath = \"no/a.log\""),
        &["access_log.path:", "does not exist; create it"],
    );
    refused(
        &with("[upgrade]\nbinary = \"none\""),
        &["teal.toml:7:10: upgrade.binary:", "does not exist"],
    );
    refused(&with("[upgrade]\nbinary = \".\""), &["upgrade.binary:", "is not a file"]);
    refused(
        &with("[upgrade]\nbinary = \"file\""),
        &["upgrade.binary:", "is not executable", "chmod +x"],
    );
    fs::set_permissions(fixture.path("file"), fs::Permissions::from_mode(0o755)).expect("a mode");
    teal("check", &with("[upgrade]\nbinary = \"file\""), &[]).assert_code(0);
    // An address of nobody here (RFC 5737): known without running.
    let other = ADMIN.replace("address = \"127.0.0.1:0\"", "address = \"192.0.2.1:8080\"");
    let checked = teal("check", &fixture.write("state", &other), &[]);
    checked.assert_code(2);
    assert!(
        checked.all().contains("teal.toml:5:11: listener.address: cannot listen on"),
        "{}",
        checked.all()
    );
    assert!(!fixture.path("state").exists(), "looking makes nothing");
}

#[test]
fn r36_problems_that_may_matter_later_are_warnings() {
    let fixture = Fixture::new();
    let pki = Pki::new(fixture.directory.path());
    let old = pki.issue_until("old", &["a.test"], 2020);
    let twin = pki.issue("twin", &["a.test"]);
    let text = format!("{}{}", secure(&old), &secure(&twin)[LISTENER.len()..]);
    let file = fixture.write("state", &text);
    let checked = teal("check", &file, &[]);
    checked.assert_code(0);
    for word in
        ["expired", "teal.toml:8:8: certificate.cert:", "is never used", "2 warnings", "EC P-256"]
    {
        assert!(checked.all().contains(word), "{word:?} is missing in {}", checked.all());
    }
    let json = teal("check", &file, &["--json"]);
    json.assert_code(0);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(value["ok"], true);
    assert_eq!(value["warnings"].as_array().map(Vec::len), Some(2), "{value}");
    assert_eq!(value["warnings"][0]["line"], 8);
    let pair = secure(&pki.issue("ec", &["a.test"]));
    let rsa = secure(&pki.issue_rsa("rsa", &["a.test"]));
    let checked =
        teal("check", &fixture.write("state", &format!("{pair}{}", &rsa[LISTENER.len()..])), &[]);
    checked.assert_code(0);
    assert!(!checked.all().contains("warning"), "EC and RSA are a pair: {}", checked.all());
}

#[test]
fn r38_check_warns_of_files_that_others_may_read_as_a_start_does() {
    let fixture = Fixture::new();
    let pki = Pki::new(fixture.directory.path());
    let pair = pki.issue("site", &["a.test"]);
    let state = fixture.path("state");
    fs::create_dir(&state).expect("made");
    fs::write(state.join("admin.token"), "a".repeat(64)).expect("written");
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    };
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    let file = fixture.write("state", &secure(&pair));
    let token = state.join("admin.token");
    set(&state, 0o755);
    set(&token, 0o600);
    let checked = teal("check", &file, &[]);
    checked.assert_code(0);
    assert!(!checked.all().contains("warning"), "{}", checked.all());
    for (path, open) in [(&pair.key, 0o644), (&state, 0o777), (&token, 0o644)] {
        set(path, open);
    }
    let checked = teal("check", &file, &[]);
    checked.assert_code(0);
    for word in [
        "certificate.key:",
        "has mode 0644: others may use the private key; write: chmod o=",
        "state has mode 0777: others may write to it; write: chmod 755",
        "admin.token has mode 0644: others have access to it; write: chmod 600",
        "3 warnings",
    ] {
        assert!(checked.all().contains(word), "{word:?} is missing in {}", checked.all());
    }
    assert_eq!(
        (mode(&pair.key), mode(&state), mode(&token)),
        (0o644, 0o777, 0o644),
        "it only looks"
    );
}

const LISTENER: &str =
    "[admin]\nlisten = \"127.0.0.1:0\"\n[[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\n";

fn secure(Pair { cert, key }: &Pair) -> String {
    let (cert, key) = (cert.display(), key.display());
    format!("{LISTENER}[[certificate]]\ncert = \"{cert}\"\nkey = \"{key}\"\n")
}

// L10
#[test]
fn r35_neither_check_nor_run_waits_for_a_named_pipe() {
    let fixture = Fixture::new();
    let pki = Pki::new(fixture.directory.path());
    let good = pki.issue("good", &["a.test"]);
    let pipe = fixture.pipe("pipe");
    let log = format!("{ADMIN}[access_log]\npath = \"pipe\"\n");
    refused(
        &fixture.write("state", &log),
        &["access_log.path:", "is a named pipe without a reader"],
    );
    for (cert, key) in [(&pipe, &good.key), (&good.cert, &pipe)] {
        let pair = Pair { cert: cert.clone(), key: key.clone() };
        refused(&fixture.write("state", &secure(&pair)), &["pipe: is a named pipe"]);
    }
    let socket = fixture.path("socket");
    let _listening = UnixListener::bind(&socket).expect("a socket");
    for (path, word) in [(socket.as_path(), "is a socket"), (Path::new("/dev/zero"), "is a device")]
    {
        let pair = Pair { cert: path.to_owned(), key: good.key.clone() };
        refused(
            &fixture.write("state", &secure(&pair)),
            &[word, "teal.toml:8:8: certificate.cert:"],
        );
    }
    for verb in ["check", "run"] {
        let result = teal(verb, &pipe, &[]);
        result.assert_code(2);
        assert!(result.all().contains("is a named pipe, not a file"), "{}", result.all());
    }
}

/// Writes the good pair in the forms that other programs use.
fn write_other_forms(directory: &Path) {
    for arguments in [
        "pkey -in good.key -aes256 -passout pass:secret -out enc.key",
        "ec -in good.key -aes256 -passout pass:secret -out old.key",
        "pkey -in good.key -outform DER -out der.key",
        "x509 -in good.pem -outform DER -out der.pem",
        "pkcs12 -export -in good.pem -inkey good.key -passout pass:secret -out all.p12",
    ] {
        let mut command = Command::new("openssl");
        let output = command.current_dir(directory).args(arguments.split(' ')).output();
        let output = output.expect("openssl is installed");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments}: {said}");
    }
}

#[test]
fn r31_every_form_of_certificate_and_key_is_accepted_or_refused_with_its_conversion() {
    let fixture = Fixture::new();
    let pki = Pki::new(fixture.directory.path());
    let good = pki.issue("good", &["a.test"]);
    write_other_forms(fixture.directory.path());
    let check = |cert: &Path, key: &Path| {
        let pair = Pair { cert: cert.to_owned(), key: key.to_owned() };
        teal("check", &fixture.write("state", &secure(&pair)), &[])
    };
    // A byte order mark and the line ends of Windows.
    for file in ["good.pem", "good.key"] {
        let text = fs::read_to_string(fixture.path(file)).expect("a file").replace('\n', "\r\n");
        fs::write(fixture.path(&format!("win.{file}")), format!("\u{feff}{text}"))
            .expect("written");
    }
    check(&fixture.path("win.good.pem"), &fixture.path("win.good.key")).assert_code(0);
    // Both files of a pair, each at its own place.
    for (cert, key, words) in [
        (
            "der.pem",
            "enc.key",
            &[
                "8:8: certificate.cert:",
                "x509 -inform DER -in",
                "9:7: certificate.key:",
                "encrypted; decrypt it with `openssl pkey -in",
            ][..],
        ),
        (
            "all.p12",
            "old.key",
            &["is PKCS#12", "-nokeys", "encrypted; decrypt it with", "2 problems"],
        ),
        (
            "good.key",
            "good.pem",
            &["no certificate; are the two files swapped", "no private key; are"],
        ),
        (
            "none.pem",
            "der.key",
            &["none.pem: does not exist", "pkey -inform DER -in", "2 problems"],
        ),
        ("good.pem", "all.p12", &["is PKCS#12", "-nocerts"]),
        ("ca.pem", "good.key", &["ca.pem"]),
    ] {
        let checked = check(&fixture.path(cert), &fixture.path(key));
        checked.assert_code(2);
        for word in words {
            assert!(
                checked.all().contains(word),
                "{cert} {key}: {word:?} is missing in {}",
                checked.all()
            );
        }
    }
    // The problems of all pairs at once.
    let none = |name: &str| Pair { cert: fixture.path(name), key: good.key.clone() };
    let text =
        format!("{}{}", secure(&none("one.pem")), &secure(&none("two.pem"))[LISTENER.len()..]);
    refused(
        &fixture.write("state", &text),
        &["one.pem: does not exist", "two.pem: does not exist", "2 problems"],
    );
}

#[test]
fn r29_a_listener_of_all_addresses_takes_ipv4_and_says_so() {
    let setup = Setup::with(|settings| settings.listener("[::]:0"));
    let port = setup.teal.listener().port();
    for ip in ["127.0.0.1", "[::1]"] {
        let address = format!("{ip}:{port}").parse().expect("an address");
        let mut client = Client::connect(address);
        client.send("GET /who HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer().status, 200, "{ip}");
    }
    let seen = setup.blue.seen().requests_to("/who");
    let clients: Vec<_> = seen.iter().map(|seen| seen.fields.get("x-forwarded-for")).collect();
    assert_eq!(clients, [Some("127.0.0.1"), Some("::1")]);
    setup.teal.log_has(&["(IPv6 and IPv4)"]);
    setup.finish();
}

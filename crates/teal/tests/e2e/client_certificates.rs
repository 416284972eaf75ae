//! Certificates of clients: what targets and the access log hear of them, and what is forged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::{Pki, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::setup::{SOON, Setup};

/// A CA, the listener's certificate, and a client's.
struct Fixture {
    pki: Pki,
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { pki: Pki::new(directory.path()), directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A listener that asks for certificates.
    fn setup(&self, further: &str, adjust: impl FnOnce(Settings) -> Settings) -> Setup {
        let site = self.pki.issue("site", &["localhost"]);
        let auth = format!("{{ ca = '{}'{further} }}", self.pki.ca().display());
        let (cert, key) = (site.cert.display(), site.key.display());
        Setup::with(|settings| {
            let settings = settings.listener_key("tls", "true").listener_key("client_auth", &auth);
            let certificate = format!("[[certificate]]\ncert = '{cert}'\nkey = '{key}'\n");
            adjust(settings.extra(&certificate))
        })
    }

    /// curl with these arguments, showing the certificate in this file.
    fn curl(&self, setup: &Setup, shown: Option<(&Path, &Path)>, arguments: &[&str]) -> String {
        let url = format!("https://localhost:{}/who", setup.teal.listener().port());
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--max-time", "10", "-w", " %{http_code}", "--cacert"]);
        curl.arg(self.pki.ca());
        if let Some((cert, key)) = shown {
            curl.arg("--cert").arg(cert).arg("--key").arg(key);
        }
        let output = curl.args(arguments).arg(url).output().expect("curl is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The base64 of the first certificate of a file: PEM has it already.
fn base64(path: &Path) -> String {
    let pem = fs::read_to_string(path).expect("a file");
    pem.lines().skip(1).take_while(|line| !line.starts_with("-----")).collect()
}

#[test]
fn r52_a_target_is_sent_the_certificate_of_the_client_over_both_versions() {
    let fixture = Fixture::new();
    let setup = fixture.setup(", mode = 'request'", |settings| settings);
    let client = fixture.pki.issue("client", &["client.test"]);
    for version in ["--http1.1", "--http2"] {
        let forged = ["-H", "Client-Cert: :Zm9yZ2Vk:", "-H", "client_cert: :Zm9yZ2Vk:"];
        let arguments = [&[version][..], &forged].concat();
        let shown = Some((&*client.cert, &*client.key));
        assert!(fixture.curl(&setup, shown, &arguments).ends_with(" 200"));
        assert!(fixture.curl(&setup, None, &arguments).ends_with(" 200"));
    }
    let seen = setup.blue.seen().requests_to("/who");
    assert_eq!(seen.len(), 4);
    for (request, shown) in seen.iter().zip([true, false, true, false]) {
        let expected = shown.then(|| format!(":{}:", base64(&client.cert)));
        assert_eq!(request.fields.get("client-cert"), expected.as_deref());
        assert_eq!(request.fields.get("client-cert-chain"), None, "unless it is asked for");
        assert_eq!(request.fields.get("client_cert"), None);
    }
    setup.finish();
}

#[test]
fn r52_with_chain_the_target_is_sent_the_intermediate_certificates_too() {
    let fixture = Fixture::new();
    let setup = fixture.setup(", chain = true", |settings| settings);
    let client = fixture.pki.issue("client", &["client.test"]);
    let both = [&client.cert, &fixture.pki.ca()].map(|path| fs::read(path).expect("a file"));
    let file = fixture.path("both.pem");
    fs::write(&file, both.concat()).expect("a file");
    assert!(fixture.curl(&setup, Some((&file, &client.key)), &[]).ends_with(" 200"));
    let seen = setup.blue.seen().requests_to("/who");
    let fields = &seen[0].fields;
    let [leaf, above] = [&client.cert, &fixture.pki.ca()].map(|path| format!(":{}:", base64(path)));
    assert_eq!(fields.get("client-cert"), Some(leaf.as_str()));
    assert_eq!(fields.get("client-cert-chain"), Some(above.as_str()));
    setup.finish();
}

#[test]
fn r52_a_chain_that_does_not_fit_a_head_is_refused_and_no_part_of_it_sent() {
    let fixture = Fixture::new();
    let setup = fixture.setup("", |settings| settings.limits("head_bytes", "1024"));
    let names: Vec<String> = (0..60).map(|number| format!("name-{number}.client.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let client = fixture.pki.issue("client", &names);
    assert!(fixture.curl(&setup, Some((&client.cert, &client.key)), &[]).ends_with(" 431"));
    assert_eq!(setup.blue.seen().requests_to("/who").len(), 0);
    setup.finish();
}

#[test]
fn r52_a_trusted_proxy_tells_of_its_clients_and_not_of_itself() {
    let fixture = Fixture::new();
    let setup = fixture.setup("", |settings| {
        let settings = settings.listener_key("trusted", "[\"127.0.0.0/8\"]");
        settings.service("drop_headers", "[\"Remote-User\"]")
    });
    let proxy = fixture.pki.issue("proxy", &["proxy.test"]);
    let shown = Some((&*proxy.cert, &*proxy.key));
    fixture.curl(&setup, shown, &["-H", "Client-Cert: :Y2xpZW50:", "-H", "Remote-User: ann"]);
    fixture.curl(&setup, shown, &[]);
    let seen = setup.blue.seen().requests_to("/who");
    assert_eq!(seen[0].fields.get("client-cert"), Some(":Y2xpZW50:"));
    assert_eq!(seen[0].fields.get("remote-user"), Some("ann"));
    assert_eq!(seen[1].fields.get("client-cert"), None, "its client has shown none");
    setup.finish();
}

#[test]
fn r52_names_to_be_dropped_are_those_of_the_service_and_change_with_a_reload() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let drop = |names: &str| Settings::new(&blue, &green).service("drop_headers", names);
    let teal = Teal::start_healthy(TEAL, &drop("[\"Remote-User\", \"X-Auth-*\"]"));
    let ask = |path: &str| {
        let mut client = testkit::Client::connect(teal.listener());
        client.send(format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nREMOTE-USER: root\r\nx-auth-role: admin\r\nX-Kept: 1\r\n\r\n"
        ));
        assert_eq!(client.answer().status, 200);
        let seen = blue.seen().requests_to(path);
        ["remote-user", "x-auth-role", "x-kept"].map(|name| seen[0].fields.get(name).is_some())
    };
    assert_eq!(ask("/1"), [false, false, true]);
    let mut client = testkit::Client::connect(teal.listener());
    client.send(
        "POST /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\
         Remote-User: root\r\nREMOTE_USER: root\r\nX-Auth-Role: admin\r\nx_y: 1\r\nX-Kept: 1\r\n\r\n",
    );
    assert_eq!(client.answer().status, 200);
    let seen = blue.seen().requests_to("/trailers");
    let trailers = &seen[0].trailers;
    assert_eq!(trailers.get("x-kept"), Some("1"));
    for name in ["remote-user", "remote_user", "x-auth-role", "x_y"] {
        assert_eq!(trailers.get(name), None, "{name}");
    }
    teal.write_settings(&drop("[]"));
    let reloaded = teal.cli(&["reload"]);
    assert!(reloaded.stdout.contains("drop_headers changed"), "{}", reloaded.all());
    assert_eq!(ask("/2"), [true, true, true]);
    for (names, problem) in [
        ("[\"*\"]", "is not a field name"),
        ("[\"Remote User\"]", "write a name such as \"Remote-User\""),
        ("[\"Host\"]", "is always set by Teal itself"),
        ("\"Remote-User\"", "write drop_headers = [\"Remote-User\"]"),
    ] {
        teal.write_settings(&drop(names));
        let checked =
            teal.cli_bare(&["check", "--config", &teal.config().display().to_string()], &[]);
        assert!(checked.code == Some(2) && checked.all().contains(problem), "{}", checked.all());
    }
    teal.assert_books_balance();
}

#[test]
fn r52_the_access_log_says_whose_certificate_it_was() {
    let fixture = Fixture::new();
    let log = fixture.path("access.log");
    let table = format!("[access_log]\npath = '{}'\n", log.display());
    let setup = fixture.setup(", mode = 'request'", |settings| settings.extra(&table));
    let client = fixture.pki.issue_as_public("client", &["client.test"]);
    fixture.curl(&setup, Some((&client.cert, &client.key)), &[]);
    fixture.curl(&setup, None, &[]);
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    wait_until(SOON, "both are written", || lines().lines().count() == 2);
    let text = lines();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines[0]["client_subject"], "CN=client.test");
    let openssl = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&client.cert)
        .output()
        .expect("openssl is installed");
    let printed = String::from_utf8_lossy(&openssl.stdout).replace(':', "").to_lowercase();
    let sha256 = lines[0]["client_sha256"].as_str().expect("a fingerprint");
    assert!(sha256.len() == 64 && printed.contains(sha256), "{sha256} {printed}");
    assert!(lines[1].get("client_sha256").is_none(), "{text}");
    setup.finish();
}

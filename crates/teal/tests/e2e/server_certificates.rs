//! Certificates as people have them, made by openssl: for addresses, without a name, of version 1.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testkit::{Pki, Settings, Target, Teal};

use crate::TEAL;
use crate::setup::Setup;

/// A certificate and its key in a directory.
struct Made {
    cert: PathBuf,
    key: PathBuf,
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).stdin(Stdio::null()).output();
    let output = output.expect("openssl is installed");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// As everybody makes one, with these further arguments.
fn made(directory: &Path, name: &str, subject: &str, further: &[&str]) -> Made {
    let made = Made {
        cert: directory.join(format!("{name}.pem")),
        key: directory.join(format!("{name}.key")),
    };
    let (cert, key) = (made.cert.display().to_string(), made.key.display().to_string());
    let common = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let files = ["-days", "30", "-subj", subject, "-keyout", &key, "-out", &cert];
    let said = openssl(&[&common[..], &files, further].concat());
    assert!(made.cert.exists(), "{said}");
    made
}

/// One of X.509 version 1, which has no extensions.
fn version_1(directory: &Path, name: &str) -> Made {
    let made = Made {
        cert: directory.join(format!("{name}.pem")),
        key: directory.join(format!("{name}.key")),
    };
    let request = directory.join(format!("{name}.csr")).display().to_string();
    let (cert, key) = (made.cert.display().to_string(), made.key.display().to_string());
    openssl(&[
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        &format!("/CN={name}"),
        "-keyout",
        &key,
        "-out",
        &request,
    ]);
    openssl(&["x509", "-req", "-in", &request, "-signkey", &key, "-days", "30", "-out", &cert]);
    assert!(openssl(&["x509", "-noout", "-text", "-in", &cert]).contains("Version: 1"));
    made
}

fn table(made: &Made) -> String {
    format!("[[certificate]]\ncert = '{}'\nkey = '{}'\n", made.cert.display(), made.key.display())
}

fn setup(address: &str, all: &[&Made]) -> Setup {
    let tables: String = all.iter().map(|made| table(made)).collect();
    Setup::with(|settings| settings.listener(address).listener_key("tls", "true").extra(&tables))
}

fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args([
            "-sS",
            "--noproxy",
            "*",
            "--max-time",
            "10",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
        ])
        .args(arguments)
        .output()
        .expect("curl is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The subject of the certificate that a client without SNI is shown there.
fn shown(address: &str, port: u16) -> String {
    let connect = format!("{address}:{port}");
    let said = openssl(&["s_client", "-noservername", "-connect", &connect]);
    let subject = said.lines().find(|line| line.starts_with("subject="));
    subject.unwrap_or(&said).replace(' ', "")
}

#[test]
fn r54_a_certificate_for_an_address_alone_is_served_and_verified_by_curl() {
    let directory = tempfile::tempdir().expect("a directory");
    let only =
        made(directory.path(), "ip", "/O=inside", &["-addext", "subjectAltName=IP:127.0.0.1"]);
    let setup = setup("127.0.0.1:0", &[&only]);
    let url = format!("https://127.0.0.1:{}/who", setup.teal.listener().port());
    let ca = only.cert.display().to_string();
    for version in ["--http1.1", "--http2"] {
        assert_eq!(curl(&[version, "--cacert", &ca, &url]), "200", "Host is the address, no SNI");
    }
    assert_eq!(setup.teal.status()["certificates"][0]["names"], serde_json::json!(["127.0.0.1"]));
    setup.finish();
}

#[test]
fn r54_a_client_without_a_name_is_shown_the_certificate_of_the_address_it_came_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let san = |names: &str| format!("subjectAltName={names}");
    let name = made(directory.path(), "name", "/CN=name", &["-addext", &san("DNS:a.test")]);
    let ip = made(
        directory.path(),
        "ip",
        "/CN=ip",
        &["-addext", &san("IP:127.0.0.2,DNS:b.test,IP:::1")],
    );
    // An IPv4 client of the second comes by an address that is mapped into IPv6.
    for address in ["0.0.0.0:0", "[::]:0"] {
        let setup = setup(address, &[&name, &ip]);
        let port = setup.teal.listener().port();
        assert_eq!(shown("127.0.0.2", port), "subject=CN=ip");
        assert_eq!(shown("127.0.0.1", port), "subject=CN=name", "the first one");
        if address.starts_with('[') {
            assert_eq!(shown("[::1]", port), "subject=CN=ip");
        }
        let connect = format!("127.0.0.2:{port}");
        let named = openssl(&["s_client", "-servername", "a.test", "-connect", &connect]);
        assert!(named.contains("CN = name"), "a name wins over the address: {named}");
        setup.finish();
    }
}

#[test]
fn r54_the_address_is_the_one_that_a_proxy_announces() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let first = pki.issue("first", &["localhost"]);
    let ip = pki.issue("ip", &["192.0.2.2", "localhost"]);
    let tables: String = [&first, &ip]
        .map(|pair| table(&Made { cert: pair.cert.clone(), key: pair.key.clone() }))
        .concat();
    let setup = Setup::with(|settings| {
        let settings = settings.listener_key("tls", "true").extra(&tables);
        settings.listener_key("proxy_protocol", "[\"127.0.0.1\"]")
    });
    let shown = |reached: &str| {
        let mut socket = TcpStream::connect(setup.teal.listener()).expect("it accepts");
        let header = format!("PROXY TCP4 192.0.2.1 {reached} 5 443\r\n");
        socket.write_all(header.as_bytes()).expect("sent");
        let session = pki.trust(None).shake_hands(socket).expect("a handshake");
        session.conn.peer_certificates().expect("a certificate")[0].to_vec()
    };
    assert_ne!(shown("192.0.2.2"), shown("192.0.2.3"));
    setup.finish();
}

#[test]
fn r54_certificates_without_a_usable_name_are_served_and_check_names_the_clients_that_refuse_them()
{
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    for (made, defect, others) in [
        (made(path, "cn.test", "/CN=cn.test", &[]), "has no DNS name or address", false),
        (
            made(path, "uri.test", "/CN=uri.test", &["-addext", "subjectAltName=URI:spiffe://a/b"]),
            "has no DNS name or address",
            false,
        ),
        (version_1(path, "v1.test"), "is not X.509 version 3", false),
        (made(path, "nobody", "/O=nobody in particular", &[]), "has no DNS name or address", true),
    ] {
        let settings =
            Settings::new(&blue, &green).listener_key("tls", "true").extra(&table(&made));
        let teal = Teal::start_healthy(TEAL, &settings);
        let port = teal.listener().port();
        let own = made.cert.file_stem().and_then(|name| name.to_str()).expect("a name");
        for (name, served) in [(own, true), ("other.test", others)] {
            let resolve = format!("{name}:{port}:127.0.0.1");
            let url = format!("https://{name}:{port}/who");
            let status = curl(&["-k", "--resolve", &resolve, &url]);
            assert_eq!(status == "200", served, "{own}: {name} got {status}");
        }
        assert_eq!(curl(&["-k", &format!("https://127.0.0.1:{port}/who")]), "200", "{own}: no SNI");
        let config = teal.config().display().to_string();
        let checked = teal.cli_bare(&["check", "--config", &config], &[]).all();
        assert!(checked.contains(defect) && checked.contains("openssl req -x509"), "{checked}");
        teal.assert_books_balance();
    }
}

#[test]
fn r54_a_key_of_another_certificate_is_refused_whatever_its_version() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, other) =
        (version_1(directory.path(), "a.test"), version_1(directory.path(), "b.test"));
    let mixed = Made { cert: one.cert, key: other.key };
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = Settings::new(&blue, &green).listener_key("tls", "true").extra(&table(&mixed));
    let teal = Teal::prepare(TEAL, &settings);
    let config = teal.config().display().to_string();
    let checked = teal.cli_bare(&["check", "--config", &config], &[]);
    assert_eq!(checked.code, Some(2));
    assert!(
        checked.all().contains("this key does not belong to the certificate"),
        "{}",
        checked.all()
    );
}

#[test]
fn r54_the_admin_api_shows_a_certificate_of_version_1_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let one = version_1(directory.path(), "localhost");
    let tls = format!("{{ cert = '{}', key = '{}' }}", one.cert.display(), one.key.display());
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green).admin("tls", &tls));
    teal.spawn(&[]);
    testkit::wait_until(crate::setup::SOON, "it serves", || teal.log().contains("admin on "));
    drop(Pki::new(directory.path()));
}

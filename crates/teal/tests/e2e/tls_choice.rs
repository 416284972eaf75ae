//! Which certificate a client is shown, as openssl's own client sees it: by its signature algorithms
//! where there are several for one name, and none for a name that nobody has.

use std::process::{Command, Stdio};

use testkit::{Pair, Pki, Settings};

use crate::setup::Setup;

/// The output of openssl's client; without `name` it sends none.
fn handshake(setup: &Setup, name: Option<&str>, arguments: &[&str]) -> String {
    let mut command = Command::new("timeout");
    command.args(["20", "openssl", "s_client", "-connect", &setup.teal.listener().to_string()]);
    match name {
        Some(name) => command.args(["-servername", name]),
        None => command.arg("-noservername"),
    };
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.expect("openssl is installed");
    [output.stdout, output.stderr].iter().map(|text| String::from_utf8_lossy(text)).collect()
}

/// The kind of key that the server signed the handshake with, in openssl's words.
fn signed_by(setup: &Setup, name: Option<&str>, arguments: &[&str]) -> String {
    let said = handshake(setup, name, arguments);
    let line = said.lines().find_map(|line| line.strip_prefix("Peer signature type: "));
    line.unwrap_or_else(|| said.lines().find(|line| line.contains("alert")).unwrap_or(&said))
        .to_owned()
}

fn setup(pairs: &[Pair]) -> Setup {
    let tables = pairs.iter().map(|Pair { cert, key }| {
        format!("[[certificate]]\ncert = '{}'\nkey = '{}'\n", cert.display(), key.display())
    });
    let certificates = tables.collect::<Vec<_>>().concat();
    let secure = |settings: Settings| settings.listener_key("tls", "true").extra(&certificates);
    Setup::with(secure)
}

const ONLY_RSA: &[&str] = &["-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"];
const ONLY_EC: &[&str] = &["-sigalgs", "ECDSA+SHA256"];

#[test]
fn r23_of_two_certificates_for_a_name_a_client_gets_the_one_that_it_can_verify() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let ec = pki.issue("ec", &["a.test", "*.b.test"]);
    let rsa = pki.issue_rsa("rsa", &["a.test", "*.b.test"]);
    for pairs in [[ec.clone(), rsa.clone()], [rsa, ec]] {
        let setup = setup(&pairs);
        for name in [Some("a.test"), Some("x.b.test"), None] {
            for version in ["-tls1_2", "-tls1_3"] {
                let signed =
                    |offered: &[&str]| signed_by(&setup, name, &[offered, &[version]].concat());
                assert_eq!(signed(ONLY_RSA), "RSA-PSS", "{name:?} {version}");
                assert_eq!(signed(ONLY_EC), "ECDSA", "{name:?} {version}");
                assert_eq!(signed(&[]), "ECDSA", "{name:?} {version}: the cheaper one");
            }
        }
        let old = ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"];
        assert_eq!(signed_by(&setup, Some("a.test"), &old), "RSA-PSS", "by its cipher suites");
        setup.finish();
    }
}

#[test]
fn r23_a_wildcard_helps_where_the_certificate_of_the_name_does_not_fit() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let setup = setup(&[pki.issue("ec", &["a.test"]), pki.issue_rsa("rsa", &["*.test"])]);
    assert_eq!(signed_by(&setup, Some("a.test"), &[]), "ECDSA");
    assert_eq!(signed_by(&setup, Some("a.test"), ONLY_RSA), "RSA-PSS");
    assert_eq!(signed_by(&setup, Some("b.test"), &[]), "RSA-PSS");
    let said = signed_by(&setup, Some("b.test"), ONLY_EC);
    assert!(said.contains("alert handshake failure"), "{said}");
    setup.finish();
}

#[test]
fn r30_a_name_that_no_certificate_has_is_answered_unrecognized_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let setup = setup(&[pki.issue("a", &["a.test", "*.b.test"])]);
    for name in ["c.test", "b.test", "x.y.b.test", "xa.test"] {
        for arguments in [&["-tls1_2"][..], &["-tls1_3"], &["-alpn", "acme-tls/1"]] {
            let said = handshake(&setup, Some(name), arguments);
            assert!(said.contains("SSL alert number 112"), "{name} {arguments:?}: {said}");
        }
    }
    assert_eq!(signed_by(&setup, None, &[]), "ECDSA", "without a name: the first");
    setup.finish();
}

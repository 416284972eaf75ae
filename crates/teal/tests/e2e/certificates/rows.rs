//! The table: what `make.sh` makes, and what becomes of it in each role.

/// The outcome for a certificate.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    Taken,
    /// Refused, with these words.
    Refused(&'static str),
    /// A server or client that could show it does not exist.
    Untried,
}

use Verdict::{Refused, Taken, Untried};

/// One certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The name of its files.
    pub(super) name: &'static str,
    /// For the page.
    pub(super) what: &'static str,
    /// The host that a target with it is reached by.
    pub(super) host: &'static str,
    /// The name that clients ask for where it is Teal's own.
    pub(super) asked: &'static str,
    pub(super) own: Verdict,
    pub(super) target: Verdict,
    pub(super) client: Verdict,
}

const fn row(name: &'static str, what: &'static str, verdicts: [Verdict; 3]) -> Row {
    let [own, target, client] = verdicts;
    Row { name, what, host: "localhost", asked: "localhost", own, target, client }
}

const fn at(host: &'static str, row: Row) -> Row {
    Row { host, asked: host, ..row }
}

const fn asked(asked: &'static str, row: Row) -> Row {
    Row { asked, ..row }
}

pub(super) const ROWS: &[Row] = &[
    row("signed", "signed by the CA, with a DNS name", [Taken, Taken, Taken]),
    row(
        "self-signed",
        "`openssl req -x509`: signed by itself, CA:TRUE; itself in the file of CAs",
        [Taken, Taken, Taken],
    ),
    row("self-signed-no-ca", "the same with CA:FALSE", [Taken, Taken, Taken]),
    row(
        "self-signed-common-name",
        "the same with a common name and no subjectAltName",
        [Taken, Taken, Taken],
    ),
    asked(
        "elsewhere.test",
        row(
            "self-signed-other-name",
            "the same for another name",
            [Taken, Refused("is for elsewhere.test, not for localhost"), Taken],
        ),
    ),
    row(
        "self-signed-v1",
        "X.509 version 1, signed by itself; itself in the file of CAs",
        [Taken, Taken, Taken],
    ),
    row(
        "signed-v1",
        "`openssl x509 -req` without -extfile: version 1, signed by the CA",
        [
            Taken,
            Refused("X.509 version 1, as `openssl x509 -req` without -extfile makes it"),
            Refused("X.509 version 1, as `openssl x509 -req` without -extfile makes it"),
        ],
    ),
    row(
        "common-name",
        "signed by the CA, with a common name and no subjectAltName",
        [Taken, Refused("its common name \"localhost\" does not count"), Taken],
    ),
    row(
        "ca-true",
        "signed by the CA, CA:TRUE",
        [
            Taken,
            Refused("that of a CA (basicConstraints CA:TRUE)"),
            Refused("that of a CA (basicConstraints CA:TRUE)"),
        ],
    ),
    at("127.0.0.1", row("address", "for an IP address only, asked by that", [Taken, Taken, Taken])),
    asked(
        "127.0.0.1",
        row(
            "uri",
            "for a URI (SPIFFE)",
            [Taken, Refused("no DNS name or address in its subjectAltName"), Taken],
        ),
    ),
    asked(
        "a.localhost",
        row(
            "wildcard",
            "for a wildcard; the target is asked by a name that it does not have",
            [Taken, Refused("is for *.localhost, not for localhost"), Taken],
        ),
    ),
    row(
        "wrong-use",
        "with an extendedKeyUsage for another use",
        [
            Taken,
            Refused("extendedKeyUsage lacks serverAuth"),
            Refused("extendedKeyUsage lacks clientAuth"),
        ],
    ),
    row(
        "expired",
        "expired",
        [
            Taken,
            Refused("its certificate has expired on "),
            Refused("its certificate has expired on "),
        ],
    ),
    row(
        "expired-self-signed",
        "expired, signed by itself; itself in the file of CAs",
        [
            Taken,
            Refused("its certificate has expired on "),
            Refused("its certificate has expired on "),
        ],
    ),
    row("chain", "a chain of three", [Taken, Taken, Taken]),
    row("chain-other-order", "the same in another order", [Taken, Taken, Taken]),
    row(
        "chain-leaf-last",
        "the same with its own certificate last",
        [Refused("does not belong to the certificate"), Untried, Untried],
    ),
    row(
        "chain-incomplete",
        "the same without the one between",
        [
            Taken,
            Refused("comes without an intermediate certificate"),
            Refused("comes without an intermediate certificate"),
        ],
    ),
    row(
        "renewed-root",
        "a root that has expired beside a newer one of the same name and key",
        [Taken, Taken, Taken],
    ),
    row(
        "rsa-1024",
        "an RSA key of 1024 bits",
        [
            Refused("1024 bits"),
            Refused("has an RSA key of 1024 bits"),
            Untried, // OpenSSL's clients show none
        ],
    ),
    row("rsa-4096", "an RSA key of 4096 bits", [Taken, Taken, Taken]),
    row("sha1", "signed with SHA-1", [Taken, Refused("is signed with SHA-1"), Untried]),
    row("ed25519", "an Ed25519 key", [Taken, Taken, Taken]),
    row("p-521", "an elliptic-curve key of P-521", [Taken, Taken, Taken]),
    row("encrypted", "an encrypted key", [Refused("the key is encrypted"), Untried, Untried]),
    row(
        "pkcs12",
        "PKCS#12 under the name of a PEM file",
        [Refused("is PKCS#12, not PEM"), Untried, Untried],
    ),
    row("der", "DER under the name of a PEM file", [Refused("is DER, not PEM"), Untried, Untried]),
    row(
        "byte-order-mark",
        "files with a byte order mark and line ends of Windows",
        [Taken, Untried, Untried],
    ),
    row(
        "other-key",
        "a key that belongs to another certificate",
        [Refused("does not belong to the certificate"), Untried, Untried],
    ),
];

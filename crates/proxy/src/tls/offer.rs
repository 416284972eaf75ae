//! What a client has offered in its handshake, told where it fails: the client's side of an agreement that
//! was not reached, and ours.

use std::io;

use rustls::server::ClientHello;
use rustls::{CipherSuite, Error, NamedGroup, PeerIncompatible, ServerConfig, SignatureScheme};

/// What a client has offered.
#[derive(Debug, Default)]
pub(super) struct Offer {
    suites: Vec<CipherSuite>,
    groups: Vec<NamedGroup>,
    schemes: Vec<SignatureScheme>,
    protocols: Vec<Vec<u8>>,
}

/// The same error of a hello that could not be read, said better where it is that of an older version.
pub(super) fn explain_hello(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::PeerIncompatible(PeerIncompatible::SignatureAlgorithmsExtensionRequired)) => {
            let told = "the client offers no version of TLS that this listener takes, which are 1.2 and 1.3 \
                        (it names no signature algorithms, as clients of TLS 1.1 and older do)";
            io::Error::new(io::ErrorKind::Unsupported, told)
        }
        _ => error,
    }
}

/// As many of each are told.
const MOST: usize = 24;

impl Offer {
    pub(super) fn of(hello: &ClientHello<'_>) -> Self {
        let protocols = hello.alpn().into_iter().flatten().take(MOST);
        Self {
            suites: hello.cipher_suites().to_vec(),
            groups: hello.named_groups().unwrap_or_default().to_vec(),
            schemes: hello.signature_schemes().to_vec(),
            protocols: protocols.map(|name| name.iter().copied().take(32).collect()).collect(),
        }
    }

    /// The same error, as one of its kind (`Unsupported`) and with what both sides take where it says that they have nothing in common.
    pub(super) fn explain(&self, error: io::Error, ours: &ServerConfig) -> io::Error {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        let Some(told) = inner.and_then(|inner| self.words(inner, ours)) else { return error };
        io::Error::new(io::ErrorKind::Unsupported, told)
    }

    fn words(&self, error: &Error, ours: &ServerConfig) -> Option<String> {
        let provider = ours.crypto_provider();
        let known =
            |suite: &CipherSuite| provider.cipher_suites.iter().any(|ours| ours.suite() == *suite);
        let no_suite = !self.suites.iter().any(known);
        let (what, theirs, taken) = match error {
            // Without a suite of elliptic curves, a client of TLS 1.2 has no group to name either.
            Error::PeerIncompatible(
                PeerIncompatible::NoCipherSuitesInCommon | PeerIncompatible::NoKxGroupsInCommon,
            ) if no_suite => (
                "cipher suite",
                list(&self.suites, |suite| hex(suite.as_str(), u16::from(*suite))),
                list(&provider.cipher_suites, |suite| {
                    hex(suite.suite().as_str(), u16::from(suite.suite()))
                }),
            ),
            Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon) => (
                "group of key exchange",
                list(&self.groups, |group| hex(group.as_str(), u16::from(*group))),
                list(&provider.kx_groups, |group| {
                    hex(group.name().as_str(), u16::from(group.name()))
                }),
            ),
            Error::PeerIncompatible(PeerIncompatible::NoSignatureSchemesInCommon) => (
                "signature algorithm",
                list(&self.schemes, |scheme| hex(scheme.as_str(), u16::from(*scheme))),
                "those of its certificates' keys".to_owned(),
            ),
            Error::NoApplicationProtocol => (
                "protocol (ALPN)",
                list(&self.protocols, |name| name.escape_ascii().to_string()),
                list(&ours.alpn_protocols, |name| name.escape_ascii().to_string()),
            ),
            Error::PeerIncompatible(
                PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::ServerDoesNotSupportTls12Or13,
            ) => {
                let suites = list(&self.suites, |suite| hex(suite.as_str(), u16::from(*suite)));
                return Some(format!(
                    "the client offers no version of TLS that this listener takes, which are 1.2 and 1.3, or \
                     1.3 alone with min_tls = \"1.3\" (it offers the cipher suites {suites})"
                ));
            }
            _ => return None,
        };
        Some(format!(
            "no {what} in common: the client offers {theirs}; this listener takes {taken}"
        ))
    }
}

/// Nothing of it is from the client but numbers and escaped text.
fn list<T>(all: &[T], name: impl Fn(&T) -> String) -> String {
    let mut names: Vec<String> = all.iter().take(MOST).map(name).collect();
    if all.len() > MOST {
        names.push(format!("{} more", all.len() - MOST));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

/// The name of a number, if it has one.
fn hex(name: Option<&str>, number: u16) -> String {
    name.map_or_else(|| format!("0x{number:04x}"), str::to_owned)
}

//! The client's offer in its handshake, described when the two sides have nothing in common: what the client
//! offers, and what we accept.

use std::io;

use rustls::server::ClientHello;
use rustls::{CipherSuite, Error, NamedGroup, PeerIncompatible, ServerConfig, SignatureScheme};

/// A client's offer.
#[derive(Debug, Default)]
pub(super) struct Offer {
    suites: Vec<CipherSuite>,
    groups: Vec<NamedGroup>,
    schemes: Vec<SignatureScheme>,
    protocols: Vec<Vec<u8>>,
}

/// Returns the error of an unreadable hello, with a clearer message where the hello is that of an older version.
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

/// The most entries listed of each.
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

    /// Returns the error as `Unsupported`, with what both sides support, where it means that they have nothing
    /// in common.
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
            // Without an elliptic-curve cipher suite, a TLS 1.2 client has no group to offer either.
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
                "key exchange group",
                list(&self.groups, |group| hex(group.as_str(), u16::from(*group))),
                list(&provider.kx_groups, |group| {
                    hex(group.name().as_str(), u16::from(group.name()))
                }),
            ),
            Error::PeerIncompatible(PeerIncompatible::NoSignatureSchemesInCommon) => (
                "signature algorithm",
                list(&self.schemes, |scheme| hex(scheme.as_str(), u16::from(*scheme))),
                "those of its certificate keys".to_owned(),
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

/// Lists at most [`MOST`] entries. From the client come only numbers and escaped text.
fn list<T>(all: &[T], name: impl Fn(&T) -> String) -> String {
    let mut names: Vec<String> = all.iter().take(MOST).map(name).collect();
    if all.len() > MOST {
        names.push(format!("{} more", all.len() - MOST));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

/// Returns the name of a number, if it has one, or the number in hexadecimal.
fn hex(name: Option<&str>, number: u16) -> String {
    name.map_or_else(|| format!("0x{number:04x}"), str::to_owned)
}

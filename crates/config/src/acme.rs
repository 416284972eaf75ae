//! The CA that certificates are ordered from, and the hosts that it gives certificates for.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;

/// An ACME CA, which issues certificates (RFC 8555).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The email address that the CA may write to.
    pub email: Option<String>,
    /// The URL of its directory; `https`.
    pub directory: String,
    /// PEM: the CA certificates to verify its server against, absolute; `None`: the system's CAs.
    pub ca: Option<PathBuf>,
    /// The way in which it validates domain ownership.
    pub challenge: Challenge,
    /// The external account that the ACME account is bound to.
    pub eab: Option<ExternalAccount>,
}

/// An external account at an ACME CA, which the ACME account is bound to (RFC 8555 section 7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The identifier of its key at the CA.
    pub key_id: String,
    /// The file with its key, base64url; absolute.
    pub hmac_key_file: PathBuf,
}

/// The way in which a CA validates domain ownership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// In a handshake (RFC 8737).
    TlsAlpn01,
    /// By a plain request (RFC 8555 section 8.3).
    Http01,
}

/// Public CAs. They issue certificates for names of the public DNS only.
const PUBLIC: [&str; 7] = [
    "letsencrypt.org",
    "zerossl.com",
    "pki.goog",
    "buypass.com",
    "buypass.no",
    "ssl.com",
    "actalis.com",
];

/// Suffixes of names that the public DNS does not have: reserved (RFC 6761, RFC 6762, RFC 8375, RFC 9476,
/// `internal`), or used inside private networks only.
const PRIVATE: [&str; 16] = [
    "alt",
    "corp",
    "example",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
    "test",
];

/// The host names of services that a CA can issue a certificate for by a challenge that Teal supports,
/// each once: no wildcards and no addresses.
pub(crate) fn certifiable<'s>(
    services: impl IntoIterator<Item = &'s rules::ServiceSpec>,
) -> impl Iterator<Item = &'s str> {
    let mut seen = HashSet::new();
    let hosts = services.into_iter().flat_map(|service| &service.hosts).map(String::as_str);
    let named = |host: &&str| !host.starts_with("*.") && !is_ip(host);
    hosts.filter(named).filter(move |host| seen.insert(*host))
}

fn is_ip(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

/// Returns the reason why the CA issues no certificate for this host; `None` if it may.
pub(crate) fn obstacle(host: &str, acme: &Acme) -> Option<&'static str> {
    if host.starts_with("*.") {
        return Some("a wildcard needs the challenge dns-01, which Teal does not support");
    }
    if is_ip(host) {
        return Some("Teal orders none for IP addresses");
    }
    if !is_public(&acme.directory) {
        return None;
    }
    if !host.contains('.') {
        return Some("public CAs issue none for a name without a dot");
    }
    if PRIVATE.iter().any(|end| host.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'))) {
        return Some("public CAs issue none for a name that is not in the public DNS");
    }
    if host.contains('_') {
        return Some("public CAs issue none for a name with an underscore");
    }
    None
}

/// Returns true if the directory is that of a public CA.
fn is_public(directory: &str) -> bool {
    let rest = directory.strip_prefix("https://").unwrap_or(directory);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).to_ascii_lowercase();
    PUBLIC
        .iter()
        .any(|ca| host.strip_suffix(ca).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(directory: &str) -> Acme {
        let directory = directory.to_owned();
        Acme { email: None, directory, ca: None, challenge: Challenge::TlsAlpn01, eab: None }
    }

    #[test]
    fn r57_public_cas_give_certificates_for_public_names_only() {
        let public = at("https://acme-v02.api.letsencrypt.org/directory");
        for (host, why) in [
            ("localhost", "without a dot"),
            ("intranet", "without a dot"),
            ("printer.local", "public DNS"),
            ("app.internal", "public DNS"),
            ("a.b.test", "public DNS"),
            ("nas.home.arpa", "public DNS"),
            ("x.onion", "public DNS"),
            ("my_app.example.com", "underscore"),
            ("*.example.com", "dns-01"),
            ("10.0.0.1", "IP addresses"),
            ("[::1]", "IP addresses"),
        ] {
            let said = obstacle(host, &public).unwrap_or_default();
            assert!(said.contains(why), "{host}: {said:?}");
        }
        for host in ["example.com", "xn--bcher-kva.example.org", "local.example.com", "a.localx"] {
            assert_eq!(obstacle(host, &public), None, "{host}");
        }
    }

    #[test]
    fn r57_a_ca_of_ones_own_may_give_more() {
        for directory in ["https://ca.internal/acme/acme/directory", "https://notletsencrypt.org/d"]
        {
            let own = at(directory);
            for host in ["localhost", "printer.local", "my_app.example.com"] {
                assert_eq!(obstacle(host, &own), None, "{directory} {host}");
            }
            assert!(obstacle("*.app.internal", &own).is_some_and(|why| why.contains("dns-01")));
        }
        for directory in
            ["https://acme.zerossl.com/v2/DV90", "https://dv.acme-v02.api.pki.goog:443/directory"]
        {
            assert!(obstacle("app.internal", &at(directory)).is_some(), "{directory}");
        }
    }
}

//! Facts about a certificate: its names, its validity, and its problems in words.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, ServerName};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;

/// The shortest accepted RSA key, in bits.
const RSA_BITS_MIN: usize = 2048;

/// Signature algorithms that are no longer accepted (RFC 3279), with their hash.
const OLD_SIGNATURES: [(&str, &str); 3] = [
    ("1.2.840.113549.1.1.4", "MD5"),
    ("1.2.840.113549.1.1.5", "SHA-1"),
    ("1.2.840.10045.4.1", "SHA-1"),
];

/// The peer's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The names and addresses that it is for; if it has none, its common name.
    pub names: Vec<String>,
    /// The earliest expiry among it and the certificates above it that were sent and have not expired.
    pub not_after: SystemTime,
}

impl PeerCertificate {
    /// The certificate at the head of a chain; `None` if it cannot be read.
    pub fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (leaf, above) = chain.split_first()?;
        let leaf = read(leaf)?;
        let (mut names, now) = (names(&leaf), SystemTime::now());
        if names.is_empty() {
            names.extend(common_name(&leaf));
        }
        let own = time(leaf.validity().not_after);
        let above = above.iter().filter_map(read).map(|one| time(one.validity().not_after));
        let not_after = above.filter(|end| *end > now).fold(own, SystemTime::min);
        Some(Self { names, not_after })
    }
}

pub(crate) fn read<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

/// The DNS names and addresses in its subjectAltName, in lower case.
pub(crate) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let all = extension.map_or(&[][..], |extension| &extension.value.general_names);
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    all.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

pub(crate) fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_ascii_lowercase)
}

/// Returns true if a certificate that is itself trusted is for this name. Without a subjectAltName its
/// common name counts, as in OpenSSL.
pub(crate) fn is_for(certificate: &X509Certificate<'_>, name: &ServerName<'_>) -> bool {
    let mut names = names(certificate);
    if certificate.subject_alternative_name().ok().flatten().is_none() {
        names.extend(common_name(certificate));
    }
    match name {
        ServerName::DnsName(wanted) => {
            let wanted = wanted.as_ref().to_ascii_lowercase();
            let beyond = wanted.split_once('.').map(|(_, beyond)| beyond);
            names.iter().any(|name| {
                *name == wanted || name.strip_prefix("*.").is_some_and(|rest| beyond == Some(rest))
            })
        }
        ServerName::IpAddress(wanted) => {
            let wanted = IpAddr::from(*wanted);
            names.iter().any(|name| name.parse() == Ok(wanted))
        }
        _ => false,
    }
}

/// Returns true if it is valid at this time.
pub(crate) fn is_valid_at(certificate: &X509Certificate<'_>, now: SystemTime) -> bool {
    let validity = certificate.validity();
    time(validity.not_before) <= now && now <= time(validity.not_after)
}

pub(crate) fn time(at: ASN1Time) -> SystemTime {
    let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A time for people, as `2026-11-29 13:09:23 UTC`.
pub(crate) fn shown(at: ASN1Time) -> String {
    let at = at.to_datetime();
    let (hour, minute, second) = at.to_hms();
    format!("{} {hour:02}:{minute:02}:{second:02} UTC", at.date())
}

/// A defect that no verifier here accepts, whoever signed the certificate; `None` if it has none.
pub(crate) fn defect(certificate: &X509Certificate<'_>) -> Option<String> {
    if let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed()
        && key.key_size() < RSA_BITS_MIN
    {
        let bits = key.key_size();
        return Some(format!(
            "has an RSA key of {bits} bits, but at least {RSA_BITS_MIN} are required; make a new \
             key and certificate"
        ));
    }
    None
}

/// A defect for which a certificate is refused unless it is itself in the CA file.
pub(crate) fn odd(certificate: &X509Certificate<'_>) -> Option<String> {
    let signed = certificate.signature_algorithm.algorithm.to_id_string();
    if certificate.version() != X509Version::V3 {
        return Some(format!(
            "is X.509 version 1, as `openssl x509 -req` without -extfile makes it; {}",
            make(certificate)
        ));
    }
    if let Some((_, hash)) = OLD_SIGNATURES.iter().find(|(oid, _)| *oid == signed) {
        return Some(format!("is signed with {hash}, which can be forged; {}", make(certificate)));
    }
    if certificate.is_ca() {
        return Some(format!(
            "is that of a CA (basicConstraints CA:TRUE), as `openssl req -x509` makes it; {}",
            make(certificate)
        ));
    }
    None
}

/// Advice on how to make a proper certificate that replaces this one.
pub(crate) fn make(certificate: &X509Certificate<'_>) -> String {
    let name = names(certificate).into_iter().next().or_else(|| common_name(certificate));
    let name = name.filter(|name| name.bytes().all(is_plain));
    let name = name.unwrap_or_else(|| "app.example".to_owned());
    let kind = if name.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
    format!(
        "to trust exactly this one, name a file with nothing else in it as `ca`, or make a new one: \
         openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN={name} -addext \
         subjectAltName={kind}:{name} -addext basicConstraints=critical,CA:FALSE -keyout {name}.key \
         -out {name}.pem"
    )
}

/// Returns true if a byte needs no quoting in a shell command.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._:*".contains(&byte)
}

//! Checks of a request against its connection: the redirect to `https`, and the match of its host with the
//! server name of the handshake.

use http1::Request;
use traffic::without_port;

use crate::client::ConnectionInfo;

/// Returns true if a request came over `https`, by its connection, or by what a trusted proxy says of its own
/// client: in `X-Forwarded-Proto`, else in `Forwarded` (RFC 7239). Of several values the first is the client's.
pub(super) fn is_used(request: &Request<'_>, info: &ConnectionInfo) -> bool {
    info.https || info.trusted && is_said(|name| request.field(name))
}

fn is_said<'r>(field: impl Fn(&str) -> Option<&'r [u8]>) -> bool {
    let first = |value: &'r [u8]| value.split(|byte| *byte == b',').next().unwrap_or_default();
    if let Some(value) = field("x-forwarded-proto") {
        return first(value).trim_ascii().eq_ignore_ascii_case(b"https");
    }
    let pairs = field("forwarded").map(first).unwrap_or_default().split(|byte| *byte == b';');
    let mut protos = pairs.filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
        name.eq_ignore_ascii_case(b"proto").then_some(value)
    });
    protos.next().is_some_and(|proto| {
        let bare = proto.strip_prefix(b"\"").and_then(|proto| proto.strip_suffix(b"\""));
        bare.unwrap_or(proto).eq_ignore_ascii_case(b"https")
    })
}

/// Returns the same address under `https`; `None` if the request has no host or is not for a path.
pub(super) fn address(host: &str, port: u16, target: &str) -> Option<String> {
    let host = without_port(host);
    // An absolute target begins with its own scheme and host, and `*` is not an address.
    let path = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    if host.is_empty() || !path.starts_with('/') {
        return None;
    }
    Some(match port {
        443 => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    })
}

/// Returns true if this `Host` is the server name of the handshake, which is in lower case.
pub(super) fn is_host(host: &str, name: &str) -> bool {
    let host = without_port(host);
    host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_keeps_host_path_and_query_and_gets_the_port_of_tls() {
        for (host, port, target, expected) in [
            ("a.test", 443, "/x?y=1", Some("https://a.test/x?y=1")),
            ("a.test:8080", 443, "/", Some("https://a.test/")),
            ("a.test:8080", 8443, "/", Some("https://a.test:8443/")),
            ("[::1]:80", 8443, "/x", Some("https://[::1]:8443/x")),
            ("a.test", 443, "http://a.test/x", Some("https://a.test/x")),
            ("a.test", 443, "http://a.test", Some("https://a.test/")),
            ("a.test", 443, "/http://b/x", Some("https://a.test/http://b/x")),
            ("", 443, "/", None),
            ("a.test", 443, "*", None),
        ] {
            assert_eq!(address(host, port, target).as_deref(), expected, "{host} {target}");
        }
    }

    #[test]
    fn r55_the_scheme_of_the_first_client_counts() {
        let said = |proto: Option<&'static str>, forwarded: Option<&'static str>| {
            is_said(|name| match name {
                "x-forwarded-proto" => proto.map(str::as_bytes),
                _ => forwarded.map(str::as_bytes),
            })
        };
        for proto in ["https", "HTTPS", " https , http", "https,http"] {
            assert!(said(Some(proto), None), "{proto}");
        }
        for forwarded in [
            "proto=https",
            "for=1.2.3.4; Proto=\"HTTPS\";by=x",
            "for=\"[::1]\";proto=https, proto=http",
        ] {
            assert!(said(None, Some(forwarded)), "{forwarded}");
        }
        for (proto, forwarded) in [
            (None, None),
            (Some("http"), Some("proto=https")),
            (Some("http, https"), None),
            (Some(""), None),
            (Some("httpsx"), None),
            (None, Some("proto=http, proto=https")),
            (None, Some("for=https;xproto=https")),
            (None, Some("proto")),
        ] {
            assert!(!said(proto, forwarded), "{proto:?} {forwarded:?}");
        }
    }

    #[test]
    fn a_host_is_the_name_whatever_its_port_its_case_and_its_last_dot() {
        for host in ["a.test", "A.Test", "a.test:8443", "a.test.", "a.test.:1"] {
            assert!(is_host(host, "a.test"), "{host}");
        }
        for host in ["b.test", "a.test.b", "", "xa.test", "[::1]"] {
            assert!(!is_host(host, "a.test"), "{host}");
        }
    }
}

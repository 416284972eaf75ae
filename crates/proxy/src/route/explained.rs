//! Sentences about what only the sender of a request can change: the host that no service has, or that
//! is not the one of the handshake. Guarantees that what a request said is bounded and cannot be taken for
//! anything but text between quotes.

use std::fmt;

/// The most of a path that is repeated.
const PATH: usize = 200;

/// The most of a host, which is that of a name with a port.
const HOST: usize = 264;

/// No service has this host and path.
pub(super) fn unserved(host: &str, path: &str) -> String {
    let path = Quoted(path, PATH);
    if host.is_empty() {
        return format!("No service for a request without a host, path {path}");
    }
    format!("No service for host {} and path {path}", Quoted(host, HOST))
}

/// The host is not the server name of the handshake.
pub(super) fn misdirected(host: &str, name: &str) -> String {
    let (host, name) = (Quoted(host, HOST), Quoted(name, HOST));
    format!("Host {host} is not the server name of the TLS handshake, {name}")
}

/// Text between quotes, with so much of it at most; quotes, backslashes and what is not visible ASCII as
/// `\\xHH`.
struct Quoted<'t>(&'t str, usize);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, most) = *self;
        f.write_str("\"")?;
        for byte in text.bytes().take(most) {
            if matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\') {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "\\x{byte:02X}")?;
            }
        }
        f.write_str(if text.len() > most { "\"…" } else { "\"" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r74_what_a_request_said_stays_between_its_quotes_and_is_bounded() {
        assert_eq!(
            unserved("a.test:80", "/x"),
            "No service for host \"a.test:80\" and path \"/x\""
        );
        assert_eq!(unserved("", "/"), "No service for a request without a host, path \"/\"");
        assert_eq!(
            unserved("a.test", "/\"\\\u{1b}\u{e9}<b>"),
            "No service for host \"a.test\" and path \"/\\x22\\x5C\\x1B\\xC3\\xA9<b>\""
        );
        let long = unserved(&"h".repeat(5000), &"/".repeat(5000));
        assert!(long.len() < HOST + PATH + 60 && long.ends_with("/\"…"), "{long}");
        assert!(misdirected("a", "b").ends_with("TLS handshake, \"b\""));
    }
}

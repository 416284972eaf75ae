//! Error sentences about problems that only the sender of a request can fix: a host that no service has, or
//! that differs from the server name of the handshake. Guarantees that text from the request is bounded, quoted
//! and escaped.

use std::fmt;

/// The most bytes of a path that are repeated.
const PATH: usize = 200;

/// The most bytes of a host that are repeated: a name with a port.
const HOST: usize = 264;

/// Returns the sentence for a host and path that no service has.
pub(super) fn unserved(host: &str, path: &str) -> String {
    let path = Quoted(path, PATH);
    if host.is_empty() {
        return format!("No service for a request without a host, path {path}");
    }
    format!("No service for host {} and path {path}", Quoted(host, HOST))
}

/// Returns the sentence for a host that is not the server name of the handshake.
pub(super) fn misdirected(host: &str, name: &str) -> String {
    let (host, name) = (Quoted(host, HOST), Quoted(name, HOST));
    format!("Host {host} is not the server name of the TLS handshake, {name}")
}

/// Text in quotes, at most this much of it; quotes, backslashes and everything but visible ASCII as `\\xHH`.
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
    fn r74_quoted_parts_of_a_request_stay_between_their_quotes_and_are_bounded() {
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

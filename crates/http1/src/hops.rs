//! The chain of hops that a request has come through, as proxies report it: `X-Forwarded-For`, or if absent
//! `Forwarded` (RFC 7239). Never decides which of them to trust.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Request, field::Name};

/// One sender of a request, as reported by the proxy that received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopAddress {
    /// An IPv4 address in IPv6 form is given as IPv4.
    pub ip: IpAddr,
    /// `None`: not reported.
    pub port: Option<u16>,
}

impl Request<'_> {
    /// Visits each hop, the farthest first; `None` if it is not given as an address (`unknown`, an obfuscated
    /// identifier, or anything meaningless). Several fields form one list.
    pub fn for_each_hop(&self, mut visit: impl FnMut(Option<HopAddress>)) {
        let mut told = false;
        for value in self.fields.all(Name::ForwardedFor) {
            told = true;
            elements(value, |element| visit(node(element)));
        }
        if told {
            return;
        }
        let fields = self.fields.iter().filter(|(name, ..)| *name == Name::Forwarded);
        for (_, _, value) in fields.filter(|(_, name, _)| name.eq_ignore_ascii_case("forwarded")) {
            elements(value, |element| visit(forwarded_for(element).and_then(node)));
        }
    }
}

/// Returns the list elements that are not empty. A quote that is never closed, which a client may have put in
/// front of what a proxy added, is an ordinary byte.
fn elements(value: &[u8], mut visit: impl FnMut(&[u8])) {
    let mut quotes = Quotes::default();
    for byte in value {
        quotes.is_outside(*byte);
    }
    let closed = !quotes.open;
    let mut quotes = Quotes::default();
    let parts = value.split(|byte| (quotes.is_outside(*byte) || !closed) && *byte == b',');
    parts.map(<[u8]>::trim_ascii).filter(|part| !part.is_empty()).for_each(&mut visit);
}

/// Returns the value of `for` in an element of `Forwarded`.
fn forwarded_for(element: &[u8]) -> Option<&[u8]> {
    let mut quotes = Quotes::default();
    let pairs = element.split(|byte| quotes.is_outside(*byte) && *byte == b';');
    let mut values = pairs.filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
        name.eq_ignore_ascii_case(b"for").then_some(value)
    });
    values.next().filter(|_| values.next().is_none()) // section 4: at most once
}

/// Parses a node (section 6) that is an address, with a port if one is given and not obfuscated; quoted or not,
/// as both occur in both fields.
fn node(text: &[u8]) -> Option<HopAddress> {
    let bare = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
    let text = std::str::from_utf8(bare.unwrap_or(text)).ok()?;
    let (ip, port): (IpAddr, _) = if let Some(inner) = text.strip_prefix('[') {
        let (ip, behind) = inner.split_once(']')?;
        let port = if behind.is_empty() { None } else { Some(behind.strip_prefix(':')?) };
        (ip.parse::<Ipv6Addr>().ok()?.into(), port)
    } else if let Ok(ip) = text.parse() {
        (ip, None)
    } else {
        let (ip, port) = text.split_once(':')?;
        (ip.parse::<Ipv4Addr>().ok()?.into(), Some(port))
    };
    let port = match port {
        None => None,
        Some(port) if is_obfuscated(port) => None,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
    };
    Some(HopAddress { ip: ip.to_canonical(), port })
}

/// Section 6.3.
fn is_obfuscated(port: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    port.len() > 1 && port.starts_with('_') && port.bytes().all(allowed)
}

/// Tracks quoted strings while walking a value (RFC 9110 section 5.6.4).
#[derive(Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    /// Takes the next byte; true if it is outside quotes.
    fn is_outside(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
        } else if byte == b'"' {
            self.open = !self.open;
        } else if byte == b'\\' {
            self.escaped = self.open;
        }
        !self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FieldSlots, Limits};

    fn hops(fields: &str) -> Vec<String> {
        let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
        let mut slots = FieldSlots::new();
        let request = Request::parse(head.as_bytes(), &mut slots, &Limits::default()).unwrap();
        let mut all = Vec::new();
        request.for_each_hop(|hop| {
            all.push(hop.map_or("?".to_owned(), |hop| match hop.port {
                Some(port) => format!("{} {port}", hop.ip),
                None => hop.ip.to_string(),
            }));
        });
        all
    }

    #[test]
    fn r66_a_hop_is_an_address_in_any_usual_form_or_nothing() {
        for (element, hop) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7 4711"),
            ("192.0.2.7:_hidden", "192.0.2.7"),
            ("\"192.0.2.7:4711\"", "192.0.2.7 4711"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:DB8::7]:4711", "2001:db8::7 4711"),
            ("\"[2001:db8::7]:4711\"", "2001:db8::7 4711"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:1", "192.0.2.7 1"),
            ("unknown", "?"),
            ("_hidden", "?"),
            ("_SEVKISEK:1", "?"),
            ("name.test", "?"),
            ("192.0.2.7:", "?"),
            ("192.0.2.7:+1", "?"),
            ("192.0.2.7:65536", "?"),
            ("192.0.2.7:1:2", "?"),
            ("192.0.2.256", "?"),
            ("192.0.2.07", "?"),
            ("[192.0.2.7]", "?"),
            ("[::1", "?"),
            ("[::1]x", "?"),
            ("::1]", "?"),
            ("fe80::1%eth0", "?"),
            ("\"", "?"),
            ("\u{e9}", "?"),
        ] {
            let known = [hop.to_owned()];
            assert_eq!(hops(&format!("X-Forwarded-For: {element}\r\n")), known, "{element}");
            assert_eq!(hops(&format!("Forwarded: for={element}\r\n")), known, "{element}");
        }
    }

    #[test]
    fn r66_lists_are_split_outside_of_quotes_and_lines_are_one_list() {
        for (fields, all) in [
            ("", &[][..]),
            ("X-Forwarded-For:\r\n", &[]),
            ("X-Forwarded-For: ,, \r\n", &[]),
            (
                "X-Forwarded-For: 10.0.0.1 ,10.0.0.2,\t10.0.0.3\r\n",
                &["10.0.0.1", "10.0.0.2", "10.0.0.3"],
            ),
            (
                "X-Forwarded-For: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2\r\n",
                &["10.0.0.1", "10.0.0.2"],
            ),
            ("X-Forwarded-For: 10.0.0.1 10.0.0.2\r\n", &["?"]),
            // X-Forwarded-For wins even if empty: a proxy wrote it that way.
            ("Forwarded: for=10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n", &["10.0.0.2"]),
            ("Forwarded: for=10.0.0.1\r\nX-Forwarded-For:\r\n", &[]),
            ("Forwarded: proto=https;For=10.0.0.1;by=_x, for=unknown\r\n", &["10.0.0.1", "?"]),
            ("Forwarded: for=\"_a,b;for=x\";proto=http,for=10.0.0.1\r\n", &["?", "10.0.0.1"]),
            ("Forwarded: for=\"\\\",\";a=b, for=10.0.0.1\r\n", &["?", "10.0.0.1"]),
            ("Forwarded: proto=https\r\nForwarded: for=10.0.0.2\r\n", &["?", "10.0.0.2"]),
            ("Forwarded: for=10.0.0.1;for=10.0.0.2\r\n", &["?"]),
            ("Forwarded: xfor=10.0.0.1, for\r\n", &["?", "?"]),
            // A quote that a client leaves open does not swallow what a proxy adds.
            ("Forwarded: for=\"10.0.0.1, for=10.0.0.2\r\n", &["?", "10.0.0.2"]),
            ("Forwarded: for=\"x\\, for=\"[::2]\"\r\n", &["?", "::2"]),
            ("X-Forwarded-For: \"10.0.0.1, 10.0.0.2\r\n", &["?", "10.0.0.2"]),
            ("X-Real-IP: 10.0.0.1\r\nX-Client-IP: 10.0.0.1\r\n", &[]),
        ] {
            assert_eq!(hops(fields), all, "{fields}");
        }
    }
}

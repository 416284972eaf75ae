//! The host of a request (RFC 9112 section 3.2). Guarantees that it is one name or address with at most a port,
//! so that router, log and target read the same. Never rewrites it.

use std::net::Ipv6Addr;

use super::target::Authority;
use crate::{Reject, Version};

/// The longest DNS name, in its written form.
const NAME_BYTES: usize = 254;

/// The host, from the `Host` field and the authority of an absolute-form target.
pub(super) fn decide<'b>(
    field: Option<&'b [u8]>,
    authority: Option<Authority<'b>>,
    version: Version,
) -> Result<&'b str, Reject> {
    let from_field = match field {
        None => None,
        Some(value) => Some(std::str::from_utf8(value).map_err(|_| BAD_HOST)?),
    };
    let host = match (from_field, authority) {
        (Some(host), Some(authority)) if !is_same(host, authority) => {
            return Err(Reject::bad("Host differs from the host in the request target."));
        }
        (Some(host), _) => host,
        (None, _) if version == Version::Http11 => {
            return Err(Reject::bad("The request has no Host field."));
        }
        (None, Some(authority)) => authority.text,
        (None, None) => return Ok(""),
    };
    if is_host(host) { Ok(host) } else { Err(BAD_HOST) }
}

const BAD_HOST: Reject = Reject::bad(
    "Host must be a name of letters, digits, dots, hyphens and underscores, or an IP address \
     (IPv6 in brackets, without a zone), with at most a port from 0 to 65535.",
);

fn is_host(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || is_port(port))
        });
    }
    let end = host.bytes().position(|b| b == b':').unwrap_or(host.len());
    let (name, port) = host.split_at(end);
    is_name(name) && (port.is_empty() || is_port(port))
}

/// The part of `reg-name` that DNS and people use: labels that are not empty, with one dot allowed at the end.
/// The comma and other delimiters of RFC 3986 have no honest use here.
fn is_name(name: &str) -> bool {
    let mut before = b'.';
    for byte in name.bytes() {
        let fine = match byte {
            b'.' => before != b'.',
            b'-' | b'_' => true,
            _ => byte.is_ascii_alphanumeric(),
        };
        if !fine {
            return false;
        }
        before = byte;
    }
    !name.is_empty() && name.len() <= NAME_BYTES
}

/// A `:` and up to five digits, at most 65535; with no digits it is the scheme's own port (RFC 3986 section 3.2.3).
fn is_port(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(':') else { return false };
    digits.is_empty()
        || (digits.len() <= 5
            && digits.bytes().all(|b| b.is_ascii_digit())
            && digits.parse::<u16>().is_ok())
}

/// Returns true if both name the same host and port: no port, or a colon without one, is the scheme's own.
fn is_same(host: &str, authority: Authority<'_>) -> bool {
    let bare = |text| {
        let text = str::strip_suffix(text, authority.default_port).unwrap_or(text);
        str::strip_suffix(text, ':').unwrap_or(text)
    };
    bare(host).eq_ignore_ascii_case(bare(authority.text))
}

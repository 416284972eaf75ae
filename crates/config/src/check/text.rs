//! Parsers of addresses, hosts, paths, names and hashes.
//!
//! Each function takes what a person wrote and returns its meaning, or a sentence that
//! says what is wrong and what to write instead. They know no key and no position.

use std::net::SocketAddr;

/// An IP address and a port.
pub(crate) fn address(text: &str, example: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let suggestion = match text.rsplit_once(':') {
            Some(("", port)) if is_port(port) => format!("0.0.0.0:{port}"),
            Some(("localhost", port)) if is_port(port) => format!("127.0.0.1:{port}"),
            _ => example.to_owned(),
        };
        format!("{text:?} is not an IP address with a port; write it as {suggestion:?}")
    })
}

/// The address of the admin API: beyond loopback only behind TLS.
pub(crate) fn admin_address(text: &str, tls: bool) -> Result<SocketAddr, String> {
    let address = address(text, "127.0.0.1:9900")?;
    if tls || address.ip().to_canonical().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "{text:?} is not a loopback address, and beyond loopback the admin API needs TLS; write \
         admin.tls with cert and key, or \"127.0.0.1:{}\" and reach it over SSH",
        address.port()
    ))
}

/// A host name or IP address without a port, in lower case.
pub(super) fn host(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{text:?} is not a host name: {why}"));
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return wrong(&format!("an IPv6 address needs brackets; write \"[{text}]\""));
    }
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']');
        return match inner.and_then(|inner| inner.parse::<std::net::Ipv6Addr>().ok()) {
            Some(address) => Ok(format!("[{address}]")),
            None => wrong("write an IPv6 address as \"[::1]\", without a port"),
        };
    }
    if text.contains("://") || text.contains('/') {
        return wrong("write the name alone, without a scheme or path");
    }
    if text.contains(':') {
        return wrong("write it without the port, which is ignored");
    }
    if !text.is_ascii() {
        return wrong("write an international name in its ASCII form (xn--…)");
    }
    if text.contains('*') {
        return wrong("a wildcard is one label in front, such as \"*.example.com\"");
    }
    let label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(inside)
    };
    if text.ends_with('.') && text.len() > 1 {
        return wrong("write it without the dot at the end");
    }
    if text.len() > 253 || !text.split('.').all(label) {
        return wrong(
            "write labels of 1 to 63 letters, digits and '-', with dots between them, \
             such as \"example.com\"",
        );
    }
    Ok(text.to_ascii_lowercase())
}

/// A pattern of a route: a host, or `*.` and a host for one label in front of it.
pub(super) fn host_pattern(text: &str) -> Result<String, String> {
    if text == "*" {
        return Err("\"*\" is not a host pattern; for any host leave hosts out".to_owned());
    }
    match text.strip_prefix("*.") {
        Some(rest) if rest.contains('*') => Err(format!(
            "{text:?} is not a host pattern: a wildcard stands for one label; write \"*.example.com\""
        )),
        Some(rest) => host(rest).map(|rest| format!("*.{rest}")),
        None => host(text),
    }
}

/// A host, perhaps with a port, as a probe sends it.
pub(super) fn host_with_port(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((name, port)) if is_port(port) && !name.ends_with(':') => {
            host(name).map(|name| format!("{name}:{port}"))
        }
        _ => host(text),
    }
}

/// The prefix of a route.
pub(super) fn path_prefix(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{text:?} is not a path prefix: {why}"));
    if !text.starts_with('/') {
        return wrong(&format!("it must begin with '/'; write {:?}", format!("/{text}")));
    }
    if text.contains(['?', '#', '*']) {
        return wrong("write a path alone, without '?', '#' or '*'");
    }
    let shorter = text.trim_end_matches('/');
    if text != "/" && shorter.len() < text.len() {
        let instead = if shorter.is_empty() { "/" } else { shorter };
        return wrong(&format!("it ends at a segment boundary anyway; write {instead:?}"));
    }
    if text.contains("//") {
        return wrong("it has an empty segment; write single slashes");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || !percent_is_followed_by_hex(text) {
        return wrong("write anything but visible ASCII characters as %XX");
    }
    let dots = text.to_ascii_lowercase().replace("%2e", ".");
    if dots.split('/').any(|segment| matches!(segment, "." | "..")) {
        return wrong("a segment of dots never reaches a service; leave it out");
    }
    Ok(text.to_owned())
}

/// The path that a probe asks for, perhaps with a query.
pub(super) fn probe_path(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{text:?} is not a path to probe: {why}"));
    if !text.starts_with('/') {
        return wrong("it must begin with '/', such as \"/health\"");
    }
    if text.contains('#') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("write '#' and anything but visible ASCII characters as %XX");
    }
    if text.len() > 2048 {
        return wrong("write at most 2048 characters");
    }
    Ok(text.to_owned())
}

/// The name of the holder of a token.
pub(super) fn token_name(text: &str) -> Result<String, String> {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=63).contains(&text.len()) && text.bytes().all(inside) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not a token name; use 1 to 63 of A-Z a-z 0-9 . _ -"))
}

/// The name of a group of the system.
pub(super) fn group(text: &str) -> Result<String, String> {
    let inside = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b':' | b'/' | b',');
    if (1..=255).contains(&text.len()) && text.bytes().all(inside) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not a group name; write one that `getent group` lists"))
}

/// A SHA-256 in 64 hexadecimal digits. What was written is never repeated: it may be the token.
pub(super) fn sha256(text: &str) -> Result<[u8; 32], String> {
    let mut hash = [0; 32];
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let Some(digits) = digits.filter(|digits| digits.len() == 64) else {
        return Err(format!(
            "it has {} characters, not 64 hexadecimal digits; write the SHA-256 that \
             `teal token new` prints, never the token itself",
            text.chars().count()
        ));
    };
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
    }
    Ok(hash)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn percent_is_followed_by_hex(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}

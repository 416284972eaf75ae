//! `Upgrade` (RFC 9110 section 7.8): which requests are passed on, and which 101 is a valid answer. Never lets
//! the HTTP connection itself be renegotiated: `h2c`, `HTTP/x` and `TLS/x` concern the hop between client and
//! Teal, and would let a client speak to a target past our parser.

use crate::token;

/// The most protocols taken, more than any client offers.
const MAX_PROTOCOLS: usize = 8;

/// Returns the list as text if every element is a protocol that may be tunneled.
pub(crate) fn acceptable(list: &[u8]) -> Option<&str> {
    let mut count = 0;
    let acceptable = token::elements(list).all(|protocol| {
        count += 1;
        count <= MAX_PROTOCOLS && is_protocol(protocol) && !concerns_the_hop(protocol)
    });
    if acceptable { std::str::from_utf8(list).ok() } else { None }
}

/// Returns true if `answer` is exactly one of the protocols of the list `asked`.
pub(crate) fn answers(answer: &[u8], asked: &str) -> bool {
    token::elements(asked.as_bytes()).any(|protocol| protocol.eq_ignore_ascii_case(answer))
}

/// Returns true if one of the protocols of the list is WebSocket, whose handshake has its own rules.
pub(crate) fn asks_for_websocket(list: &str) -> bool {
    answers(b"websocket", list)
}

/// `token [ "/" token ]`
fn is_protocol(text: &[u8]) -> bool {
    let mut parts = text.splitn(2, |&b| b == b'/');
    parts.all(token::is_token)
}

fn concerns_the_hop(protocol: &[u8]) -> bool {
    let name = protocol.split(|&b| b == b'/').next().unwrap_or(protocol);
    [&b"h2c"[..], b"h2", b"http", b"tls"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

//! The text of a token without its MAC.

use std::fmt;

use rules::{Color, Generation};

/// The most bytes of a token.
pub const TOKEN_MAX: usize = 160;

/// The statements of a token, which hold for the service that it was signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The generation of the service at which the token was made. It is void at any other.
    pub generation: Generation,
    /// The color that it leads to: the idle one at that generation.
    pub color: Color,
    /// The time at which it expires, in seconds since 1970.
    pub expires: u64,
    /// The number of revocations before it was made. It is void after the next one.
    pub serial: u64,
}

impl fmt::Display for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { generation, color, expires, serial } = self;
        write!(f, "v1.{generation}.{color}.{expires}.{serial}")
    }
}

/// Parses what [`Claims`] is displayed as; `None`: it is anything else.
pub(crate) fn parse(text: &[u8]) -> Option<Claims> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parts = text.strip_prefix("v1.")?.split('.');
    let claims = Claims {
        generation: Generation(number(parts.next()?)?),
        color: parts.next()?.parse().ok()?,
        expires: number(parts.next()?)?,
        serial: number(parts.next()?)?,
    };
    parts.next().is_none().then_some(claims)
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

//! The client's half of a WebSocket handshake (RFC 6455 section 4.1): HTTP/2 has none (RFC 8441 section 5), so
//! for an HTTP/1.1 target Teal makes the key and checks the answer. Subprotocols and extensions pass unchanged,
//! and the client, which asked for them, checks them.

use aws_lc_rs::digest;

use crate::base64;

/// The `Sec-WebSocket-Accept` of a key: 20 bytes in base64.
pub(crate) type Accept = [u8; 28];

/// The GUID that a server appends to a key, to show that it supports WebSocket (RFC 6455 section 1.3).
const KNOWN: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Returns the only valid answer to a key.
pub(crate) fn accept(key: &[u8]) -> Accept {
    let mut sha1 = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    sha1.update(key);
    sha1.update(KNOWN);
    let sum = sha1.finish();
    let mut text = Vec::with_capacity(28);
    base64::encode(&mut text, sum.as_ref());
    text.try_into().expect("20 bytes are 28 digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_the_key_of_the_rfc_is_the_one_of_the_rfc() {
        let (key, answer) = (b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(accept(key), *answer);
    }
}

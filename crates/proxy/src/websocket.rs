//! The client's half of a WebSocket handshake (RFC 6455 section 4.1): over HTTP/2 there is none (RFC 8441
//! section 5), so towards a target of HTTP/1.1 it is Teal that makes the key and checks the answer.
//! Subprotocols and extensions pass as they are, and are for the client to check: it has asked for them.

use aws_lc_rs::digest;

/// `Sec-WebSocket-Accept` of a key: 20 bytes in base64.
pub(crate) type Accept = [u8; 28];

/// What a server adds to a key, to show that it knows WebSockets (RFC 6455 section 1.3).
const KNOWN: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The digits of base64 (RFC 4648 section 4).
pub(crate) const BASE64: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The only right answer to a key.
pub(crate) fn accept(key: &[u8]) -> Accept {
    let mut sha1 = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    sha1.update(key);
    sha1.update(KNOWN);
    let sum = sha1.finish();
    let mut accept = [b'='; 28];
    for (three, digits) in sum.as_ref().chunks(3).zip(accept.chunks_exact_mut(4)) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for (at, digit) in digits.iter_mut().take(three.len() + 1).enumerate() {
            *digit = BASE64[(bits >> (18 - 6 * at) & 63) as usize];
        }
    }
    accept
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

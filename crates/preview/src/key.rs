//! The key of a Teal, which signs and proves tokens.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use rules::ServiceName;

use crate::token::{self, Claims, TOKEN_MAX};

/// The key with which tokens are signed. Clones are the same key.
#[derive(Clone)]
pub struct PreviewKey(hmac::Key);

/// The place of the key, which is empty until a service has tokens. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct PreviewKeyCell(Arc<OnceLock<PreviewKey>>);

/// A text is not a token that this key has signed for this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSigned;

/// The bytes of a MAC in hexadecimal.
const MAC: usize = 64;

/// The purpose of what is signed, so that no other use of the key could make a token.
const PURPOSE: &[u8] = b"teal preview\0";

// === impl PreviewKey ===

impl PreviewKey {
    /// The bytes of a key.
    pub const BYTES: usize = 32;

    /// Makes the key from random bytes.
    pub fn new(bytes: &[u8; Self::BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Signs a token for a service.
    pub fn sign(&self, service: &ServiceName, claims: &Claims) -> String {
        let mut text = claims.to_string();
        let mac = self.mac(service, text.as_bytes());
        text.push('.');
        // Both are ASCII.
        text.extend(mac.iter().map(|byte| char::from(*byte)));
        text
    }

    /// Returns what a token says, once its signature for this service is proven.
    ///
    /// # Errors
    /// If it was signed for another service or with another key, or was changed, or is not a token at all: these cannot
    /// be told apart.
    pub fn prove(&self, service: &ServiceName, token: &[u8]) -> Result<Claims, NotSigned> {
        if token.len() > TOKEN_MAX {
            return Err(NotSigned);
        }
        let at = token.len().checked_sub(MAC + 1).ok_or(NotSigned)?;
        let (claims, mac) = token.split_at(at);
        let mac = mac.strip_prefix(b".").ok_or(NotSigned)?;
        verify_slices_are_equal(&self.mac(service, claims), mac).map_err(|_| NotSigned)?;
        token::parse(claims).ok_or(NotSigned)
    }

    fn mac(&self, service: &ServiceName, claims: &[u8]) -> [u8; MAC] {
        let mut signing = hmac::Context::with_key(&self.0);
        // A name has no byte 0, so that its end is certain.
        for part in [PURPOSE, service.as_str().as_bytes(), b"\0", claims] {
            signing.update(part);
        }
        let mut hex = [0; MAC];
        for (two, byte) in hex.chunks_exact_mut(2).zip(signing.sign().as_ref()) {
            two[0] = digit(byte >> 4);
            two[1] = digit(byte & 15);
        }
        hex
    }
}

impl fmt::Debug for PreviewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreviewKey")
    }
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

// === impl PreviewKeyCell ===

impl PreviewKeyCell {
    /// Returns the key; `None`: no service has had tokens.
    pub fn get(&self) -> Option<&PreviewKey> {
        self.0.get()
    }

    /// Puts the key into its place, for good.
    pub fn put(&self, key: PreviewKey) {
        let _ = self.0.set(key); // ignored: it is there already
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rules::{Color, Generation};

    fn service(name: &str) -> ServiceName {
        ServiceName::new(name).expect("a name")
    }

    fn key(seed: u8) -> PreviewKey {
        PreviewKey::new(&[seed; 32])
    }

    const CLAIMS: Claims = Claims {
        generation: Generation(7),
        color: Color::Green,
        expires: 1_800_000_000,
        serial: 2,
    };

    #[test]
    fn a_token_is_proven_for_its_service_and_key_alone() {
        let token = key(1).sign(&service("web"), &CLAIMS);
        assert!(token.starts_with("v1.7.green.1800000000.2."), "{token}");
        assert_eq!(key(1).prove(&service("web"), token.as_bytes()), Ok(CLAIMS));
        assert_eq!(key(1).prove(&service("api"), token.as_bytes()), Err(NotSigned));
        assert_eq!(key(2).prove(&service("web"), token.as_bytes()), Err(NotSigned));
    }

    #[test]
    fn the_mac_is_hmac_sha256_of_purpose_service_and_claims() {
        // Computed with another program: printf 'teal preview\0web\0v1.7.green.1800000000.2' | openssl dgst -sha256
        // -mac HMAC -macopt hexkey:0101…01
        let token = key(1).sign(&service("web"), &CLAIMS);
        let (_, mac) = token.rsplit_once('.').expect("a MAC");
        assert_eq!(mac, "1336c31c46756e6a7d5db2acaf9b3fce2bf62a6dfe600f9930159d58e978180b");
    }

    #[test]
    fn a_token_with_any_bit_changed_and_any_part_of_one_is_refused() {
        let token = key(1).sign(&service("web"), &CLAIMS).into_bytes();
        for bit in 0..token.len() * 8 {
            let mut changed = token.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key(1).prove(&service("web"), &changed), Err(NotSigned), "bit {bit}");
        }
        for length in 0..token.len() {
            assert_eq!(key(1).prove(&service("web"), &token[..length]), Err(NotSigned));
            assert_eq!(key(1).prove(&service("web"), &token[length + 1..]), Err(NotSigned));
        }
        let longer = [token.as_slice(), &[b'0'; TOKEN_MAX]].concat();
        assert_eq!(key(1).prove(&service("web"), &longer), Err(NotSigned));
    }

    #[test]
    fn the_longest_token_is_within_the_limit() {
        let most = u64::MAX;
        let claims = Claims {
            generation: Generation(most),
            color: Color::Green,
            expires: most,
            serial: most,
        };
        let token = key(1).sign(&service(&"w".repeat(63)), &claims);
        assert!(token.len() <= TOKEN_MAX, "{}", token.len());
        assert_eq!(key(1).prove(&service(&"w".repeat(63)), token.as_bytes()), Ok(claims));
    }

    proptest! {
        #[test]
        fn no_input_is_proven_or_panics(input in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(key(1).prove(&service("web"), &input), Err(NotSigned));
        }

        #[test]
        fn every_token_is_read_back_as_it_was(
            generation in any::<u64>(), green in any::<bool>(), expires in any::<u64>(), serial in any::<u64>()
        ) {
            let color = if green { Color::Green } else { Color::Blue };
            let claims = Claims { generation: Generation(generation), color, expires, serial };
            let token = key(3).sign(&service("web"), &claims);
            prop_assert_eq!(key(3).prove(&service("web"), token.as_bytes()), Ok(claims));
        }
    }
}

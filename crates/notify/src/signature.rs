//! Signatures of messages (Standard Webhooks, "Signature scheme"): HMAC-SHA256 of `ID.TIMESTAMP.BODY`, in base64.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use config::SigningSecret;

/// Returns the value of `webhook-signature`: one signature for each secret, with spaces between them. `timestamp`: of
/// this try, in seconds since 1970.
pub(crate) fn sign(secrets: &[SigningSecret], id: &str, timestamp: u64, body: &[u8]) -> String {
    let signatures = secrets.iter().map(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.bytes());
        let mut signing = hmac::Context::with_key(&key);
        for part in [id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body] {
            signing.update(part);
        }
        format!("v1,{}", STANDARD.encode(signing.sign()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::signing_secrets;

    /// The test vector of the reference implementations of Standard Webhooks.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: u64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_signature_is_that_of_the_specification() {
        let secrets = signing_secrets(SECRET).expect("a secret");
        assert_eq!(sign(&secrets, ID, TIMESTAMP, BODY), SIGNATURE);
        let another = sign(&secrets, ID, TIMESTAMP + 1, BODY);
        assert_ne!(another, SIGNATURE, "the time is signed, too");
    }

    #[test]
    fn several_secrets_are_several_signatures() {
        let both = format!("{SECRET} whsec_{}", "A".repeat(32));
        let secrets = signing_secrets(&both).expect("two secrets");
        let signed = sign(&secrets, ID, TIMESTAMP, BODY);
        let (first, second) = signed.split_once(' ').expect("two signatures");
        assert_eq!(first, SIGNATURE);
        assert!(second.starts_with("v1,") && second != first);
    }
}
